"""Shapes and places of elements, named as in `keras.ops`.

The first axis of a symbolic tensor is the batch: where it stays first and all samples change alike, tasks
of some samples do it; else all of them together (`whole_batch.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import calls, graph
from fastmlp.calls import operation
from fastmlp.errors import is_int
from fastmlp.graph import Tensor
from fastmlp.ops import spec
from fastmlp.ops.embedding import embed
from fastmlp.ops.moves import rearranged
from fastmlp.variables import Variable


def _alone(name: str, x: Any) -> Any:
    """The one value of `(1, …)`."""
    if tuple(np.shape(x) if not hasattr(x, "shape") else x.shape)[:1] != (1,):
        raise ValueError(
            f"{spec.where(name)}: expected one value (1, …) to repeat for each sample. "
            f"Received: shape={getattr(x, 'shape', np.shape(x))}"
        )
    return get_item(x, 0) if spec.is_symbolic(x) else np.asarray(x)[0]


@operation
def get_item(x: Any, key: Any) -> Any:
    """`x[key]`: integers, slices, `None`, `...` and arrays of integers; of a tensor `x[:, …]`.

    Example:

    >>> import numpy as np
    >>> get_item(np.array([[1, 2, 3]]), (slice(None), slice(1, None)))
    array([[2, 3]])
    """
    hint = f", key={key!r}. Hint: x[:, {key!r}] takes from every sample."
    if isinstance(x, Tensor) and x.per_sample and _picks(key, x.ndim):
        raise spec.changes_batch("get_item", x, hint if isinstance(key, (int, slice)) else "")
    try:
        return rearranged(
            "get_item", x, lambda a: a[key], hint if isinstance(key, (int, slice)) else ""
        )
    except IndexError as error:
        raise IndexError(
            f"{spec.where('get_item')}: {error}. Received: shape={x.shape}, {key=}"
        ) from None


def _picks(key: Any, ndim: int) -> bool:
    """Whether a key may take some of the places along the first axis."""
    keys = [k for k in (key if isinstance(key, tuple) else (key,)) if k is not None]
    if keys and keys[0] is Ellipsis:
        keys = keys[1:] if len(keys) > ndim else []
    if not keys:
        return False
    if isinstance(keys[0], slice):
        return keys[0] not in (slice(None), slice(0, None), slice(None, None, 1), slice(0, None, 1))
    return True


@operation
def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Several tensors or arrays side by side along an axis.

    Args:
        xs: At least one; all of one shape but along the axis.
        axis: The axis.

    Raises:
        ValueError: The shapes do not fit.

    Example:

    >>> import numpy as np
    >>> concatenate([np.ones((1, 2)), np.zeros((1, 1))], axis=-1)
    array([[1., 1., 0.]])
    """
    if not spec.is_symbolic(*xs):
        return np.concatenate(spec.arrays(*xs), axis)
    tensors = spec.operands("concatenate", *xs)
    first = tensors[0]
    (at,) = spec.axes_of("concatenate", first, axis)
    shapes = [t.shape[:at] + t.shape[at + 1 :] for t in tensors]
    mixed = len({t.per_sample for t in tensors}) > 1 or (at == 0 and first.per_sample)
    if mixed or any(shape != shapes[0] for shape in shapes):
        raise ValueError(
            f"{spec.where('concatenate')}: expected shapes that differ along one axis, not the "
            f"batch. Received: axis={axis}, {calls.described(*tensors)}. Hint: axis=-1 is the last one"
        )
    length = sum(int(t.shape[at] or 0) for t in tensors)
    shape = (*first.shape[:at], length, *first.shape[at + 1 :])
    return spec.node("concatenate", tensors, shape, axis=at - first.per_sample)


