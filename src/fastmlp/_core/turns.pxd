# cython: language_level=3
"""Who may use a model now, for other modules."""


cdef class Turns:
    cdef object __weakref__
    cdef object _lock
    cdef object _change
    cdef Py_ssize_t _asleep   # threads that wait for a change, or are about to
    cdef unsigned long _owner  # thread; 0: none
    cdef Py_ssize_t _depth
    cdef list _lenders  # threads
    cdef Py_ssize_t _waiting  # readers
    cdef Py_ssize_t _served   # readers that have had to wait and have had their turn
    cdef readonly set feeders

    cdef int acquire(self, bint reads) except -1
    cdef int release(self) except -1
    cdef int _acquire(self, unsigned long me, bint reads) except -1
    cdef int _tell(self) except -1
    cdef int _take_back(self, Py_ssize_t depth) except -1
