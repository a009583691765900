"""Schedules that only go down: exponential, by inverse time, polynomial, by steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastmlp.errors import bad_argument, check_number
from fastmlp.optimizers.schedules.base import Formula, registry

_Steps = npt.NDArray[np.float64]


@registry.register
class ExponentialDecay(Formula):
    """Multiplies the learning rate by a factor every so many steps.

    ```
    rate = initial_learning_rate · decay_rate ^ (step / decay_steps)     staircase: ⌊step / …⌋
    ```

    Args:
        initial_learning_rate: Learning rate of step 0.
        decay_steps: Steps, > 0, after which the factor is `decay_rate`.
        decay_rate: The factor, >= 0.
        staircase: Whether the rate changes every `decay_steps` steps only. Default: False.
        name: Kept for configs.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025

    Source: Szegedy et al., "Going deeper with convolutions", 2015 (staircase).
    """

    config_names = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_number(
            where, "initial_learning_rate", initial_learning_rate, 0
        )
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.decay_rate = check_number(where, "decay_rate", decay_rate, 0)
        self.staircase = bool(staircase)
        self.name = name

    def _at(self, step: _Steps) -> _Steps:
        p = step / self.decay_steps
        p = np.floor(p) if self.staircase else p
        rates: _Steps = self.initial_learning_rate * np.power(self.decay_rate, p)
        return rates


@registry.register
class InverseTimeDecay(Formula):
    """Divides the learning rate by a number that grows with the steps.

    ```
    rate = initial_learning_rate / (1 + decay_rate · step / decay_steps) staircase: ⌊step / …⌋
    ```

    Args:
        initial_learning_rate: Learning rate of step 0.
        decay_steps: Steps, > 0, after which the divisor is `1 + decay_rate`.
        decay_rate: See the formula; >= 0.
        staircase: Whether the rate changes every `decay_steps` steps only. Default: False.
        name: Kept for configs.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> InverseTimeDecay(0.1, decay_steps=100, decay_rate=1)(300)
    0.025

    Source: Bengio, "Practical recommendations for gradient-based training of deep architectures",
    2012, section 3.1.1.
    """

    config_names = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_number(
            where, "initial_learning_rate", initial_learning_rate, 0
        )
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.decay_rate = check_number(where, "decay_rate", decay_rate, 0)
        self.staircase = bool(staircase)
        self.name = name

    def _at(self, step: _Steps) -> _Steps:
        p = step / self.decay_steps
        p = np.floor(p) if self.staircase else p
        rates: _Steps = self.initial_learning_rate / (1 + self.decay_rate * p)
        return rates


@registry.register
class PolynomialDecay(Formula):
    """Goes from one learning rate to another along a power of the steps left.

    ```
    p = min(step, decay_steps) / decay_steps
    p = step / (decay_steps · max(1, ⌈step / decay_steps⌉))              cycle
    rate = (initial_learning_rate - end_learning_rate) · (1 - p) ^ power + end_learning_rate
    ```

    Args:
        initial_learning_rate: Learning rate of step 0.
        decay_steps: Steps, > 0, until `end_learning_rate`.
        end_learning_rate: The last learning rate. Default: 0.0001.
        power: The power; 1 is a straight line. Default: 1.
        cycle: Whether to go up again after `decay_steps` steps, to the rate that a decay twice,
            three times … as long would have there. Default: False.
        name: Kept for configs.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> PolynomialDecay(0.5, decay_steps=100, end_learning_rate=0.25)(50)
    0.375

    Source: Goodfellow, Bengio, Courville, "Deep learning", 2016, equation 8.14 (power 1).
    """

    config_names = (
        "initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_number(
            where, "initial_learning_rate", initial_learning_rate, 0
        )
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.end_learning_rate = check_number(where, "end_learning_rate", end_learning_rate, 0)
        self.power = check_number(where, "power", power, 0)
        self.cycle = bool(cycle)
        self.name = name

    def _at(self, step: _Steps) -> _Steps:
        if self.cycle:
            p = step / (self.decay_steps * np.maximum(1, np.ceil(step / self.decay_steps)))
        else:
            p = np.minimum(step, self.decay_steps) / self.decay_steps
        total = self.initial_learning_rate - self.end_learning_rate
        rates: _Steps = total * (1 - p) ** self.power + self.end_learning_rate
        return rates


@registry.register
class PiecewiseConstantDecay(Formula):
    """One learning rate up to a step, another up to the next.

    `rate = values[i]` while `step <= boundaries[i]`, the last value after the last boundary.

    Args:
        boundaries: Numbers of steps, rising.
        values: Learning rates, >= 0, one more than boundaries.
        name: Kept for configs.

    Raises:
        ValueError: If there are not one more values than boundaries, or the boundaries do not rise.

    Example:

    >>> schedule = PiecewiseConstantDecay([10, 20], [0.5, 0.25, 0.125])
    >>> schedule(10), schedule(11), schedule(99)
    (0.5, 0.25, 0.125)

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, section 4.2.
    """

    config_names = ("boundaries", "values", "name")

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        where = type(self).__name__
        self.boundaries, self.values = list(boundaries), list(values)
        if len(self.values) != len(self.boundaries) + 1:
            expected = f"{len(self.boundaries) + 1} values, one more than boundaries"
            raise bad_argument(where, expected, "values", self.values)
        for boundary in self.boundaries:
            check_number(where, "boundary", boundary)
        for value in self.values:
            check_number(where, "value", value, 0)
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise bad_argument(where, "rising boundaries", "boundaries", self.boundaries)
        self.name = name

    def _at(self, step: _Steps) -> _Steps:
        piece = np.searchsorted(np.asarray(self.boundaries, np.float64), step)
        return np.asarray(self.values, np.float64)[piece]
