# cython: language_level=3
"""For the executor: the scalars of an optimizer's step."""
from libc.stdint cimport int64_t

cdef bint prepare(int kind, const double *hyper, int64_t t, double *state, double *h) noexcept nogil
