"""SciPy's sparse matrices, recognised without importing SciPy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def is_sparse(x: Any) -> bool:
    """Whether an object is a sparse matrix or array of SciPy."""
    module: Any = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(x))


def to_csr(x: Any, name: str) -> tuple[Any, str | None]:
    """A sparse matrix in CSR format, checked: SciPy does not look where its indices lead.

    Args:
        x: A sparse matrix.
        name: What the user calls it, for errors.

    Returns:
        The matrix, and why it had to be copied or `None`.

    Raises:
        TypeError: It holds no real numbers.
        ValueError: It has not two axes, or is inconsistent.
    """
    if len(x.shape) != 2 or 0 in x.shape:
        raise ValueError(f"{name}: expected a sparse matrix of rows. Received: shape={x.shape}")
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected real numbers. Received: a sparse matrix of {x.dtype}")
    copied = None if x.format == "csr" else f"a matrix in {x.format.upper()} format"
    matrix = x.tocsr()
    bounds, columns = matrix.indptr, matrix.indices
    known = len(bounds) == x.shape[0] + 1 and bounds[0] == 0 and (np.diff(bounds) >= 0).all()
    known = known and len(columns) >= bounds[-1] <= len(matrix.data)
    if not known or (len(columns) and not 0 <= columns.min() <= columns.max() < x.shape[1]):
        raise ValueError(
            f"{name}: expected a sparse matrix whose indices are within its shape. "
            f"Received: shape={x.shape} with others. Hint: x.check_format() tells more"
        )
    return matrix, copied
