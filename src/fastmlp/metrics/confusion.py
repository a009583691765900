"""Metrics of two classes that count: true and false positives and negatives, at thresholds.

The native op sorts predictions into buckets between thresholds, once; everything here follows from
the number of positive and of negative targets in each bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fastmlp import ops
from fastmlp._core import metrics as native
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.losses.base import match_weights
from fastmlp.losses.rows import as_real, as_reals, split
from fastmlp.metrics.base import Metric, divide_no_nan, registry
from fastmlp.variables import Variable

LARGE = 1e10
Prepare = Callable[[Any, Any], tuple[Any, Any]]


class Counts(NamedTuple):
    """Sums of weights at each threshold, `(..., T)`."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    true_negatives: np.ndarray
    false_negatives: np.ndarray


class ConfusionMetric(Metric):
    """Base class of metrics that are computed from counts at thresholds.

    Attributes:
        columns: Of how many columns of predictions counts are kept apart; 1: all count together.
        state: Names of the counts that `variables` shows.
    """

    op = "metric_confusion"
    by_batch = False
    columns: int = 1
    state: ClassVar[tuple[str, ...]] = (
        "true_positives", "false_positives", "true_negatives", "false_negatives",
    )  # fmt: skip

    @property
    def n_acc(self) -> int:
        return self.columns * 2 * (len(self.thresholds) + 1)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds predictions.

        Args:
            y_true: Targets: 0 is negative, everything else positive.
            y_pred: Predictions; above a threshold they count as positive there.
            sample_weight: A weight for each prediction, or for each of its leading axes; `None`:
                all 1.

        Raises:
            ValueError: If the shapes do not fit.
        """
        y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        self.see_shapes(y_true.shape, y_pred.shape)
        if self.prepare is not None:
            y_true, y_pred = map(np.ascontiguousarray, self.prepare(y_true, y_pred))
        t, p, shape = split("accuracy", y_true, y_pred)
        weights = None
        if sample_weight is not None:
            values = p.reshape((*shape, p.shape[1]) if shape else p.shape[1:])
            given = as_real(self.name, "sample_weight", sample_weight, p.dtype)
            if given.ndim == values.ndim + 1 and given.shape[-1] == 1:
                given = given[..., 0]
            if values.ndim == 2 and values.shape[1] > 1 and given.shape == (len(values), 1):
                given = given[:, 0]
            values, given = match_weights(self.name, values, given)
            weights = np.ascontiguousarray(np.broadcast_to(given, values.shape)).ravel()
            t = np.ascontiguousarray(np.broadcast_to(t, p.shape)).reshape(-1, 1)
            p = p.reshape(-1, 1)
        thresholds = np.array(self.thresholds)
        native.accumulate_confusion(self.acc, t, p, thresholds, weights, self.columns)

    def counts(self, acc: np.ndarray) -> Counts:
        """Counts at each threshold from the sums in each bucket.

        Bucket b has the predictions above exactly b thresholds, so those of the buckets after k are
        positive at threshold k.
        """
        buckets = len(self.thresholds) + 1
        positive, negative = acc[..., :buckets], acc[..., buckets:]
        return Counts(
            true_positives=_sums_after(positive),
            false_positives=_sums_after(negative),
            true_negatives=np.cumsum(negative, axis=-1)[..., :-1],
            false_negatives=np.cumsum(positive, axis=-1)[..., :-1],
        )

    @property
    def true_positives(self) -> np.ndarray:
        """Sums of weights so far, for each threshold in ascending order."""
        return self._so_far().true_positives

    @property
    def false_positives(self) -> np.ndarray:
        """As `true_positives`."""
        return self._so_far().false_positives

    @property
    def true_negatives(self) -> np.ndarray:
        """As `true_positives`."""
        return self._so_far().true_negatives

    @property
    def false_negatives(self) -> np.ndarray:
        """As `true_positives`."""
        return self._so_far().false_negatives

    def _native_variables(self) -> list[Variable]:
        """What Keras keeps of the sums in buckets; they can be read, not assigned to."""
        found = [Variable.around(np.atleast_1d(getattr(self, n)), n) for n in self.state]
        for variable in found:
            variable.value.flags.writeable = False
        return [self._named(variable) for variable in found]

    def _so_far(self) -> Counts:
        return self.counts(self.settled(self.acc))

    def settled(self, acc: np.ndarray) -> np.ndarray:
        """The sums in each bucket as they count."""
        return acc

    def clipped(self, acc: np.ndarray) -> np.ndarray:
        """Predictions outside of the thresholds count as on the first and the last: so in Keras.

        Where thresholds are even, it takes predictions outside of [0, 1] for 0 and 1.
        """
        acc = np.array(acc)
        sides = acc.reshape((*acc.shape[:-1], -1, len(self.thresholds) + 1))
        if self.thresholds[0] < 0:
            sides[..., 1] += sides[..., 0]
            sides[..., 0] = 0
        sides[..., -2] += sides[..., -1]
        sides[..., -1] = 0
        return acc


def _sums_after(buckets: np.ndarray) -> np.ndarray:
    return np.cumsum(buckets[..., ::-1], axis=-1)[..., -2::-1]


def check_class_id(where: str, class_id: Any) -> int | None:
    """Checks that it is a whole number, or `None`."""
    return None if class_id is None else check_int(where, "class_id", class_id, low=0)


def selected(where: str, y_true: Any, y_pred: Any, top_k: int | None, class_id: int | None) -> Any:
    """Targets and predictions, tensors or arrays, of which only some count."""
    n = int(y_pred.shape[-1])
    if top_k is not None:
        if top_k > n:
            raise bad_argument(
                where, f"top_k up to the {n} predictions of a sample", "top_k", top_k
            )
        among = ops.sum(ops.one_hot(ops.top_k(y_pred, top_k)[1], n), -2)
        y_pred = ops.where(among, y_pred, -LARGE)
    if class_id is not None:
        if len(y_pred.shape) < 2 or class_id >= n or tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(
                f"{where}: expected targets and predictions of shape (batch, …, classes), of at "
                f"least {class_id + 1} classes for class_id={class_id}. "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}."
            )
        y_true = y_true[..., class_id : class_id + 1]
        y_pred = y_pred[..., class_id : class_id + 1]
    return y_true, y_pred


def check_thresholds(where: str, thresholds: Any) -> list[float]:
    """Checks that thresholds are a number, or numbers, in [0, 1]."""
    given = [thresholds] if np.ndim(thresholds) == 0 else list(thresholds)
    if not given:
        raise bad_argument(where, "a threshold or more", "thresholds", thresholds)
    return [check_number(where, "thresholds", threshold, 0, 1) for threshold in given]


class _AtThresholds(ConfusionMetric):
    """Base class of metrics with one result for each threshold that the user gave."""

    default = 0.5  # of thresholds

    def __init__(self, thresholds: Any, name: str | None, dtype: str | None) -> None:
        super().__init__(dtype, name)
        given = [self.default]
        if thresholds is not None:
            given = check_thresholds(type(self).__name__, thresholds)
        single = np.ndim(thresholds) == 0
        self.init_thresholds = None if thresholds is None else given[0] if single else given
        self._order = np.argsort(given, kind="stable")
        self.thresholds = tuple(sorted(given))

    def from_acc(self, acc: np.ndarray) -> Any:
        values = self.from_counts(self.counts(acc))
        if len(self.thresholds) == 1:
            return values[..., 0]
        result = np.empty_like(values)
        result[..., self._order] = values
        return result

    def from_counts(self, counts: Counts) -> np.ndarray:
        """Returns the metric at each threshold."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.init_thresholds}


