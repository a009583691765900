"""Metrics of regression: the losses of the same names, averaged over all data."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.losses.axes import check_axis
from fastmlp.metrics.base import registry
from fastmlp.metrics.reduction import RowMetric


@registry.register("mse", "MSE")
class MeanSquaredError(RowMetric):
    """The mean of `(y_pred - y_true)²`.

    Args:
        name: Name; `None`: `"mean_squared_error"`.
        dtype: Element type; see `Metric`.

    Example:

    >>> metric = MeanSquaredError()
    >>> metric.update_state([[0, 1], [0, 0]], [[1, 1], [0, 0]], sample_weight=[1, 0])
    >>> float(metric.result())
    0.5

    Source: Bishop, "Pattern recognition and machine learning", 2006, section 3.1.1 (least squares).
    """

    kind = "mean_squared_error"
    direction = "min"


@registry.register("rmse", "RMSE")
class RootMeanSquaredError(RowMetric):
    """The root of the mean of `(y_pred - y_true)²`.

    Source: Hyndman, Koehler, "Another look at measures of forecast accuracy", 2006.
    """

    kind = "mean_squared_error"
    masked = False
    elementwise = True
    direction = "min"

    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: str | None = None
    ) -> None:
        super().__init__(name, dtype)

    def from_acc(self, acc: np.ndarray) -> Any:
        return np.sqrt(super().from_acc(acc))


@registry.register("mae", "MAE")
class MeanAbsoluteError(RowMetric):
    """The mean of `|y_pred - y_true|`.

    Source: Hastie, Tibshirani, Friedman, "The elements of statistical learning", 2009, section
    10.6.
    """

    kind = "mean_absolute_error"
    direction = "min"


@registry.register("mape", "MAPE")
class MeanAbsolutePercentageError(RowMetric):
    """The mean of `100 |y_pred - y_true| / max(|y_true|, 1e-7)`.

    Source: Hyndman, Koehler, "Another look at measures of forecast accuracy", 2006.
    """

    kind = "mean_absolute_percentage_error"
    direction = "min"


@registry.register("msle", "MSLE")
class MeanSquaredLogarithmicError(RowMetric):
    """The mean of `(log(1 + y_pred) - log(1 + y_true))²`.

    Source: Keras 3; scikit-learn's `mean_squared_log_error`.
    """

    kind = "mean_squared_logarithmic_error"
    direction = "min"


@registry.register
class LogCoshError(RowMetric):
    """The mean of `log(cosh(y_pred - y_true))`; its name is `"logcosh"`.

    Source: Keras 3's metric of that name.
    """

    kind = "log_cosh"
    direction = "min"

    def __init__(self, name: str | None = "logcosh", dtype: str | None = None) -> None:
        super().__init__(name, dtype)


@registry.register
class CosineSimilarity(RowMetric):
    """The cosine of the angle between targets and predictions; the loss of that name is minus it.

    `result = Σ w · (y_true · y_pred) / (‖y_true‖ ‖y_pred‖) / Σ w`

    Args:
        name: Name; `None`: `"cosine_similarity"`.
        dtype: Element type; see `Metric`.
        axis: Axis of the vectors.

    Source: Manning, Raghavan, Schütze, "Introduction to information retrieval", 2008, section 6.3.
    """

    kind = "cosine_similarity"
    direction = "max"

    def __init__(self, name: str | None = None, dtype: str | None = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = check_axis("CosineSimilarity", axis)

    def from_acc(self, acc: np.ndarray) -> Any:
        return -super().from_acc(acc)


registry.register_old("logcosh", "log_cosh_error")
registry.register_old("cosine_proximity", "cosine_similarity")
