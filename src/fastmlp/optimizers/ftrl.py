"""Follow the regularized leader."""

from __future__ import annotations

from typing import Any, Unpack

from fastmlp.errors import check_number
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate


@registry.register
class Ftrl(Optimizer):
    """Online learning whose L1 penalty gives weights that are exactly 0.

    ```
    n' = n + g²                                     n = initial_accumulator_value at first
    s = (n'^-p - n^-p) / learning_rate              p = learning_rate_power
    z = z + g + 2 · l2_shrinkage_regularization_strength · w - s · w
    q = n'^-p / learning_rate + 2 · l2_regularization_strength + beta / learning_rate
    w = (clip(z, -l1, l1) - z) / q                  l1 = l1_regularization_strength
    n = n'
    ```

    Args:
        learning_rate: Step size, > 0. Default: 0.001.
        learning_rate_power: How the step falls with the sum of squares, <= 0; 0 is a fixed step.
            Default: -0.5.
        initial_accumulator_value: First value of the sum of squares, >= 0. Default: 0.1.
        l1_regularization_strength: L1 penalty, >= 0. Default: 0.
        l2_regularization_strength: L2 penalty that steadies, >= 0. Default: 0.
        l2_shrinkage_regularization_strength: L2 penalty that shrinks, >= 0. Default: 0.
        beta: Steadies the first steps, >= 0. Default: 0.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Ftrl().slots, Ftrl().slot_init
    (('accumulator', 'linear'), (0.1, 0.0))

    Source: McMahan et al., "Ad click prediction: a view from the trenches", 2013.
    """

    kind_from = ("learning_rate_power",)
    config_names = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )
    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        power = check_number("Ftrl", "learning_rate_power", learning_rate_power, high=0)
        self.learning_rate_power = power
        given: dict[str, Any] = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
            "beta": beta,
        }
        for name, value in given.items():
            setattr(self, name, check_number("Ftrl", name, value, 0))

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The native update."""
        return "ftrl" if self.learning_rate_power == -0.5 else "ftrl_power"

    @property
    def slot_init(self) -> tuple[float, ...]:
        """First value of each slot."""
        return (self.initial_accumulator_value, 0.0)

    initial_accumulator_value: float
    l1_regularization_strength: float
    l2_regularization_strength: float
    l2_shrinkage_regularization_strength: float
    beta: float
