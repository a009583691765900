"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp._core import losses as native
from fastmlp.errors import check_number
from fastmlp.graph import Tensor
from fastmlp.losses.rows import as_reals, row_values, split
from fastmlp.metrics.base import registry
from fastmlp.metrics.reduction import RowMetric
from fastmlp.ops.ranks import of_one_rank


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 for each prediction on the right side of a threshold, else 0.

    Args:
        y_true: Targets, 0 or 1.
        y_pred: Predictions; those above the threshold count as 1.
        threshold: The threshold.

    Returns:
        Array of the predictions' shape.

    Example:

    >>> binary_accuracy([1, 1, 0], np.float32([0.9, 0.4, 0.1]))
    array([1., 0., 1.], dtype=float32)
    """
    kind = "binary_accuracy"
    if isinstance(y_true, Tensor) or isinstance(y_pred, Tensor):
        target, y = of_one_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        return ops.cast(ops.equal(target, ops.cast(y > threshold, y.dtype)), y.dtype)
    t, p, shape = split(kind, *as_reals(kind, y_true, y_pred))
    t = np.ascontiguousarray(np.broadcast_to(t, p.shape)).reshape(-1, 1)
    values = native.rows(kind, t, p.reshape(-1, 1), (float(threshold),))
    return values.reshape((*shape, p.shape[1]))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 for each row whose largest prediction is that of the largest target, else 0.

    Example:

    >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], np.float32([[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    array([0., 1.], dtype=float32)
    """
    return row_values("categorical_accuracy", y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 for each row whose largest prediction is that of the class `y_true`, else 0."""
    return row_values("sparse_categorical_accuracy", y_true, y_pred)


@registry.register
class Accuracy(RowMetric):
    """How often predictions equal targets.

    `result = Σ w · (y_pred = y_true) / Σ w`

    Example:

    >>> float(Accuracy()([[1], [2], [3], [4]], [[0], [2], [3], [4]]))
    0.75

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    kind = "accuracy"
    elementwise = True
    direction = "max"


@registry.register
class BinaryAccuracy(RowMetric):
    """How often predictions are on the right side of a threshold.

    `result = Σ w · ((y_pred > threshold) = y_true) / Σ w`

    Args:
        name: Name; `None`: `"binary_accuracy"`.
        dtype: Element type; see `Metric`.
        threshold: Predictions above it count as 1. Default: 0.5.

    Example:

    >>> metric = BinaryAccuracy()
    >>> metric.update_state([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]])
    >>> float(metric.result())
    0.75

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    kind = "binary_accuracy"
    elementwise = True
    direction = "max"
    config_names = ("threshold",)

    def __init__(
        self, name: str | None = None, dtype: str | None = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = check_number("BinaryAccuracy", "threshold", threshold)
        self.params = (self.threshold,)


@registry.register
class CategoricalAccuracy(RowMetric):
    """How often the largest prediction is that of the class, with one-hot targets.

    `result = Σ w · (argmax(y_pred) = argmax(y_true)) / Σ w`

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    kind = "categorical_accuracy"
    direction = "max"


@registry.register
class SparseCategoricalAccuracy(RowMetric):
    """How often the largest prediction is that of the class, with class numbers as targets.

    `result = Σ w · (argmax(y_pred) = y_true) / Σ w`

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    kind = "sparse_categorical_accuracy"
    direction = "max"
