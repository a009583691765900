"""Reductions that pass over NaN, named as in `keras.ops`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import math, order, reductions, spec
from fastmlp.ops.spec import of_arrays


def _known(x: Any) -> Any:
    """1 for what is no NaN, else 0."""
    return math.where(math.isnan(x), 0.0, 1.0)


def _filled(x: Any, value: float) -> Any:
    """x with a value in place of NaN; whole numbers, which have none, as they are."""
    x = x if spec.is_symbolic(x) else spec.array(x)
    if not spec.is_symbolic(x) and x.dtype.kind in "biu":
        return x
    return math.where(math.isnan(x), value, x)


@operation
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of what is no NaN."""
    return reductions.sum(_filled(x, 0.0), axis, keepdims=keepdims)


@operation
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of what is no NaN."""
    return reductions.prod(_filled(x, 1.0), axis, keepdims=keepdims)


@operation
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of what is no NaN."""
    total = nansum(x, axis, keepdims)
    return math.divide(total, reductions.sum(_known(x), axis, keepdims=keepdims))


@operation
def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance of what is no NaN: the mean square of the distance from the mean."""
    known = _known(x)
    mean = nanmean(x, axis, True)
    gap = math.multiply(known, math.subtract(_filled(x, 0.0), mean))
    total = reductions.sum(math.square(gap), axis, keepdims=keepdims)
    return math.divide(total, reductions.sum(known, axis, keepdims=keepdims))


@operation
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation of what is no NaN: the root of the variance."""
    return math.sqrt(nanvar(x, axis, keepdims))


@operation
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest of what is no NaN; NaN if there is nothing else."""
    found = reductions.max(_filled(x, -np.inf), axis, keepdims=keepdims)
    return _or(np.nan, x, found, axis, keepdims)


@operation
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest of what is no NaN; NaN if there is nothing else."""
    found = reductions.min(_filled(x, np.inf), axis, keepdims=keepdims)
    return _or(np.nan, x, found, axis, keepdims)


@operation
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the largest of what is no NaN; -1 if there is nothing else."""
    place = reductions.argmax(_filled(x, -np.inf), axis, keepdims)
    return _or(-1, x, place, axis, keepdims)


@operation
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the smallest of what is no NaN; -1 if there is nothing else."""
    place = reductions.argmin(_filled(x, np.inf), axis, keepdims)
    return _or(-1, x, place, axis, keepdims)


def _or(nothing: float, x: Any, found: Any, axis: Any, keepdims: bool) -> Any:
    """What was found, or another value where x is nothing but NaN."""
    if not spec.is_symbolic(x) and spec.array(x).dtype.kind in "biu":
        return found
    return math.where(reductions.all(math.isnan(x), axis, keepdims), nothing, found)


@operation
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums in which NaN counts as 0."""
    return reductions.cumsum(_filled(x, 0.0), axis, dtype)


@operation
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products in which NaN counts as 1."""
    return reductions.cumprod(_filled(x, 1.0), axis, dtype)


@of_arrays
def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The number that a share q of what is no NaN along an axis does not exceed. Of arrays only.

    Args:
        x: Array.
        q: Shares in [0, 1].
        axis: Axis or axes.
        method: What lies between two elements: `'linear'`, `'lower'`, `'higher'`, `'midpoint'` or
            `'nearest'`.
        keepdims: Whether reduced axes stay, with size 1.
    """
    (x,) = spec.arrays(x, floating=True)
    axes = tuple(axis) if isinstance(axis, list) else axis
    return order.between(np.nanquantile, x, q, axes, method, keepdims)


@of_arrays
def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The `nanquantile` of q / 100. Of arrays only."""
    return nanquantile(x, np.asarray(q) / 100, axis, method, keepdims)


@of_arrays
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle of what is no NaN, or the mean of the two in the middle. Of arrays only."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)
