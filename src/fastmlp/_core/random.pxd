# cython: language_level=3
"""For the executor: the order of an epoch's samples."""
from libc.stdint cimport int64_t, uint64_t

cdef void permute(int64_t *order, int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) noexcept nogil
