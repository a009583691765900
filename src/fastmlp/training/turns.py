"""Who may use a model now: one thread at a time, and those who only look, between two steps of a fit.

A model's weights are those of a whole step only between steps. So a thread that predicts or
evaluates while another one fits waits until the latter's native call is over, about 50 ms at the
most, and goes first then. Whoever would change the model waits until the fit has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

Turn = AbstractContextManager[None]


class Turns(Turn):
    """A lock that its owner may take again, and lend to those who only read.

    Example:

    >>> turns = Turns()
    >>> with turns, turns.reading():
    ...     turns.lend()
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._change = threading.Condition(self._lock)
        self._asleep = 0  # threads that wait for a change
        self._owner: int | None = None
        self._depth = 0
        self._lenders = 0
        self._waiting = 0  # readers
        self._served = 0  # readers that have had their turn
        self._reading = _Reading(self)
        self.feeders: set[int] = set()  # threads whose batches an owner waits for

    def __enter__(self) -> None:
        self._acquire(reads=False)

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._tell()

    def _wait(self) -> None:
        self._asleep += 1
        try:
            self._change.wait()
        finally:
            self._asleep -= 1

    def _tell(self) -> None:
        if self._asleep:  # seldom: most programs have one thread, and a notice costs microseconds
            self._change.notify_all()

    def reading(self) -> Turn:
        """As the lock itself, for what changes nothing: also while an owner lends it."""
        return self._reading

    def _acquire(self, reads: bool) -> None:
        me = threading.get_ident()
        with self._lock:
            if self._owner != me:
                if me in self.feeders and not reads:
                    raise RuntimeError(
                        "A generator cannot change the model that is waiting for its next batch. "
                        "Hint: it may predict and evaluate; train or compile outside"
                    )
                self._waiting += reads
                try:
                    while self._owner is not None or (self._lenders and not reads):
                        self._wait()
                finally:
                    self._waiting -= reads
                self._served += reads
                self._owner = me
            self._depth += 1

    @contextmanager
    def lent(self) -> Iterator[None]:
        """The owner does something else for a while; readers of other threads may go."""
        with self._lock:
            depth, self._owner, self._depth = self._depth, None, 0
            self._lenders += 1
            self._tell()
        try:
            yield
        finally:
            self._take_back(depth)

    def lend(self) -> None:
        """Lets the readers go that wait by now."""
        if not self._waiting:
            return
        with self.lent(), self._lock:
            last = self._served + self._waiting
            while self._waiting and self._served < last:
                self._wait()

    def _take_back(self, depth: int) -> None:
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                with self._lock:
                    while self._owner is not None:
                        self._wait()
                    self._owner, self._depth = threading.get_ident(), depth
                    self._lenders -= 1
                    self._tell()
                break
            except KeyboardInterrupt as error:  # not before the lock is ours again
                interrupt = error
        if interrupt is not None:
            raise interrupt


class _Reading(Turn):
    """A reader's turn, or several at once."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        self._turns._acquire(reads=True)

    def __exit__(self, *_: Any) -> None:
        self._turns.__exit__()
