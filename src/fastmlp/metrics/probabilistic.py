"""Metrics of probabilities: the losses of the same names, averaged over all data."""

from __future__ import annotations

from fastmlp import losses
from fastmlp.metrics.base import registry
from fastmlp.metrics.reduction import RowMetric


@registry.register
class KLDivergence(RowMetric):
    """The mean of `Σ y_true · log(y_true / y_pred)`."""

    kind = "kl_divergence"
    direction = "min"


registry.register_old("kullback_leibler_divergence", "kl_divergence")


@registry.register
class Poisson(RowMetric):
    """The mean of `y_pred - y_true · log(y_pred + 1e-7)`."""

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

    Args:
        name: Name; `None`: `"categorical_crossentropy"`.
        dtype: Element type; see `Metric`.
        from_logits: Whether predictions are logits.
        label_smoothing: Number in [0, 1]; see `losses.CategoricalCrossentropy`.
        axis: Axis of classes.
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

    Args:
        name: Name; `None`: `"sparse_categorical_crossentropy"`.
        dtype: Element type; see `Metric`.
        from_logits: Whether predictions are logits.
        ignore_class: Not supported yet; must be `None`.
        axis: Axis of classes.
    """

    config_names = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self._describe(losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis))
