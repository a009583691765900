"""Counts, correlations and scattered numbers, named as in `keras.ops`: most of arrays only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastmlp import calls, config
from fastmlp.calls import operation
from fastmlp.errors import unknown_name
from fastmlp.ops import core, spec
from fastmlp.ops.spec import of_arrays

_JOINED: dict[str, Any] = {
    "add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply
}  # fmt: skip


@of_arrays
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each of 0, 1, … occurs; the sum of its weights, if there are some.

    Args:
        x: Integers from 0 on, `(n,)`, or `(rows, n)`: counted row by row.
        weights: One for each.
        minlength: At least so many counts.
        sparse: Only `False`.

    Example:

    >>> bincount([1, 1, 3])
    array([0, 2, 0, 1], dtype=int32)
    """
    if sparse:
        raise ValueError("bincount: expected sparse=False. Received: sparse=True")
    x = spec.array(x)
    w = None if weights is None else spec.array(weights)
    length = max(int(x.max()) + 1 if x.size else 0, minlength)
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    each = [None] * len(rows) if w is None else w.reshape(rows.shape)
    counts = [np.bincount(r, v, length) for r, v in zip(rows, each, strict=True)]
    kind = np.dtype(np.int32) if w is None else w.dtype
    return np.array(counts, kind).reshape(*x.shape[:-1], length)


@of_arrays
def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple[Any, Any]:
    """How many elements are in each of several equally wide bins, and the bins' edges.

    Args:
        x: Vector of numbers.
        bins: How many, or their edges.
        range: `(lowest, highest)` of what is counted; `None`: all.

    Example:

    >>> histogram([1.0, 2.0, 2.5, 5.0], bins=2)[0]
    array([3., 1.], dtype=float32)
    """
    x = spec.array(x)
    if x.ndim > 1:
        raise ValueError(
            f"histogram: expected a vector. Received: shape={x.shape}. Hint: ops.ravel(x)"
        )
    counts, edges = np.histogram(x, bins, range)
    kind = x.dtype if x.dtype.kind == "f" else config.floatx()
    return counts.astype(kind), edges.astype(kind)


@of_arrays
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements, ascending; each NaN is one of its own.

    Args:
        x: Array.
        sorted: No difference: they are ascending.
        return_index: Whether to return where each comes first, too.
        return_inverse: Whether to return which one each element is, too.
        return_counts: Whether to return how often each occurs, too.
        axis: The axis along which slices are compared; `None`: of all elements.
        size: So many are returned: the first ones, or with `fill_value` behind.
        fill_value: What fills up; `None`: the smallest.

    Example:

    >>> unique([3, 1, 3])
    array([1, 3], dtype=int32)
    """
    x = spec.array(x)
    wants: dict[str, Any] = {"return_inverse": return_inverse, "return_counts": return_counts}
    first, *more = np.unique(x, True, axis=axis, equal_nan=False, **wants)
    index = more.pop(0)
    if return_inverse and axis is None:
        more[0] = more[0].reshape(x.shape)
    counts = more.pop() if return_counts else None
    if size is not None:
        kept, missing = min(size, index.size), max(size - index.size, 0)
        at = (axis or 0) % first.ndim
        first, index = np.take(first, np.arange(kept), at), index[:kept]
        lowest = np.take(first, [0], at) if fill_value is None else fill_value
        shape = [missing if i == at else d for i, d in enumerate(first.shape)]
        first = np.concatenate([first, np.broadcast_to(lowest, shape)], at).astype(x.dtype)
        index = np.append(index, np.full(missing, index[:1]))
        counts = None if counts is None else np.append(counts[:kept], np.zeros(missing, int))
    wanted = [index] if return_index else []
    wanted += [more[0]] if return_inverse else []
    wanted += [] if counts is None else [counts]
    return (first, *(w.astype(np.int32) for w in wanted)) if wanted else first


@of_arrays
def nonzero(x: Any) -> tuple[Any, ...]:
    """Where elements are not 0: for each axis the indices."""
    return tuple(i.astype(np.int32) for i in np.nonzero(spec.array(x)))


@of_arrays
def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """For each axis of an array of this shape the indices of elements counted in a row."""
    found = np.unravel_index(spec.array(indices), tuple(shape))
    return tuple(np.asarray(i, np.int32) for i in found)


@of_arrays
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Any:
    """Places of the elements with the kth smallest at its place, none larger before, none smaller behind."""
    return np.asarray(np.argpartition(spec.array(x), kth, axis), np.int32)


@of_arrays
def corrcoef(x: Any) -> Any:
    """Pearson's correlation of each two rows: their covariance by the product of their deviations."""
    (x,) = spec.arrays(x, floating=True)
    return np.asarray(np.corrcoef(x), x.dtype)


@of_arrays
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """c_k = Σ x1_{n+k} · x2_n of two vectors.

    Args:
        x1: Vector.
        x2: Vector.
        mode: `'valid'`: where they overlap whole; `'same'`: as many as the longer has; `'full'`: all.
    """
    x1, x2 = spec.arrays(x1, x2)
    return np.correlate(x1, x2, mode)  # type: ignore[call-overload]


@of_arrays
def nextafter(x1: Any, x2: Any) -> Any:
    """The next float behind x1 on the way to x2."""
    return np.nextafter(*spec.arrays(x1, x2, floating=True))


@of_arrays
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """An array of zeros to whose places values are added.

    Args:
        indices: Places `(n, axes)`.
        values: What is added at each `(n, …)`.
        shape: Of the result.

    Example:

    >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,))
    array([1., 0., 5., 0.], dtype=float32)
    """
    values = spec.array(values)
    y = np.zeros(tuple(shape), values.dtype)
    np.add.at(y, tuple(np.moveaxis(spec.array(indices), -1, 0)), values)
    return y


