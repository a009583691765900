"""LAMB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from fastmlp import ops
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate
from fastmlp.variables import Variable


@registry.register
class Lamb(Optimizer):
    """Adam whose step is as long, relative to each weight's norm, for all weights.

    ```
    m = m + (1 - beta_1) · (g - m),  v = v + (1 - beta_2) · (g² - v)     t = 1, 2, …
    u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
    w = w - learning_rate · |w| / |u| · u           |w| / |u| = 1 if one of them is 0
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        beta_1: Factor of the mean, 0 <= beta_1 < 1. Default: 0.9.
        beta_2: Factor of the mean square, 0 <= beta_2 < 1. Default: 0.999.
        epsilon: Small number added to the root, >= 0. Default: 1e-7.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Lamb().get_config()["beta_2"]
    0.999

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes",
    2020.
    """

    config_names = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._rate("beta_1", beta_1)
        self.beta_2 = self._rate("beta_2", beta_2)
        self.epsilon = self._epsilon(epsilon)

    def build(self, variables: Iterable[Any]) -> None:
        """Makes momenta and velocities for all weights to be trained."""
        given = list(variables)
        super().build(given)
        names = ["momentum", "velocity"]
        self._momentums, self._velocities = self.add_optimizer_variables(given, names)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Moves one weight and its state."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        t = ops.cast(self.iterations + 1, variable.dtype)
        self.assign_add(m, (1 - self.beta_1) * ops.subtract(gradient, m))
        self.assign_add(v, (1 - self.beta_2) * ops.subtract(ops.square(gradient), v))
        mean = ops.divide(m, 1 - ops.power(self.beta_1, t))
        root = ops.sqrt(ops.divide(v, 1 - ops.power(self.beta_2, t)))
        update = ops.divide(mean, ops.add(root, self.epsilon))
        of_weight, of_update = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, update))
        both = ops.logical_and(ops.greater(of_weight, 0), ops.greater(of_update, 0))
        ratio = ops.where(both, ops.divide(of_weight, ops.where(both, of_update, 1.0)), 1.0)
        self.assign_sub(variable, ops.multiply(ratio * learning_rate, update))
