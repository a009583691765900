"""SciPy's sparse matrices, whose rows the gather fills in one by one. SciPy is recognised, never imported."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

_VALUES = {"float32": -1, "float64": -2}  # kinds of part, as rows.pyx knows them


class SparseRows:
    """Rows of a matrix in CSR format, dense where they are looked at.

    Args:
        matrix: In CSR format, of float32 or float64.
    """

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix
        self.shape: tuple[int, int] = matrix.shape
        self.dtype: np.dtype[Any] = matrix.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        dense: np.ndarray = self._matrix[rows].toarray()
        return dense


class SparsePart:
    """A CSR matrix as the gather sees it; stands for a `Part` of dense columns.

    Args:
        matrix: Checked, in CSR format, of float32 or float64.

    Attributes:
        array: The rows, for those who look at them in Python.
        column: 0: the first one.
        row_stride: Bytes from one row's bounds to the next's.
        address: Where the bounds of row 0 lie.
        stride: Where the addresses of columns and values lie, and whether columns are int64.
        kind: Tells the gather what this is.
    """

    column = 0
    row_stride = 8

    def __init__(self, matrix: Any) -> None:
        self.array = SparseRows(matrix)
        self._bounds = np.ascontiguousarray(matrix.indptr, np.int64)
        self._columns, self._values = map(np.ascontiguousarray, (matrix.indices, matrix.data))
        wide = self._columns.dtype == np.int64
        self._head = np.array([self._columns.ctypes.data, self._values.ctypes.data, wide], np.int64)
        self.address: int = self._bounds.ctypes.data
        self.stride: int = self._head.ctypes.data
        self.kind = _VALUES[matrix.dtype.name]

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.array.shape[1]


def as_sparse(x: Any, name: str) -> tuple[SparsePart, str | None] | None:
    """Takes a SciPy sparse matrix or array.

    Args:
        x: Any object.
        name: What the user calls it, for errors.

    Returns:
        The matrix, and why its entries had to be copied or `None`; `None` if `x` is nothing of SciPy.

    Raises:
        TypeError: It holds no real numbers.
        ValueError: It has not two axes, or is inconsistent.
    """
    module: Any = sys.modules.get("scipy.sparse")
    if module is None or not module.issparse(x):
        return None
    if len(x.shape) != 2 or 0 in x.shape:
        raise ValueError(f"{name}: expected a sparse matrix of rows. Received: shape={x.shape}")
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected real numbers. Received: a sparse matrix of {x.dtype}")
    copied = None if x.format == "csr" else f"a matrix in {x.format.upper()} format"
    matrix = x.tocsr()
    if matrix.dtype.name not in _VALUES or not matrix.dtype.isnative:
        small = matrix.dtype.itemsize <= 2
        matrix = matrix.astype("float32" if small else "float64")
        copied = copied or f"element type {x.dtype}"
    bounds, columns = matrix.indptr, matrix.indices
    known = len(bounds) == x.shape[0] + 1 and bounds[0] == 0 and (np.diff(bounds) >= 0).all()
    known = known and len(columns) >= bounds[-1] <= len(matrix.data)
    if not known or (len(columns) and not 0 <= columns.min() <= columns.max() < x.shape[1]):
        raise ValueError(
            f"{name}: expected a sparse matrix whose indices are within its shape. "
            f"Received: shape={x.shape} with others. Hint: x.check_format() tells more"
        )
    return SparsePart(matrix), copied
