"""The area under a curve of two rates, over all thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import config
from fastmlp.errors import bad_argument, check_choice, check_int, check_number
from fastmlp.metrics.base import divide_no_nan, registry
from fastmlp.metrics.confusion import ConfusionMetric, Counts, check_thresholds

_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = ("interpolation", "minoring", "majoring")


@registry.register
class AUC(ConfusionMetric):
    """The area under the ROC or precision-recall curve, as a Riemann sum over thresholds.

    By default `result = Σ_i (x_i - x_{i+1}) · (y_i + y_{i+1}) / 2` over rising thresholds, where x is
    the false and y the true positive rate, or x recall and y precision.

    Args:
        num_thresholds: Number of thresholds, > 1, evenly spaced from 0 to 1. Default: 200.
        curve: `"ROC"`, true over false positive rate; `"PR"`, precision over recall; or
            `"PRGAIN"`, precision gain over recall gain.
        summation_method: Height of a strip: `"interpolation"`, the mean of both sides (with
            `"PR"`, by the formula of Davis & Goadrich 2006); `"minoring"`, the lower side;
            `"majoring"`, the higher one.
        name: Name; `None`: `"auc"`.
        dtype: Element type; see `Metric`.
        thresholds: Numbers in [0, 1], used instead of `num_thresholds`; 0 and 1 are added.
        multi_label: Whether each label, a column of targets and predictions, has an area of its own,
            and the result is their mean. Otherwise all predictions are those of one label.
        num_labels: Number of labels, for `multi_label` only; `None`: as the data have.
        label_weights: A weight >= 0 for each label: with `multi_label` of its area in the mean, else
            of its predictions. `None`: all 1.
        from_logits: Whether predictions are logits; their sigmoid is what is compared.

    Attributes:
        thresholds: What predictions are compared with: from just below 0 to just above 1; of
            logits, the logits of that, from -inf to inf.

    Raises:
        ValueError: If an argument is outside of its range or not supported.

    Example:

    >>> metric = AUC(num_thresholds=3)
    >>> metric.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    >>> float(metric.result())
    0.75

    Source: Fawcett, "An introduction to ROC analysis", 2006; Davis, Goadrich, "The relationship
    between precision-recall and ROC curves", 2006 (interpolation).
    """

    direction = "max"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.multi_label = bool(multi_label)
        self.num_labels = None
        if num_labels is not None:
            self.num_labels = check_int("AUC", "num_labels", num_labels, low=1)
            if not multi_label:
                raise bad_argument(
                    "AUC",
                    "no num_labels",
                    "num_labels",
                    num_labels,
                    "it goes with multi_label=True",
                )
            self.columns = self.num_labels
        self.label_weights = None
        if label_weights is not None:
            given = np.ravel(np.asarray(label_weights))
            self.label_weights = [check_number("AUC", "label_weights", w, 0) for w in given]
            self.columns = len(self.label_weights)
            if num_labels not in (None, self.columns):
                expected = f"label_weights for {num_labels} labels"
                raise bad_argument("AUC", expected, "label_weights", label_weights)
        if isinstance(curve, str):
            curve = curve.upper() if curve.islower() else curve
        if isinstance(summation_method, str):
            summation_method = summation_method[:1].lower() + summation_method[1:]
        self.curve = check_choice("AUC", "curve", curve, _CURVES)
        self.summation_method = check_choice(
            "AUC", "summation_method", summation_method, _SUMMATIONS
        )
        self.from_logits = bool(from_logits)
        self._given = thresholds is not None
        if thresholds is None:
            self.num_thresholds = check_int("AUC", "num_thresholds", num_thresholds, low=2)
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        else:
            inner = sorted(check_thresholds("AUC", [*thresholds]))
            self.num_thresholds = len(inner) + 2
        self._even = np.allclose(
            [0, *inner, 1], np.linspace(0, 1, self.num_thresholds), atol=config.epsilon()
        )
        self._inner = inner
        if from_logits:
            self.thresholds = (-math.inf, *map(_logit, inner), math.inf)
        else:
            self.thresholds = (-config.epsilon(), *inner, 1 + config.epsilon())

    def get_config(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        if self._given:
            arguments["thresholds"] = self._inner
        return super().get_config() | arguments

    def see_shapes(self, y_true: Sequence[int | None], y_pred: Sequence[int | None]) -> None:
        """With labels, predictions must have a column for each."""
        if not self.multi_label and self.label_weights is None:
            return
        n = y_pred[-1] if len(y_pred) > 1 else None
        known = self.num_labels or (self.label_weights and len(self.label_weights))
        adds = (
            self._acc is not None and self._acc.any() and y_pred[:1] != (None,)
        )  # a plan begins with new sums
        known = known or (self.columns if adds else None)
        fits = n is not None and len(y_true) == len(y_pred) and n == (known or n)
        if not fits or (self.multi_label and len(y_pred) != 2):
            raise ValueError(
                f"{self.name}: expected targets and predictions of shape "
                f"(batch, {known or 'labels'}). "
                f"Received: y_true.shape={tuple(y_true)}, y_pred.shape={tuple(y_pred)}."
            )
        self.columns = int(n or 1)

    def settled(self, acc: np.ndarray) -> np.ndarray:
        return self.clipped(acc) if self._even else acc

    def _so_far(self) -> Counts:
        """Counts `(thresholds, labels)` with `multi_label`, else `(thresholds,)` of all labels, weighted."""
        acc = self.settled(self.acc).reshape(self.columns, -1)
        if self.multi_label:
            return Counts(*(count.T for count in self.counts(acc)))
        weights = np.ones(self.columns) if self.label_weights is None else self.label_weights
        return self.counts(np.asarray(weights) @ acc)

    def from_acc(self, acc: np.ndarray) -> Any:
        acc = self.settled(acc)
        if self.columns > 1:
            acc = acc.reshape((*acc.shape[:-1], self.columns, -1))
            weights = np.ones(self.columns) if self.label_weights is None else self.label_weights
            if self.multi_label:
                return divide_no_nan(self._area(acc) @ weights, np.sum(weights))
            acc = np.einsum("...lb,l->...b", acc, weights)
        return self._area(acc)

    def _area(self, acc: np.ndarray) -> Any:
        counts = self.counts(acc)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_pr(counts)
        x, y = _CURVE_OF[self.curve](counts)
        left, right = y[..., :-1], y[..., 1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2
        elif self.summation_method == "minoring":
            heights = np.minimum(left, right)
        else:
            heights = np.maximum(left, right)
        return np.sum((x[..., :-1] - x[..., 1:]) * heights, axis=-1)


def _logit(p: float) -> float:
    if p in (0, 1):
        return math.inf if p else -math.inf
    return math.log(p) - math.log1p(-p)


def _roc(c: Counts) -> tuple[Any, Any]:
    x = divide_no_nan(c.false_positives, c.false_positives + c.true_negatives)
    return x, divide_no_nan(c.true_positives, c.true_positives + c.false_negatives)


def _precision_recall(c: Counts) -> tuple[Any, Any]:
    x = divide_no_nan(c.true_positives, c.true_positives + c.false_negatives)
    return x, divide_no_nan(c.true_positives, c.true_positives + c.false_positives)


def _gains(c: Counts) -> tuple[Any, Any]:
    """Flach & Kull 2015, Precision-Recall-Gain curves."""
    positives = c.true_positives + c.false_negatives
    scale = divide_no_nan(positives, c.true_negatives + c.false_positives)
    recall = 1 - scale * divide_no_nan(c.false_negatives, c.true_positives)
    precision = 1 - scale * divide_no_nan(c.false_positives, c.true_positives)
    none = c.true_positives == 0
    return np.maximum(np.where(none, 0, recall), 0), np.where(none, 1, precision)


_CURVE_OF = {"ROC": _roc, "PR": _precision_recall, "PRGAIN": _gains}


def _interpolated_pr(c: Counts) -> Any:
    """Davis & Goadrich 2006: between thresholds, false positives grow linearly with true ones."""
    true, predicted = c.true_positives, c.true_positives + c.false_positives
    d_true = true[..., :-1] - true[..., 1:]
    slope = divide_no_nan(d_true, np.maximum(predicted[..., :-1] - predicted[..., 1:], 0))
    intercept = true[..., 1:] - slope * predicted[..., 1:]
    both = (predicted[..., :-1] > 0) & (predicted[..., 1:] > 0)
    ratio = np.where(both, divide_no_nan(predicted[..., :-1], predicted[..., 1:]), 1)
    positives = true[..., 1:] + c.false_negatives[..., 1:]
    strips = divide_no_nan(slope * (d_true + intercept * np.log(ratio)), positives)
    return np.sum(strips, axis=-1)