@operation
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """A copy of `inputs` with updates at some places.

    Args:
        inputs: Array; or a weight or tensor without a batch.
        indices: Places `(n, axes)`, constant.
        updates: What comes there `(n, …)`.
        reduction: `'add'`, `'max'`, `'min'`, `'mul'`: joined with what is there; `None`: in its place.
    """
    if spec.is_symbolic(inputs, updates):
        return _scattered(inputs, indices, updates, reduction)
    y = np.array(spec.array(inputs))
    at = tuple(spec.array(indices).T)
    if reduction is None:
        y[at] = updates
    elif reduction in _JOINED:
        _JOINED[reduction].at(y, at, updates)
    else:
        raise unknown_name("reduction", reduction, _JOINED)
    return y


def _scattered(inputs: Any, indices: Any, updates: Any, reduction: str | None) -> Any:
    """`scatter_update` of tensors: elements of both in a row, taken from there."""
    from fastmlp.ops import math, shapes  # which know this module's neighbours

    x, new = spec.operands("scatter_update", inputs, updates)
    if x.per_sample or new.per_sample or reduction not in (None, "add"):
        raise ValueError(
            f"{spec.where('scatter_update')}: expected values without a batch, and reduction=None or "
            f"'add'. Received: {calls.described(x, new)}, {reduction=}"
        )
    sizes = spec.sample(x)
    table = np.arange(spec.numel(x)).reshape(sizes)
    at = tuple(spec.array(indices).T)
    places = table[at]
    new = shapes.reshape(shapes.broadcast_to(new, places.shape), (-1,))
    if reduction == "add":
        added = segment_sum(new, places.reshape(-1), table.size)
        return math.add(x, shapes.reshape(added, sizes))
    table[at] = table.size + np.arange(places.size).reshape(places.shape)
    both = shapes.concatenate([shapes.reshape(x, (-1,)), new])
    return shapes.reshape(shapes.take(both, table.reshape(-1), 0), sizes)


@operation
def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """The sum of the rows of each segment.

    Args:
        data: Tensor or array `(n, …)`.
        segment_ids: The segment of each row, from 0 on; rows of others are left out.
        num_segments: How many; `None`: up to the largest, of arrays.
        sorted: No difference.

    Example:

    >>> segment_sum([1.0, 2.0, 3.0], [0, 1, 0], 2)
    array([4., 2.], dtype=float32)
    """
    if not spec.is_symbolic(data, segment_ids):
        return _segments("add", data, segment_ids, num_segments)
    x, ids = spec.operands("segment_sum", data, segment_ids)
    if x.per_sample or ids.per_sample or x.shape[:1] != ids.shape or num_segments is None:
        raise ValueError(
            f"{spec.where('segment_sum')}: expected data (n, …), segment_ids (n,) and num_segments. "
            f"Received: {calls.described(x, ids)}, {num_segments=}"
        )
    from fastmlp.ops import classes, products, shapes  # which know this module's neighbours

    rows = shapes.reshape(x, (spec.sample(x)[0], -1))
    belongs = shapes.transpose(classes.one_hot(ids, num_segments))
    return shapes.reshape(products.matmul(belongs, rows), (num_segments, *spec.sample(x)[1:]))


@of_arrays
def segment_prod(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """The product of the rows of each segment; arguments as those of `segment_sum`."""
    return _segments("mul", data, segment_ids, num_segments)


@of_arrays
def segment_max(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """The largest of the rows of each segment; arguments as those of `segment_sum`."""
    return _segments("max", data, segment_ids, num_segments)


@of_arrays
def segment_min(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """The smallest of the rows of each segment; arguments as those of `segment_sum`."""
    return _segments("min", data, segment_ids, num_segments)


def _segments(kind: str, data: Any, ids: Any, count: int | None) -> Any:
    data, ids = spec.array(data), spec.array(ids)
    if ids.ndim != 1 or ids.shape != data.shape[:1]:
        name = f"segment_{ {'add': 'sum', 'mul': 'prod'}.get(kind, kind) }"
        raise ValueError(
            f"{spec.where(name)}: expected segment_ids of shape {data.shape[:1]}, one for each "
            f"row of the data. Received: segment_ids.shape={ids.shape}"
        )
    if count is None:
        count = int(ids.max()) + 1 if ids.size else 0
    limits = np.iinfo(data.dtype) if data.dtype.kind in "iu" else None
    low, high = (-np.inf, np.inf) if limits is None else (limits.min, limits.max)
    empty = {"add": 0, "mul": 1, "max": low, "min": high}[kind]
    y = np.full((count, *data.shape[1:]), empty, data.dtype)
    kept = (ids >= 0) & (ids < count)
    _JOINED[kind].at(y, ids[kept], data[kept])
    return y


@of_arrays
def view(x: Any, dtype: Any = None) -> Any:
    """The same bytes as numbers of another type."""
    x = spec.array(x)
    return x.view(core.type_name(dtype or x.dtype))


@of_arrays
def view_as_complex(x: Any) -> Any:
    """Complex numbers from real and imaginary parts `(…, 2)`."""
    x = spec.array(x)
    return x[..., 0] + 1j * x[..., 1]


@of_arrays
def view_as_real(x: Any) -> Any:
    """Real and imaginary parts `(…, 2)` of complex numbers."""
    x = spec.array(x)
    return np.stack([x.real, x.imag], -1)
