"""What a pass runs on: an executable, bound to arrays once or to one batch after the other."""

from __future__ import annotations

from collections.abc import Callable

from fastmlp._record import Record, fresh
from fastmlp.runtime import Executable
from fastmlp.training.data import Source, warn_not_finite
from fastmlp.training.rows import Rows
from fastmlp.training.stream import Stream


class Supply(Record):
    """Where the samples of a pass come from.

    Attributes:
        executable: What runs on them.
        steps: Batches of an epoch; `None`: as many as come.
        n: Samples of the arrays.
        batch_size: Samples a step.
        stream: The batches; then the executable may change from one to the next.
        sources: Arrays of a batch, in the order in which the plan reads them.
        larger: Makes an executable for a batch that is larger than all before.
    """

    executable: Executable
    steps: int | None
    n: int = 0
    batch_size: int = 1
    stream: Stream | None = None
    sources: Callable[[Rows], list[Source]] | None = None
    larger: Callable[[Rows], Executable] | None = None
    _warned: set[int] = fresh(default_factory=set)

    @property
    def window(self) -> int:
        """Samples of an epoch; 0: all that there are."""
        return 0 if self.steps is None else self.steps * self.batch_size

    def samples(self, epoch: int) -> int:
        """Samples of one epoch."""
        if not self.window or self.window >= self.n:
            return self.n
        first = epoch % -(-self.n // self.window) * self.window
        return min(self.window, self.n - first)

    def make_room(self, rows: Rows) -> bool:
        """Sees to it that a batch fits; returns whether it needed another executable."""
        if rows.n <= self.executable.plan.capacity:
            return False
        assert self.larger is not None
        self.executable = self.larger(rows)
        return True

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
