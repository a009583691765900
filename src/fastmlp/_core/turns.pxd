# cython: language_level=3
"""Who may use a model now, for other modules."""


cdef class Turns:
    cdef object __weakref__
    cdef object _lock
    cdef object _change
    cdef dict _queue  # threads that wait, first come first, and whether each may go while others lend
    cdef unsigned long _owner  # thread; 0: none
    cdef Py_ssize_t _depth
    cdef bint _reads  # whether the owner does no more
    cdef list _lenders  # threads
    cdef Py_ssize_t _waiting  # readers in the queue
    cdef readonly set feeders

    cdef int acquire(self, bint reads) except -1
    cdef int release(self) except -1
    cdef int _acquire(self, unsigned long me, bint reads) except -1
    cdef int _wait(self, unsigned long me, bint passes, bint asks) except -1
    cdef bint _is_next(self, unsigned long me) except -1
    cdef int _take_back(self, Py_ssize_t depth, bint reads) except -1
