"""What a pass runs on: an executable, bound to arrays once or to one batch after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp._record import Record, fresh
from fastmlp.runtime import Executable
from fastmlp.training.data import Source, warn_not_finite
from fastmlp.training.rows import Rows
from fastmlp.training.stream import Stream


def room_for(executable: Executable, n: int) -> list[np.ndarray]:
    """New arrays for the outputs of so many samples."""
    plan = executable.plan
    return [np.empty((n, *buffer.shape), plan.dtype) for buffer in plan.fetches]


class Supply(Record):
    """Where the samples of a pass come from.

    Attributes:
        executable: What runs on them.
        steps: Batches of an epoch; `None`: as many as come.
        n: Samples of the arrays.
        batch_size: Samples a step.
        stream: The batches; then the executable may change from one to the next.
        sources: Arrays of a batch, in the order in which the plan reads them.
        other: Gives an executable for a batch of so many samples that it has no room for.
        form: Sizes that the executable is for.
        begin: Begins anew at an epoch, with a seed of shuffles, where batches are cut from arrays or may be
            read again.
    """

    executable: Executable
    steps: int | None
    n: int = 0
    batch_size: int = 1
    stream: Stream | None = None
    sources: Callable[[Rows], list[Source]] | None = None
    other: Callable[[Rows, int], Executable] | None = None
    form: Any = None
    begin: Callable[[int, int], None] | None = None
    _largest: dict[Any, int] = fresh(default_factory=dict)
    _warned: set[int] = fresh(default_factory=set)

    @property
    def window(self) -> int:
        """Samples of an epoch; 0: all that there are."""
        return 0 if self.steps is None else self.steps * self.batch_size

    @property
    def divides(self) -> bool:
        """Whether all steps have a number of samples that the plan can take."""
        plan, size = self.executable.plan, min(self.batch_size, self.n)
        return not plan.exact or (plan.capacity == size and self.n % size == 0)

    def samples(self, epoch: int) -> int:
        """Samples of one epoch."""
        if not self.window or self.window >= self.n:
            return self.n
        first = epoch % -(-self.n // self.window) * self.window
        return min(self.window, self.n - first)

    def reopen(self, opens: Callable[[], Stream]) -> None:
        """Reads from another stream of the same batches."""
        assert self.stream is not None
        self.stream.close()
        before, self.stream = self.stream, opens()
        self.stream.start_as(before)

    def make_room(self, rows: Rows) -> Executable | None:
        """Sees to it that a batch fits; returns the executable of before if it needed another one."""
        before, form, room = self.executable, rows.form, self.executable.plan.capacity
        fits = rows.n == room if before.plan.exact else rows.n <= room
        if fits and form == self.form:
            return None
        assert self.other is not None
        least = 0 if before.plan.exact else self._largest.get(form, 0)
        self._largest[form] = max(rows.n, least)
        self.executable, self.form = self.other(rows, self._largest[form]), form
        return before

    def sums(self) -> np.ndarray:
        """The sums of the pass, each sample counting once, whatever its number of steps."""
        executable = self.executable
        return _times(executable, executable.program.read_sums(), -1)

    def set_sums(self, sums: np.ndarray) -> None:
        """Goes on with what `sums` returned, maybe of an executable for other sizes."""
        self.executable.program.set_accumulators(_times(self.executable, sums, 1))

    def take_sums(self, before: Executable) -> None:
        """Goes on with the sums of another executable."""
        sums, after = before.program.read_sums(), self.executable
        if _steps(before) != _steps(after):
            sums = _times(after, _times(before, sums, -1), 1)
        after.program.set_accumulators(sums)

    def bind(self, rows: Rows) -> None:
        """Points the executable at a batch."""
        assert self.sources is not None
        self._bound = self.sources(rows)
        self.executable.bind_all(self._bound)

    def check_finite(self) -> None:
        """Warns, once for each array, if the batch held NaN or infinity."""
        for index, source in enumerate(self._bound):
            if index not in self._warned and self.executable.program.not_finite(index):
                self._warned.add(index)
                warn_not_finite(source, self.executable.plan.dtype)


def _steps(executable: Executable) -> list[tuple[int, int, int]]:
    """Of each metric that sums up the values of all steps: its first sum, the last, and steps of a sample."""
    found = []
    for term in executable.plan.terms:
        if term.op.name == "metric_mean":
            start = executable.sums[term.op]
            found.append((start, start + term.op.n_acc, term.op.attrs["rep"]))
    return found


def _times(executable: Executable, sums: np.ndarray, power: int) -> np.ndarray:
    """A copy of sums, those of metrics times the number of steps, or divided by it."""
    sums = sums.copy()
    for start, stop, steps in _steps(executable):
        sums[start:stop] *= float(steps) ** power
    return sums
