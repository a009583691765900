"""Arrays put together and taken apart, named as in `keras.ops`, by means of `shapes`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod as math_prod
from typing import Any

import numpy as np

from fastmlp import open_sizes
from fastmlp.calls import described, operation
from fastmlp.ops import math, shapes, spec
from fastmlp.ops.moves import rearranged

_GROUP = re.compile(r"\([^)]*\)|\w+")


def _known(x: Any) -> Any:
    return x if hasattr(x, "shape") else spec.array(x)


@operation
def ravel(x: Any) -> Any:
    """All elements in a row; of a symbolic tensor those of each sample: `(batch, n)`."""
    if spec.is_symbolic(x) and _known(x).per_sample:
        return shapes.reshape(x, (-1, spec.numel(x)))
    return shapes.reshape(x, (-1,))


@operation
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Two side by side along an axis; `None`: all elements of both in a row."""
    if not spec.is_symbolic(x1, x2):
        x1, x2 = spec.arrays(x1, x2)
        return np.append(x1, x2, axis)
    if axis is None:
        x1, x2, axis = ravel(x1), ravel(x2), -1
    return shapes.concatenate([x1, x2], axis)


@operation
def hstack(xs: Sequence[Any]) -> Any:
    """Side by side along the second axis; vectors along their only one."""
    if not spec.is_symbolic(*xs):
        return np.hstack(spec.arrays(*xs))
    xs = [_known(x) for x in xs]
    return shapes.concatenate(xs, 0 if len(xs[0].shape) == 1 else 1)


@operation
def vstack(xs: Sequence[Any]) -> Any:
    """One below the other along the first axis."""
    if not spec.is_symbolic(*xs):
        return np.vstack(spec.arrays(*xs))
    return shapes.concatenate(xs, 0)


@operation
def dstack(xs: Sequence[Any]) -> Any:
    """Side by side along the third axis, which arrays of fewer axes get."""
    if not spec.is_symbolic(*xs):
        return np.dstack(spec.arrays(*xs))
    return shapes.concatenate([x if len(x.shape) > 2 else shapes.expand_dims(x, -1) for x in xs], 2)


@operation
def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the second axis; of a vector along its only one."""
    x = _known(x)
    return shapes.split(x, indices_or_sections, 0 if len(x.shape) == 1 else 1)


@operation
def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the first axis."""
    return shapes.split(x, indices_or_sections, 0)


@operation
def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the third axis."""
    return shapes.split(x, indices_or_sections, 2)


@operation
def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """For several vectors the coordinates of all points of their grid.

    Args:
        *x: Vectors.
        indexing: `'ij'`: the first one's numbers change along the first axis; `'xy'`: the second one's.
    """
    if not spec.is_symbolic(*x):
        return list(np.meshgrid(*map(spec.array, x), indexing=indexing))  # type: ignore[call-overload]
    vectors = spec.operands("meshgrid", *x)
    if any(v.per_sample or v.ndim != 1 for v in vectors):
        raise ValueError(f"{spec.where('meshgrid')}: expected vectors. Received: {described(*x)}")
    sizes = [int(v.shape[0] or 0) for v in vectors]
    axes = list(range(len(sizes)))
    if indexing == "xy":
        axes[:2] = axes[:2][::-1]
    shape = [sizes[a] for a in axes]
    found = []
    for axis, v in zip(axes, vectors, strict=True):
        along = [d if i == axis else 1 for i, d in enumerate(shape)]
        found.append(shapes.broadcast_to(shapes.reshape(v, along), shape))
    return found


def _array(name: str, x: Any) -> np.ndarray:
    if spec.is_symbolic(x):
        raise TypeError(f"{spec.where(name)}: expected arrays. Received: {x!r}")
    return spec.array(x)


@operation
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each number of a vector, N of them in a row, the 0th last; of arrays only."""
    x = _array("vander", x)
    return np.vander(x, N, increasing).astype(x.dtype)


@operation
def diagflat(x: Any, k: int = 0) -> Any:
    """The matrix with all elements, in a row, on its diagonal. Of arrays only."""
    return np.diagflat(_array("diagflat", x), k)


@operation
def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product: x2 times each element of x1 in its place. Of arrays only."""
    return np.kron(*spec.arrays(_array("kron", x1), _array("kron", x2)))


@operation
def slice_update(inputs: Any, start_indices: Sequence[int], updates: Any) -> Any:
    """`inputs` with the block `updates` from `start_indices` on; of a symbolic tensor the first is 0.

    Example:

    >>> slice_update([1, 2, 3, 4], [1], [9, 9])
    array([1, 9, 9, 4], dtype=int32)
    """
    inputs, updates = _known(inputs), _known(updates)
    starts = [int(i) for i in start_indices]
    if len(starts) != len(inputs.shape) or len(starts) != len(updates.shape):
        raise ValueError(
            f"{spec.where('slice_update')}: expected inputs and updates with equally many axes, and a "
            f"start for each. Received: shapes {tuple(inputs.shape)} and {tuple(updates.shape)}, "
            f"{start_indices=}"
        )
    if not spec.is_symbolic(inputs, updates):
        y = np.array(inputs)
        ends = [min(i, d - n) for i, d, n in zip(starts, y.shape, updates.shape, strict=True)]
        pairs = zip(ends, updates.shape, strict=True)
        y[tuple(np.s_[max(i, 0) : max(i, 0) + n] for i, n in pairs)] = updates
        return y
    inputs, updates = spec.operands("slice_update", inputs, updates)
    if inputs.per_sample and (starts[0] != 0 or not updates.per_sample):
        raise ValueError(
            f"{spec.where('slice_update')}: expected updates of all samples, from sample 0 on. "
            f"Received: {start_indices=}, updates of shape {updates.shape}"
        )
    own, new = spec.sample(inputs), spec.sample(updates)
    firsts = starts[1:] if inputs.per_sample else starts
    room = [(i, d - n - i) for i, d, n in zip(firsts, own, new, strict=True)]
    inside = np.pad(np.ones(new), room)
    widths = [(0, 0), *room] if inputs.per_sample else room
    return math.where(inside, shapes.pad(updates, widths), inputs)


@operation
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Windows along the last axis: `(…, n)` becomes `(…, windows, sequence_length)`.

    Args:
        x: Tensor or array.
        sequence_length: Elements of a window.
        sequence_stride: From the start of one to the start of the next.
    """
    x = _known(x)
    starts = np.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return shapes.take(x, starts[:, None] + np.arange(sequence_length), -1)


