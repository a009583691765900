"""A lock that a forked child finds free."""

from __future__ import annotations

import os
import threading


class Lock:
    """A lock that a thread may take several times, for modules: one is never dropped.

    In a forked child a thread that held it is gone, so it is renewed there, unless the one that forked does.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        if not self._lock._is_owned():  # type: ignore[attr-defined]
            self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
