"""Adadelta."""

from __future__ import annotations

from typing import Unpack

from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate


@registry.register
class Adadelta(Optimizer):
    """Takes steps in the units of the weights: as large as the last steps, relative to the gradient.

    ```
    a = rho · a + (1 - rho) · g²
    d = sqrt(b + epsilon) / sqrt(a + epsilon) · g
    b = rho · b + (1 - rho) · d²
    w = w - learning_rate · d
    ```

    Args:
        learning_rate: Factor of the step, >= 0; the paper's is 1. Default: 0.001.
        rho: Factor of the moving averages, 0 <= rho < 1. Default: 0.95.
        epsilon: Small number under the roots, >= 0. Default: 1e-7.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Adadelta(1.0).hyper()
    (1.0, 0.95, 1e-07)

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    config_names = ("rho", "epsilon")
    kind = "adadelta"
    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float | None = 1e-7,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = self._rate("rho", rho)
        self.epsilon = self._epsilon(epsilon)
