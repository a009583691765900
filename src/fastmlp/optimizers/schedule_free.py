"""Schedule-free AdamW."""

from __future__ import annotations

from typing import Unpack

from fastmlp.errors import check_int, check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate


@registry.register
class ScheduleFreeAdamW(Optimizer):
    """Adam that averages its iterates, in place of a learning rate that falls to a known end.

    ```
    v = v + (1 - beta_2) · (g² - v)                                      t = 1, 2, …
    x = (w - (1 - beta_1) · z) / beta_1             the average so far; z = w at first
    z = z - learning_rate · min(t / warmup_steps, 1) · g / (sqrt(v / (1 - beta_2^t)) + epsilon)
    x = (1 - 1/t) · x + z / t
    w = (1 - beta_1) · z + beta_1 · x               where the next gradient is taken
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.0025.
        beta_1: Where between iterate and average gradients are taken, 0 < beta_1 < 1. Default: 0.9.
        beta_2: Factor of the mean square, 0 <= beta_2 < 1. Default: 0.999.
        epsilon: Small number added to the root, >= 0. Default: 1e-8.
        warmup_steps: Steps in which the rate grows from 0, >= 0. Default: 0.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> ScheduleFreeAdamW(warmup_steps=100).hyper()
    (0.0025, 0.9, 0.999, 1e-08, 100.0)

    Source: Defazio et al., "The road less scheduled", 2024.
    """

    config_names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
    kind = "schedule_free"
    slots = ("momentum", "velocity")
    slot_init = (None, 0.0)

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-8,
        warmup_steps: int = 0,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        where = "ScheduleFreeAdamW"
        self.beta_1 = check_number(where, "beta_1", beta_1, 0, 1, above=True, below=True)
        self.beta_2 = self._rate("beta_2", beta_2)
        self.epsilon = self._epsilon(epsilon)
        self.warmup_steps = check_int(where, "warmup_steps", warmup_steps, 0)
