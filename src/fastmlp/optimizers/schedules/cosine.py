"""Schedules along half a cosine: once, or again and again."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fastmlp.errors import bad_argument, check_number
from fastmlp.optimizers.schedules.base import Formula, registry

_Steps = npt.NDArray[np.float64]


def _half_cosine(p: _Steps) -> _Steps:
    """From 1 at p = 0 to 0 at p = 1."""
    return 0.5 * (1 + np.cos(np.pi * p))


@registry.register
class CosineDecay(Formula):
    """Warms up along a straight line, if wanted, then decays along half a cosine.

    ```
    p = min(step - warmup_steps, decay_steps) / decay_steps
    rate = top · ((1 - alpha) · (1 + cos(π p)) / 2 + alpha)
    top = warmup_target, or initial_learning_rate where that is None
    ```

    Args:
        initial_learning_rate: Learning rate of step 0.
        decay_steps: Steps, > 0, of the decay.
        alpha: The last learning rate, as a share of the highest. Default: 0.
        name: Kept for configs.
        warmup_target: Learning rate at the end of the warm-up; `None`: no warm-up.
        warmup_steps: Steps of the warm-up, >= 0. Default: 0.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> schedule = CosineDecay(0.0, 100, warmup_target=0.5, warmup_steps=10)
    >>> schedule(5), schedule(10), schedule(60), schedule(110)
    (0.25, 0.5, 0.25, 0.0)

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    config_names = (
        "initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_number(
            where, "initial_learning_rate", initial_learning_rate, 0
        )
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.alpha = check_number(where, "alpha", alpha, 0, 1)
        self.name = name
        self.warmup_target = warmup_target
        if warmup_target is not None:
            self.warmup_target = check_number(where, "warmup_target", warmup_target, 0)
        check_number(where, "warmup_steps", warmup_steps, 0)
        self.warmup_steps = warmup_steps

    def _at(self, step: _Steps) -> _Steps:
        if self.warmup_target is None:
            return self._decay(self.initial_learning_rate, step)
        rise = self.warmup_target - self.initial_learning_rate
        warm = self.initial_learning_rate + rise * step / max(self.warmup_steps, 1)
        late = self._decay(self.warmup_target, step - self.warmup_steps)
        return np.where(step < self.warmup_steps, warm, late)

    def _decay(self, top: float, step: _Steps) -> _Steps:
        p = np.minimum(step, self.decay_steps) / self.decay_steps
        return top * ((1 - self.alpha) * _half_cosine(p) + self.alpha)


@registry.register
class CosineDecayRestarts(Formula):
    """Decays along half a cosine, jumps up and decays again, each time over more steps.

    ```
    period i takes first_decay_steps · t_mul ^ i steps; in it p goes from 0 to 1
    rate = initial_learning_rate · ((1 - alpha) · m_mul ^ i · (1 + cos(π p)) / 2 + alpha)
    ```

    Args:
        initial_learning_rate: Learning rate of step 0.
        first_decay_steps: Steps, > 0, of the first period.
        t_mul: Each period is so many times as long as the one before; >= 1. Default: 2.
        m_mul: Each period starts so many times as high; >= 0. Default: 1.
        alpha: The least learning rate, as a share of the first. Default: 0.
        name: Kept for configs.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> schedule = CosineDecayRestarts(0.5, 100, m_mul=0.5)
    >>> schedule(0), schedule(50), schedule(100), schedule(200)
    (0.5, 0.25, 0.25, 0.125)

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    config_names = (
        "initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_number(
            where, "initial_learning_rate", initial_learning_rate, 0
        )
        self.first_decay_steps = self._positive("first_decay_steps", first_decay_steps)
        self.t_mul = check_number(where, "t_mul", t_mul)
        if self.t_mul < 1:
            hint = "1 makes all periods equally long"
            raise bad_argument(where, "t_mul >= 1", "t_mul", t_mul, hint)
        self.m_mul = check_number(where, "m_mul", m_mul, 0)
        self.alpha = check_number(where, "alpha", alpha, 0, 1)
        self.name = name

    def _at(self, step: _Steps) -> _Steps:
        done = step / self.first_decay_steps
        if self.t_mul == 1:
            period = np.floor(done)
            p = done - period
        else:  # periods before i took (1 - t_mul^i) / (1 - t_mul) first periods
            period = np.log(1 - done * (1 - self.t_mul)) / math.log(self.t_mul)
            period = np.floor(period + 1e-9)  # a restart is not to be missed by a rounding
            before = (1 - self.t_mul**period) / (1 - self.t_mul)
            p = (done - before) / self.t_mul**period
        cosine = self.m_mul**period * _half_cosine(p)
        share: _Steps = (1 - self.alpha) * cosine + self.alpha
        return self.initial_learning_rate * share
