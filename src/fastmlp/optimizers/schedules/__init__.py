"""Learning rates that depend on the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp._late import import_late

if TYPE_CHECKING:
    from fastmlp.optimizers.schedules.base import LearningRateSchedule, deserialize, serialize
    from fastmlp.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
    from fastmlp.optimizers.schedules.decay import (
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

import_late()
