"""Cross-entropies made robust: focal ones, which hard samples dominate, and the generalized one."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import config, ops
from fastmlp.errors import bad_argument, check_number
from fastmlp.losses.axes import check_axis
from fastmlp.losses.base import registry
from fastmlp.losses.formula import FormulaLoss


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The mean over an axis of the focal cross-entropy of 0 and 1; see `BinaryFocalCrossentropy`.

    Example:

    >>> binary_focal_crossentropy([[0, 1], [0, 0]], np.float32([[0.6, 0.4], [0.4, 0.6]])).round(4)
    array([0.3299, 0.2058], dtype=float32)
    """
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return loss.call(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The focal cross-entropy of one-hot targets; see `CategoricalFocalCrossentropy`."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Any:
    """The generalized cross-entropy of class numbers; see `CategoricalGeneralizedCrossEntropy`."""
    return CategoricalGeneralizedCrossEntropy(q).call(y_true, y_pred)


@registry.register
class BinaryFocalCrossentropy(FormulaLoss):
    """Cross-entropy of targets 0 and 1, in which samples that are predicted well count less.

    `loss = mean((1 - p_t)^gamma · -(y · log p + (1 - y) · log(1 - p)))` with the probability of what
    is true, `p_t = y · p + (1 - y) · (1 - p)`. In the logarithms p is clipped to [1e-7, 1 - 1e-7].

    Args:
        apply_class_balancing: Whether targets of 1 weigh `alpha` and those of 0 `1 - alpha`.
        alpha: Number in [0, 1].
        gamma: How much less samples count, >= 0; 0: not at all.
        from_logits: Whether predictions are logits: then `p = sigmoid(y_pred)`.
        label_smoothing: Number s in [0, 1]: targets become `y = y_true · (1 - s) + s / 2`.
        axis: Axis of which the mean is taken.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"binary_focal_crossentropy"`.
        dtype: Element type; see `Loss`.

    Input shape:
        Targets and predictions `(batch, …, n)`; values `(batch, …)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> loss = BinaryFocalCrossentropy(gamma=2)
    >>> round(float(loss([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])), 4)
    0.2678

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection.
    """

    config_names = (
        "apply_class_balancing",
        "alpha",
        "gamma",
        "from_logits",
        "label_smoothing",
        "axis",
    )

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        where = type(self).__name__
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = check_number(where, "alpha", alpha, 0, 1)
        self.gamma = check_number(where, "gamma", gamma, 0)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_number(where, "label_smoothing", label_smoothing, 0, 1)
        self.axis = check_axis(where, axis)

    def formula(self, y: Any, p: Any) -> Any:
        y = y * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        p = ops.sigmoid(p) if self.from_logits else p
        loss = ops.binary_crossentropy(y, p)
        if self.gamma:
            loss = loss * ops.power(1 - (y * p + (1 - y) * (1 - p)), self.gamma)
        if self.apply_class_balancing:
            loss = loss * (y * self.alpha + (1 - y) * (1 - self.alpha))
        return ops.mean(loss, -1)


@registry.register
class CategoricalFocalCrossentropy(FormulaLoss):
    """Cross-entropy of n classes with one-hot targets, in which samples predicted well count less.

    `loss = -Σ alpha · (1 - p)^gamma · y · log p`; p is divided by its sum, then clipped to
    [1e-7, 1 - 1e-7].

    Args:
        alpha: Weight of all classes, or a list with one for each, >= 0.
        gamma: How much less samples count, >= 0; 0: not at all.
        from_logits: Whether predictions are logits: then `p = softmax(y_pred)`.
        label_smoothing: Number s in [0, 1]: targets become `y = y_true · (1 - s) + s / n`.
        axis: Axis of classes.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"categorical_focal_crossentropy"`.
        dtype: Element type; see `Loss`.

    Input shape:
        Targets and predictions `(batch, …, n)`; values `(batch, …)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> loss = CategoricalFocalCrossentropy()
    >>> round(float(loss([[0, 1, 0]], [[0.1, 0.8, 0.1]])), 6)
    0.002231

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection.
    """

    config_names = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        where = type(self).__name__
        each = [check_number(where, "alpha", a, 0) for a in np.ravel(np.asarray(alpha))]
        self.alpha = each[0] if np.ndim(alpha) == 0 else each
        self.gamma = check_number(where, "gamma", gamma, 0)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_number(where, "label_smoothing", label_smoothing, 0, 1)
        self.axis = check_axis(where, axis)

    def formula(self, y: Any, p: Any) -> Any:
        n = p.shape[-1]
        if np.size(self.alpha) not in (1, n):
            raise bad_argument(
                self.name, f"alpha with {n} numbers, as classes", "alpha", self.alpha
            )
        y = y * (1 - self.label_smoothing) + self.label_smoothing / n
        p = ops.softmax(p) if self.from_logits else p
        p = p / ops.sum(p, -1, keepdims=True)
        p = ops.clip(p, config.epsilon(), 1 - config.epsilon())
        weight = np.asarray(self.alpha, p.dtype) * ops.power(1 - p, self.gamma)
        return -ops.sum(weight * y * ops.log(p), -1)


@registry.register
class CategoricalGeneralizedCrossEntropy(FormulaLoss):
    """Between the cross-entropy and the mean absolute error: wrong labels do less harm.

    `loss = (1 - p^q) / q` with the probability p of the target's class.

    Args:
        q: Number in (0, 1): near 0 like the cross-entropy, near 1 like the mean absolute error.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"categorical_generalized_cross_entropy"`.
        dtype: Element type; see `Loss`.

    Input shape:
        Class numbers `(batch, …)` or `(batch, …, 1)`, predictions `(batch, …, n)`; values `(batch, …)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> loss = CategoricalGeneralizedCrossEntropy()
    >>> round(float(loss([0, 1], [[0.64, 0.36], [0.0, 1.0]])), 4)
    0.2

    Source: Zhang & Sabuncu 2018, Generalized Cross Entropy Loss.
    """

    sparse = True
    targets = "class"
    config_names = ("q",)

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = check_number(type(self).__name__, "q", q, 0, 1, above=True, below=True)

    def formula(self, y: Any, p: Any) -> Any:
        hot = ops.cast(ops.one_hot(ops.squeeze(y, -1), p.shape[-1]), p.dtype)
        return (1 - ops.power(ops.sum(hot * p, -1), self.q)) / self.q
