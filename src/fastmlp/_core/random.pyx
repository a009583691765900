# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Random orders. The generator is csrc/philox.h: numbers by counting, a function of where they stand."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

import numpy as np

cdef extern from "philox.h" nogil:
    ctypedef struct fm_philox:
        uint32_t step
        uint32_t stream
        uint32_t[2] key
    fm_philox fm_philox_of(uint64_t seed, uint64_t stream, uint64_t step)
    void fm_philox_block(uint32_t *words, fm_philox p, uint64_t block)


cdef enum:
    BLOCKS = 8               # drawn together, so that the CPU works on several at a time


cdef uint64_t redrawn(uint64_t n, fm_philox philox, uint64_t i) noexcept nogil:
    """As `below`, from words of element i that no element needs at first."""
    cdef uint64_t block = <uint64_t>1 << 63 | i << 10
    cdef uint64_t product
    cdef uint32_t[4] words
    cdef int k
    while True:
        fm_philox_block(words, philox, block)
        if n >> 32:  # beyond four billion samples: uneven by less than 2^-30
            return (<uint64_t>words[0] << 32 | words[1]) % n
        for k in range(4):
            product = words[k] * n
            if <uint32_t>product >= (<uint64_t>1 << 32) % n:
                return product >> 32
        block += 1


cdef inline uint64_t below(uint64_t n, uint32_t word, fm_philox philox, uint64_t i) noexcept nogil:
    """A number in [0, n), all equally likely, from one word for element i.

    Lemire 2019, "Fast random integer generation in an interval": the upper half of word · n, drawn
    again in the rare case that the lower half falls into what 2^32 / n leaves over.
    """
    cdef uint64_t product = word * n
    if n >> 32 or (<uint32_t>product < n and <uint32_t>product < (<uint64_t>1 << 32) % n):
        return redrawn(n, philox, i)
    return product >> 32


cdef void permute(int64_t *order, int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) noexcept nogil:
    """order (n) = a random permutation of 0 … n-1, a function of the other arguments alone.

    Fisher & Yates, inside out (Knuth, volume 2, 3.4.2): element i goes to a place j <= i, and what was
    there moves to place i.
    """
    cdef fm_philox philox = fm_philox_of(seed, stream, epoch)
    cdef uint32_t[4 * BLOCKS] words
    cdef int64_t first = 0, i, j
    cdef int k
    while first < n:
        for k in range(BLOCKS):
            fm_philox_block(&words[4 * k], philox, (first >> 2) + k)
        for i in range(first, min(first + 4 * BLOCKS, n)):
            j = below(i + 1, words[i - first], philox, i)
            order[i] = order[j]
            order[j] = i
        first += 4 * BLOCKS


def permutation(int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch):
    """The order in which `epoch` visits n samples.

    Returns:
        An int64 array with each of 0 … n-1 once.

    Raises:
        ValueError: n is negative.

    Example:
        >>> from fastmlp._core.random import permutation
        >>> sorted(permutation(4, seed=1, stream=0, epoch=0).tolist())
        [0, 1, 2, 3]
    """
    if n < 0:
        raise ValueError(f"permutation: expected n >= 0. Received: {n}")
    order = np.empty(max(n, 1), np.int64)
    cdef int64_t[::1] view = order
    with nogil:
        permute(&view[0], n, seed, stream, epoch)
    return order[:n]


def philox(uint64_t block, uint64_t seed, uint64_t stream, uint64_t step):
    """The four 32-bit words of one block, as csrc/philox.h defines them."""
    cdef uint32_t[4] words
    fm_philox_block(words, fm_philox_of(seed, stream, step), block)
    return words[0], words[1], words[2], words[3]
