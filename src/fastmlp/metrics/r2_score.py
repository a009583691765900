"""The coefficient of determination."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, check_int, warn_user
from fastmlp.metrics.base import registry
from fastmlp.metrics.columns import ColumnSums
from fastmlp.variables import Variable

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


@registry.register
class R2Score(ColumnSums):
    """How much of the targets' variance predictions explain: 1 all, 0 as much as their mean does.

    `R² = 1 - Σ (y_true - y_pred)² / Σ (y_true - mean(y_true))²`, below 0 for predictions that are worse
    than the mean.

    Args:
        class_aggregation: What becomes of the scores of outputs. `"uniform_average"`: their mean.
            `"variance_weighted_average"`: their mean, weighted by the targets' variance. `None`: an
            array with the score of each.
        num_regressors: With p > 0 the adjusted score `1 - (1 - R²) (n - 1) / (n - p - 1)` of n
            targets: a model of p inputs that mean nothing scores 0.
        name: Name; `None`: `"r2_score"`.
        dtype: Element type; see `Metric`.

    Input shape:
        Targets and predictions `(batch, outputs)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> metric = R2Score()
    >>> round(float(metric([[1], [4], [3]], [[2], [4], [4]])), 4)
    0.5714

    Source: https://en.wikipedia.org/wiki/Coefficient_of_determination
    """

    direction = "max"
    config_names = ("class_aggregation", "num_regressors")
    sums = ("squared_sum", "sum", "total_mse", "count", "num_samples")
    squared_sum: Variable
    sum: Variable
    total_mse: Variable
    count: Variable
    num_samples: Variable

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in _AGGREGATIONS:
            expected = f"class_aggregation to be one of {', '.join(map(repr, _AGGREGATIONS))}"
            raise bad_argument("R2Score", expected, "class_aggregation", class_aggregation)
        self.class_aggregation = class_aggregation
        self.num_regressors = check_int("R2Score", "num_regressors", num_regressors, low=0)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds predictions.

        Args:
            y_true: Targets `(batch, outputs)`.
            y_pred: Predictions `(batch, outputs)`.
            sample_weight: A weight for each sample, or each target; `None`: all 1.

        Raises:
            ValueError: If the shapes do not fit.
        """
        y_true, y_pred, weight = self.columns_of(y_true, y_pred, sample_weight)
        ones = ops.ones_like(y_true)
        self.add(self.squared_sum, ops.square(y_true), weight)
        self.add(self.sum, y_true, weight)
        self.add(self.total_mse, ops.square(y_true - y_pred), weight)
        self.add(self.count, ones, weight)
        self.add(self.num_samples, ones, None)

    def result(self) -> Any:
        """Returns the score of all data since the last reset; NaN if there are none."""
        if not self._variables:
            return np.nan
        squares, total, residual, count, samples = (v.value for v in self._variables)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = squares - total * (total / count)
            scores = 1 - residual / spread
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation == "uniform_average":
                scores = np.mean(scores)
            elif self.class_aggregation == "variance_weighted_average":
                scores = np.sum(spread * scores) / np.sum(spread)
            return self._adjusted(scores, samples.sum())

    def _adjusted(self, score: Any, n: float) -> Any:
        p = self.num_regressors
        if not p:
            return score
        if p >= n - 1:
            warn_user(
                f"R2Score: expected more than {p + 1} targets for num_regressors={p}. "
                f"Received: {n:.0f}. The score is not adjusted."
            )
            return score
        return 1 - (1 - score) * (n - 1) / (n - p - 1)
