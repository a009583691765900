"""Batches that come one by one while a model trains, read ahead by a thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator
from typing import Any

from fastmlp._core.turns import Turns
from fastmlp.training.ahead import Ahead
from fastmlp.training.batches import Batches, unpack
from fastmlp.training.rows import Rows

_DEPTH = 4  # batches ready before they are wanted
_PATIENCE = 1.0  # seconds that an error waits for the user's iterator
_DRY = object()  # the end of a pass

RAN_OUT = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator "
    "can generate at least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` "
    "function when building your dataset."
)


class Stream:
    """The user's batches as `Rows`, epoch by epoch.

    Reads the first batch, which tells what the model must be like; `start` then says how batches
    become rows, and the thread goes on.

    Args:
        batches: What is read.
        turns: The model's lock: readers may have it while the next batch is waited for, as a
            generator that asks the model for predictions.
        first_pass: Number of the first pass.

    Raises:
        ValueError: There is no batch.
    """

    def __init__(self, batches: Batches, turns: Turns, first_pass: int = 0) -> None:
        self.batches = batches
        self._turns = turns
        self._prepare: Callable[[Any, Any, Any], Rows] | None = None
        self._known, self._more = threading.Event(), threading.Semaphore(0)
        self._closed = self._ended = False
        self._head: Rows | None = None
        batches.begin_epoch()
        self._begun = True
        self._ahead = Ahead(self._read(first_pass), _DEPTH)
        try:
            self.first: tuple[Any, Any, Any] = self._take()
            if self.first is _DRY:
                raise ValueError(f"x: expected at least one batch. Received: an empty {self.what}")
        except BaseException:
            self.close(_PATIENCE)
            raise

    @property
    def what(self) -> str:
        """What is read, for messages."""
        return self.batches.what

    def start(self, prepare: Callable[[Any, Any, Any], Rows]) -> Rows:
        """Says how batches become rows; returns those of the first batch, which will come next.

        Args:
            prepare: Makes rows of `(x, y, sample_weight)`, or complains.
        """
        self._prepare = prepare
        self._head = self._rows(0, self.first)
        self._known.set()
        return self._head

    def start_as(self, before: Stream) -> None:
        """Batches become rows as those of another stream do."""
        assert before._prepare is not None
        self.start(before._prepare)

    def begin_epoch(self) -> bool:
        """Goes on to the next epoch; returns whether it has a batch."""
        if not self._begun:
            self.batches.begin_epoch()
        self._begun = True
        if self._peek() is None and self.batches.again:
            self._ended = False
            self._more.release()
            self._peek()
        return self._head is not None

    def end_epoch(self) -> None:
        """The epoch's batches have been used."""
        self._begun = False
        self.batches.end_epoch()

    def next(self) -> Rows | None:
        """The next batch; `None` at the end of the data."""
        rows, self._head = self._peek(), None
        return rows

    def close(self, patience: float | None = None) -> None:
        """Reads no more."""
        self._closed = True
        self._known.set()
        self._more.release()
        with self._turns.lent():
            self._ahead.close(patience)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.close(None if kind is None else _PATIENCE)

    def _peek(self) -> Rows | None:
        if self._head is None and not self._ended:
            item = self._take()
            if item is _DRY:
                self._ended = True
            else:
                self._head = item
        return self._head

    def _take(self) -> Any:
        if not self._ahead.waits:
            return self._ahead.take()
        with self._turns.lent():
            return self._ahead.take()

    def _read(self, first_pass: int) -> Generator[Any, None, None]:
        """What the thread runs."""
        self._turns.feeders.add(threading.get_ident())
        try:
            yield from self._passes(first_pass)
        finally:
            self._turns.feeders.discard(threading.get_ident())

    def _passes(self, first_pass: int) -> Generator[Any, None, None]:
        numbers = itertools.count()
        for turn in itertools.count(first_pass):
            for batch in self.batches.one_pass(turn):
                number = next(numbers)
                if number == 0:
                    yield _told(0, unpack, batch)
                    self._known.wait()
                    if self._closed:
                        return
                else:
                    yield self._rows(number, _told(number, unpack, batch))
            yield _DRY
            if not self.batches.again:
                return
            self._more.acquire()
            if self._closed:
                return

    def _rows(self, number: int, batch: tuple[Any, Any, Any]) -> Rows:
        assert self._prepare is not None
        return _told(number, self._prepare, *batch)  # type: ignore[no-any-return]


def _told(number: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function on a batch; its complaints name the batch."""
    try:
        return function(*arguments)
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Batch {number + 1}: {error}") from error
