"""Optimizers: how a gradient moves a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp._late import import_late
from fastmlp.optimizers.base import Optimizer

if TYPE_CHECKING:
    from fastmlp.optimizers import schedules
    from fastmlp.optimizers.adadelta import Adadelta
    from fastmlp.optimizers.adafactor import Adafactor
    from fastmlp.optimizers.adagrad import Adagrad
    from fastmlp.optimizers.adam import Adam, Adamax, AdamW, Nadam
    from fastmlp.optimizers.ftrl import Ftrl
    from fastmlp.optimizers.lamb import Lamb
    from fastmlp.optimizers.lion import Lion
    from fastmlp.optimizers.lookup import deserialize, get, serialize
    from fastmlp.optimizers.loss_scale_optimizer import LossScaleOptimizer
    from fastmlp.optimizers.multi_optimizer import MultiOptimizer
    from fastmlp.optimizers.muon import Muon
    from fastmlp.optimizers.optimizer_map import OptimizerMap
    from fastmlp.optimizers.rmsprop import RMSprop
    from fastmlp.optimizers.schedule_free import ScheduleFreeAdamW
    from fastmlp.optimizers.sgd import SGD
    from fastmlp.optimizers.whole_data import LBFGS, LevenbergMarquardt

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "LevenbergMarquardt",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

import_late()
