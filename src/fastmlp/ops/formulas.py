"""Element-wise functions made of others, named as in `keras.ops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import core, math, reductions, shapes, spec
from fastmlp.ops.elementwise import apply

_LOG2 = 0.6931471805599453
_DEGREE = 0.017453292519943295


@operation
def hypot(x1: Any, x2: Any) -> Any:
    """The length √(x1² + x2²)."""
    if not spec.is_symbolic(x1, x2):
        return np.hypot(*spec.arrays(x1, x2, floating=True))
    x1, x2 = spec.operands("hypot", x1, x2)
    return math.sqrt(math.add(math.square(x1), math.square(x2)))


@operation
def cbrt(x: Any) -> Any:
    """The cube root, of negative numbers too."""
    if not spec.is_symbolic(x):
        return np.cbrt(spec.arrays(x, floating=True)[0])
    return math.multiply(math.sign(x), math.power(math.absolute(x), 1 / 3))


@operation
def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    return math.subtract(1.0, math.erf(x))


@operation
def logaddexp2(x1: Any, x2: Any) -> Any:
    """log₂(2^x1 + 2^x2)."""
    x1, x2 = (math.multiply(x, _LOG2) for x in (x1, x2))
    return math.divide(math.logaddexp(x1, x2), _LOG2)


@operation
def deg2rad(x: Any) -> Any:
    """Degrees as radians."""
    return math.multiply(x, _DEGREE)


@operation
def rad2deg(x: Any) -> Any:
    """Radians as degrees."""
    return math.divide(x, _DEGREE)


@operation
def sinc(x: Any) -> Any:
    """sin(π x) / (π x), 1 at 0."""
    turned = math.multiply(x, np.pi)
    safe = math.where(math.equal(turned, 0), 1.0, turned)
    return math.where(math.equal(turned, 0), 1.0, math.divide(math.sin(safe), safe))


@operation
def heaviside(x1: Any, x2: Any) -> Any:
    """0 where x1 < 0, x2 where x1 = 0, 1 where x1 > 0."""
    above = math.where(math.greater(x1, 0), 1.0, 0.0)
    return math.where(math.equal(x1, 0), x2, above)


@operation
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2, and 0 where x2 is 0."""
    zero = math.equal(x2, 0)
    return math.where(zero, 0.0, math.divide(x1, math.where(zero, 1.0, x2)))


@operation
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether |x1 - x2| ≤ atol + rtol · |x2|."""
    if not spec.is_symbolic(x1, x2):
        x1, x2 = spec.arrays(x1, x2)
        return np.isclose(x1, x2, rtol, atol, equal_nan)
    limit = math.add(math.multiply(math.absolute(x2), rtol), atol)
    near = math.less_equal(math.absolute(math.subtract(x1, x2)), limit)
    near = math.logical_or(near, math.equal(x1, x2))  # infinities
    return (
        math.logical_or(near, math.logical_and(math.isnan(x1), math.isnan(x2)))
        if equal_nan
        else near
    )


@operation
def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether `isclose` holds for all elements."""
    return reductions.all(isclose(x1, x2, rtol, atol, equal_nan))


@operation
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element is one of those in x2.

    Args:
        x1: Tensor or array.
        x2: Array of any shape; of a symbolic x1 a constant.
        assume_unique: No difference.
        invert: Whether to return the opposite.

    Example:

    >>> isin([1, 5], [5, 6])
    array([False,  True])
    """
    if not spec.is_symbolic(x1):
        x1, x2 = spec.arrays(x1, x2)
        return np.isin(x1, x2, invert=invert)
    among = math.equal(shapes.expand_dims(x1, -1), np.asarray(x2).reshape(-1))
    found = reductions.any(among, -1)
    return math.logical_not(found) if invert else found


@operation
def isposinf(x: Any) -> Any:
    """Whether x is infinite and above 0."""
    return math.equal(x, np.inf)


@operation
def isneginf(x: Any) -> Any:
    """Whether x is infinite and below 0."""
    return math.equal(x, -np.inf)


@operation
def fmax(x1: Any, x2: Any) -> Any:
    """The larger of x1 and x2, or the one that is no NaN."""
    larger = math.maximum(x1, x2)
    return math.where(math.isnan(x1), x2, math.where(math.isnan(x2), x1, larger))


@operation
def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of x1 and x2, or the one that is no NaN."""
    smaller = math.minimum(x1, x2)
    return math.where(math.isnan(x1), x2, math.where(math.isnan(x2), x1, smaller))


