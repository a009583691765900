"""Element-wise functions, named as in `keras.ops`.

Each takes symbolic tensors, weights, arrays and numbers. Operands broadcast as in NumPy; the first axis
of a symbolic tensor is the batch. With arrays alone it computes with NumPy. On tensors, comparisons
give 1 and 0 of the tensor's type.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import spec
from fastmlp.ops.elementwise import apply


@operation
def absolute(x: Any) -> Any:
    """The absolute value |x|."""
    return apply("absolute", x)


@operation
def negative(x: Any) -> Any:
    """The negative -x."""
    return apply("negative", x)


@operation
def square(x: Any) -> Any:
    """The square x²."""
    return apply("square", x)


@operation
def sqrt(x: Any) -> Any:
    """The square root √x."""
    return apply("sqrt", x)


@operation
def rsqrt(x: Any) -> Any:
    """The reciprocal square root 1/√x."""
    return apply("rsqrt", x)


@operation
def reciprocal(x: Any) -> Any:
    """The reciprocal 1/x."""
    return apply("reciprocal", x)


@operation
def sign(x: Any) -> Any:
    """The sign of x: -1, 0 or 1. No gradient."""
    return apply("sign", x)


@operation
def exp(x: Any) -> Any:
    """The exponential eˣ."""
    return apply("exp", x)


@operation
def exp2(x: Any) -> Any:
    """The power 2ˣ."""
    return apply("exp2", x)


@operation
def expm1(x: Any) -> Any:
    """eˣ - 1, exact near 0."""
    return apply("expm1", x)


@operation
def log(x: Any) -> Any:
    """The natural logarithm."""
    return apply("log", x)


@operation
def log1p(x: Any) -> Any:
    """log(1 + x), exact near 0."""
    return apply("log1p", x)


@operation
def log2(x: Any) -> Any:
    """The logarithm to base 2."""
    return apply("log2", x)


@operation
def log10(x: Any) -> Any:
    """The logarithm to base 10."""
    return apply("log10", x)


@operation
def erf(x: Any) -> Any:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt."""
    return apply("erf", x)


@operation
def sin(x: Any) -> Any:
    """The sine of an angle in radians."""
    return apply("sin", x)


@operation
def cos(x: Any) -> Any:
    """The cosine of an angle in radians."""
    return apply("cos", x)


@operation
def tan(x: Any) -> Any:
    """The tangent of an angle in radians."""
    return apply("tan", x)


@operation
def arcsin(x: Any) -> Any:
    """The angle in [-π/2, π/2] whose sine is x."""
    return apply("arcsin", x)


@operation
def arccos(x: Any) -> Any:
    """The angle in [0, π] whose cosine is x."""
    return apply("arccos", x)


@operation
def arctan(x: Any) -> Any:
    """The angle in (-π/2, π/2) whose tangent is x."""
    return apply("arctan", x)


@operation
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return apply("sinh", x)


@operation
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return apply("cosh", x)


@operation
def arcsinh(x: Any) -> Any:
    """The inverse of sinh."""
    return apply("arcsinh", x)


@operation
def arccosh(x: Any) -> Any:
    """The inverse of cosh, for x ≥ 1."""
    return apply("arccosh", x)


@operation
def arctanh(x: Any) -> Any:
    """The inverse of tanh, for |x| < 1."""
    return apply("arctanh", x)


@operation
def floor(x: Any) -> Any:
    """The largest integer up to x. No gradient."""
    return apply("floor", x)


@operation
def ceil(x: Any) -> Any:
    """The smallest integer from x on. No gradient."""
    return apply("ceil", x)


@operation
def trunc(x: Any) -> Any:
    """x without its fraction. No gradient."""
    return apply("trunc", x)


@operation
def isnan(x: Any) -> Any:
    """Whether x is NaN."""
    return apply("isnan", x)


@operation
def isinf(x: Any) -> Any:
    """Whether x is infinite."""
    return apply("isinf", x)


@operation
def isfinite(x: Any) -> Any:
    """Whether x is neither NaN nor infinite."""
    return apply("isfinite", x)


@operation
def logical_not(x: Any) -> Any:
    """Whether x is 0."""
    return apply("logical_not", x)


@operation
def add(x1: Any, x2: Any) -> Any:
    """The sum x1 + x2."""
    return apply("add", x1, x2)


