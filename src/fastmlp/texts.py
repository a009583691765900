"""Strings and whole numbers as users have them: lists, arrays, columns of frames."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_text(x: Any) -> bool:
    """Whether an array holds strings, or objects, which may be strings."""
    return np.asarray(x).dtype.kind in "USTO"


def strings(where: str, x: Any, encoding: str = "utf-8") -> list[str]:
    """The strings of an array of any shape, in a row.

    Args:
        where: Who asks, for errors.
        x: Array, list, series or frame of strings or bytes.
        encoding: Of bytes.

    Raises:
        TypeError: An element is something else.

    Example:

    >>> strings("here", [["a", "b"], [b"c", "d"]])
    ['a', 'b', 'c', 'd']
    """
    mixed = isinstance(x, (list, tuple)) and any(isinstance(one, bytes) for one in _flat(x))
    array = np.asarray(x, object if mixed else None)  # NumPy would make "b'c'" of b'c'
    if not array.size:
        return []
    if array.dtype.kind not in "USTO":
        raise TypeError(
            f"{where}: expected strings. Received: dtype={array.dtype}. "
            "Hint: IntegerLookup takes integers; x.astype(str) makes strings of numbers"
        )
    found: list[Any] = array.reshape(-1).tolist()
    if set(map(type, found)) <= {str, np.str_}:
        return found
    for place, one in enumerate(found):
        if isinstance(one, bytes):
            found[place] = one.decode(encoding)
        elif not isinstance(one, str):
            row = place // max(1, array[:1].size)
            raise TypeError(
                f"{where}: expected strings. Received: {one!r:.60} ({type(one).__name__}) in row "
                f"{row}. Hint: fill missing values first, as by frame[column].fillna('')"
            )
    return found


def _flat(x: Any) -> list[Any]:
    """The elements of nested lists."""
    return [leaf for one in x for leaf in _flat(one)] if isinstance(x, (list, tuple)) else [x]


def integers(where: str, x: Any, cut: bool = False) -> np.ndarray:
    """An array as int64.

    Args:
        where: Who asks, for errors.
        x: Array, list, series or frame of whole numbers.
        cut: Whether fractions are cut, not refused.

    Raises:
        TypeError: It holds no numbers, or fractions.
        ValueError: It holds NaN or infinity.
    """
    array = np.asarray(x)
    if array.dtype.kind == "O" and array.size:
        array = np.asarray(array.tolist())
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{where}: expected integers. Received: dtype={array.dtype}. "
            "Hint: StringLookup takes strings"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(
            f"{where}: expected integers. Received: nan or infinity. Hint: fill missing values first"
        )
    whole = array.astype(np.int64)
    if array.dtype.kind == "f" and not cut and np.any(whole != array):
        raise TypeError(
            f"{where}: expected integers. Received: {array[whole != array][0]}. "
            "Hint: Discretization makes integers of other numbers"
        )
    return whole
