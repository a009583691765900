"""Permute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastmlp import ops
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class Permute(Layer):
    """Puts the axes of each sample in another order.

    `y[b, j, i] = x[b, i, j]` with `dims=(2, 1)`.

    Args:
        dims: Which axis comes where, counted from 1, without the batch: `(2, 1)` swaps two.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, …)` with as many axes as `dims` has entries, and the batch.

    Raises:
        ValueError: `dims` does not name every axis once.

    Example:

    >>> import numpy as np
    >>> Permute((2, 1))(np.zeros((5, 3, 4))).shape
    (5, 4, 3)

    Source: Keras 3; as `numpy.transpose`.
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(dims, (list, tuple)) or sorted(dims) != list(range(1, len(dims) + 1)):
            expected = "every axis but the batch once, counted from 1"
            raise bad_argument(f"Permute '{self.name}'", expected, "dims", dims)
        self.dims = tuple(dims)

    def call(self, x: Tensor) -> Any:
        if x.ndim != len(self.dims) + 1:
            raise ValueError(
                f"Permute '{self.name}': expected inputs with {len(self.dims)} axes besides the "
                f"batch. Received: shape={x.shape}"
            )
        return ops.transpose(x, (0, *self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}
