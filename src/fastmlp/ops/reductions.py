"""Reductions, named as in `keras.ops`.

`axis` is an integer, several, or `None` for all; `keepdims` leaves reduced axes with size 1. Reduced
over the first axis of a symbolic tensor, the batch, the result is one value for all samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import math, shapes, spec
from fastmlp.ops.reduce import Cumsum as Cumsum
from fastmlp.ops.reduce import reduction

Axis = Any


def _reduce(kind: str, x: Any, axis: Axis, keepdims: bool, **kwargs: Any) -> Any:
    if spec.is_symbolic(x):
        return reduction(kind, x, axis, keepdims)
    x = spec.array(x)
    axes = tuple(axis) if isinstance(axis, list) else axis
    return np.asarray(getattr(np, kind)(x, axis=axes, keepdims=keepdims, **kwargs))


@operation
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum.

    Example:

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([3., 7.], dtype=float32)
    """
    x = x if spec.is_symbolic(x) else spec.array(x)
    return _reduce("sum", x, axis, keepdims, **_same_type(x))


@operation
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product; of an array in another type, if `dtype` names one."""
    x = x if spec.is_symbolic(x) else spec.array(x)
    return _reduce("prod", x, axis, keepdims, **_same_type(x, dtype))


def _same_type(x: Any, dtype: Any = None) -> dict[str, Any]:
    """Small integers are added up as int32, others as what they are, or as `dtype`."""
    if dtype is not None and not spec.is_symbolic(x):
        return {"dtype": dtype}
    if spec.is_symbolic(x) or x.dtype.kind == "f":
        return {}
    return {"dtype": np.result_type(x.dtype, np.int32 if x.dtype.kind in "bi" else np.uint32)}


@operation
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean; over the batch, of the samples that a step has."""
    return _reduce("mean", _floats(x), axis, keepdims)


@operation
def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest element, `initial` among them; those that tie share the gradient."""
    if initial is None:
        return _reduce("max", x, axis, keepdims)
    if not spec.is_symbolic(x):
        return _reduce("max", x, axis, keepdims, initial=initial)
    return math.maximum(_reduce("max", x, axis, keepdims), initial)


@operation
def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest element, `initial` among them; those that tie share the gradient."""
    if initial is None:
        return _reduce("min", x, axis, keepdims)
    if not spec.is_symbolic(x):
        return _reduce("min", x, axis, keepdims, initial=initial)
    return math.minimum(_reduce("min", x, axis, keepdims), initial)


@operation
def amax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element; those that tie share the gradient."""
    return max(x, axis, keepdims)


@operation
def amin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element; those that tie share the gradient."""
    return min(x, axis, keepdims)


@operation
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether one element is not 0."""
    if spec.is_symbolic(x):
        return reduction("max", math.not_equal(x, 0), axis, keepdims)
    return _reduce("any", x, axis, keepdims)


@operation
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether no element is 0."""
    if spec.is_symbolic(x):
        return reduction("min", math.not_equal(x, 0), axis, keepdims)
    return _reduce("all", x, axis, keepdims)


@operation
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The variance: the mean square of the distance from the mean."""
    if spec.is_symbolic(x):
        return mean(math.square(math.subtract(x, mean(x, axis, True))), axis, keepdims)
    return _reduce("var", _floats(x), axis, keepdims)


@operation
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The standard deviation: the root of the variance."""
    if spec.is_symbolic(x):
        return math.sqrt(var(x, axis, keepdims))
    return _reduce("std", _floats(x), axis, keepdims)


@operation
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log Σ exp(x), without overflow.

    Example:

    >>> logsumexp([1000.0, 1000.0])
    array(1000.6932, dtype=float32)
    """
    if spec.is_symbolic(x):
        return reduction("logsumexp", x, axis, keepdims)
    x = _floats(x)
    axis = spec.axes_of("logsumexp", x, axis)
    top = np.max(x, axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        result = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return np.asarray(result if keepdims else np.squeeze(result, axis), x.dtype)


@operation
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the first largest element; of all elements in a row if `axis` is `None`."""
    return _index("argmax", x, axis, keepdims)


