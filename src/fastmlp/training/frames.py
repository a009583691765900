"""pandas frames and series as views of their own memory. pandas is recognised, never imported."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from fastmlp._record import Record


class Frame(Record):
    """What a frame or series holds.

    Attributes:
        n: Number of rows.
        views: Columns that lie evenly in memory, together: arrays `(n, k)`.
        firsts: Label of the first column of each view.
        labels: Label of each column.
        row_shape: `(columns,)`, or `()` for a series.
        copied: Why some columns had to be copied; `None`: none was.
    """

    n: int
    views: list[np.ndarray]
    firsts: list[Any]
    labels: tuple[Any, ...]
    row_shape: tuple[int, ...]
    copied: str | None


def as_frame(x: Any, name: str) -> Frame | None:
    """Takes a pandas frame or series apart.

    Columns of NumPy types are seen where they lie. Nullable and Arrow columns are copied, one by
    one, with missing values as NaN.

    Args:
        x: Any object.
        name: What the user calls it, for errors.

    Returns:
        The frame, or `None` if `x` is nothing of pandas.

    Raises:
        TypeError: If a column holds no numbers.
    """
    pandas: Any = sys.modules.get("pandas")
    series, frame = getattr(pandas, "Series", None), getattr(pandas, "DataFrame", None)
    if series is None or frame is None:  # not imported, or not yet
        return None
    if isinstance(x, series):
        array, copied = _numbers(x, x.name, name)
        return Frame(len(x), [array[:, None]], [x.name], (x.name,), (), copied)
    if not isinstance(x, frame):
        return None
    labels: list[Any] = []
    columns: list[np.ndarray] = []
    copied = None
    for label, one in x.items():
        column, why = _numbers(one, label, name)
        labels.append(label)
        columns.append(column)
        copied = copied or why
    views = _join(columns)
    starts = itertools.accumulate((view.shape[1] for view in views[:-1]), initial=0)
    firsts = [labels[start] for start in starts] if views else []
    return Frame(len(x), views, firsts, tuple(labels), (len(labels),), copied)


def _numbers(series: Any, label: Any, name: str) -> tuple[np.ndarray, str | None]:
    """The numbers of one column `(n,)`, and why they are a copy or `None`."""
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy(), None
    is_numeric = sys.modules["pandas"].api.types.is_numeric_dtype
    if not is_numeric(series.dtype):
        raise TypeError(
            f"{name}: expected columns of numbers. Received: column {label!r} with "
            f"dtype={series.dtype}. Hint: encode it, for example "
            "pandas.get_dummies(frame, columns=[…]) or column.astype('category').cat.codes."
        )
    copy = series.to_numpy(dtype="float64", na_value=np.nan)
    return copy, f"column {label!r} of element type {series.dtype}"


def _join(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Joins neighbouring columns that lie at equal distances in one block of memory.

    pandas keeps columns of one type together, so a frame of one type becomes a single view.
    """
    runs: list[list[np.ndarray]] = []
    for column in columns:
        if runs and _continues(runs[-1], column):
            runs[-1].append(column)
        else:
            runs.append([column])
    return [_widened(run) for run in runs]


def _continues(run: list[np.ndarray], column: np.ndarray) -> bool:
    last = run[-1]
    return (
        isinstance(last.base, np.ndarray)
        and column.base is last.base
        and column.dtype == last.dtype
        and column.strides == last.strides
        and (len(run) == 1 or _distance(last, column) == _distance(run[-2], last))
    )


def _widened(run: list[np.ndarray]) -> np.ndarray:
    """The columns `(n,)` of a run as one view `(n, k)`."""
    first = run[0]
    step = _distance(first, run[1]) if len(run) > 1 else first.itemsize
    return as_strided(first, (len(first), len(run)), (first.strides[0], step), writeable=False)


def _distance(a: np.ndarray, b: np.ndarray) -> int:
    return int(b.__array_interface__["data"][0] - a.__array_interface__["data"][0])
