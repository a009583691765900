"""The best of one rate where another is high enough, over all thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.errors import check_int, check_number
from fastmlp.metrics.base import divide_no_nan, registry
from fastmlp.metrics.confusion import ConfusionMetric, Counts, Prepare, check_class_id, selected


class _AtRate(ConfusionMetric):
    """Base class: the largest `wanted` rate at thresholds where the `given` rate is high enough."""

    direction = "max"
    given = wanted = ""

    def __init__(
        self,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: str | None,
    ) -> None:
        where = type(self).__name__
        self.value = check_number(where, self.given, value, 0, 1)
        self.num_thresholds = check_int(where, "num_thresholds", num_thresholds, low=1)
        self.class_id = check_class_id(where, class_id)
        setattr(self, self.given, self.value)
        super().__init__(dtype, name)
        if self.num_thresholds == 1:
            self.thresholds = (0.5,)
        else:
            self.thresholds = tuple(np.arange(self.num_thresholds) / (self.num_thresholds - 1))

    @property
    def prepare(self) -> Prepare | None:  # type: ignore[override]
        """A class is picked."""
        if self.class_id is None:
            return None
        return lambda t, p: selected(self.name, t, p, None, self.class_id)

    def settled(self, acc: np.ndarray) -> np.ndarray:
        return self.clipped(acc) if self.num_thresholds > 1 else acc

    def from_acc(self, acc: np.ndarray) -> Any:
        counts = self.counts(self.settled(acc))
        given, wanted = (_RATES[rate](counts) for rate in (self.given, self.wanted))
        return np.max(np.where(given >= self.value, wanted, 0), axis=-1, initial=0)


def _recall(c: Counts) -> Any:
    return divide_no_nan(c.true_positives, c.true_positives + c.false_negatives)


def _specificity(c: Counts) -> Any:
    return divide_no_nan(c.true_negatives, c.true_negatives + c.false_positives)


def _precision(c: Counts) -> Any:
    return divide_no_nan(c.true_positives, c.true_positives + c.false_positives)


_RATES = {
    "recall": _recall,
    "sensitivity": _recall,
    "specificity": _specificity,
    "precision": _precision,
}


@registry.register
class SensitivityAtSpecificity(_AtRate):
    """The largest sensitivity at thresholds where specificity is high enough, or 0.

    Sensitivity is `TP / (TP + FN)`, specificity `TN / (TN + FP)`.

    Args:
        specificity: What is high enough, a number in [0, 1].
        num_thresholds: Number of thresholds, >= 1, evenly spaced from 0 to 1; one alone is 0.5.
        class_id: Column of targets and predictions that alone counts; `None`: all.
        name: Name; `None`: `"sensitivity_at_specificity"`.
        dtype: Element type; see `Metric`.

    Input shape:
        Targets and predictions `(batch, …, n)`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> metric = SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5

    Source: https://en.wikipedia.org/wiki/Sensitivity_and_specificity
    """

    given, wanted = "specificity", "sensitivity"
    config_names = ("specificity", "num_thresholds", "class_id")

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


@registry.register
class SpecificityAtSensitivity(_AtRate):
    """The largest specificity at thresholds where sensitivity is high enough, or 0.

    Sensitivity is `TP / (TP + FN)`, specificity `TN / (TN + FP)`.

    Args:
        sensitivity: What is high enough, a number in [0, 1].
        num_thresholds: Number of thresholds; see `SensitivityAtSpecificity`.
        class_id: Column of targets and predictions that alone counts; `None`: all.
        name: Name; `None`: `"specificity_at_sensitivity"`.
        dtype: Element type; see `Metric`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> metric = SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """

    given, wanted = "sensitivity", "specificity"
    config_names = ("sensitivity", "num_thresholds", "class_id")

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


@registry.register
class PrecisionAtRecall(_AtRate):
    """The largest precision at thresholds where recall is high enough, or 0.

    Precision is `TP / (TP + FP)`, recall `TP / (TP + FN)`.

    Args:
        recall: What is high enough, a number in [0, 1].
        num_thresholds: Number of thresholds; see `SensitivityAtSpecificity`.
        class_id: Column of targets and predictions that alone counts; `None`: all.
        name: Name; `None`: `"precision_at_recall"`.
        dtype: Element type; see `Metric`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5

    Source: Eban et al., "Scalable learning of non-decomposable objectives", 2017.
    """

    given, wanted = "recall", "precision"
    config_names = ("recall", "num_thresholds", "class_id")

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


@registry.register
class RecallAtPrecision(_AtRate):
    """The largest recall at thresholds where precision is high enough, or 0.

    Precision is `TP / (TP + FP)`, recall `TP / (TP + FN)`.

    Args:
        precision: What is high enough, a number in [0, 1].
        num_thresholds: Number of thresholds; see `SensitivityAtSpecificity`.
        class_id: Column of targets and predictions that alone counts; `None`: all.
        name: Name; `None`: `"recall_at_precision"`.
        dtype: Element type; see `Metric`.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> float(RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5

    Source: Eban et al., "Scalable learning of non-decomposable objectives", 2017.
    """

    given, wanted = "precision", "recall"
    config_names = ("precision", "num_thresholds", "class_id")

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
