"""Bits and divisors of integers, named as in `keras.ops`: of arrays only, since a plan computes with floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.ops import spec
from fastmlp.ops.spec import of_arrays


def _integers(name: str, *values: Any) -> list[Any]:
    found = spec.arrays(*values)
    if any(v.dtype.kind not in "biu" for v in found):
        raise TypeError(f"{name}: expected integers. Received: {', '.join(map(repr, values))}")
    return found


@of_arrays
def bitwise_and(x: Any, y: Any) -> Any:
    """The bits that both have."""
    return np.bitwise_and(*_integers("bitwise_and", x, y))


@of_arrays
def bitwise_or(x: Any, y: Any) -> Any:
    """The bits that one of both has."""
    return np.bitwise_or(*_integers("bitwise_or", x, y))


@of_arrays
def bitwise_xor(x: Any, y: Any) -> Any:
    """The bits that just one of both has."""
    return np.bitwise_xor(*_integers("bitwise_xor", x, y))


@of_arrays
def bitwise_not(x: Any) -> Any:
    """The bits that x has not."""
    return np.bitwise_not(*_integers("bitwise_not", x))


@of_arrays
def bitwise_left_shift(x: Any, y: Any) -> Any:
    """x · 2ʸ: the bits y places further."""
    return np.left_shift(*_integers("bitwise_left_shift", x, y))


@of_arrays
def bitwise_right_shift(x: Any, y: Any) -> Any:
    """The largest integer up to x / 2ʸ: the bits y places back."""
    return np.right_shift(*_integers("bitwise_right_shift", x, y))


@of_arrays
def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor.

    Example:

    >>> gcd([12, 7], 18)
    array([6, 1], dtype=int32)
    """
    return np.gcd(*_integers("gcd", x1, x2))


@of_arrays
def lcm(x1: Any, x2: Any) -> Any:
    """The least common multiple."""
    return np.lcm(*_integers("lcm", x1, x2))


bitwise_invert = bitwise_not
left_shift = bitwise_left_shift
right_shift = bitwise_right_shift