@operation
def subtract(x1: Any, x2: Any) -> Any:
    """The difference x1 - x2."""
    return apply("subtract", x1, x2)


@operation
def multiply(x1: Any, x2: Any) -> Any:
    """The product x1 · x2, element by element."""
    return apply("multiply", x1, x2)


@operation
def divide(x1: Any, x2: Any) -> Any:
    """The quotient x1 / x2."""
    return apply("divide", x1, x2)


@operation
def maximum(x1: Any, x2: Any) -> Any:
    """The larger of x1 and x2; at a tie each gets half the gradient."""
    return apply("maximum", x1, x2)


@operation
def minimum(x1: Any, x2: Any) -> Any:
    """The smaller of x1 and x2; at a tie each gets half the gradient."""
    return apply("minimum", x1, x2)


@operation
def power(x1: Any, x2: Any) -> Any:
    """x1 to the power x2."""
    return apply("power", x1, x2)


@operation
def mod(x1: Any, x2: Any) -> Any:
    """The remainder of x1 / x2, of the sign of x2."""
    return apply("mod", x1, x2)


@operation
def floor_divide(x1: Any, x2: Any) -> Any:
    """The largest integer up to x1 / x2. No gradient."""
    return apply("floor_divide", x1, x2)


@operation
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle of the point (x2, x1), in (-π, π]."""
    return apply("arctan2", x1, x2)


@operation
def logaddexp(x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2))."""
    return apply("logaddexp", x1, x2)


@operation
def equal(x1: Any, x2: Any) -> Any:
    """Whether x1 = x2."""
    return apply("equal", x1, x2)


@operation
def not_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 ≠ x2."""
    return apply("not_equal", x1, x2)


@operation
def less(x1: Any, x2: Any) -> Any:
    """Whether x1 < x2."""
    return apply("less", x1, x2)


@operation
def less_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 ≤ x2."""
    return apply("less_equal", x1, x2)


@operation
def logical_and(x1: Any, x2: Any) -> Any:
    """Whether neither is 0."""
    return apply("logical_and", x1, x2)


@operation
def logical_or(x1: Any, x2: Any) -> Any:
    """Whether one is not 0."""
    return apply("logical_or", x1, x2)


@operation
def logical_xor(x1: Any, x2: Any) -> Any:
    """Whether just one is not 0."""
    return apply("logical_xor", x1, x2)


@operation
def greater(x1: Any, x2: Any) -> Any:
    """Whether x1 > x2."""
    return apply("less", x2, x1)


@operation
def greater_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 ≥ x2."""
    return apply("less_equal", x2, x1)


@operation
def round(x: Any, decimals: int = 0) -> Any:
    """x rounded to so many decimals, ties to even. No gradient."""
    if not spec.is_symbolic(x):
        return np.round(spec.array(x), decimals)
    if decimals == 0:
        return apply("round", x)
    factor = 10.0**decimals
    return apply("divide", apply("round", apply("multiply", x, factor)), factor)


@operation
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """min(max(x, x_min), x_max).

    Example:

    >>> clip([-1.0, 0.5, 2.0], 0, 1)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return apply("minimum", apply("maximum", x, x_min), x_max)


@operation
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, x2 elsewhere; of an array alone the places where it does.

    Example:

    >>> where([True, False], 1.0, [5.0, 6.0])
    array([1., 6.], dtype=float32)
    """
    if x1 is None and x2 is None and not spec.is_symbolic(condition):
        return tuple(i.astype(np.int32) for i in np.nonzero(spec.array(condition)))
    if x1 is None or x2 is None:
        raise ValueError(
            f"{spec.where('where')}: expected x1 and x2, or neither, of an array alone. "
            f"Received: {'x1' if x1 is None else 'x2'}=None"
        )
    return apply("where", condition, x1, x2)


@operation
def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """x with finite numbers for NaN and infinities: the largest and smallest ones, if not given."""
    if not spec.is_symbolic(x):
        return np.nan_to_num(spec.array(x), nan=nan, posinf=posinf, neginf=neginf)
    (x,) = spec.operands("nan_to_num", x)
    limits = np.finfo(x.dtype)
    x = apply("where", apply("equal", x, np.inf), limits.max if posinf is None else posinf, x)
    x = apply("where", apply("equal", x, -np.inf), limits.min if neginf is None else neginf, x)
    return apply("where", apply("isnan", x), nan, x)


abs = absolute
pow = power
true_divide = divide
