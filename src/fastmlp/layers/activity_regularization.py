"""A penalty on activities, as a layer."""

from __future__ import annotations

from typing import Any

from fastmlp import regularizers
from fastmlp.layers.base import Layer


class ActivityRegularization(Layer):
    """Returns its inputs, and adds the mean over samples of `l1 Σ|x| + l2 Σ x²` to the loss.

    `penalty = Σ_b Σ (l1 |x[b]| + l2 x[b]²) / batch`

    Args:
        l1: Factor of the absolute values, >= 0.
        l2: Factor of the squares, >= 0.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        ValueError: A factor is negative.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> ActivityRegularization(l2=0.1)(np.array([[1.0, 2.0]]))
    array([[1., 2.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return {**config, "l1": self.l1, "l2": self.l2}
