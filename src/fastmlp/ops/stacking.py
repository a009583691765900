"""Arrays put together and taken apart, named as in `keras.ops`, by means of `shapes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import shapes, spec
from fastmlp.ops.moves import rearranged


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
    xs = [_known(x) for x in xs]
    return shapes.concatenate(xs, 0 if len(xs[0].shape) == 1 else 1)


@operation
def vstack(xs: Sequence[Any]) -> Any:
    """One below the other along the first axis: of arrays only, since the first is the batch."""
    if not spec.is_symbolic(*xs):
        return np.vstack([spec.array(x) for x in xs])
    return shapes.concatenate(xs, 0)


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """A list of what is along an axis; of a symbolic tensor not along the batch."""
    x = _known(x)
    (at,) = spec.axes_of("unstack", x, axis)
    count = x.shape[at]
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
    """The block that starts at `start_indices` and has this shape.

    Of a symbolic tensor the first start is 0 and the first size -1 or `None`: all samples.
    """
    inputs = _known(inputs)
    ends = [
        None if size in (-1, None) else start + size
        for start, size in zip(start_indices, shape, strict=True)
    ]
    pairs = zip(start_indices, ends, strict=True)
    return shapes.get_item(inputs, tuple(np.s_[start:end] for start, end in pairs))


@operation
def fliplr(x: Any) -> Any:
    """Elements in reverse order along the second axis."""
    return shapes.flip(x, 1)


@operation
def flipud(x: Any) -> Any:
    """Elements in reverse order along the first axis; of arrays only."""
    return shapes.flip(x, 0)


@operation
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turned by k quarters in the plane of two axes; not that of the batch."""
    return rearranged("rot90", array, lambda a: np.rot90(a, k, tuple(axes)))  # type: ignore[arg-type]


@operation
def diag(x: Any, k: int = 0) -> Any:
    """The matrix with this diagonal, or the diagonal of this matrix."""
    if not spec.is_symbolic(x):
        return np.diag(spec.array(x), k)
    return rearranged("diag", x, lambda a: np.diag(a + 1, k) - 1)  # -1 is zero