class _Count(_AtThresholds):
    state = ("accumulator",)

    @property
    def accumulator(self) -> np.ndarray:
        """The counts so far, one for each threshold."""
        return np.atleast_1d(self.from_acc(self.acc))

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(thresholds, name, dtype)


@registry.register
class TruePositives(_Count):
    """The number of positive targets predicted as positive, or the sum of their weights.

    `result = Σ w · y_true · (y_pred > threshold)`

    Args:
        thresholds: Number in [0, 1] or list of them; predictions above it count as positive.
            `None`: 0.5.
        name: Name; `None`: `"true_positives"`.
        dtype: Element type; see `Metric`.

    Example:

    >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    def from_counts(self, counts: Counts) -> np.ndarray:
        return counts.true_positives


@registry.register
class FalsePositives(_Count):
    """The number of negative targets predicted as positive; arguments as for `TruePositives`.

    `result = Σ w · (1 - y_true) · (y_pred > threshold)`

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    def from_counts(self, counts: Counts) -> np.ndarray:
        return counts.false_positives


@registry.register
class TrueNegatives(_Count):
    """The number of negative targets predicted as negative; arguments as for `TruePositives`.

    `result = Σ w · (1 - y_true) · (y_pred <= threshold)`

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    def from_counts(self, counts: Counts) -> np.ndarray:
        return counts.true_negatives


@registry.register
class FalseNegatives(_Count):
    """The number of positive targets predicted as negative; arguments as for `TruePositives`.

    `result = Σ w · y_true · (y_pred <= threshold)`

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    def from_counts(self, counts: Counts) -> np.ndarray:
        return counts.false_negatives


