"""Rescaling."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import check_number
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class Rescaling(Layer):
    """Scales and shifts: `y = x · scale + offset`.

    Args:
        scale: Factor, as `1/255` for images of bytes.
        offset: Added after scaling. Default: 0.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Raises:
        ValueError: An argument is not a finite number.

    Example:

    >>> import numpy as np
    >>> Rescaling(0.5, offset=-1.0)(np.array([[0, 4]], "uint8"))
    array([[-1.,  1.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    supports_masking = True

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = check_number(f"Rescaling '{self.name}'", "scale", scale)
        self.offset = check_number(f"Rescaling '{self.name}'", "offset", offset)

    def call(self, x: Tensor) -> Tensor:
        return ops.affine(x, self.scale, self.offset)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
