"""Adagrad."""

from __future__ import annotations

from typing import Unpack

from fastmlp.errors import check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate


@registry.register
class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

    ```
    a = a + g²                                  a = initial_accumulator_value at first
    w = w - learning_rate · g / sqrt(a + epsilon)
    ```

    Args:
        learning_rate: Step size, >= 0; the paper's is 1. Default: 0.001.
        initial_accumulator_value: First value of the sum, >= 0. Default: 0.1.
        epsilon: Small number under the root, >= 0. Default: 1e-7.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Adagrad().slots, Adagrad().slot_init
    (('accumulator',), (0.1,))

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    config_names = ("initial_accumulator_value", "epsilon")
    kind = "adagrad"
    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = check_number(
            "Adagrad", "initial_accumulator_value", initial_accumulator_value, 0
        )
        self.epsilon = self._epsilon(epsilon)

    @property
    def slot_init(self) -> tuple[float, ...]:
        """First value of each slot."""
        return (self.initial_accumulator_value,)
