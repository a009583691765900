"""SciPy's sparse matrices, whose rows the gather fills in one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp._sparse import is_sparse, to_csr

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
    if not is_sparse(x):
        return None
    matrix, copied = to_csr(x, name)
    if matrix.dtype.name not in _VALUES or not matrix.dtype.isnative:
        small = matrix.dtype.itemsize <= 2
        matrix = matrix.astype("float32" if small else "float64")
        copied = copied or f"element type {x.dtype}"
    return SparsePart(matrix), copied
