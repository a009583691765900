"""Losses that are formulas of `fastmlp.ops`: one text for arrays, for plans and for gradients."""

from __future__ import annotations

from typing import Any

from fastmlp.losses.axes import classes_last
from fastmlp.losses.base import Loss
from fastmlp.losses.rows import align, as_reals
from fastmlp.ops.ranks import reshaped
from fastmlp.registry import snake_case


class FormulaLoss(Loss):
    """Base class of losses whose `formula` is written with `fastmlp.ops`.

    Attributes:
        targets: What targets must be, as in `_core.losses.TARGETS`: `"same"`, numbers as many as the
            predictions; `"class"`, class numbers.
    """

    targets = "same"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row, neither weighted nor reduced."""
        y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        y_true, y_pred = classes_last(self.name, y_true, y_pred, self.axis, self.targets == "class")
        kind = snake_case(type(self).__name__)
        t, p = align(kind, tuple(y_true.shape), tuple(y_pred.shape), self.targets)
        return self.formula(reshaped(y_true, t), reshaped(y_pred, p))

    def formula(self, y: Any, p: Any) -> Any:
        """The loss of each row; predictions `(…, n)`, targets `(…, n)` or class numbers `(…, 1)`."""
        raise NotImplementedError
