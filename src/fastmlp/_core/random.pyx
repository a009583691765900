# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Random orders. The generator is csrc/philox.h: numbers by counting, a function of where they stand."""
from libc.math cimport ceil, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t

from fastmlp._core._native cimport kernels32

import numpy as np

cdef extern from "philox.h" nogil:
    ctypedef struct fm_philox:
        uint32_t step
        uint32_t stream
        uint32_t[2] key
    fm_philox fm_philox_of(uint64_t seed, uint64_t stream, uint64_t step)
    void fm_philox_block(uint32_t *words, fm_philox p, uint64_t block)


cdef enum:
    BLOCKS = 16              # drawn together
    TOGETHER = 16            # the same, of places of a shuffle


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
    cdef int64_t first = 0, last, i, j
    while first < n:
        last = min(first + 4 * BLOCKS, n)
        kernels32().philox(words, (last - first + 3) >> 2, first >> 2, seed, stream, epoch)
        for i in range(first, last):
            j = below(i + 1, words[i - first], philox, i)
            order[i] = order[j]
            order[j] = i
        first = last


cdef Shuffle shuffle_of(int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) noexcept nogil:
    """A permutation of 0 … n-1, 0 < n < 2^62, a function of the other arguments alone.

    Of the n! there are it is one of 2^192: for large n, where an array of n numbers is too much.
    """
    cdef Shuffle s
    cdef fm_philox philox = fm_philox_of(seed, stream, epoch)
    cdef uint32_t[4] words
    cdef int i
    s.n = n
    s.b = <uint64_t>ceil(sqrt(<double>n))
    s.a = (s.n + s.b - 1) // s.b
    for i in range(ROUNDS):
        if i % 4 == 0:
            fm_philox_block(words, philox, i // 4)
        s.keys[i] = words[i % 4]
    return s


cdef inline uint64_t mixed(uint64_t size, uint64_t value, uint32_t key) noexcept nogil:
    """A number in [0, size), size < 2^32: MurmurHash3's finalizer of value and key, scaled."""
    cdef uint32_t h = <uint32_t>value ^ key
    h = (h ^ h >> 16) * <uint32_t>0x85EBCA6B
    h = (h ^ h >> 13) * <uint32_t>0xC2B2AE35
    h ^= h >> 16
    return h * size >> 32


cdef void feistel(uint64_t *x, uint64_t *y, int m, const Shuffle *s) noexcept nogil:
    """Permutes m pairs (x < a, y < b), all at once so that none waits for its own multiplications.

    A Feistel network: each round adds a function of one to the other, which can be undone.
    """
    cdef int i, r
    cdef uint64_t v
    for r in range(0, ROUNDS, 2):
        for i in range(m):
            v = x[i] + mixed(s.a, y[i], s.keys[r])
            x[i] = v - s.a if v >= s.a else v
        for i in range(m):
            v = y[i] + mixed(s.b, x[i], s.keys[r + 1])
            y[i] = v - s.b if v >= s.b else v


cdef void shuffled(int64_t *rows, const Shuffle *s, int64_t first, int64_t m) noexcept nogil:
    """rows (m) = what the permutation puts at the places first … first + m - 1.

    Numbers beyond n are sent through again until they are below: "cycle walking" (Black & Rogaway
    2002, "Ciphers with arbitrary finite domains"). That is rare, as a · b < n + sqrt(n) + 1.
    """
    cdef uint64_t[TOGETHER] x
    cdef uint64_t[TOGETHER] y
    cdef uint64_t place, at, v
    cdef int64_t done = 0
    cdef int i, block
    place, at = <uint64_t>first // s.b, <uint64_t>first % s.b
    while done < m:
        block = <int>min(m - done, <int64_t>TOGETHER)
        for i in range(block):
            x[i], y[i] = place, at
            at += 1
            if at == s.b:
                place, at = place + 1, 0
        feistel(x, y, block, s)
        for i in range(block):
            v = x[i] * s.b + y[i]
            while v >= s.n:
                x[i], y[i] = v // s.b, v % s.b
                feistel(&x[i], &y[i], 1, s)
                v = x[i] * s.b + y[i]
            rows[done + i] = v
        done += block


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


def shuffle(int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch, int64_t first=0, m=None):
    """The order in which `epoch` visits a large number of samples, computed place by place.

    Args:
        n: Number of samples, >= 1.
        seed: Of the generator, as `stream` and `epoch`.
        first: First place wanted.
        m: Number of places wanted; None: all from there on.

    Returns:
        An int64 array of m of the numbers 0 … n-1, none of them twice.

    Raises:
        ValueError: There is no such place.

    Example:
        >>> from fastmlp._core.random import shuffle
        >>> sorted(shuffle(5, seed=1, stream=0, epoch=0).tolist())
        [0, 1, 2, 3, 4]
    """
    cdef int64_t count = n - first if m is None else m
    if n < 1 or first < 0 or count < 0 or first + count > n:
        raise ValueError(
            f"shuffle: expected places within 0 and n. Received: n={n}, first={first}, m={count}"
        )
    rows = np.empty(max(count, 1), np.int64)
    cdef int64_t[::1] view = rows
    cdef Shuffle s
    with nogil:
        s = shuffle_of(n, seed, stream, epoch)
        shuffled(&view[0], &s, first, count)
    return rows[:count]


def philox(uint64_t block, uint64_t seed, uint64_t stream, uint64_t step):
    """The four 32-bit words of one block, as csrc/philox.h defines them."""
    cdef uint32_t[4] words
    fm_philox_block(words, fm_philox_of(seed, stream, step), block)
    return words[0], words[1], words[2], words[3]
