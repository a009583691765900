"""From accumulators to logs."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._core.logs import Logs
from fastmlp.metrics.reduction import Mean, RowMetric
from fastmlp.runtime import Executable

if TYPE_CHECKING:
    from fastmlp.training.compiled import Compiled

_MEANS = (Mean.from_acc, RowMetric.from_acc)


class LogReader:
    """Turns rows of accumulators into logs.

    Args:
        executable: Whose accumulators they are.
        prefix: `'val_'` or nothing.

    Attributes:
        order: Log keys behind the loss, as `evaluate` lists them: losses, then metrics.
        resolved: The metrics, by log keys without the prefix.
        native: Makes the logs of one row.
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
        self.resolved = [
            (t.name, getattr(t.metric, "metric", t.metric)) for t in terms if t.kind == "metric"
        ]
        self._loss = prefix + "loss"
        self.width = executable.program.n_out
        entries: list[tuple[str, str, int, int, Any]] = [(self._loss, "loss", 0, 0, None)]
        entries += [(name, "share", start, 1, None) for name, start in self._each]
        for name, start, metric in self._metrics:
            kind = "mean" if type(metric).from_acc in _MEANS else "other"
            entries.append((name, kind, start, metric.n_acc, metric))
        self.native = Logs(sorted(entries, key=itemgetter(0)), self._terms, self._count, prefix)
        self._prefix = prefix

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
            values = metric.from_acc(rows[:, start : start + metric.n_acc])
            if isinstance(values, dict):
                found |= {self._prefix + key: column for key, column in values.items()}
            else:
                found[name] = values
        return dict(sorted(found.items()))

    def logs(self, row: Sequence[float] | np.ndarray) -> dict[str, Any]:
        """The same for one row, as floats; as arrays where a metric's result is one."""
        return self.native.of(row)

    def _loss_sums(self, row: np.ndarray) -> list[tuple[str, float, float]]:
        """Of each loss its name without a prefix, the sum over samples and their number."""
        count = row[self._count]
        found = [(self._loss, sum(row[start] * factor for start, factor in self._terms))]
        found += [(name, row[start]) for name, start in self._each]
        return [(name.removeprefix(self._prefix), total, count) for name, total in found]

    def keep(self, row: np.ndarray, compiled: Compiled | None) -> None:
        """Leaves the sums of a pass with its metrics: `metric.result()` then is what was logged."""
        for _, start, metric in self._metrics:
            metric.keep(row[start : start + metric.n_acc])
        if compiled is not None:
            compiled.resolved, compiled.keyed = self.resolved, []
            for name, total, count in self._loss_sums(row):
                compiled.mean(name).keep(np.array([total, count]))

    def keep_natively(self, compiled: Compiled) -> None:
        """Has `native` leave the sums there; metrics whose state is variables set it where logs are read."""
        names = [self._loss, *(name for name, _ in self._each)]
        places: list[tuple[str, Any]] = [
            (name, compiled.mean(name.removeprefix(self._prefix)).acc) for name in names
        ]
        places += [(name, getattr(metric, "acc", None)) for name, _, metric in self._metrics]
        self.native.keep_in([place for _, place in sorted(places, key=itemgetter(0))])

    def add(self, row: np.ndarray, compiled: Compiled) -> None:
        """Adds the sums of one step to the means of losses, and to those noted in a `compute_loss`."""
        for name, total, count in self._loss_sums(row):
            compiled.mean(name).acc[:] += total, count
        for _, start, metric in self._metrics:
            metric.acc[:] += row[start : start + metric.n_acc]

    def result(self, row: Sequence[float] | np.ndarray, return_dict: bool) -> Any:
        """What `evaluate` returns: the loss, a list that begins with it, or a dict."""
        if not self.order and not return_dict:
            return self.native.loss_of(row)
        logs = self.logs(row)
        if return_dict:
            return logs
        listed = [self._loss, *(name for name in self.order if name in logs)]
        return [logs[name] for name in listed] + [
            value for name, value in logs.items() if name not in listed
        ]
