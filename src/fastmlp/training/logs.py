"""From accumulators to logs."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.runtime import Executable


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
        self._sums = [offsets[t.op] for t in parts]
        self._factors = np.array([t.factor for t in parts])
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
            found = {self._loss: (rows[:, self._sums] * self._factors).sum(axis=1) / count}
            found |= {name: rows[:, start] / count for name, start in self._each}
        for name, start, metric in self._metrics:
            found[name] = metric.from_acc(rows[:, start : start + metric.n_acc])
        return dict(sorted(found.items()))

    def logs(self, row: np.ndarray) -> dict[str, float]:
        """The same for one row, as floats."""
        return {name: float(values[0]) for name, values in self.columns(row[None]).items()}

    def result(self, row: np.ndarray, return_dict: bool) -> Any:
        """What `evaluate` returns: the loss, a list that begins with it, or a dict."""
        logs = self.logs(row)
        if return_dict:
            return logs
        values = [logs[self._loss], *(logs[name] for name in self.order)]
        return values if len(values) > 1 else values[0]
