"""How often the right class is among the k best ones."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import bad_argument, check_int
from fastmlp.losses.rows import align, as_reals
from fastmlp.metrics.base import registry
from fastmlp.metrics.mean_metric_wrapper import MeanMetricWrapper
from fastmlp.ops.ranks import reshaped


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 for each row whose class is among the k largest predictions, else 0.

    Args:
        y_true: One-hot targets `(…, n)`.
        y_pred: Scores `(…, n)`; those that tie with the k-th are among them.
        k: How many.

    Returns:
        Values `(…)`.

    Example:

    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0], [0, 1, 0]], 2)
    array([0., 1.], dtype=float32)
    """
    where = "top_k_categorical_accuracy"
    y_true, y_pred = _rows(where, y_true, y_pred, "same")
    classes = ops.argmax(y_true, -1)
    return ops.cast(ops.in_top_k(classes, y_pred, _check_k(where, k)), y_pred.dtype)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 for each class number that is among those of the k largest predictions, else 0.

    Args:
        y_true: Class numbers `(…)` or `(…, 1)`.
        y_pred: Scores `(…, n)`; or class numbers `(…, n)`, the best one first.
        k: How many.
        from_sorted_ids: Whether predictions are class numbers.

    Returns:
        Values `(…)`.
    """
    where = "sparse_top_k_categorical_accuracy"
    y_true, y_pred = _rows(where, y_true, y_pred, "class")
    k = _check_k(where, k)
    if from_sorted_ids:
        if k > y_pred.shape[-1]:
            hint = "y_pred has too few class numbers"
            raise bad_argument(where, f"k up to {y_pred.shape[-1]}", "k", k, hint)
        return ops.cast(ops.any(ops.equal(y_true, y_pred[..., :k]), -1), y_pred.dtype)
    return ops.cast(ops.in_top_k(ops.squeeze(y_true, -1), y_pred, k), y_pred.dtype)


def _check_k(where: str, k: Any) -> int:
    return check_int(where, "k", k, low=1)


def _rows(where: str, y_true: Any, y_pred: Any, rule: str) -> tuple[Any, Any]:
    y_true, y_pred = as_reals(where, y_true, y_pred)
    t, p = align(where, tuple(y_true.shape), tuple(y_pred.shape), rule)
    return reshaped(y_true, t), reshaped(y_pred, p)


@registry.register
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of a one-hot target is among the k largest predictions.

    `result = Σ w · (rank of y_pred[argmax(y_true)] <= k) / Σ w`, where the largest has rank 1.

    Args:
        k: How many predictions are looked at. Default: 5.
        name: Name; `None`: `"top_k_categorical_accuracy"`.
        dtype: Element type; see `Metric`.

    Input shape:
        Targets and predictions `(batch, …, n)`.

    Raises:
        ValueError: If k is no whole number above 0.

    Example:

    >>> metric = TopKCategoricalAccuracy(k=1)
    >>> metric.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    >>> float(metric.result())
    0.5

    Source: Russakovsky et al., "ImageNet large scale visual recognition challenge", 2015.
    """

    direction = "max"
    by_batch = False

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: str | None = None,
    ) -> None:
        self.k = _check_k(type(self).__name__, k)
        super().__init__(top_k_categorical_accuracy, name, dtype, k=self.k)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "k": self.k}


@registry.register
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often a class number is among those of the k largest predictions.

    `result = Σ w · (rank of y_pred[y_true] <= k) / Σ w`, where the largest has rank 1.

    Args:
        k: How many predictions are looked at. Default: 5.
        name: Name; `None`: `"sparse_top_k_categorical_accuracy"`.
        dtype: Element type; see `Metric`.
        from_sorted_ids: Whether predictions are class numbers, the best one first, and not scores.

    Input shape:
        Class numbers `(batch, …)` or `(batch, …, 1)`, predictions `(batch, …, n)`.

    Raises:
        ValueError: If k is no whole number above 0.

    Example:

    >>> metric = SparseTopKCategoricalAccuracy(k=1)
    >>> float(metric([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    0.5

    Source: Russakovsky et al., "ImageNet large scale visual recognition challenge", 2015.
    """

    direction = "max"
    by_batch = False

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        self.k = _check_k(type(self).__name__, k)
        self.from_sorted_ids = bool(from_sorted_ids)
        super().__init__(
            sparse_top_k_categorical_accuracy,
            name,
            dtype,
            k=self.k,
            from_sorted_ids=self.from_sorted_ids,
        )

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "dtype": self.dtype, "k": self.k}
        return config | ({"from_sorted_ids": True} if self.from_sorted_ids else {})