@operation
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Several tensors or arrays of one shape along a new axis."""
    if not spec.is_symbolic(*x):
        return np.stack(spec.arrays(*x), axis)
    ndim = max(len(v.shape) for v in x) + 1
    if axis % ndim == 0 and any(isinstance(v, Tensor) and v.per_sample for v in x):
        raise ValueError(
            f"{spec.where('stack')}: expected another axis than 0, which is the batch. Received: "
            f"axis={axis}. Hint: axis=1 puts steps behind the batch: no transpose follows then."
        )
    if any(v.shape != x[0].shape for v in x):
        raise ValueError(
            f"{spec.where('stack')}: expected tensors of one shape. Received: {calls.described(*x)}"
        )
    return concatenate([expand_dims(v, axis % ndim) for v in x], axis % ndim)


@operation
def reshape(x: Any, newshape: Sequence[int]) -> Any:
    """The same elements in another shape.

    Args:
        x: Tensor or array.
        newshape: Its new shape, the batch included, which `-1` or `None` stands for. One size may be -1:
            what is left.

    Raises:
        ValueError: It has another number of elements.

    Example:

    >>> import numpy as np
    >>> reshape(np.arange(6), (2, -1))
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    given: tuple[Any, ...] = (newshape,) if is_int(newshape) else tuple(newshape)
    if not spec.is_symbolic(x):
        given = tuple(-1 if d is None else d for d in given)
        if min(given, default=0) < -1:  # NumPy takes it for -1
            raise ValueError(
                f"reshape: expected sizes >= 0, and -1 for what is left. Received: {newshape}"
            )
        return np.reshape(spec.array(x), given)
    (x,) = spec.operands("reshape", x)
    sizes = given
    if x.per_sample:
        if x.shape[0] is not None and given[:1] == x.shape[:1]:  # as many samples as there are
            given = (None, *given[1:])
        known = math.prod(d for d in given[1:] if d is not None)
        if given[:1] not in ((-1,), (None,)) or (-1 not in given[1:] and known != spec.numel(x)):
            hint = "start newshape with -1, and give every sample as many elements as before."
            if given == (-1,):
                hint = "leave it out before sums and means, which without axis take all elements."
            raise ValueError(
                f"{spec.where('reshape')}: cannot see {x.shape} as {given}. Hint: the batch stays the first "
                f"axis: {hint}"
            )
        sizes = given[1:]
    try:
        shape = np.empty(spec.sample(x), np.bool_).reshape(sizes).shape
    except (ValueError, TypeError):
        raise ValueError(f"{spec.where('reshape')}: cannot see {x.shape} as {given}.") from None
    return spec.node("reshape", [x], spec.with_batch(shape, x.per_sample))


@operation
def expand_dims(x: Any, axis: int) -> Any:
    """A new axis of size 1."""
    return rearranged("expand_dims", x, lambda a: np.expand_dims(a, axis))


@operation
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Without axes of size 1: those named, or all."""
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    if axes is None and spec.is_symbolic(x):
        axes = tuple(i for i, d in enumerate(x.shape) if d == 1)
    return rearranged("squeeze", x, lambda a: np.squeeze(a, axes))


@operation
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Axes in another order.

    Args:
        x: Tensor or array.
        axes: Which axis comes where; `None`: in reverse order.

    Example:

    >>> import numpy as np
    >>> transpose(np.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    hint = ". Hint: axes=(0, …) lets the batch be the first."
    return rearranged("transpose", x, lambda a: np.transpose(a, axes), hint)


@operation
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    return rearranged("swapaxes", x, lambda a: np.swapaxes(a, axis1, axis2))


@operation
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other positions."""
    return rearranged("moveaxis", x, lambda a: np.moveaxis(a, source, destination))


@operation
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Elements in reverse order along axes."""
    axes: Any = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return rearranged("flip", x, lambda a: np.flip(a, axes))


@operation
def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """Elements shifted along axes, the last ones coming first."""
    if (
        isinstance(x, Tensor)
        and x.per_sample
        and (axis is None or 0 in spec.axes_of("roll", x, axis))
    ):
        raise spec.changes_batch("roll", x)
    return rearranged("roll", x, lambda a: np.roll(a, shift, axis))


@operation
def repeat(x: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Each element several times in a row, along an axis.

    `repeats=None`, as `ops.shape(x)[0]` is, of one value `(1, …)` is once for each sample.
    """
    if graph.is_batch(repeats) and axis == 0:
        return spec.for_each_sample("repeat", _alone("repeat", x))
    return rearranged("repeat", x, lambda a: np.repeat(a, repeats, axis))


@operation
def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """The whole several times along each axis.

    A first number of `None`, as `ops.shape(x)[0]` is, of one value `(1, …)` is once for each sample.
    """
    if isinstance(repeats, (list, tuple)) and repeats and graph.is_batch(repeats[0]):
        return spec.for_each_sample("tile", tile(_alone("tile", x), repeats[1:]))
    return rearranged("tile", x, lambda a: np.tile(a, repeats))


