"""The user's strings and identifiers as codes: what the plan of a model starts from."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastmlp._record import Record
from fastmlp.boundary import Boundary
from fastmlp.graph import Tensor
from fastmlp.training.checks import fits
from fastmlp.training.source import Source, as_source

_BLOCK = 1 << 16  # rows that are looked up together


class Texts(Record):
    """Rows of strings in the user's memory.

    Attributes:
        name: What the user calls them.
        array: `(rows, …)`.
    """

    name: str
    array: np.ndarray

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.array)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.array.shape[1:]

    def block(self, start: int, stop: int) -> np.ndarray:
        """Rows `start` to `stop`."""
        return self.array[start:stop]


def as_raw(x: Any, name: str, tensor: Tensor) -> Texts | Source:
    """The data of an input, strings or numbers.

    Raises:
        TypeError: They are none, or the other.
        ValueError: There are none, or rows have another shape than the input.
    """
    found: Texts | Source
    if tensor.dtype == "string":
        array = np.asarray(x)
        if array.dtype.kind not in "USTO":
            raise TypeError(
                f"{name}: expected strings, the input's dtype being 'string'. "
                f"Received: dtype={array.dtype}"
            )
        if not array.ndim or not array.size:
            raise ValueError(f"{name}: expected at least one string. Received: shape={array.shape}")
        found = Texts(name, array)
    else:
        found = as_source(x, name)
    expected = tuple(int(d or 0) for d in tensor.shape[1:])
    if not fits(found.row_shape, expected):
        raise ValueError(
            f"{name}: expected samples of shape {expected}. "
            f"Received: shape={(found.n, *found.row_shape)}"
        )
    return found


def row_shape(x: Any, name: str) -> tuple[int, ...]:
    """Shape of one sample of numbers or strings.

    Raises:
        TypeError: They are neither.
    """
    if type(x) is np.ndarray and x.ndim > 1 and x.size and x.dtype.kind in "biuf":
        sizes: tuple[int, ...] = x.shape[1:]
        return sizes
    first = getattr(x, "dtype", None)
    if isinstance(x, (list, tuple)):
        with contextlib.suppress(ValueError):  # rows of different lengths: as_source tells
            first = np.asarray(x).dtype
    if getattr(first, "kind", "") in ("U", "S", "T") or (
        getattr(first, "kind", "") == "O" and isinstance(next(iter(np.asarray(x).flat), None), str)
    ):
        return tuple(np.shape(x)[1:])
    return as_source(x, name).row_shape


def encoded(boundary: Boundary, raw: Sequence[Texts | Source]) -> tuple[Source, ...]:
    """A source for each feed of a plan: the user's memory, or codes of it.

    Args:
        boundary: Of the model.
        raw: The data of each input, of equally many rows.
    """
    given = dict(zip(boundary.inputs, raw, strict=True))
    n = raw[0].n
    codes = {
        t: np.empty((n, *(int(d or 0) for d in t.shape[1:])), boundary.code_dtype(t))
        for t in boundary.feeds
        if t not in given
    }
    for start in range(0, n, _BLOCK):
        rows = [_rows(given[t], t, start) if t in boundary.read else None for t in boundary.inputs]
        try:
            found = boundary.arrays(rows)
        except (TypeError, ValueError) as error:
            error.add_note(f"Among the rows from {start} on of {', '.join(r.name for r in raw)}.")
            raise
        for tensor, part in zip(boundary.feeds, found, strict=True):
            if tensor in codes:
                codes[tensor][start : start + len(part)] = part
    sources = []
    for tensor in boundary.feeds:
        source = given.get(tensor)
        if source is None:
            name = " and ".join(_origins(tensor, given))
            source = as_source(codes[tensor], name).with_values(copied="codes of what came")
        assert isinstance(source, Source)
        sources.append(source)
    return tuple(sources)


def _origins(tensor: Tensor, given: Mapping[Tensor, Texts | Source]) -> list[str]:
    """What the user calls the data that some codes are made of."""
    if tensor in given:
        return [given[tensor].name]
    found = [name for t in tensor.node.inputs for name in _origins(t, given)]
    return list(dict.fromkeys(found))


def _rows(source: Texts | Source, tensor: Tensor, start: int) -> np.ndarray:
    """Some rows, in the shape that the input has."""
    block = source.block(start, min(start + _BLOCK, source.n))
    return block.reshape(len(block), *(int(d or 0) for d in tensor.shape[1:]))
