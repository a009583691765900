"""From accumulators to logs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.metrics.reduction import Mean, RowMetric
from fastmlp.runtime import Executable

_MEANS = (Mean.from_acc, RowMetric.from_acc)


class LogReader:
    """Turns rows of accumulators into logs.

    Args:
        executable: Whose accumulators they are.
        prefix: `'val_'` or nothing.

    Attributes:
        order: Log keys behind the loss, as `evaluate` lists them: losses, then metrics.
    """

    def __init__(self, executable: Executable, prefix: str = "") -> None:
        terms, offsets = executable.plan.terms, executable.sums
        losses = [t for t in terms if t.kind == "loss"]
        parts = [t for t in terms if t.kind in ("loss", "penalty")]
        self._terms = [(offsets[t.op], t.factor) for t in parts]
        self._count = offsets[losses[0].op] + 1
        self._each = [(f"{prefix}{t.name}_loss", offsets[t.op]) for t in losses]
        if len(losses) == 1:
            self._each = []
        self.order = [name for name, _ in self._each]
        self.order += [prefix + t.name for t in terms if t.kind == "metric"]
        self._metrics = [
            (prefix + t.name, offsets[t.op], t.metric) for t in terms if t.kind == "metric"
        ]
        self._loss = prefix + "loss"
        self.width = executable.program.n_out

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """One array for each log key, sorted by name as in Keras.

        Args:
            rows: `(epochs, width)`.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            count = rows[:, self._count]
            total = np.zeros(len(rows))
            for start, factor in self._terms:  # one after the other, as `logs` adds them up
                total += rows[:, start] * factor
            found = {self._loss: total / count}
            found |= {name: rows[:, start] / count for name, start in self._each}
        for name, start, metric in self._metrics:
            found[name] = metric.from_acc(rows[:, start : start + metric.n_acc])
        return dict(sorted(found.items()))

    def logs(self, row: Sequence[float] | np.ndarray) -> dict[str, float]:
        """The same for one row, as floats."""
        row = row.tolist() if isinstance(row, np.ndarray) else row
        found = {self._loss: self._loss_of(row)}
        for name, start in self._each:
            found[name] = _ratio(row[start], row[self._count])
        for name, start, metric in self._metrics:
            found[name] = _metric(metric, row[start : start + metric.n_acc])
        return dict(sorted(found.items()))

    def _loss_of(self, row: Sequence[float]) -> float:
        total = 0.0
        for start, factor in self._terms:
            total += row[start] * factor
        return _ratio(total, row[self._count])

    def result(self, row: Sequence[float] | np.ndarray, return_dict: bool) -> Any:
        """What `evaluate` returns: the loss, a list that begins with it, or a dict."""
        row = row.tolist() if isinstance(row, np.ndarray) else row
        if not self.order and not return_dict:
            return self._loss_of(row)
        logs = self.logs(row)
        return logs if return_dict else [logs[self._loss], *(logs[name] for name in self.order)]


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0 or a != a else math.copysign(math.inf, a)


def _metric(metric: Any, acc: Sequence[float]) -> float:
    """`from_acc` for one row; means, which most metrics are, without NumPy."""
    if type(metric).from_acc in _MEANS:
        return acc[0] / acc[1] if acc[1] else 0.0
    return float(metric.from_acc(np.array(acc)))


def without_prefix(logs: dict[str, float]) -> dict[str, float]:
    """The logs of a validation as callbacks see them in its hooks."""
    return {name.removeprefix("val_"): value for name, value in logs.items()}