@operation
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts along an axis: so many equal ones, or cut before these indices.

    Example:

    >>> import numpy as np
    >>> [part.shape for part in split(np.zeros((2, 5)), [2, 3], axis=1)]
    [(2, 2), (2, 1), (2, 2)]
    """
    if not spec.is_symbolic(x):
        x = spec.array(x)
    (at,) = spec.axes_of("split", x, axis)
    if isinstance(x, np.ndarray):
        return np.split(x, indices_or_sections, at)
    length = int(x.shape[at] or 1)
    places = np.split(np.arange(length), indices_or_sections)
    return [take(x, part, at) for part in places]


@operation
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at indices along an axis.

    Indices are constant, or a symbolic tensor for rows: `take(weight, x, axis=0)`.
    """
    if isinstance(indices, Tensor):
        if isinstance(x, Variable) and x.ndim == 2 and axis == 0:
            return embed(indices, x)
        if indices.per_sample and not spec.is_symbolic(x) and axis in (None, 0):
            return _from_table(spec.array(x) if axis == 0 else spec.array(x).reshape(-1), indices)
        x, indices = spec.operands("take", x, indices)
        if axis is None and not x.per_sample:
            x, axis = reshape(x, (-1,)), 0
        if x.per_sample or indices.per_sample or not x.ndim or axis != 0:
            raise ValueError(
                f"{spec.where('take')}: expected a weight (rows, features) and axis=0 for symbolic "
                f"indices. Received: {x!r}, axis={axis!r}. Hint: take_along_axis takes elements of each "
                "sample"
            )
        from fastmlp.ops.order import take_along_axis  # which knows this module

        places = reshape(indices, (-1, *[1] * (x.ndim - 1)))
        places = broadcast_to(places, (*places.shape[:1], *x.shape[1:]))
        return reshape(take_along_axis(x, places, 0), (*indices.shape, *x.shape[1:]))
    if isinstance(x, Tensor) and x.per_sample and (axis is None or axis % x.ndim == 0):
        raise spec.changes_batch("take", x)
    return rearranged("take", x, lambda a: np.take(a, indices, axis))


def _from_table(table: np.ndarray, indices: Tensor) -> Any:
    """Rows of an array at the indices of each sample."""
    rows = np.ascontiguousarray(table.reshape(len(table), -1), indices.dtype)
    y = embed(indices, Variable(rows, trainable=False, name="table"))
    return reshape(y, [-1, *map(int, spec.sample(indices)), *table.shape[1:]])


@operation
def broadcast_to(x: Any, shape: Sequence[Any]) -> Any:
    """`x` with axes of size 1 repeated; of a symbolic tensor `shape` starts with `None`."""
    given = tuple(shape)
    x = x if hasattr(x, "shape") else np.asarray(x)
    per_sample = isinstance(x, Tensor) and x.per_sample
    if given and graph.is_batch(given[0]) and not per_sample:
        one = x if len(x.shape) < len(given) else _alone("broadcast_to", x)
        return spec.for_each_sample("broadcast_to", broadcast_to(one, given[1:]))
    if per_sample:
        inner = given[1:]
        return rearranged("broadcast_to", x, lambda a: np.broadcast_to(a, (len(a), *inner)))
    return rearranged("broadcast_to", x, lambda a: np.broadcast_to(a, given))


@operation
def pad(x: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = None) -> Any:
    """Further elements around an array: zeros, or what `mode` makes of those at the border.

    Args:
        x: Tensor or array.
        pad_width: For each axis how many before and after.
        mode: `'constant'`, `'reflect'`, `'symmetric'`, `'edge'` or another of `numpy.pad`.
        constant_values: What a constant is; default 0.
    """
    if not spec.is_symbolic(x):
        extra: dict[str, Any] = (
            {} if constant_values is None else {"constant_values": constant_values}
        )
        return np.pad(spec.array(x), pad_width, mode, **extra)
    extra = {"constant_values": -1} if mode == "constant" else {}
    y = rearranged("pad", x, lambda a: np.pad(a, pad_width, mode, **extra))
    if constant_values is None or mode != "constant":
        return y
    from fastmlp.ops.math import where  # which knows this module

    one = np.ones([1 if graph.is_batch(d) else int(d) for d in x.shape], bool)
    inside = np.pad(one, pad_width)
    around = np.pad(np.zeros(one.shape), pad_width, constant_values=constant_values)
    if y.per_sample:
        inside, around = inside[0], around[0]
    return where(inside, y, around)


@operation
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """A diagonal of two axes, as the last axis."""
    return rearranged("diagonal", x, lambda a: np.diagonal(a, offset, axis1, axis2))


@operation
def tril(x: Any, k: int = 0) -> Any:
    """The last two axes' lower triangle, zeros above diagonal `k`."""
    return _triangle("tril", x, k)


@operation
def triu(x: Any, k: int = 0) -> Any:
    """The last two axes' upper triangle, zeros below diagonal `k`."""
    return _triangle("triu", x, k)


def _triangle(name: str, x: Any, k: int) -> Any:
    if not spec.is_symbolic(x):
        return getattr(np, name)(spec.array(x), k)

    def masked(a: np.ndarray) -> np.ndarray:
        mask = getattr(np, name)(np.ones(a.shape[-2:], bool), k)
        return np.where(mask, a, -1)

    return rearranged(name, x, masked)
