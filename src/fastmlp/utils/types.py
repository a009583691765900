"""Names of element types, and what is a symbolic tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import config
from fastmlp._dtype_names import PYTHON
from fastmlp.graph import Tensor


def standardize_dtype(dtype: Any) -> str:
    """The name of a type: `'float32'` of `np.float32`, `float` or `'float32'`; `floatx()` of `None`.

    Args:
        dtype: A type of NumPy, its name, or a type of Python.

    Raises:
        ValueError: It is none of NumPy's.

    Example:

    >>> standardize_dtype(np.dtype("f4")), standardize_dtype(int), standardize_dtype(None)
    ('float32', 'int32', 'float32')
    """
    if dtype is None:
        return config.floatx()
    if isinstance(dtype, type) and dtype in PYTHON:
        return PYTHON[dtype]
    try:
        return "string" if dtype == "string" else np.dtype(dtype).name
    except TypeError as error:
        raise ValueError(
            f"standardize_dtype: expected the name of a type. Received: dtype={dtype!r}"
        ) from error


def is_float_dtype(dtype: Any) -> bool:
    """Whether a type is one of floats.

    Args:
        dtype: As for `standardize_dtype`.

    Example:

    >>> is_float_dtype("float64"), is_float_dtype("int32")
    (True, False)
    """
    return standardize_dtype(dtype).startswith("float")


def is_int_dtype(dtype: Any) -> bool:
    """Whether a type is one of whole numbers, with a sign or without.

    Args:
        dtype: As for `standardize_dtype`.

    Example:

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a symbolic tensor, as `Input` and layers called on one return it.

    Args:
        x: Anything.

    Example:

    >>> from fastmlp import Input
    >>> is_keras_tensor(Input((2,))), is_keras_tensor(np.ones(2))
    (True, False)
    """
    return isinstance(x, Tensor)
