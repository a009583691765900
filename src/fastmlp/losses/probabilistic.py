"""Losses of probabilities: cross-entropy, Kullback-Leibler divergence, Poisson."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.losses.axes import check_axis, classes_last
from fastmlp.losses.base import Loss, SimpleLoss, registry
from fastmlp.losses.rows import as_reals, row_values


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The mean over the last axis of the cross-entropy of 0 and 1; see `BinaryCrossentropy`."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis).call(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The cross-entropy of one-hot targets; see `CategoricalCrossentropy`."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).call(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """The cross-entropy of class numbers; see `SparseCategoricalCrossentropy`."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return loss.call(y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """The sum over the last axis of `y_true · log(y_true / y_pred)`; see `KLDivergence`."""
    return row_values("kl_divergence", y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `y_pred - y_true · log(y_pred + 1e-7)`."""
    return row_values("poisson", y_true, y_pred)


def _choose(kind: str, from_logits: Any) -> str:
    return kind + "_logits" if from_logits else kind


@registry.register("bce", "BCE")
class BinaryCrossentropy(Loss):
    """Cross-entropy of targets 0 and 1.

    `loss = -mean(y · log p + (1 - y) · log(1 - p))`, with p clipped to [1e-7, 1 - 1e-7].

    Args:
        from_logits: Whether predictions are logits: then `p = sigmoid(y_pred)`.
        label_smoothing: Number s in [0, 1]: targets become `y = y_true · (1 - s) + s / 2`.
        axis: Axis of which the mean is taken.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"binary_crossentropy"`.
        dtype: Element type; see `Loss`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> round(float(BinaryCrossentropy()([[0], [1]], [[0.2], [0.6]])), 4)
    0.367

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 4.90; Szegedy et al.,
    "Rethinking the Inception architecture for computer vision", 2016 (label smoothing).
    """

    config_names = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        where = type(self).__name__
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_number(where, "label_smoothing", label_smoothing, 0, 1)
        self.axis = check_axis(where, axis)
        self.kind = _choose("binary_crossentropy", from_logits)
        self.params = (self.label_smoothing,)


@registry.register
class CategoricalCrossentropy(Loss):
    """Cross-entropy of n classes with one-hot targets.

    `loss = -Σ y · log p`; p is divided by its sum, then clipped to [1e-7, 1 - 1e-7].

    Args:
        from_logits: Whether predictions are logits: then `p = softmax(y_pred)`.
        label_smoothing: Number s in [0, 1]: targets become `y = y_true · (1 - s) + s / n`.
        axis: Axis of classes.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"categorical_crossentropy"`.
        dtype: Element type; see `Loss`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> round(float(CategoricalCrossentropy()([[0, 1, 0]], [[0.05, 0.95, 0]])), 4)
    0.0513

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 4.108; Szegedy et
    al., "Rethinking the Inception architecture for computer vision", 2016 (label smoothing).
    """

    config_names = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        where = type(self).__name__
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_number(where, "label_smoothing", label_smoothing, 0, 1)
        self.axis = check_axis(where, axis)
        self.kind = _choose("categorical_crossentropy", from_logits)
        self.params = (self.label_smoothing,)


@registry.register
class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of n classes with targets 0, 1, …, n - 1.

    `loss = -log p[y_true]`; p is divided by its sum, then clipped to [1e-7, 1 - 1e-7]. Targets
    have the shape of the predictions without the last axis, or with a last axis of size 1. The
    loss of a target that is no class is NaN.

    Args:
        from_logits: Whether predictions are logits: then `p = softmax(y_pred)`.
        ignore_class: A class, which need not be one of the n, whose samples do not count: their loss
            is 0, and means are taken of the others, those of each batch. `None`: all count.
        reduction: How values become one number; see `Loss`.
        axis: Axis of classes.
        name: Name; `None`: `"sparse_categorical_crossentropy"`.
        dtype: Element type; see `Loss`.

    Raises:
        ValueError: If an argument is outside of its range or not supported.

    Example:

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.05, 0.95, 0]])), 4)
    0.0513

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 4.108.
    """

    sparse = True
    config_names = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        where = type(self).__name__
        self.from_logits = bool(from_logits)
        self.ignore_class = None
        if ignore_class is not None:
            self.ignore_class = check_int(where, "ignore_class", ignore_class)
        self.axis = check_axis(where, axis)
        self.kind = _choose("sparse_categorical_crossentropy", from_logits)

    def counts(self, y_true: Any) -> Any:
        """1 for each class number that counts, else 0; `None`: all count."""
        return None if self.ignore_class is None else ops.not_equal(y_true, self.ignore_class)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self.ignore_class is None:
            return super().call(y_true, y_pred)
        y_true, y_pred = as_reals(self.kind, y_true, y_pred, self.dtype)
        counts = self.counts(y_true)
        values = super().call(ops.where(counts, y_true, 0), y_pred)
        counts = ops.reshape(counts, [-1 if d is None else d for d in values.shape])
        values = ops.where(counts, values, 0)
        if isinstance(values, Tensor):
            values.mask = counts
        return values

    @property
    def prepare(self) -> Any:
        if self.ignore_class is None:
            return super().prepare
        return lambda t, p: classes_last(
            self.name, ops.where(self.counts(t), t, 0), p, self.axis, True
        )


@registry.register("kld", "KLD")
class KLDivergence(SimpleLoss):
    """The Kullback-Leibler divergence: `loss = Σ y_true · log(y_true / y_pred)`.

    Both are clipped to [1e-7, 1].

    Example:

    >>> round(float(KLDivergence()([[0.0, 1.0]], [[0.4, 0.6]])), 4)
    0.5108

    Source: Kullback, Leibler, "On information and sufficiency", 1951.
    """

    kind = "kl_divergence"


@registry.register
class Poisson(SimpleLoss):
    """The loss of counts: `loss = mean(y_pred - y_true · log(y_pred + 1e-7))`.

    Source: McCullagh, Nelder, "Generalized linear models", 1989, chapter 6: the negative logarithm
    of the Poisson distribution's likelihood, without its constant.
    """

    kind = "poisson"
