"""Rescaling."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, check_number
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.input_spec import InputSpec


class Rescaling(Layer):
    """Scales and shifts: `y = x · scale + offset`.

    Args:
        scale: Factor, as `1/255` for images of bytes; or an array of factors that broadcasts.
        offset: Added after scaling, a number or an array. Default: 0.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Raises:
        ValueError: An argument is not a finite number, or an array of them.

    Example:

    >>> import numpy as np
    >>> Rescaling(0.5, offset=-1.0)(np.array([[0, 4]], "uint8"))
    array([[-1.,  1.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input
    takes_a_vector = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self._checked("scale", scale)
        self.offset = self._checked("offset", offset)

    def _checked(self, name: str, value: Any) -> Any:
        where = f"Rescaling '{self.name}'"
        if np.ndim(value) == 0:
            return check_number(where, name, value)
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise bad_argument(where, "a finite number or an array of them", name, value)
        return array.astype(np.float64)

    def call(self, x: Tensor) -> Tensor:
        if isinstance(self.scale, float) and isinstance(self.offset, float):
            return ops.affine(x, self.scale, self.offset)
        y: Tensor = x * self.scale + self.offset
        return y

    def get_config(self) -> dict[str, Any]:
        own = {"scale": np.asarray(self.scale).tolist(), "offset": np.asarray(self.offset).tolist()}
        return {**super().get_config(), **own}
