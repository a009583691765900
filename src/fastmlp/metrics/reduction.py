"""Metrics that are means: of values, or of a native function of each row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastmlp._core import metrics as native
from fastmlp.graph import Tensor
from fastmlp.losses.axes import classes_last
from fastmlp.losses.base import match_weights
from fastmlp.losses.rows import as_real, as_reals, split
from fastmlp.metrics.base import Metric, divide_no_nan, registry
from fastmlp.metrics.tracking import note

if TYPE_CHECKING:
    import numpy.typing as npt


def sample_weights(
    metric: Metric, shape: tuple[int, ...], weights: npt.ArrayLike | None, dtype: npt.DTypeLike
) -> np.ndarray:
    """Returns weights of values of this shape, such that those of one sample add up to its own.

    As in Keras, a sample's value is the mean over the axes behind the first one.
    """
    values = np.broadcast_to(np.zeros((), dtype), shape)
    given = as_real(metric.name, "sample_weight", 1.0 if weights is None else weights, dtype)
    values, given = match_weights(metric.name, values, given)
    inner = math.prod(values.shape[1:])
    return np.ascontiguousarray(np.broadcast_to(given / max(inner, 1), values.shape), dtype)


class _Mean(Metric):
    state = ("total", "count")

    @property
    def total(self) -> float:
        """The sum of weights times values, so far."""
        return float(self.acc[0])

    @property
    def count(self) -> float:
        """The sum of weights, so far."""
        return float(self.acc[1])


@registry.register
class Mean(_Mean):
    """The weighted mean of values.

    `result = Σ w · v / Σ w`

    Example:

    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0, 5.0, 7.0])
    >>> float(mean.result())
    4.0

    Source: The weighted arithmetic mean.
    """

    op = ""

    def __init__(self, name: str | None = "mean", dtype: str | None = None) -> None:
        super().__init__(dtype, name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: Numbers; of more than one axis, those of a sample are averaged first. Within a
                model's `compute_loss` a symbolic tensor, of which the logs then have the mean.
            sample_weight: A weight for each value, or for each of its leading axes; `None`: 1.

        Raises:
            ValueError: If the weights do not fit.
        """
        if isinstance(values, Tensor):
            note(self, values, sample_weight)
            return
        values = as_real(self.name, "values", values, self.dtype or "float64")
        weights = sample_weights(self, values.shape, sample_weight, values.dtype)
        self.acc[:] += (values.reshape(weights.shape) * weights).sum(), weights.sum()

    def from_acc(self, acc: np.ndarray) -> Any:
        return divide_no_nan(acc[..., 0], acc[..., 1])


@registry.register
class Sum(Metric):
    """The weighted sum of values.

    `result = Σ w · v`

    Source: The weighted sum.
    """

    op = ""
    state = ("total",)

    def __init__(self, name: str | None = "sum", dtype: str | None = None) -> None:
        super().__init__(dtype, name)

    @property
    def n_acc(self) -> int:
        return 1

    @property
    def total(self) -> float:
        """The sum so far."""
        return float(self.acc[0])

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: Numbers.
            sample_weight: A weight for each value, or for each of its leading axes; `None`: 1.

        Raises:
            ValueError: If the weights do not fit.
        """
        values = as_real(self.name, "values", values, self.dtype or "float64")
        if sample_weight is not None:
            weights = as_real(self.name, "sample_weight", sample_weight, values.dtype)
            values, weights = match_weights(self.name, values, weights)
            values = values * weights
        self.acc[0] += values.sum(dtype=np.float64)


class RowMetric(_Mean):
    """Base class: the weighted mean of a native function of each row.

    Attributes:
        axis: Axis of a row.
        elementwise: Whether the function of a row is a mean over its elements, so that elements may
            have weights of their own.
    """

    op = "metric_mean"
    masked = True
    by_batch = False
    elementwise: ClassVar[bool] = False
    axis: int = -1

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(dtype, self.kind if name is None else name)

    @property
    def prepare(self) -> Callable[[Any, Any], tuple[Any, Any]] | None:  # type: ignore[override]
        """An axis is moved to the end."""
        if self.axis == -1:
            return None
        sparse = self.kind.startswith("sparse")
        return lambda t, p: classes_last(self.name, t, p, self.axis, sparse)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds predictions.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: A weight for each row, or for each of its leading axes; `None`: all 1.

        Raises:
            ValueError: If the shapes do not fit.
        """
        y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        if self.prepare is not None:
            y_true, y_pred = map(np.ascontiguousarray, self.prepare(y_true, y_pred))
        t, p, shape = split(self.kind, y_true, y_pred)
        if self.elementwise and (not shape or np.ndim(sample_weight) > len(shape)):
            shape = (*shape, p.shape[1]) if shape or p.shape[1] else (0,)
            t = np.ascontiguousarray(np.broadcast_to(t, p.shape)).reshape(-1, 1)
            p = p.reshape(-1, 1)
        weights = None
        if sample_weight is not None or len(shape) > 1:
            weights = sample_weights(self, shape, sample_weight, p.dtype).ravel()
        native.accumulate_mean(self.acc, self.kind, t, p, weights, self.params)

    def from_acc(self, acc: np.ndarray) -> Any:
        return divide_no_nan(acc[..., 0], acc[..., 1])
