"""Hashes of byte strings, many at a time: FarmHash's fingerprint and SipHash, as Keras has them.

Strings of one length take the same steps, so each length is a few operations on arrays of 64-bit
words, little-endian and modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Words = np.ndarray  # (strings,) of uint64
Fetch = Callable[[int], Words]  # the 8 bytes of each string that begin at a place

_U = np.uint64
_K0, _K1, _K2 = _U(0xC3A5C85C97CB3127), _U(0xB492B66FBE98F273), _U(0x9AE16A3B2F90404F)
_KM = _U(0xC6A4A7935BD1E995)


def fingerprint64(strings: Sequence[bytes]) -> Words:
    """FarmHash's `Fingerprint64` of each string.

    Source: Geoff Pike, "FarmHash" (2014), https://github.com/google/farmhash, `farmhashna`.
    """
    return _by_length(strings, _fingerprint)


def siphash64(strings: Sequence[bytes], key: Sequence[int]) -> Words:
    """SipHash-2-4 of each string, with a key of two 64-bit numbers.

    Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
    """
    first, second = (_U(part % 2**64) for part in key)
    return _by_length(strings, lambda block: _siphash(block, first, second))


def combine(one: Words, other: Words) -> Words:
    """The fingerprint of two fingerprints, one after the other.

    Source: TensorFlow's `FingerprintCat64`, which hashes crossed features.
    """
    result = (one ^ _KM ^ _shift(other * _KM) * _KM) * _KM
    return _shift(_shift(result) * _KM)


def _by_length(strings: Sequence[bytes], function: Callable[[np.ndarray], Words]) -> Words:
    """`function` of the bytes `(strings, length)` of all strings of each length."""
    lengths = np.fromiter(map(len, strings), np.intp, len(strings))
    result = np.empty(len(strings), np.uint64)
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        joined = b"".join([strings[i] for i in places.tolist()])
        result[places] = function(np.frombuffer(joined, np.uint8).reshape(len(places), length))
    return result


def _words(block: np.ndarray, place: int, size: int = 8) -> Words:
    """Little-endian numbers of `size` bytes each, from a place on."""
    part = np.ascontiguousarray(block[:, place : place + size])
    return part.view(f"<u{size}")[:, 0].astype(np.uint64)


def _fingerprint(block: np.ndarray) -> Words:
    n, length = block.shape
    if length > 64:
        return _long(block)
    mul = _U((int(_K2) + 2 * length) % 2**64)

    def at(place: int) -> Words:
        return _words(block, place % length)

    if length > 32:
        return _up_to_64(at, mul)
    if length > 16:
        a, b, c, d = at(0) * _K1, at(8), at(-8) * mul, at(-16) * _K2
        return _mix(_turn(a + b, 43) + _turn(c, 30) + d, a + _turn(b + _K2, 18) + c, mul)
    if length >= 8:
        a, b = at(0) + _K2, at(-8)
        return _mix(_turn(b, 37) * mul + a, (_turn(a, 25) + b) * mul, mul)
    if length >= 4:
        a, b = _words(block, 0, 4), _words(block, length - 4, 4)
        return _mix(_U(length) + (a << _U(3)), b, mul)
    if not length:
        return np.full(n, _K2)
    a, b, c = (_words(block, place, 1) for place in (0, length // 2, length - 1))
    return _shift((a + (b << _U(8))) * _K2 ^ (_U(length) + (c << _U(2))) * _K0) * _K2


def _up_to_64(at: Fetch, mul: Any) -> Words:
    a, b, c, d = at(0) * _K2, at(8), at(-8) * mul, at(-16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d
    z = _mix(y, a + _turn(b + _K2, 18) + c, mul)
    e, f, g, h = at(16) * mul, at(24), (y + at(-32)) * mul, (z + at(-24)) * mul
    return _mix(_turn(e + f, 43) + _turn(g, 30) + h, e + _turn(f + a, 18) + g, mul)


def _long(block: np.ndarray) -> Words:
    """More than 64 bytes: 56 bytes of state, 64 bytes a turn, the last ones once more."""
    n, length = block.shape
    seed = 81
    x = np.full(n, _U(seed * int(_K2) % 2**64)) + _words(block, 0)
    y = np.full(n, _U((seed * int(_K1) + 113) % 2**64))
    z = _shift(y * _K2 + _U(113)) * _K2
    state = (x, y, z, *np.zeros((4, n), np.uint64))
    rest = (length - 1) % 64
    for start in range(0, length - 1 - rest, 64):
        state = _turn_of(block, start, state, _K1, _U(1))
    x, y, z, v1, v2, w1, w2 = state
    mul = _K1 + ((z & _U(0xFF)) << _U(1))
    w1 = w1 + _U(rest)
    v1 = v1 + w1
    w1 = w1 + v1
    last = _turn_of(block, length - 64, (x, y, z, v1, v2, w1, w2), mul, _U(9))
    x, y, z, v1, v2, w1, w2 = last
    return _mix(_mix(v1, w1, mul) + _shift(y) * _K0 + z, _mix(v2, w2, mul) + x, mul)


def _turn_of(block: np.ndarray, s: int, state: Any, mul: Any, times: Any) -> tuple[Words, ...]:
    x, y, z, v1, v2, w1, w2 = state
    x = _turn(x + y + v1 + _words(block, s + 8), 37) * mul
    y = _turn(y + v2 + _words(block, s + 48), 42) * mul
    x = x ^ w2 * times
    y = y + v1 * times + _words(block, s + 40)
    z = _turn(z + w1, 33) * mul
    v1, v2 = _weak(block, s, v2 * mul, x + w1)
    w1, w2 = _weak(block, s + 32, z + w2, y + _words(block, s + 16))
    return z, y, x, v1, v2, w1, w2


def _weak(block: np.ndarray, s: int, a: Words, b: Words) -> tuple[Words, Words]:
    w, x, y, z = (_words(block, s + place) for place in (0, 8, 16, 24))
    a = a + w
    b = _turn(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _turn(a, 44) + c


def _mix(u: Words, v: Words, mul: Any) -> Words:
    """16 bytes to 8."""
    a = _shift((u ^ v) * mul)
    mixed: Words = _shift((v ^ a) * mul) * mul
    return mixed


def _shift(x: Words) -> Words:
    shifted: Words = x ^ (x >> _U(47))
    return shifted


def _turn(x: Words, bits: int) -> Words:
    """Rotated to the right."""
    turned: Words = (x >> _U(bits)) | (x << _U(64 - bits))
    return turned


def _siphash(block: np.ndarray, k0: Any, k1: Any) -> Words:
    n, length = block.shape
    padded = np.zeros((n, (length // 8 + 1) * 8), np.uint8)
    padded[:, :length] = block
    padded[:, -1] = length % 256
    start = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [np.full(n, _U(word) ^ key) for word, key in zip(start, (k0, k1, k0, k1), strict=True)]
    for place in range(0, padded.shape[1], 8):
        word = _words(padded, place)
        v[3] = v[3] ^ word
        v = _sip_round(_sip_round(v))
        v[0] = v[0] ^ word
    v[2] = v[2] ^ _U(0xFF)
    for _ in range(4):
        v = _sip_round(v)
    return np.asarray(v[0] ^ v[1] ^ v[2] ^ v[3])


def _sip_round(v: list[Words]) -> list[Words]:
    a, b, c, d = v
    a = a + b
    b = _turn(b, 51) ^ a
    a = _turn(a, 32)
    c = c + d
    d = _turn(d, 48) ^ c
    a = a + d
    d = _turn(d, 43) ^ a
    c = c + b
    b = _turn(b, 47) ^ c
    c = _turn(c, 32)
    return [a, b, c, d]
