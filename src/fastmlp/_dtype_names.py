"""Names of element types, of all that a user may give for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

PYTHON = {float: "float32", int: "int32", bool: "bool", str: "string"}  # what Keras means by them


def dtype_name(dtype: Any) -> Any:
    """`'float32'` of a type of Python or NumPy, of Keras's policies and of their configs."""
    if dtype is None or type(dtype) is str:  # as most often: to ask for a Mapping takes longer
        return dtype
    if isinstance(dtype, Mapping):
        return dtype.get("config", {}).get("name")
    if isinstance(dtype, type):
        return PYTHON.get(dtype) or np.dtype(dtype).name
    return getattr(dtype, "name", dtype)
