"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Unpack

from fastmlp.errors import check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate
from fastmlp.optimizers.state import NeedsSlot


@registry.register
class SGD(Optimizer):
    """Gradient descent, plain or with momentum.

    ```
    w = w - learning_rate · g                                            momentum = 0
    m = momentum · m - learning_rate · g;  w = w + m                     momentum > 0
    m = momentum · m - learning_rate · g;
    w = w + momentum · m - learning_rate · g                             and nesterov
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.01.
        momentum: From 0 to 1. Default: 0.
        nesterov: Whether to use Nesterov's momentum. Default: False.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> SGD(0.1, momentum=0.9).hyper()
    (0.1, 0.9)

    Source: Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in
    deep learning", 2013.
    """

    kind_from = ("nesterov",)
    config_names = ("momentum", "nesterov")
    momentum = NeedsSlot("momentum")

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = check_number("SGD", "momentum", momentum, 0, 1)
        self.nesterov = bool(nesterov)

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        """The momentum, if there is one."""
        return ("momentum",) if self._has_slot("momentum", self.momentum) else ()

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The native update."""
        return ("nesterov" if self.nesterov else "momentum") if self.slots else "sgd"