class _Rate(_AtThresholds):
    direction = "max"
    config_names = ("top_k", "class_id")

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.top_k = None if top_k is None else check_int(where, "top_k", top_k, low=1)
        self.class_id = check_class_id(where, class_id)
        self.default = 0.5 if top_k is None else -LARGE
        super().__init__(thresholds, name, dtype)

    @property
    def prepare(self) -> Prepare | None:  # type: ignore[override]
        """Predictions that are not among the largest count as -1e10; then a class is picked."""
        if self.top_k is None and self.class_id is None:
            return None
        return lambda t, p: selected(self.name, t, p, self.top_k, self.class_id)


@registry.register
class Precision(_Rate):
    """How many of the positive predictions are right: `true / (true + false positives)`, or 0.

    Args:
        thresholds: Number in [0, 1] or list of them; predictions above it count as positive.
            `None`: 0.5, or with `top_k` any.
        top_k: Only so many of the largest predictions of a sample may count as positive; without
            thresholds, they do. `None`: all may.
        class_id: Column of targets and predictions that alone counts; `None`: all.
        name: Name; `None`: `"precision"`.
        dtype: Element type; see `Metric`.

    Example:

    >>> metric = Precision()
    >>> metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
    >>> round(float(metric.result()), 4)
    0.6667

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    state = ("true_positives", "false_positives")

    def from_counts(self, counts: Counts) -> np.ndarray:
        predicted = counts.true_positives + counts.false_positives
        return np.asarray(divide_no_nan(counts.true_positives, predicted))


@registry.register
class Recall(_Rate):
    """How many of the positive targets are found: `true positives / positives`, or 0.

    Args:
        thresholds: Number in [0, 1] or list of them; predictions above it count as positive.
            `None`: 0.5, or with `top_k` any.
        top_k: Only so many of the largest predictions of a sample may count as positive; without
            thresholds, they do. `None`: all may.
        class_id: Column of targets and predictions that alone counts; `None`: all.
        name: Name; `None`: `"recall"`.
        dtype: Element type; see `Metric`.

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    state = ("true_positives", "false_negatives")

    def from_counts(self, counts: Counts) -> np.ndarray:
        positives = counts.true_positives + counts.false_negatives
        return np.asarray(divide_no_nan(counts.true_positives, positives))
