"""The base of layers that make numbers of strings and identifiers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import boundary
from fastmlp._dtype_names import dtype_name
from fastmlp.graph import Tensor
from fastmlp.layers.encoding import ArrayLayer, encode, is_symbolic


class RawLayer(ArrayLayer):
    """Base of layers that read data as the user gave them.

    In a model whose inputs they read, `codes` runs before the plan gets the data: once for arrays,
    batch by batch for generators.
    """

    output_mode: str
    invert = False  # whether what `codes` gives may be any number

    def __init__(self, dtype: Any = None, **kwargs: Any) -> None:
        name = dtype_name(dtype)
        self.code_dtype = name if name in ("int32", "int64") else "int64"
        super().__init__(dtype=name if name in ("float32", "float64") else None, **kwargs)

    @property
    def depth(self) -> int:
        """How many codes there are."""
        raise NotImplementedError

    def codes(self, *arrays: Any) -> np.ndarray:
        """Whole numbers, an array of the shape of each argument."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        parts = self._parts(inputs)
        if any(map(is_symbolic, parts)):
            codes: Any = boundary.encode(self, parts, self.dtype)
        else:
            codes = self.codes(*parts).astype(self.code_dtype, copy=False)
        return self.encoded(codes)

    def _parts(self, inputs: Any) -> list[Any]:
        """The arguments of `codes`."""
        return [inputs]

    def encoded(self, codes: Any) -> Any:
        """The codes in the form that `output_mode` asks for."""
        if self.output_mode == "int":
            return codes
        return encode(codes, self.output_mode, self.depth, self.dtype)

    def _to_array(self, x: Any) -> Any:
        return x if isinstance(x, (list, tuple)) else np.asarray(x)

    def _where(self) -> str:
        return f"{type(self).__name__} '{self.name}'"

    def _check_dtype(self, inputs: list[Tensor]) -> None:
        """Reads anything."""
