# cython: language_level=3
"""Runs, for other modules that run programs."""
from libc.stdint cimport int64_t, uint64_t

from fastmlp._core.executor cimport Job
from fastmlp._core.program cimport Program
from fastmlp._core.turns cimport Turns


cdef class Run:
    cdef Job job
    cdef int threads
    cdef Turns turns
    cdef int64_t started     # when the execution at hand began
    cdef public bint watched
    cdef ptrdiff_t log_rows
    cdef bint uses_blas
    cdef object _alive
    cdef object _log

    cdef void _start(self, int index, Program program, ptrdiff_t samples, ptrdiff_t batch,
                     int64_t iterations) noexcept
    cdef void _draw(self) noexcept
    # Back to the first sample of one epoch, on data of so many samples.
    cdef void restart(self, ptrdiff_t samples, uint64_t seed, int64_t iterations) noexcept
    # Runs to the end on this thread alone, and keeps the GIL: for what takes microseconds.
    cdef int finish(self) except -1
    cdef int _execute(self) except -1
    cdef void _look(self) noexcept
    cdef int _call(self) except -1
