"""RMSprop."""

from __future__ import annotations

from typing import Unpack

from fastmlp.errors import check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate
from fastmlp.optimizers.state import NeedsSlot


@registry.register
class RMSprop(Optimizer):
    """Divides the gradient by a moving root mean square of itself.

    ```
    v = rho · v + (1 - rho) · g²
    a = rho · a + (1 - rho) · g                                          centered
    d = learning_rate · g / sqrt(v + epsilon)
    d = learning_rate · g / sqrt(v - a² + epsilon)                       centered
    w = w - d                                                            momentum = 0
    m = momentum · m + d;  w = w - m                                     momentum > 0
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        rho: Factor of the moving averages, 0 <= rho < 1. Default: 0.9.
        momentum: From 0 to 1. Default: 0.
        epsilon: Small number under the root, >= 0. Default: 1e-7.
        centered: Whether to divide by the moving standard deviation instead. Default: False.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> RMSprop(centered=True).kind
    'rmsprop_centered'

    Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012; Graves, "Generating
    sequences with recurrent neural networks", 2013, equations 38 to 41 (centered).
    """

    config_names = ("rho", "momentum", "epsilon", "centered")
    momentum = NeedsSlot("momentum")
    centered = NeedsSlot("average_gradient")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = self._rate("rho", rho)
        self.momentum = check_number("RMSprop", "momentum", momentum, 0, 1)
        self.epsilon = self._epsilon(epsilon)
        self.centered = bool(centered)

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        """The mean square, and what `momentum` and `centered` need."""
        found = {
            "velocity": True,
            "momentum": self._has_slot("momentum", self.momentum),
            "average_gradient": self._has_slot("average_gradient", self.centered),
        }
        return tuple(name for name, there in found.items() if there)

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The native update."""
        centered = "_centered" if "average_gradient" in self.slots else ""
        return f"rmsprop{centered}{'_momentum' if 'momentum' in self.slots else ''}"
