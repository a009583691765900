# cython: language_level=3
"""Who may use a model now: one thread at a time, and those who only look, between two steps of a fit.

A model's weights are those of a whole step only between steps. So a thread that predicts or
evaluates while another one fits waits until the latter's native call looks around, about every
50 ms, and ends for its sake; it goes first then. Whoever would change the model waits until the fit
has ended. Those who wait go in the order in which they came, the fit that wants to go on as well, so
that threads which predict without end keep nobody from his turn.

A turn that nobody else wants takes some ten nanoseconds: compiled code holds the GIL from a look to
the next, so that it needs no lock to take what is free. A thread that must wait says so before it
looks, and holds the lock until it sleeps; whoever leaves looks for such threads behind that.
"""
from cpython.pythread cimport PyThread_get_thread_ident

import os
import threading
import weakref
from contextlib import contextmanager as _contextmanager


cdef class Turns:
    """A lock that its owner may take again, and lend to those who only read.

    Attributes:
        feeders: Threads whose batches an owner waits for.

    Example:

    >>> turns = Turns()
    >>> with turns, turns.reading():
    ...     turns.lend()
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._change = threading.Condition(self._lock)
        self.feeders = set()
        self._lenders = []
        self._queue = {}
        _all.add(self)

    def __enter__(self):
        self.acquire(False)

    def __exit__(self, kind, error, trace):
        self.release()

    def reading(self):
        """As the lock itself, for what changes nothing: also while an owner lends it."""
        return Reading(self)

    cdef int acquire(self, bint reads) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if self._owner == me:
            self._depth += 1
        elif self._owner == 0 and not (self._queue or self._lenders or self.feeders):
            self._owner, self._depth, self._reads = me, 1, reads
        else:
            self._acquire(me, reads)
        return 0

    cdef int release(self) except -1:
        self._depth -= 1
        if self._depth == 0:
            self._owner = 0
            if self._queue:
                with self._lock:
                    self._change.notify_all()
        return 0

    cdef int _acquire(self, unsigned long me, bint reads) except -1:
        if not reads and me in self.feeders:
            raise RuntimeError(
                "A generator cannot change the model that is waiting for its next batch. "
                "Hint: it may predict and evaluate; train or compile outside"
            )
        with self._lock:
            self._wait(me, reads, reads)
            self._owner, self._depth, self._reads = me, 1, reads
        return 0

    cdef int _wait(self, unsigned long me, bint passes, bint asks) except -1:
        """Until it is this thread's turn. The caller holds `_lock`.

        Args:
            me: The thread.
            passes: Whether it may go while others lend.
            asks: Whether it is one for whose sake an owner lends.
        """
        cdef object place = object()
        self._queue[place] = me, passes
        self._waiting += asks
        try:
            while not self._is_next(me):
                self._change.wait()
        except BaseException:
            self._change.notify_all()  # those behind may be next
            raise
        finally:
            del self._queue[place]
            self._waiting -= asks
        return 0

    cdef bint _is_next(self, unsigned long me) except -1:
        """Whether the first in the queue who may go now is a thread; its signal handlers may, too."""
        if self._owner == 0:
            for thread, passes in self._queue.values():
                if passes or not self._lenders:
                    return thread == me
        return False

    @_contextmanager
    def lent(self):
        """The owner does something else for a while; readers of other threads may go."""
        cdef Py_ssize_t depth
        cdef bint reads
        with self._lock:
            depth, reads = self._depth, self._reads
            self._owner, self._depth = 0, 0
            self._lenders.append(PyThread_get_thread_ident())
            if self._queue:  # seldom: most programs have one thread, and a notice costs microseconds
                self._change.notify_all()
        try:
            yield
        finally:
            self._take_back(depth, reads)

    def lend(self):
        """Lets the readers go that wait by now."""
        if self._waiting:
            with self.lent():
                pass

    cdef int _take_back(self, Py_ssize_t depth, bint reads) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        cdef object interrupt = None
        while True:
            try:
                with self._lock:
                    self._wait(me, True, reads)
                    self._owner, self._depth, self._reads = me, depth, reads
                    self._lenders.remove(me)
                break
            except KeyboardInterrupt as error:  # not before the lock is ours again
                interrupt = error
        if interrupt is not None:
            raise interrupt
        return 0

    def _after_fork(self):
        """In a forked child: forgets the threads that are gone, which will neither leave nor wake up."""
        cdef unsigned long me = PyThread_get_thread_ident()
        self._lock = threading.Lock()
        self._change = threading.Condition(self._lock)
        self._queue = {}
        self._waiting = 0
        if self._owner != me:
            self._owner = self._depth = 0
        self.feeders = self.feeders & {me}
        self._lenders = [lender for lender in self._lenders if lender == me]


cdef class Reading:
    """A reader's turn, or several at once."""

    cdef Turns turns

    def __cinit__(self, Turns turns):
        self.turns = turns

    def __enter__(self):
        self.turns.acquire(True)

    def __exit__(self, kind, error, trace):
        self.turns.release()


_all = weakref.WeakSet()


def _after_fork():
    for turns in _all:
        turns._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
