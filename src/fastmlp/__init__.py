"""fastmlp: multi-layer perceptrons on the CPU you have, with Keras 3's API and a native core."""

from typing import TYPE_CHECKING

from fastmlp._late import import_late
from fastmlp._spelling import install as _install_spellings
from fastmlp._version import __version__, version
from fastmlp.graph import Tensor as KerasTensor
from fastmlp.layers import Input, InputSpec, Layer
from fastmlp.losses import Loss
from fastmlp.metrics import Metric
from fastmlp.models import Model, Sequential
from fastmlp.optimizers import Optimizer
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        tree,
        utils,
    )
    from fastmlp._dtype_policy import DTypePolicy
    from fastmlp._scopes import device, name_scope
    from fastmlp._show_config import show_config
    from fastmlp.initializers import Initializer
    from fastmlp.ops import custom_gradient
    from fastmlp.regularizers import Regularizer
    from fastmlp.training.gradients import check_gradients, gradients

__all__ = [
    "DTypePolicy",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "check_gradients",
    "config",
    "constraints",
    "custom_gradient",
    "datasets",
    "device",
    "gradients",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "show_config",
    "tree",
    "utils",
    "version",
]

import_late()
_install_spellings()
