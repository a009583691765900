"""Identity."""

from __future__ import annotations

from typing import Any

from fastmlp.layers.base import Layer


class Identity(Layer):
    """Returns its inputs: a place in a model, for a name. Costs nothing.

    `y = x`

    Args:
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> Identity()(np.array([[1.0, 2.0]]))
    array([[1., 2.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    supports_masking = True
    takes_a_vector = True

    def call(self, inputs: Any) -> Any:
        return inputs
