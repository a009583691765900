# cython: language_level=3
"""A program as a function of NumPy arrays, for other modules."""
from cpython.pythread cimport PyThread_type_lock
from libc.stdint cimport int64_t, uint64_t

from fastmlp._core.plan cimport Run
from fastmlp._core.program cimport Program

cdef enum:
    MAX_AXES = 8             # of one row


cdef struct Shape:           # of one row
    int n_axes
    ptrdiff_t[MAX_AXES] axes
    ptrdiff_t size


cdef class Call:
    cdef Program program
    cdef Run run
    cdef readonly ptrdiff_t capacity
    cdef ptrdiff_t least, limit, steps_per_check
    cdef public Call more
    cdef double work, parallel_work
    cdef object threads
    cdef int most_threads, type_number, n_inputs, n_outputs
    cdef Shape *inputs
    cdef Shape *outputs
    cdef list homes, values  # the weights, and where the program knows them
    cdef PyThread_type_lock lock
    cdef unsigned long owner  # thread that holds the lock; 0: none

    cdef int enter(self) except -1
    cdef void leave(self) noexcept
    cdef bint is_current(self) noexcept
    cdef ptrdiff_t bind_feed(self, int index, object x) noexcept
    cdef int go(self, ptrdiff_t n, uint64_t seed, int64_t iterations) except -1
    cdef int _make_run(self, int threads) except -1
    cdef object _one(self, object x, bint finite)
    cdef object _result(self, int index, ptrdiff_t n)
