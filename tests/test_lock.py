"""Locks of modules, in threads and forked children."""

from __future__ import annotations

import os
import threading

import pytest

from fastmlp._lock import Lock


def _in_child(work) -> int:
    """What a forked child that does this work ends with; -14 if it waits for ever."""
    pid = os.fork()
    if not pid:
        import signal

        signal.alarm(10)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _take(lock: Lock) -> None:
    with lock, lock:
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_finds_it_free_though_another_thread_held_it():
    lock, held, done = Lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert _in_child(lambda: _take(lock)) == 0
    done.set()
    thread.join()
    _take(lock)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_child_of_the_thread_that_holds_it_leaves_it():
    lock = Lock()

    def leave() -> None:
        lock.__exit__()
        _take(lock)

    with lock:
        assert _in_child(leave) == 0
