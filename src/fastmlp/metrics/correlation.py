"""How well predictions follow targets: correlations of the vectors of each sample."""

from __future__ import annotations

from typing import Any

from fastmlp import config, ops
from fastmlp.losses.axes import check_axis, classes_last
from fastmlp.losses.rows import align, as_reals
from fastmlp.metrics.base import registry
from fastmlp.metrics.mean_metric_wrapper import MeanMetricWrapper
from fastmlp.ops.ranks import reshaped


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Pearson's correlation of targets and predictions along an axis; see `PearsonCorrelation`.

    Example:

    >>> pearson_correlation([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]).round(4)
    array([1.    , 0.9934], dtype=float32)
    """
    y_true, y_pred = _vectors("pearson_correlation", y_true, y_pred, axis)
    t = y_true - ops.mean(y_true, -1, keepdims=True)
    p = y_pred - ops.mean(y_pred, -1, keepdims=True)
    t = t / ops.std(t, -1, keepdims=True)
    p = p / ops.std(p, -1, keepdims=True)
    return ops.mean(t * p, -1)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Lin's concordance of targets and predictions along an axis; see `ConcordanceCorrelation`."""
    y_true, y_pred = _vectors("concordance_correlation", y_true, y_pred, axis)
    t_mean = ops.mean(y_true, -1, keepdims=True)
    p_mean = ops.mean(y_pred, -1, keepdims=True)
    spread = ops.var(y_true, -1, keepdims=True) + ops.var(y_pred, -1, keepdims=True)
    norm = spread + ops.square(t_mean - p_mean) + config.epsilon()
    return ops.mean(2 * (y_true - p_mean) * (y_pred - p_mean) / norm, -1)


def _vectors(where: str, y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    y_true, y_pred = as_reals(where, y_true, y_pred)
    y_true, y_pred = classes_last(where, y_true, y_pred, check_axis(where, axis))
    t, p = align(where, tuple(y_true.shape), tuple(y_pred.shape), "same")
    return reshaped(y_true, t), reshaped(y_pred, p)


class _Correlation(MeanMetricWrapper):
    direction = "max"
    by_batch = False

    def __init__(self, fn: Any, name: str | None, dtype: str | None, axis: int) -> None:
        self.axis = check_axis(type(self).__name__, axis)
        super().__init__(fn, name, dtype, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "axis": self.axis}


@registry.register
class PearsonCorrelation(_Correlation):
    """The mean of the samples' correlation coefficients.

    `r = mean((y_true - mean(y_true)) (y_pred - mean(y_pred))) / (std(y_true) std(y_pred))` along an
    axis, from -1 to 1. It is NaN where targets or predictions of a sample are all the same, so also
    where a sample has one of each: then use `R2Score`.

    Args:
        name: Name; `None`: `"pearson_correlation"`.
        dtype: Element type; see `Metric`.
        axis: Axis along which vectors are compared.

    Input shape:
        Targets and predictions `(batch, …, n)`.

    Example:

    >>> metric = PearsonCorrelation()
    >>> round(float(metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])), 4)
    0.9967

    Source: https://en.wikipedia.org/wiki/Pearson_correlation_coefficient
    """

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: str | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis)


@registry.register
class ConcordanceCorrelation(_Correlation):
    """The mean of the samples' concordance coefficients: correlation that also asks for equal means.

    `c = 2 mean((y_true - mean(y_pred)) (y_pred - mean(y_pred))) / (var(y_true) + var(y_pred) +
    (mean(y_true) - mean(y_pred))² + 1e-7)` along an axis, from -1 to 1.

    Args:
        name: Name; `None`: `"concordance_correlation"`.
        dtype: Element type; see `Metric`.
        axis: Axis along which vectors are compared.

    Input shape:
        Targets and predictions `(batch, …, n)`.

    Example:

    >>> metric = ConcordanceCorrelation()
    >>> round(float(metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])), 4)
    0.9816

    Source: Lin 1989, A Concordance Correlation Coefficient to Evaluate Reproducibility.
    """

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: str | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis)
