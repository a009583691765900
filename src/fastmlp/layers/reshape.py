"""Reshape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastmlp import ops
from fastmlp.errors import bad_argument, is_int
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.input_spec import InputSpec


class Reshape(Layer):
    """Gives each sample another shape with as many elements. Costs nothing.

    `ravel(y[b]) = ravel(x[b])`

    Args:
        target_shape: Shape of a sample, without the batch; one size may be -1: what is left.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, …)`

    Output shape:
        `(batch, *target_shape)`

    Raises:
        ValueError: The shape has another number of elements, or is none.

    Example:

    >>> import numpy as np
    >>> Reshape((2, -1))(np.zeros((5, 6))).shape
    (5, 2, 3)

    Source: Keras 3; as `numpy.reshape`.
    """

    input_spec = InputSpec()  # one input

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Reshape '{self.name}'"
        expected = "positive integers, of which one may be -1"
        given = (target_shape,) if is_int(target_shape) else target_shape
        if not isinstance(given, (list, tuple)):
            raise bad_argument(where, expected, "target_shape", target_shape)
        sizes = tuple(-1 if d is None else d for d in given)
        if (
            not all(map(is_int, sizes))
            or any(d < 1 and d != -1 for d in sizes)
            or sizes.count(-1) > 1
        ):
            raise bad_argument(where, expected, "target_shape", target_shape)
        self.target_shape = tuple(map(int, sizes))

    def call(self, x: Tensor) -> Any:
        here = math.prod(int(d or 0) for d in x.shape[1:])
        known = math.prod(d for d in self.target_shape if d != -1)
        if here != known and (-1 not in self.target_shape or here % known):
            raise ValueError(
                f"Reshape '{self.name}': expected samples of as many elements as {self.target_shape}. "
                f"Received: shape={x.shape}"
            )
        return ops.reshape(x, (-1, *(here // known if d == -1 else d for d in self.target_shape)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}
