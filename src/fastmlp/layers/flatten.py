"""Flatten."""

from __future__ import annotations

import math
from typing import Any

from fastmlp import ops
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.input_spec import InputSpec


class Flatten(Layer):
    """Makes each sample one row: `(batch, a, b, …)` becomes `(batch, a·b·…)`. Costs nothing.

    `y[b, i · n + j] = x[b, i, j]` for samples of shape `(m, n)`.

    Args:
        data_format: `'channels_last'` (or `None`) or `'channels_first'`: where the channels of an
            image stand; the latter moves them last first.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, a, b, …)`

    Output shape:
        `(batch, a · b · …)`

    Raises:
        ValueError: `data_format` is unknown.

    Example:

    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 28, 28))).shape
    (2, 784)

    Source: Keras 3; as `numpy.reshape`.
    """

    input_spec = InputSpec()  # one input

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            expected = "'channels_last' or 'channels_first'"
            raise bad_argument(f"Flatten '{self.name}'", expected, "data_format", data_format)
        self.data_format = data_format or "channels_last"

    def call(self, x: Tensor) -> Any:
        if self.data_format == "channels_first" and x.ndim > 2:
            x = ops.transpose(x, (0, *range(2, x.ndim), 1))
        return ops.reshape(x, (-1, math.prod(int(d or 0) for d in x.shape[1:])))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
