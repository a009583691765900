"""Order along an axis, named as in `keras.ops`: sort, argsort, top_k, median; elements by index.

Places have no gradient; the elements that are found have that of the elements they were.
"""

from __future__ import annotations

import math as pymath
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import calls
from fastmlp.calls import operation
from fastmlp.graph import Node, Tensor
from fastmlp.ops import math, reductions, shapes, spec
from fastmlp.ops.reduce import add_reduced
from fastmlp.ops.spec import OpSpec

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op


class Argsort(OpSpec):
    """y (outer, k, inner) = places of the first k of x (outer, n, inner), sorted along n"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, spec.sample(node.output))
        op = b.emit("argsort", [y], ins, **node.attrs)
        op.scratch = 2 * node.attrs["n"]
        return y


class TakeAlong(OpSpec):
    """y (outer, k, inner) = x (outer, n, inner) at index (outer, k, inner), along n"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, spec.sample(node.output))
        b.emit("take_along", [y], ins, **node.attrs)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx at index += dy"""
        x, index = op.ins
        assert x is not None
        if b.differentiable(x):
            dx = b.result([dy], x.shape, f"d_{x.name}")
            b.emit("take_along_bwd", [dx], [dy, index], **op.attrs)
            add_reduced(b, x, dx)


def argsorted(x: np.ndarray, axis: int, descending: bool = False) -> np.ndarray:
    """Places in order; equal elements stay as they are, NaN is above all."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    places = np.argsort(np.flip(x, axis), axis, kind="stable")
    return np.asarray(x.shape[axis] - 1 - np.flip(places, axis))


def _sorted_places(name: str, x: Tensor, axis: int, k: int | None, descending: bool) -> Tensor:
    at = _inner_axis(name, x, axis)
    sizes = _around(x, at)
    k = sizes["n"] if k is None else k
    shape = (*x.shape[:at], k, *x.shape[at + 1 :])
    return spec.node("argsort", [x], shape, **sizes, k=k, descending=descending)


def _inner_axis(name: str, x: Tensor, axis: Any) -> int:
    axes = spec.axes_of(name, x, axis)
    if len(axes) != 1 or (x.per_sample and axes[0] == 0):
        raise ValueError(
            f"{spec.where(name)}: expected one axis of a sample. "
            f"Received: axis={axis!r}, shape={x.shape}"
        )
    return axes[0]


def _around(x: Tensor, at: int) -> dict[str, int]:
    """Elements before, along and after an axis, within a sample."""
    sizes, at = spec.sample(x), at - x.per_sample
    return {
        "outer": pymath.prod(sizes[:at]),
        "n": sizes[at],
        "inner": pymath.prod(sizes[at + 1 :]),
    }


@operation
def argsort(x: Any, axis: int | None = -1) -> Any:
    """Places of the elements in ascending order along an axis; `None`: of all in a row.

    Example:

    >>> argsort([3.0, 1.0, 2.0])
    array([1, 2, 0], dtype=int32)
    """
    if not spec.is_symbolic(x):
        x = spec.array(x)
        return (argsorted(x.reshape(-1), 0) if axis is None else argsorted(x, axis)).astype(
            np.int32
        )
    x, at = _flat_if_none("argsort", x, axis)
    return _sorted_places("argsort", x, at, None, False)


@operation
def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements in ascending order along an axis; `None`: all in a row.

    Example:

    >>> sort([3.0, 1.0, 2.0])
    array([1., 2., 3.], dtype=float32)
    """
    if not spec.is_symbolic(x):
        return np.sort(spec.array(x), axis)
    x, at = _flat_if_none("sort", x, axis)
    return take_along_axis(x, _sorted_places("sort", x, at, None, False), at)


def _flat_if_none(name: str, x: Any, axis: int | None) -> tuple[Tensor, int]:
    (x,) = spec.operands(name, x)
    if axis is None and not x.per_sample:
        return shapes.reshape(x, (-1,)), 0
    return x, _inner_axis(name, x, axis)


@operation
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest elements along the last axis, in descending order, and their places.

    `sorted=False` makes no difference: they are in order.

    Example:

    >>> top_k([3.0, 1.0, 2.0], 2)
    (array([3., 2.], dtype=float32), array([0, 2], dtype=int32))
    """
    x = spec.operands("top_k", x)[0] if spec.is_symbolic(x) else spec.array(x)
    n = x.shape[-1] if x.shape else None
    if n is None or not 0 <= k <= n:
        raise ValueError(
            f"{spec.where('top_k')}: expected k up to the size of the last axis. "
            f"Received: k={k}, shape={tuple(x.shape)}"
        )
    if not isinstance(x, Tensor):
        places = argsorted(x, -1, descending=True)[..., :k]
        return np.take_along_axis(x, places, -1), places.astype(np.int32)
    found = _sorted_places("top_k", x, -1, k, True)
    return take_along_axis(x, found, -1), found


