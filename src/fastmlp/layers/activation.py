"""An activation as an attribute of a layer, and as a layer of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmlp import activations
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class ActivationAttribute:
    """An attribute that is an activation function: what is set, also later, may be a name or `None`."""

    def __set_name__(self, kind: type, name: str) -> None:
        self._name = name

    def __get__(self, layer: Any, kind: type | None = None) -> Callable[..., Any]:
        if layer is None or self._name not in vars(layer):
            raise AttributeError(self._name)
        found: Callable[..., Any] = vars(layer)[self._name]
        return found

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)[self._name] = activations.get(value)


class Activation(Layer):
    """Applies an activation function: `y = activation(x)`.

    Args:
        activation: Name or function.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Raises:
        ValueError: An unknown activation.

    Example:

    >>> import numpy as np
    >>> Activation("relu")(np.array([[-1.0, 2.0]]))
    array([[0., 2.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    supports_masking = True
    takes_a_vector = True
    activation = ActivationAttribute()

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(x)
        return y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