@operation
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the first smallest element; of all elements in a row if `axis` is `None`."""
    return _index("argmin", x, axis, keepdims)


def _index(kind: str, x: Any, axis: int | None, keepdims: bool) -> Any:
    if spec.is_symbolic(x):
        return reduction(kind, x, axis, keepdims)
    return _reduce(kind, x, axis, keepdims).astype(np.int32)


@operation
def count_nonzero(x: Any, axis: Axis = None) -> Any:
    """How many elements are not 0."""
    if spec.is_symbolic(x):
        found = reduction("sum", math.not_equal(x, 0), axis, False)
        return spec.node("identity", [found], found.shape, to="int32")
    axes = tuple(axis) if isinstance(axis, list) else axis
    return np.asarray(np.count_nonzero(spec.array(x), axes), np.int32)


@operation
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along an axis; `None`: of all in a row."""
    if not spec.is_symbolic(x):
        x = spec.array(x)
        return np.cumsum(x, axis, **_same_type(x, dtype))
    x, at = _running("cumsum", x, axis)
    return spec.node("cumsum", [x], x.shape, axis=at - x.per_sample)


@operation
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along an axis; `None`: of all in a row.

    Example:

    >>> cumprod([1.0, 2.0, 3.0])
    array([1., 2., 6.], dtype=float32)
    """
    if not spec.is_symbolic(x):
        x = spec.array(x)
        return np.cumprod(x, axis, **_same_type(x, dtype))
    x, at = _running("cumprod", x, axis)
    before = (slice(None),) * at
    n, reach = int(x.shape[at] or 0), 1
    while reach < n:  # each element is the product of the `reach` ones that end with it
        ending = shapes.get_item(x, (*before, slice(reach, None)))
        earlier = shapes.get_item(x, (*before, slice(None, n - reach)))
        first = shapes.get_item(x, (*before, slice(None, reach)))
        x = shapes.concatenate([first, math.multiply(ending, earlier)], at)
        reach *= 2
    return x


def _running(name: str, x: Any, axis: int | None) -> tuple[Any, int]:
    """The tensor and the axis of a sample that running sums go along."""
    (x,) = spec.operands(name, x)
    if axis is None and not x.per_sample:
        x, axis = shapes.reshape(x, (-1,)), 0
    (at,) = spec.axes_of(name, x, -1 if axis is None else axis)
    if axis is None or (x.per_sample and at == 0):
        raise ValueError(
            f"{spec.where(name)}: expected an axis of a sample. Received: axis={axis}, shape={x.shape}"
        )
    return x, at


@operation
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The norm of vectors: (Σ |x|ᵒʳᵈ)^(1/ord); the largest |x| for `inf`; of all if `axis` is `None`.

    Args:
        x: Tensor or array.
        ord: 1, 2, `inf`, `-inf`, 0 or another number; `None`: 2, of all elements of several axes.
        axis: One axis, or with `ord=None` several.
        keepdims: Whether reduced axes stay, with size 1.
    """
    if not spec.is_symbolic(x):
        axes = tuple(axis) if isinstance(axis, list) else axis
        return np.asarray(np.linalg.norm(_floats(x), ord, axes, keepdims))
    if ord in (None, 2):
        return math.sqrt(sum(math.square(x), axis, keepdims))
    if ord == 1:
        return sum(math.absolute(x), axis, keepdims)
    if ord == float("inf"):
        return max(math.absolute(x), axis, keepdims)
    if ord == float("-inf"):
        return min(math.absolute(x), axis, keepdims)
    if ord == 0:
        return sum(math.not_equal(x, 0), axis, keepdims)
    if not isinstance(ord, (int, float)):
        raise ValueError(f"{spec.where('norm')}: expected a number or None. Received: {ord=}")
    return math.power(sum(math.power(math.absolute(x), ord), axis, keepdims), 1 / ord)


def _floats(x: Any) -> Any:
    return x if spec.is_symbolic(x) else spec.arrays(x, floating=True)[0]
