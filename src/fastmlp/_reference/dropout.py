"""The random numbers of dropout and noise: Philox4x32-10, as csrc/philox.h counts."""

from __future__ import annotations

import numpy as np

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(blocks: np.ndarray, seed: int, stream: int, step: int) -> np.ndarray:
    """Philox4x32-10: the four 32-bit words of each block, as csrc/philox.h defines counter and key."""
    blocks = np.asarray(blocks, np.uint64)
    c0, c1 = blocks & _LOW, blocks >> _32
    c2 = np.full_like(blocks, step & 0xFFFFFFFF)
    c3 = np.full_like(blocks, stream & 0xFFFFFFFF)
    k0, k1 = (seed ^ step >> 32) & 0xFFFFFFFF, (seed >> 32 ^ stream >> 32) & 0xFFFFFFFF
    for _ in range(10):
        a, b = _M0 * c0, _M1 * c2
        c0, c1 = b >> _32 ^ c1 ^ np.uint64(k0), b & _LOW
        c2, c3 = a >> _32 ^ c3 ^ np.uint64(k1), a & _LOW
        k0, k1 = k0 + _W0 & 0xFFFFFFFF, k1 + _W1 & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], -1).astype(np.uint32)


def numbers(n: int, seed: int, stream: int, step: int, first: int = 0) -> np.ndarray:
    """The 16 random bits of elements first … first + n - 1: eight to a block, lower halves first."""
    start = first // 8
    words = philox(np.arange(start, (first + n + 7) // 8, dtype=np.uint64), seed, stream, step)
    return words.astype("<u4").view("<u2").reshape(-1)[first - 8 * start :][:n]


def keep(n: int, rate: float, seed: int, stream: int, step: int, first: int = 0) -> np.ndarray:
    """Which of n elements dropout keeps."""
    return numbers(n, seed, stream, step, first) >= round(rate * 65536)


def normal(n: int, seed: int, stream: int, step: int) -> np.ndarray:
    """n normal numbers, by Box & Muller: four from the words of each block."""
    words = philox(np.arange((n + 3) // 4, dtype=np.uint64), seed, stream, step)
    shares = (words.reshape(-1, 2) + 0.5) * 2.0**-32
    size, angle = np.sqrt(-2 * np.log(shares[:, 0])), 2 * np.pi * shares[:, 1]
    found: np.ndarray = np.stack([size * np.cos(angle), size * np.sin(angle)], -1)
    return found.reshape(-1)[:n]
