"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from fastmlp import ops
from fastmlp.errors import check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate
from fastmlp.variables import Variable


@registry.register
class Adafactor(Optimizer):
    """Adam without momentum, whose mean squares of a matrix are a column times a row.

    ```
    b = 1 - t^beta_2_decay,  s = g² + epsilon_1                          t = 1, 2, …
    r = b · r + (1 - b) · mean of s over columns,  c likewise over rows
    v = r / mean(r) · cᵀ                            vectors: v = b · v + (1 - b) · s
    u = g / sqrt(v) / max(1, rms(g / sqrt(v)) / clip_threshold)
    rate = min(learning_rate, 1 / sqrt(t))
    w = w - max(epsilon_2, rms(w)) · rate · u
    ```

    Args:
        learning_rate: Upper limit of the rate, >= 0. Default: 0.001.
        beta_2_decay: Exponent of the averages' factor, <= 0. Default: -0.8.
        epsilon_1: Small number added to squares, >= 0. Default: 1e-30.
        epsilon_2: Least scale of a weight, >= 0. Default: 0.001.
        clip_threshold: Largest root mean square of a step, > 0. Default: 1.
        relative_step: Accepted as in Keras, whose rate is `min(learning_rate, 1 / sqrt(t))` in
            both cases.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Adafactor().get_config()["beta_2_decay"]
    -0.8

    Source: Shazeer, Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
    """

    config_names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        where = "Adafactor"
        self.beta_2_decay = check_number(where, "beta_2_decay", beta_2_decay, high=0)
        self.epsilon_1 = check_number(where, "epsilon_1", epsilon_1, 0)
        self.epsilon_2 = check_number(where, "epsilon_2", epsilon_2, 0)
        self.clip_threshold = check_number(where, "clip_threshold", clip_threshold, 0, above=True)
        self.relative_step = bool(relative_step)

    def build(self, variables: Iterable[Any]) -> None:
        """Makes the averages of squares for all weights to be trained."""
        given = list(variables)
        super().build(given)
        self._averages: list[list[Variable]] = []
        for w in given:
            factors = [w.shape[:-1], (*w.shape[:-2], w.shape[-1])] if w.ndim >= 2 else [(), ()]
            arrays = [self.add_variable(s, dtype=w.dtype, name=w.name) for s in factors]
            self._averages.append([*arrays, self.add_variable_from_reference(w, "velocity")])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Moves one weight and its state."""
        r, c, v = self._averages[self._get_variable_index(variable)]
        t = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.minimum(learning_rate, ops.divide(1.0, ops.sqrt(t)))
        fresh = ops.power(t, self.beta_2_decay)  # 1 - b
        squares = ops.add(ops.square(gradient), self.epsilon_1)
        if variable.ndim >= 2:
            self.assign_add(r, fresh * ops.subtract(ops.mean(squares, axis=-1), r))
            self.assign_add(c, fresh * ops.subtract(ops.mean(squares, axis=-2), c))
            rows = ops.divide(r, ops.mean(r, axis=-1, keepdims=True))
            self.assign(v, ops.multiply(ops.expand_dims(rows, -1), ops.expand_dims(c, -2)))
        else:
            self.assign_add(v, fresh * ops.subtract(squares, v))
        update = ops.divide(gradient, ops.sqrt(v))
        update = ops.divide(update, ops.maximum(1.0, _rms(update) / self.clip_threshold))
        scale = ops.maximum(self.epsilon_2, _rms(variable))
        self.assign_sub(variable, ops.multiply(scale * rate, update))


def _rms(x: Any) -> Any:
    """Root of the mean square."""
    return ops.sqrt(ops.mean(ops.square(x)))
