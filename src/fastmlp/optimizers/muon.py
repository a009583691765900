"""Muon."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import check_int, check_number
from fastmlp.optimizers.base import Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate
from fastmlp.variables import Variable


@registry.register
class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal; other weights move by AdamW.

    ```
    m = momentum · m + g,  x = g + momentum · m     without nesterov: x = m
    x = x / |x|
    x = a x + (b A + c A²) x,  A = x xᵀ             ns_steps times, of x or xᵀ, whichever is wide
    w = w - learning_rate · rms_rate · sqrt(max(rows, columns)) · x
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        adam_beta_1: AdamW's factor of the mean. Default: 0.9.
        adam_beta_2: AdamW's factor of the mean square. Default: 0.999.
        adam_weight_decay: AdamW's decay; `None`: none. Default: 0.004.
        epsilon: AdamW's small number. Default: 1e-7.
        weight_decay: Decay of the matrices; `None`: none. Default: 0.004.
        exclude_layers: Patterns; weights whose path contains one move by AdamW.
        exclude_embeddings: Whether embeddings move by AdamW. Default: True.
        muon_a: a. Default: 3.4445.
        muon_b: b. Default: -4.775.
        muon_c: c. Default: 2.0315.
        adam_lr_ratio: AdamW's learning rate relative to this one. Default: 1.
        momentum: Factor of the momentum. Default: 0.95.
        ns_steps: Rounds. Default: 5.
        nesterov: Whether to look ahead. Default: True.
        rms_rate: Size of a step compared to Adam's; `None`: steps are orthogonal matrices.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Muon(0.02).get_config()["ns_steps"]
    5

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et
    al., "Muon is scalable for LLM training", 2025 (rms_rate).
    """

    config_names = (
        "adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c",
        "adam_lr_ratio", "momentum", "ns_steps", "nesterov", "exclude_embeddings",
        "adam_weight_decay", "rms_rate",
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **common: Any,  # CommonArguments without weight_decay
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1 = self._rate("adam_beta_1", adam_beta_1)
        self.adam_beta_2 = self._rate("adam_beta_2", adam_beta_2)
        self.adam_weight_decay = self._optional("adam_weight_decay", adam_weight_decay)
        self.epsilon = self._epsilon(epsilon)
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = bool(exclude_embeddings)
        self.muon_a = check_number("Muon", "muon_a", muon_a)
        self.muon_b = check_number("Muon", "muon_b", muon_b)
        self.muon_c = check_number("Muon", "muon_c", muon_c)
        self.adam_lr_ratio = check_number("Muon", "adam_lr_ratio", adam_lr_ratio, 0)
        self.momentum = check_number("Muon", "momentum", momentum, 0, 1)
        self.ns_steps = check_int("Muon", "ns_steps", ns_steps, 1)
        self.nesterov = bool(nesterov)
        self.rms_rate = self._optional("rms_rate", rms_rate)

    def _by_adam(self, variable: Variable) -> bool:
        path = variable.path
        if variable.ndim != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return True
        return any(re.search(part, path) for part in self.exclude_layers)

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of one weight; AdamW's weights have their own."""
        if self._is_excluded(variable):
            return None
        return self.adam_weight_decay if self._by_adam(variable) else self.weight_decay

    def build(self, variables: Iterable[Any]) -> None:
        """Makes momenta for all weights to be trained, and velocities for AdamW's."""
        given = list(variables)
        super().build(given)
        self._momentums: list[Variable] = []
        self._velocities: list[Variable | None] = []
        for w in given:
            self._momentums.append(self.add_variable_from_reference(w, "momentum"))
            adam = self._by_adam(w)
            new = self.add_variable_from_reference(w, "velocity") if adam else None
            self._velocities.append(new)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Moves one weight and its state."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        if v is not None:
            self._adam_step(gradient, variable, learning_rate * self.adam_lr_ratio, m, v)
            return
        self.assign(m, ops.add(gradient, ops.multiply(m, self.momentum)))
        x = ops.add(gradient, ops.multiply(m, self.momentum)) if self.nesterov else m
        rows, columns = variable.shape
        x = self._orthogonal(x if rows <= columns else ops.transpose(x))
        x = x if rows <= columns else ops.transpose(x)
        size = 1.0 if self.rms_rate is None else self.rms_rate * float(np.sqrt(max(rows, columns)))
        self.assign_sub(variable, ops.multiply(learning_rate * size, x))

    def _orthogonal(self, x: Any) -> Any:
        """The nearest matrix with orthogonal rows, nearly: its singular values are about 1."""
        norm = ops.sqrt(ops.sum(ops.square(x)))
        x = ops.divide(x, norm + 1e-7)
        for _ in range(self.ns_steps):
            square = ops.matmul(x, ops.transpose(x))
            mixed = self.muon_b * square + self.muon_c * ops.matmul(square, square)
            x = self.muon_a * x + ops.matmul(mixed, x)
        return x

    def _adam_step(
        self, gradient: Any, variable: Variable, rate: Any, m: Variable, v: Variable
    ) -> None:
        t = ops.cast(self.iterations + 1, variable.dtype)
        root = ops.sqrt(1 - ops.power(self.adam_beta_2, t))
        alpha = rate * root / (1 - ops.power(self.adam_beta_1, t))
        self.assign_add(m, (1 - self.adam_beta_1) * ops.subtract(gradient, m))
        self.assign_add(v, (1 - self.adam_beta_2) * ops.subtract(ops.square(gradient), v))
        self.assign_sub(variable, ops.divide(alpha * m, ops.add(ops.sqrt(v), self.epsilon)))
