"""Reductions that pass over NaN, named as in `keras.ops`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import math, reductions, spec
from fastmlp.ops.spec import of_arrays


def _known(x: Any) -> Any:
    """1 for what is no NaN, else 0."""
    return math.where(math.isnan(x), 0.0, 1.0)


@operation
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of what is no NaN."""
    return reductions.sum(math.where(math.isnan(x), 0.0, x), axis, keepdims=keepdims)


@operation
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of what is no NaN."""
    return reductions.prod(math.where(math.isnan(x), 1.0, x), axis, keepdims=keepdims)


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
    gap = math.multiply(known, math.subtract(math.where(math.isnan(x), 0.0, x), mean))
    total = reductions.sum(math.square(gap), axis, keepdims=keepdims)
    return math.divide(total, reductions.sum(known, axis, keepdims=keepdims))


@operation
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation of what is no NaN: the root of the variance."""
    return math.sqrt(nanvar(x, axis, keepdims))


@operation
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest of what is no NaN."""
    return reductions.max(math.where(math.isnan(x), -np.inf, x), axis, keepdims=keepdims)


@operation
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest of what is no NaN."""
    return reductions.min(math.where(math.isnan(x), np.inf, x), axis, keepdims=keepdims)


@operation
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the largest of what is no NaN; -1 if there is nothing else."""
    place = reductions.argmax(math.where(math.isnan(x), -np.inf, x), axis, keepdims)
    return _or_none(x, place, axis, keepdims)


@operation
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the smallest of what is no NaN; -1 if there is nothing else."""
    place = reductions.argmin(math.where(math.isnan(x), np.inf, x), axis, keepdims)
    return _or_none(x, place, axis, keepdims)


def _or_none(x: Any, place: Any, axis: int | None, keepdims: bool) -> Any:
    return math.where(reductions.all(math.isnan(x), axis, keepdims), -1, place)


@operation
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums in which NaN counts as 0."""
    return reductions.cumsum(math.where(math.isnan(x), 0.0, x), axis, dtype)


@operation
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products in which NaN counts as 1."""
    return reductions.cumprod(math.where(math.isnan(x), 1.0, x), axis, dtype)


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
    found = np.nanquantile(x, q, axes, method=method, keepdims=keepdims)  # type: ignore[call-overload]
    return np.asarray(found, x.dtype)


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