@operation
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each element the choice of the first condition that holds, else the default.

    Example:

    >>> import numpy as np
    >>> x = np.array([1.0, 5.0, 9.0])
    >>> select([x < 2, x < 6], [x, 10 * x], 0.0)
    array([ 1., 50.,  0.])
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"{spec.where('select')}: expected a choice for each condition. "
            f"Received: {len(condlist)} and {len(choicelist)}"
        )
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = math.where(condition, choice, y)
    return y


@operation
def copy(x: Any) -> Any:
    """The same numbers; of an array, in memory of their own."""
    return apply("copy", x) if spec.is_symbolic(x) else np.array(spec.array(x))


@operation
def fmod(x1: Any, x2: Any) -> Any:
    """The remainder of x1 / x2, of the sign of x1."""
    if not spec.is_symbolic(x1, x2):
        with np.errstate(all="ignore"):
            return np.fmod(*spec.arrays(x1, x2))
    whole = math.trunc(math.divide(x1, x2))
    return math.subtract(x1, math.multiply(core.stop_gradient(whole), x2))


@operation
def ldexp(x1: Any, x2: Any) -> Any:
    """x1 · 2^x2, for integers x2.

    Example:

    >>> ldexp([1.0, 3.0], [2, 0])
    array([4., 3.], dtype=float32)
    """
    if not spec.is_symbolic(x2) and spec.array(x2).dtype.kind not in "iu":
        raise TypeError(f"{spec.where('ldexp')}: expected integers as x2. Received: {x2!r}")
    if not spec.is_symbolic(x1, x2):
        return np.ldexp(spec.arrays(x1, floating=True)[0], spec.array(x2))
    return math.multiply(x1, math.exp2(x2))


@operation
def signbit(x: Any) -> Any:
    """Whether x is below 0; of arrays -0.0 is, too."""
    return math.less(x, 0) if spec.is_symbolic(x) else np.signbit(spec.array(x))


@operation
def erfinv(x: Any) -> Any:
    """The y of which x is the error function, for x in (-1, 1); dx = dy √π/2 exp(y²).

    Source: S. Winitzki, A handy approximation for the error function and its inverse, 2008; made exact by
    Newton's method.
    """
    x = x if spec.is_symbolic(x) else spec.arrays(x, floating=True)[0]
    near = math.log(math.multiply(math.subtract(1.0, x), math.add(1.0, x)))
    part = math.add(math.multiply(near, 0.5), 4.3307467508)  # 2 / (π 0.147)
    gap = math.subtract(math.sqrt(math.subtract(math.square(part), math.divide(near, 0.147))), part)
    y = math.multiply(math.sign(x), math.sqrt(math.maximum(gap, 0.0)))
    for _ in range(3):
        y = core.stop_gradient(y)
        slope = math.multiply(math.exp(math.negative(math.square(y))), 1.1283791670955126)
        y = math.subtract(y, math.divide(math.subtract(math.erf(y), x), slope))
    edge = math.multiply(math.sign(x), np.inf)
    return math.where(math.equal(math.absolute(x), 1), edge, y)


@operation
def real(x: Any) -> Any:
    """The real part; of real numbers they themselves."""
    return copy(x) if spec.is_symbolic(x) else np.real(spec.array(x))


@operation
def imag(x: Any) -> Any:
    """The imaginary part; of real numbers 0."""
    return core.zeros_like(x) if spec.is_symbolic(x) else np.array(np.imag(spec.array(x)))


@operation
def conj(x: Any) -> Any:
    """The complex conjugate; of real numbers they themselves."""
    return copy(x) if spec.is_symbolic(x) else np.conj(spec.array(x))


@operation
def angle(x: Any) -> Any:
    """The angle of a complex number, in (-π, π]; of a real one 0 or π."""
    if spec.is_symbolic(x):
        return math.where(math.less(x, 0), np.pi, 0.0)
    x = spec.array(x)
    return np.angle(x if x.dtype.kind == "c" else spec.arrays(x, floating=True)[0])


@operation
def isreal(x: Any) -> Any:
    """Whether the imaginary part is 0."""
    return core.ones_like(x) if spec.is_symbolic(x) else np.isreal(spec.array(x))


@operation
def fabs(x: Any) -> Any:
    """The absolute value |x|, a float of integers, too."""
    return math.absolute(x if spec.is_symbolic(x) else spec.arrays(x, floating=True)[0])


conjugate = conj
