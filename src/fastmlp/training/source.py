"""The user's data, described for the gather: where each number lies, never a converted copy.

A `Source` is a table of `n` rows of `width` numbers. Its columns are cut into `Part`s, each a
strided 2-D view of the user's own memory, which the native gather reads row by row in the element
type it finds there. Hence uint8 images, float64 frames and `np.memmap`s train without a second
copy. What the gather cannot read where it lies (lists, float16, `longdouble`, foreign byte order,
rows scattered over more than 256 pieces) is copied once, and `Source.copied` says why.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from fastmlp._record import Record
from fastmlp.errors import warn_user
from fastmlp.training.frames import Frame, as_frame
from fastmlp.training.sparse import SparsePart, as_sparse

if TYPE_CHECKING:
    import numpy.typing as npt

GATHERED = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float32",
    "float64",
)
"""Element types that the gather reads, by their names in kernels.def."""

MAX_PARTS = 256
"""Scattered rows become at most this many parts; beyond, one copy of the data is cheaper."""

_BLOCK = 1 << 18  # elements looked at together by checks: 2 MiB of float64


class Part(Record):
    """Neighbouring columns whose elements lie at equal distances.

    Attributes:
        array: View `(n, width)` of the user's memory; it keeps that memory alive.
        column: Column of the source where the part starts.
    """

    array: np.ndarray
    column: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.array.shape[1])

    @property
    def row_stride(self) -> int:
        """Bytes from a row to the next; may be negative or zero."""
        return int(self.array.strides[0])

    @property
    def stride(self) -> int:
        """Bytes from a column to the next; may be negative or zero."""
        return int(self.array.strides[1])

    @property
    def address(self) -> int:
        """Where the first column of row 0 lies."""
        return int(self.array.__array_interface__["data"][0])

    @property
    def dtype_name(self) -> str:
        """Element type, one of `GATHERED`."""
        return str(self.array.dtype.name)

    kind = None  # by the element type


class Source(Record):
    """Rows of numbers in the user's memory.

    Attributes:
        name: What the user calls it, for errors: `'x'`, `'y'`, `'sample_weight'`.
        n: Number of rows.
        row_shape: Shape of one row; `()` for an array `(n,)`.
        parts: All columns, in order.
        labels: Names of the columns, where the data has them.
        copied: Why the data had to be copied; `None`: it was not.
    """

    name: str
    n: int
    row_shape: tuple[int, ...]
    parts: tuple[Part | SparsePart, ...]
    labels: tuple[Any, ...] | None = None
    copied: str | None = None

    @property
    def width(self) -> int:
        """Numbers in one row."""
        return math.prod(self.row_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole, as NumPy would give it."""
        return (self.n, *self.row_shape)

    def slice(self, start: int, stop: int) -> Source:
        """Rows `start` to `stop`, on the same memory.

        Args:
            start: First row, `0 <= start < stop`.
            stop: Row after the last, at most `n`.

        Returns:
            A source of `stop - start` rows.
        """
        if not 0 <= start < stop <= self.n:
            raise ValueError(
                f"{self.name}: expected rows within 0 and {self.n}, at least one. "
                f"Received: start={start}, stop={stop}"
            )
        parts = tuple(Part(part.array[start:stop], part.column) for part in self.parts)
        return self.with_values(n=stop - start, parts=parts)

    def block(self, start: int, stop: int, dtype: npt.DTypeLike | None = None) -> np.ndarray:
        """Rows `start` to `stop` as one array.

        Args:
            start: First row.
            stop: Row after the last.
            dtype: Element type; `None`: the one that holds all parts.

        Returns:
            Array `(stop - start, width)`: a view if there is one part and it has that type.
        """
        first = self.parts[0].array
        if len(self.parts) == 1:
            return first[start:stop].astype(first.dtype if dtype is None else dtype, copy=False)
        if dtype is None:
            dtype = np.result_type(*(part.array.dtype for part in self.parts))
        rows = np.empty((len(range(start, min(stop, self.n))), self.width), dtype)
        for part in self.parts:
            rows[:, part.column : part.column + part.width] = part.array[start:stop]
        return rows

    def blocks(self, dtype: npt.DTypeLike | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Walks over the rows in blocks of about 2 MiB, so that checks need no large copy.

        Args:
            dtype: Element type of the blocks, as in `block`.

        Yields:
            Number of the first row, and the rows `(rows, width)`.
        """
        step = max(1, _BLOCK // self.width)
        for start in range(0, self.n, step):
            yield start, self.block(start, start + step, dtype)


def as_source(x: Any, name: str) -> Source:
    """Describes the user's data for the gather.

    Args:
        x: NumPy array of bool, integers or floats in any layout (`np.memmap`, read-only and
            unaligned ones included); nested lists; pandas frame or series; SciPy sparse matrix; or
            any object with `__array__`. The first axis counts the rows.
        name: What the user calls it, for errors.

    Returns:
        The source. A `Source` is returned as it is.

    Raises:
        TypeError: If it is no array, or one of objects, strings, dates or complex numbers.
        ValueError: If it has no axes, no elements, or rows of different lengths.

    Example:

    >>> source = as_source([[1, 2], [3, 4], [5, 6]], "x")
    >>> source.n, source.row_shape, [part.dtype_name for part in source.parts]
    (3, (2,), ['int64'])
    """
    if isinstance(x, Source):
        return x
    sparse = as_sparse(x, name)
    if sparse is not None:
        part, copied = sparse
        return Source(name, part.array.shape[0], (part.width,), (part,), copied=copied)
    frame = as_frame(x, name)
    if frame is not None:
        return _of_frame(frame, name)
    array = _as_array(x, name)
    _check_shape(array.shape, name)
    array, copied = gatherable(array, name)
    if isinstance(x, list | tuple):
        copied = f"a {type(x).__name__}"
    views = _row_views(array)
    if views is None:
        copied = f"rows in more than {MAX_PARTS} pieces"
        _warn_if_mapped(x, name, copied)
        views = _row_views(np.ascontiguousarray(array)) or []
    elif copied is not None:
        _warn_if_mapped(x, name, copied)
    return Source(name, array.shape[0], array.shape[1:], _number(views), copied=copied)


def gatherable(array: np.ndarray, where: str) -> tuple[np.ndarray, str | None]:
    """Converts an array that the gather cannot read; most need no conversion.

    Args:
        array: What came.
        where: What the user calls it, for errors.

    Returns:
        An array of one of the types `GATHERED`, and why it is a copy or `None`.

    Raises:
        TypeError: If the elements are no real numbers.
    """
    dtype = array.dtype
    if dtype.name in GATHERED and dtype.isnative:
        return array, None
    if dtype.kind in "biuf":
        near = dtype.newbyteorder("=")
        if dtype.kind == "f":  # float16, longdouble
            near = np.dtype("float32" if dtype.itemsize < 8 else "float64")
        return array.astype(near), f"element type {dtype.str}"
    raise _wrong_type(array, where)


def _wrong_type(array: np.ndarray, where: str) -> TypeError:
    """The error for elements that are no real numbers, with the usual cure."""
    kind, what = array.dtype.kind, str(array.dtype)
    hint = "convert it to numbers first"
    if kind == "c":
        hint = "take .real, .imag or np.abs() of it"
    elif kind in "SUT":
        hint = "number the labels: names, y = np.unique(y, return_inverse=True)"
    elif kind in "mM":
        hint = "convert the dates to numbers, for example (t - t.min()) / np.timedelta64(1, 'D')"
    elif kind == "V" and array.dtype.names:
        hint = "stack its fields: np.column_stack([a[field] for field in a.dtype.names])"
    elif kind == "O":
        item = next(iter(array.flat), None)
        what = f"object, the first element is {item!r:.60} ({type(item).__name__})"
        if isinstance(item, str):
            hint = "number the labels: names, y = np.unique(y, return_inverse=True)"
        elif isinstance(item, Sequence | np.ndarray):
            hint = "stack rows of one length: np.stack(rows)"
        else:
            hint = "if all elements are numbers, pass x.astype('float32')"
    return TypeError(
        f"{where}: expected bool, integer or float elements. Received: dtype={what}. Hint: {hint}."
    )


def _as_array(x: Any, name: str) -> np.ndarray:
    """The object as an array, its own memory where possible."""
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    if masked is not None and isinstance(x, masked):
        if np.any(x.mask):
            raise ValueError(
                f"{name}: expected an array without masked elements. Received: a masked array. "
                "Hint: replace them: x.filled(value)."
            )
        return np.asarray(x.data)
    if isinstance(x, np.ndarray):
        return np.asarray(x)
    if isinstance(x, list | tuple) or (hasattr(x, "__array__") and not isinstance(x, type)):
        try:
            return np.asarray(x)
        except ValueError as error:
            if "inhomogeneous" not in str(error):
                raise
            raise ValueError(
                f"{name}: expected rows of one length. Received: a {type(x).__name__} of "
                f"{len(x)} rows of different lengths. Hint: pad them, or pass several inputs one "
                "by one."
            ) from None
    hint = "pass a NumPy array, a list of rows or a pandas frame"
    if hasattr(x, "toarray"):
        hint = f"make it dense: {name}.toarray()"
    elif hasattr(x, "__next__") or hasattr(x, "__iter__"):
        hint = f"collect the numbers first: np.array(list({name}))"
    if isinstance(x, dict | str | bytes):
        hint = "pass a NumPy array, a list of rows or a pandas frame"
    raise TypeError(
        f"{name}: expected an array of numbers. Received: {'None' if x is None else type(x)}. "
        f"Hint: {hint}."
    )


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    if not shape:
        raise ValueError(
            f"{name}: expected at least one axis, the first counting the rows. Received: a single "
            f"number. Hint: for one sample of one number pass np.array([[number]])."
        )
    if 0 in shape:
        what = "row" if shape[0] == 0 else "number in a row"
        raise ValueError(f"{name}: expected at least one {what}. Received: shape={shape}")


def _row_views(array: np.ndarray) -> list[np.ndarray] | None:
    """Cuts rows of any shape into 2-D views, in the order in which the rows flatten.

    Axes of a row that lie one after the other in memory count as one, so a C-ordered, sliced or
    reversed array is one view; a Fortran-ordered image is one view for each of its lines.

    Returns:
        The views `(n, k)`, or `None` if there were more than `MAX_PARTS`.
    """
    axes: list[tuple[int, int]] = []  # (size, bytes between elements)
    for size, stride in zip(array.shape[1:], array.strides[1:], strict=True):
        if size == 1:
            continue
        if axes and axes[-1][1] == size * stride:
            axes[-1] = (axes[-1][0] * size, stride)
        else:
            axes.append((size, stride))
    *outer, inner = axes or [(1, array.itemsize)]
    if math.prod(size for size, _ in outer) > MAX_PARTS:
        return None
    cut = as_strided(
        array,
        (array.shape[0], *(size for size, _ in outer), inner[0]),
        (array.strides[0], *(stride for _, stride in outer), inner[1]),
        writeable=False,
    )
    return [cut[:, *index] for index in np.ndindex(cut.shape[1:-1])]


def _of_frame(frame: Frame, name: str) -> Source:
    """Describes a frame or series: one part for each run of columns that lie evenly in memory."""
    _check_shape((frame.n, *frame.row_shape), name)
    views: list[np.ndarray] = []
    copied = frame.copied
    for view, label in zip(frame.views, frame.firsts, strict=True):
        native, why = gatherable(view, f"{name} column {label!r}")
        views.append(native)
        copied = copied or why
    return Source(name, frame.n, frame.row_shape, _number(views), frame.labels, copied)


def _number(views: list[np.ndarray]) -> tuple[Part, ...]:
    """Gives each view the column at which it starts."""
    parts, column = [], 0
    for view in views:
        parts.append(Part(view, column))
        column += view.shape[1]
    return tuple(parts)


def _warn_if_mapped(x: Any, name: str, why: str) -> None:
    if isinstance(x, np.memmap):
        warn_user(f"{name}: the memory-mapped file is copied into memory, because of {why}.")
