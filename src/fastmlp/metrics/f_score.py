"""F-scores: the harmonic mean of precision and recall, for one class, each class, or all."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from fastmlp import config, ops
from fastmlp.errors import bad_argument, check_number
from fastmlp.metrics.base import registry
from fastmlp.metrics.columns import ColumnSums
from fastmlp.variables import Variable

_AVERAGES = (None, "micro", "macro", "weighted")


@registry.register
class FBetaScore(ColumnSums):
    """The weighted harmonic mean of precision and recall, from 0 to 1.

    `(1 + beta²) · precision · recall / (beta² · precision + recall)` with `precision = TP / (TP + FP)`
    and `recall = TP / (TP + FN)`.

    Args:
        average: What becomes of the scores of classes. `None`: an array with the score of each.
            `"macro"`: their mean. `"weighted"`: their mean, weighted by the numbers of positive
            targets. `"micro"`: one score, of the counts of all classes together.
        beta: How much more recall counts than precision, > 0.
        threshold: Predictions above it count as positive, a number in (0, 1]; `None`: the largest one
            of a sample does, unless it is 0.
        name: Name; `None`: `"fbeta_score"`.
        dtype: Element type; see `Metric`.

    Input shape:
        Targets of 0 and 1 and predictions `(batch, classes)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> metric.update_state(
    ...     [[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    ... )
    >>> metric.result().round(4)
    array([0.3846, 0.9091, 0.8333])

    Source: https://en.wikipedia.org/wiki/F-score
    """

    direction = "max"
    config_names: ClassVar[tuple[str, ...]] = ("average", "beta", "threshold")
    sums = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        where = type(self).__name__
        if average not in _AVERAGES:
            words = ", ".join(map(repr, _AVERAGES))
            raise bad_argument(where, f"average to be one of {words}", "average", average)
        self.average = average
        self.beta = check_number(where, "beta", beta, 0, above=True)
        self.threshold = threshold
        if threshold is not None:
            self.threshold = check_number(where, "threshold", threshold, 0, 1, above=True)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds predictions.

        Args:
            y_true: Targets `(batch, classes)`.
            y_pred: Predictions `(batch, classes)`.
            sample_weight: A weight for each sample; `None`: all 1.

        Raises:
            ValueError: If the shapes do not fit.
        """
        y_true, y_pred, weight = self.columns_of(y_true, y_pred, sample_weight)
        if self.threshold is None:
            largest = y_pred >= ops.max(y_pred, -1, keepdims=True)
            positive = ops.logical_and(largest, ops.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        positive = ops.cast(positive, y_pred.dtype)
        self.add(self.true_positives, positive * y_true, weight)
        self.add(self.false_positives, positive * (1 - y_true), weight)
        self.add(self.false_negatives, (1 - positive) * y_true, weight)
        self.add(self.intermediate_weights, y_true, weight)

    def result(self) -> Any:
        """Returns the score of all data since the last reset: a number, or an array of classes."""
        if not self._variables:
            return 0.0
        tp, fp, fn, support = (v.value for v in self._variables)
        if self.average == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        epsilon = config.epsilon()
        precision, recall = tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)
        square = self.beta**2
        score = (1 + square) * precision * recall / (square * precision + recall + epsilon)
        if self.average == "weighted":
            return np.sum(score * support / (support.sum() + epsilon))
        return score if self.average is None else np.mean(score)


@registry.register
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: `2 · precision · recall / (precision + recall)`.

    Args:
        average: What becomes of the scores of classes: `None`, `"macro"`, `"weighted"` or `"micro"`;
            see `FBetaScore`.
        threshold: Predictions above it count as positive; `None`: the largest one of a sample does.
        name: Name; `None`: `"f1_score"`.
        dtype: Element type; see `Metric`.

    Input shape:
        Targets of 0 and 1 and predictions `(batch, classes)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> metric = F1Score(threshold=0.5)
    >>> metric.update_state(
    ...     [[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    ... )
    >>> metric.result().round(4)
    array([0.5   , 0.8   , 0.6667])

    Source: van Rijsbergen, "Information retrieval", 1979, chapter 7.
    """

    config_names = ("average", "threshold")

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
