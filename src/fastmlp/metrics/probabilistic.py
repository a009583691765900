"""Metrics of probabilities: the losses of the same names, averaged over all data."""

from __future__ import annotations

from typing import Any

from fastmlp import losses, ops
from fastmlp.losses.axes import classes_last
from fastmlp.losses.rows import as_reals
from fastmlp.metrics.base import registry
from fastmlp.metrics.reduction import RowMetric, sample_weights


@registry.register
class KLDivergence(RowMetric):
    """The mean of `Σ y_true · log(y_true / y_pred)`.

    Source: Kullback, Leibler, "On information and sufficiency", 1951.
    """

    kind = "kl_divergence"
    direction = "min"


registry.register_old("kullback_leibler_divergence", "kl_divergence")


@registry.register
class Poisson(RowMetric):
    """The mean of `y_pred - y_true · log(y_pred + 1e-7)`.

    Source: McCullagh, Nelder, "Generalized linear models", 1989, chapter 6: the negative logarithm
    of the Poisson distribution's likelihood, without its constant.
    """

    kind = "poisson"
    direction = "min"


class _Crossentropy(RowMetric):
    direction = "min"

    def _describe(self, loss: losses.Loss) -> None:
        """Takes over the loss's checked arguments."""
        self.kind, self.params = loss.kind, loss.params
        for name in loss.config_names:
            setattr(self, name, getattr(loss, name))


@registry.register("bce", "BCE")
class BinaryCrossentropy(_Crossentropy):
    """The mean cross-entropy of targets 0 and 1.

    `result = Σ w · -mean(y · log p + (1 - y) · log(1 - p)) / Σ w`

    Args:
        name: Name; `None`: `"binary_crossentropy"`.
        dtype: Element type; see `Metric`.
        from_logits: Whether predictions are logits.
        label_smoothing: Number in [0, 1]; see `losses.BinaryCrossentropy`.

    Example:

    >>> metric = BinaryCrossentropy()
    >>> metric.update_state([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
    >>> round(float(metric.result()), 4)
    0.8149

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 4.90.
    """

    config_names = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)
        self._describe(losses.BinaryCrossentropy(from_logits, label_smoothing))


@registry.register
class CategoricalCrossentropy(_Crossentropy):
    """The mean cross-entropy of one-hot targets.

    `result = Σ w · -(Σ_k y_k · log p_k) / Σ w`

    Args:
        name: Name; `None`: `"categorical_crossentropy"`.
        dtype: Element type; see `Metric`.
        from_logits: Whether predictions are logits.
        label_smoothing: Number in [0, 1]; see `losses.CategoricalCrossentropy`.
        axis: Axis of classes.

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 4.108.
    """

    config_names = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self._describe(losses.CategoricalCrossentropy(from_logits, label_smoothing, axis))


@registry.register
class SparseCategoricalCrossentropy(_Crossentropy):
    """The mean cross-entropy of class numbers.

    `result = Σ w · -log p[y_true] / Σ w`

    Args:
        name: Name; `None`: `"sparse_categorical_crossentropy"`.
        dtype: Element type; see `Metric`.
        from_logits: Whether predictions are logits.
        ignore_class: A class whose samples have the value 0; with sample weights, they do not count.
        axis: Axis of classes.

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 4.108.
    """

    config_names = ("from_logits", "ignore_class", "axis")
    ignore_class: int | None
    from_logits: bool

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self._loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        self._describe(self._loss)
        if self.ignore_class is not None:
            self.function = self._values

    def _values(self, t: Any, p: Any) -> Any:
        """The values of tensors; their mask tells which count."""
        t, p = classes_last(self.name, t, p, self.axis, True)
        t = ops.squeeze(t, -1)
        counts = self._loss.counts(t)
        values = ops.sparse_categorical_crossentropy(ops.where(counts, t, 0), p, self.from_logits)
        values = ops.where(counts, values, 0.0)
        values.mask = counts
        return values

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.ignore_class is None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        values = self._loss.call(y_true, y_pred)
        weights = sample_weights(self, values.shape, sample_weight, values.dtype)
        if sample_weight is not None:
            weights = weights * self._loss.counts(y_true).reshape(weights.shape)
        self.acc[:] += (values.reshape(weights.shape) * weights).sum(), weights.sum()
