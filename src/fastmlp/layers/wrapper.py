"""Wrapper: what layers around another layer share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from fastmlp.layers.base import Layer


class Wrapper(Layer):
    """Base of layers around another one: holds it as `layer`, builds it, keeps it in configs.

    A subclass says in `call` what becomes of it.

    Args:
        layer: The layer within.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`, `input_shape`.

    Raises:
        ValueError: `layer` is no layer.

    Example:

    >>> from fastmlp import layers
    >>> class Residual(Wrapper):
    ...     def call(self, x):
    ...         return x + self.layer(x)
    >>> Residual(layers.Dense(2, kernel_initializer="ones"))([[1.0, 2.0]])
    array([[4., 5.]], dtype=float32)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            hint = ". Hint: write Dense(4), not Dense" if isinstance(layer, type) else ""
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected a layer. Received: {layer!r}{hint}"
            )
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            for variable in self.layer.weights:
                variable.path = f"{self.name}/{variable.path}"

    def get_config(self) -> dict[str, Any]:
        from fastmlp.layers import lookup  # which lists the subclasses

        return {**super().get_config(), "layer": lookup.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from fastmlp.layers import lookup

        return super().from_config({**config, "layer": lookup.deserialize(config["layer"])})