@operation
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at indices along an axis, where indices have an index for each element they give.

    Args:
        x: Tensor or array.
        indices: Integers, `x`'s shape but along the axis; negative ones count from the end.
        axis: The axis. `None`: of all elements in a row.

    Example:

    >>> take_along_axis([[1.0, 2.0, 3.0]], [[2, 0]], axis=1)
    array([[3., 1.]], dtype=float32)
    """
    if not spec.is_symbolic(x, indices):
        x, indices = spec.array(x), spec.array(indices)
        if axis is None:
            x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
        return np.take_along_axis(x, indices, axis)
    x, index = spec.operands("take_along_axis", x, indices)
    at = _inner_axis("take_along_axis", x if x.per_sample else index, axis)
    first = at - (x.per_sample or index.per_sample)
    own, wanted = list(spec.sample(x)), list(spec.sample(index))
    if len(own) != len(wanted) or own[:first] + own[first + 1 :] != (
        wanted[:first] + wanted[first + 1 :]
    ):
        raise ValueError(
            f"{spec.where('take_along_axis')}: expected shapes that differ along axis {axis} only. "
            f"Received: {calls.described(x, index)}"
        )
    sizes = _around(x, first + x.per_sample)
    shape = spec.with_batch(wanted, x.per_sample or index.per_sample)
    return spec.node("take_along", [x, index], shape, **sizes, k=wanted[first])


@operation
def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The number that a share q of the elements along an axis does not exceed.

    Args:
        x: Tensor or array.
        q: Shares in [0, 1]; of a symbolic tensor one.
        axis: Axis or axes.
        method: What lies between two elements: `'linear'`, `'lower'`, `'higher'`, `'midpoint'` or
            `'nearest'`; of a symbolic tensor `'linear'`.
        keepdims: Whether reduced axes stay, with size 1.
    """
    if not spec.is_symbolic(x):
        (x,) = spec.arrays(x, floating=True)
        axes = tuple(axis) if isinstance(axis, list) else axis
        return between(np.quantile, x, q, axes, method, keepdims)
    if method != "linear" or np.ndim(q) != 0:
        raise ValueError(
            f"{spec.where('quantile')}: expected one q and method='linear' for a symbolic tensor. "
            f"Received: {q=}, {method=}"
        )
    (x,) = spec.operands("quantile", x)
    if axis is None and not (x.per_sample or keepdims):
        x, axis = shapes.reshape(x, (-1,)), 0
    at = _inner_axis("quantile", x, axis)
    ordered = sort(x, at)
    place = float(q) * (spec.sample(x)[at - x.per_sample] - 1)
    low, part = int(place), place - int(place)
    below = shapes.take(ordered, [low], at)
    above = shapes.take(ordered, [min(low + 1, int(x.shape[at] or 1) - 1)], at)
    y = below  # also where it is infinite, which the sum would make NaN
    if part:
        y = math.add(math.multiply(below, 1 - part), math.multiply(above, part))
    return y if keepdims else shapes.squeeze(y, at)


def between(
    find: Callable[..., Any], x: np.ndarray, q: Any, axes: Any, method: str, keepdims: bool
) -> np.ndarray:
    """NumPy's quantile; between two numbers of which one is infinite, or both alike, it is that one.

    NumPy adds a part of their difference, which is NaN for equal ones.
    """
    if spec.numel_of(x, spec.axes_of("quantile", x, axes)) == 0:
        raise ValueError(
            f"{spec.where('quantile')}: expected at least one element along the axis. "
            f"Received: axis={axes}, shape={x.shape}"
        )
    with np.errstate(invalid="ignore"):
        found = find(x, q, axes, method=method, keepdims=keepdims)
        if method == "linear" and np.isinf(x).any():
            low, high = (find(x, q, axes, method=m, keepdims=keepdims) for m in ("lower", "higher"))
            found = np.where(np.isnan(found), low / 2 + high / 2, found)
    return np.asarray(found, x.dtype)


@operation
def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The `quantile` of q / 100."""
    return quantile(x, np.asarray(q) / 100, axis, method, keepdims)


@operation
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element along an axis, or the mean of the two in the middle."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


@operation
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """How many elements of an ascending sequence are below each value; `'right'`: or equal it."""
    if not spec.is_symbolic(values):
        found = np.searchsorted(spec.array(sorted_sequence), spec.array(values), side)  # type: ignore[call-overload]
        return np.asarray(found, np.int32)
    edges = np.asarray(sorted_sequence)
    below = math.less if side == "left" else math.less_equal
    found = reductions.sum(below(edges, shapes.expand_dims(values, -1)), -1)
    return spec.node("identity", [found], found.shape, to="int32")


@operation
def digitize(x: Any, bins: Any) -> Any:
    """The number of the bin that each element is in: how many edges of `bins` do not exceed it."""
    return searchsorted(bins, x, "right")
