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


cdef struct Words:           # the words of a stream, one after the other
    fm_philox philox
    uint64_t block
    uint32_t[4] word
    int used


cdef inline uint32_t next_word(Words *words) noexcept nogil:
    if words.used == 4:
        fm_philox_block(words.word, words.philox, words.block)
        words.block += 1
        words.used = 0
    words.used += 1
    return words.word[words.used - 1]


cdef inline uint64_t below(uint64_t n, Words *words) noexcept nogil:
    """A number in [0, n), all equally likely.

    Lemire 2019, "Fast random integer generation in an interval": the upper half of word · n, drawn
    again in the rare case that the lower half falls into the part that does not divide evenly.
    """
    cdef uint64_t product, high
    cdef uint32_t small, reject
    if n >> 32:
        high = next_word(words)  # beyond four billion samples: uneven by less than 2^-31
        return (high << 32 | next_word(words)) % n
    small = <uint32_t>n
    product = <uint64_t>next_word(words) * small
    if <uint32_t>product < small:
        reject = (0 - small) % small
        while <uint32_t>product < reject:
            product = <uint64_t>next_word(words) * small
    return product >> 32


cdef void permute(int64_t *order, int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) noexcept nogil:
    """order (n) = a random permutation of 0 … n-1, a function of the other arguments alone.

    Fisher & Yates, inside out (Knuth, volume 2, 3.4.2): element i goes to a place j <= i, and what was
    there moves to place i.
    """
    cdef Words words
    cdef int64_t i, j
    words.philox = fm_philox_of(seed, stream, epoch)
    words.block = 0
    words.used = 4
    for i in range(n):
        j = <int64_t>below(<uint64_t>(i + 1), &words)
        order[i] = order[j]
        order[j] = i


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
