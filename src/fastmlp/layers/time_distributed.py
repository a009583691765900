"""TimeDistributed: one layer on every step of a sequence."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.activation import Activation
from fastmlp.layers.activations import ELU, LeakyReLU, ReLU
from fastmlp.layers.dense import Dense
from fastmlp.layers.identity import Identity
from fastmlp.layers.phase import may_be_told
from fastmlp.layers.rescaling import Rescaling
from fastmlp.layers.wrapper import Wrapper

# Layers that treat each step of a sequence by itself, whatever stands before the last axis.
_BY_STEPS = (Activation, Dense, ELU, Identity, LeakyReLU, ReLU, Rescaling)


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence, with the same weights: `y[:, t] = layer(x[:, t])`.

    Around `Dense` it is one product over all steps; other layers become ops of each step.

    Args:
        layer: The layer.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`, `input_shape`.

    Call arguments:
        inputs: `(batch, steps, …)`.
        mask: `(batch, steps, …)`; a layer whose `call` takes `mask` gets its part of each step.

    Input shape:
        `(batch, steps, …)`, at least three axes.

    Output shape:
        `(batch, steps, …)`: that of the layer for a step, with the steps behind the batch.

    Raises:
        ValueError: `layer` is no layer, or inputs or mask have other axes.

    Example:

    >>> import numpy as np
    >>> from fastmlp import layers
    >>> TimeDistributed(layers.Dense(4))(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    >>> TimeDistributed(layers.LSTM(4))(np.ones((2, 5, 6, 3))).shape
    (2, 5, 4)

    Source: Keras 3's layer of that name.
    """

    supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        super().build(self._step(input_shape))

    def _step(self, shape: Any) -> Shape:
        """The shape of one step."""
        if not isinstance(shape, (tuple, list)) or len(shape) < 3:
            raise ValueError(
                f"TimeDistributed '{self.name}': expected inputs (batch, steps, …) of at least three "
                f"axes. Received: shape={shape}"
            )
        return (shape[0], *shape[2:])

    @may_be_told
    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        self._step(inputs.shape)
        if mask is not None and (mask.ndim < 2 or mask.shape[1] != inputs.shape[1]):
            raise ValueError(
                f"TimeDistributed '{self.name}': expected a mask (batch, {inputs.shape[1]}, …). "
                f"Received: shape={mask.shape}"
            )
        if type(self.layer) in _BY_STEPS and self.layer.activity_regularizer is None:
            return self.layer.call(inputs)
        takes = mask is not None and "mask" in self.layer._call_takes()
        found = []
        for t in range(int(inputs.shape[1] or 0)):
            told = {"mask": mask[:, t]} if mask is not None and takes else {}
            found.append(self.layer(inputs[:, t], **told))
        return ops.stack(found, axis=1)
