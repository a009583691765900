"""Lion."""

from __future__ import annotations

from typing import Unpack

from fastmlp.errors import check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate


@registry.register
class Lion(Optimizer):
    """Moves every weight by the same length: the sign of a mix of gradient and momentum.

    ```
    w = w - learning_rate · sign(beta_1 · m + (1 - beta_1) · g)
    m = beta_2 · m + (1 - beta_2) · g
    ```

    Args:
        learning_rate: Step size, >= 0; a third to a tenth of Adam's. Default: 0.001.
        beta_1: Share of the momentum in the step, 0 < beta_1 <= 1. Default: 0.9.
        beta_2: Factor of the momentum's moving average, 0 <= beta_2 < 1. Default: 0.99.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Lion().hyper()
    (0.001, 0.9, 0.99)

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023.
    """

    config_names = ("beta_1", "beta_2")
    kind = "lion"
    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = check_number("Lion", "beta_1", beta_1, 0, 1, above=True)
        self.beta_2 = self._rate("beta_2", beta_2)
