"""RepeatVector."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import check_int
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class RepeatVector(Layer):
    """Repeats each sample: `(batch, features)` becomes `(batch, n, features)`.

    `y[b, t, f] = x[b, f]`

    Args:
        n: How often.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, features)`

    Output shape:
        `(batch, n, features)`

    Raises:
        ValueError: `n` is no positive integer, or a sample is no vector.

    Example:

    >>> import numpy as np
    >>> RepeatVector(2)(np.array([[1.0, 2.0]]))
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)

    Source: Keras 3; as `numpy.repeat`.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = check_int(f"RepeatVector '{self.name}'", "n", n, 1)

    def call(self, x: Tensor) -> Any:
        if x.ndim != 2:
            raise ValueError(
                f"RepeatVector '{self.name}': expected inputs (batch, features). "
                f"Received: shape={x.shape}"
            )
        return ops.repeat(ops.expand_dims(x, 1), self.n, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
