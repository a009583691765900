"""Masking."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import check_number
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class Masking(Layer):
    """Marks steps that do not count: those of which every feature is `mask_value`.

    `mask[b, t] = max_f (x[b, t, f] ≠ mask_value)`; `y[b, t] = x[b, t] · mask[b, t]`

    Layers behind it leave them out: recurrent layers keep their state there, means and losses are over
    the other steps, and so are the metrics that are means. Its own output is 0 there.

    Args:
        mask_value: What the features of a step that does not count are, all of them.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, …, features)`; the output has the same, its mask is `(batch, …)`.

    Raises:
        ValueError: `mask_value` is no finite number.

    Example: of a sequence of 5 steps, the last two are filled up.

    >>> import numpy as np
    >>> from fastmlp import Input, Sequential
    >>> from fastmlp.layers import LSTM
    >>> model = Sequential([Input((5, 2)), Masking(), LSTM(3)])
    >>> x = np.ones((1, 5, 2), "float32")
    >>> x[:, 3:] = 0
    >>> bool((model(x) == model.layers[1](x[:, :3])).all())
    True

    Source: Keras 3's layer of that name.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = check_number(f"Masking '{self.name}'", "mask_value", mask_value)

    def call(self, x: Tensor) -> Any:
        return ops.where(ops.expand_dims(self.compute_mask(x), -1), x, 0.0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
