"""A thread that reads the user's batches ahead, so that native code seldom waits for Python."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from typing import Any

_POLL = 0.1  # seconds between looks at Ctrl-C while waiting


class Ahead:
    """Items of an iterator in their order, a few of them ready before they are wanted.

    What the iterator raises comes out in its place, as it is.

    Args:
        items: Read by one thread alone, this object's own, which closes it at last.
        depth: Items that may wait.
    """

    def __init__(self, items: Generator[Any, None, None], depth: int) -> None:
        self._items = items
        self._depth = depth
        self._ready: deque[Any] = deque()
        self._change = threading.Condition()
        self._closed = self._over = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="fastmlp reader", daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        """Whether `take` would have to wait now."""
        return not self._ready and not self._over

    def take(self) -> Any:
        """The next item.

        Raises:
            StopIteration: There is none.
        """
        with self._change:
            while self.waits:
                self._change.wait(_POLL)
            if self._ready:
                self._change.notify_all()
                return self._ready.popleft()
            error, self._error = self._error, None
        raise StopIteration if error is None else error

    def close(self, patience: float | None = None) -> None:
        """Ends the thread, when what it reads at the moment is read.

        Args:
            patience: Seconds to wait for that; `None`: as long as it takes.
        """
        with self._change:
            self._closed = True
            self._change.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(patience)

    def _read(self) -> None:
        try:
            while self._has_room():
                item = next(self._items, self)
                if item is self:
                    break
                with self._change:
                    self._ready.append(item)
                    self._change.notify_all()
            self._items.close()
        except BaseException as error:  # whatever it is, it is for the thread that takes
            self._error = error
        finally:
            with self._change:
                self._over = True
                self._change.notify_all()

    def _has_room(self) -> bool:
        with self._change:
            while len(self._ready) >= self._depth and not self._closed:
                self._change.wait()
            return not self._closed