@operation
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Axes split, put in another order and joined, as a pattern of their names says.

    Args:
        tensor: Tensor or array.
        pattern: Names of the axes before and after `->`; those in parentheses are one axis.
        **axes_lengths: Sizes of axes in parentheses, all but one.

    Example:

    >>> import numpy as np
    >>> rearrange(np.zeros((2, 6, 4)), "b (t k) f -> b t (k f)", k=3).shape
    (2, 2, 12)
    """
    tensor = _known(tensor)
    left, _, right = pattern.partition("->")
    before, after = ([g.strip("()").split() for g in _GROUP.findall(p)] for p in (left, right))
    names = [name for group in before for name in group]
    if (
        len(before) != len(tensor.shape)
        or len(set(names)) < len(names)
        or sorted(names) != sorted(name for group in after for name in group)
    ):
        raise ValueError(
            f"{spec.where('rearrange')}: expected a name for each axis, the same before and after ->. "
            f"Received: {pattern!r} for shape {tuple(tensor.shape)}"
        )
    sizes: dict[str, Any] = {}
    for group, size in zip(before, tensor.shape, strict=True):
        known = math_prod(axes_lengths[name] for name in group if name in axes_lengths)
        open_names = [name for name in group if name not in axes_lengths]
        if len(open_names) > 1 or (size is not None and size % known):
            raise ValueError(
                f"{spec.where('rearrange')}: expected sizes of all but one of {group}, whose product "
                f"divides {size}. Received: {axes_lengths}"
            )
        rest = size if known == 1 or size is None else size // known
        sizes |= {name: axes_lengths.get(name, rest) for name in group}
    split = [-1 if sizes[name] is None else sizes[name] for name in names]
    x = shapes.reshape(tensor, split)
    x = shapes.transpose(x, [names.index(name) for group in after for name in group])
    whole = [[sizes[name] for name in group] for group in after]
    return shapes.reshape(x, [-1 if None in group else math_prod(group) for group in whole])


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """A list of what is along an axis; of `num` if its size is not known."""
    x = _known(x)
    (at,) = spec.axes_of("unstack", x, axis)
    count = num if num and open_sizes.is_tried(x.shape[at]) else x.shape[at]
    if count is None or num not in (None, count):
        raise ValueError(
            f"{spec.where('unstack')}: expected an axis of known size, and num to be it. "
            f"Received: {num=}, {axis=}, shape={tuple(x.shape)}"
        )
    return [shapes.take(x, i, at) for i in range(count)]


@operation
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts along an axis, as equal as can be."""
    x = _known(x)
    (at,) = spec.axes_of("array_split", x, axis)
    parts = np.array_split(np.arange(x.shape[at]), indices_or_sections)
    return [shapes.take(x, part, at) for part in parts]


@operation
def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Any:
    """The block that starts at `start_indices` and has this shape; one that would end outside starts before.

    Of a symbolic tensor the first start is 0 and the first size -1 or `None`: all samples.
    """
    inputs = _known(inputs)
    lengths = tuple(inputs.shape)
    if not len(start_indices) == len(shape) == len(lengths) or any(
        None not in (size, n) and size > n for size, n in zip(shape, lengths, strict=True)
    ):
        raise ValueError(
            f"{spec.where('slice')}: expected a start and a size for each axis, within it. "
            f"Received: {start_indices=}, {shape=} for shape {lengths}"
        )
    return shapes.get_item(inputs, tuple(map(_stretch, start_indices, shape, lengths)))


def _stretch(start: int, size: int | None, length: int | None) -> Any:
    if size in (-1, None):
        return np.s_[start:]
    assert size is not None
    if length is not None:
        start = int(np.clip(start + length if start < 0 else start, 0, length - size))
    return np.s_[start : start + size]


@operation
def fliplr(x: Any) -> Any:
    """Elements in reverse order along the second axis."""
    return shapes.flip(x, 1)


@operation
def flipud(x: Any) -> Any:
    """Elements in reverse order along the first axis."""
    return shapes.flip(x, 0)


@operation
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turned by k quarters in the plane of two axes."""
    return rearranged("rot90", array, lambda a: np.rot90(a, k, tuple(axes)))  # type: ignore[arg-type]


@operation
def diag(x: Any, k: int = 0) -> Any:
    """The matrix with this diagonal, or the diagonal of this matrix."""
    if not spec.is_symbolic(x):
        return np.diag(spec.array(x), k)
    return rearranged("diag", x, lambda a: np.diag(a + 1, k) - 1)  # -1 is zero
