# cython: language_level=3
"""For the executor: the order of an epoch's samples."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef void permute(int64_t *order, int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) noexcept nogil

cdef enum:
    ROUNDS = 6

cdef struct Shuffle:         # a permutation of 0 … n-1 that needs no memory
    uint64_t n
    uint64_t a               # a · b >= n, nearly equal
    uint64_t b
    uint32_t[ROUNDS] keys

cdef Shuffle shuffle_of(int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) noexcept nogil
cdef void shuffled(int64_t *rows, const Shuffle *s, int64_t first, int64_t m) noexcept nogil
