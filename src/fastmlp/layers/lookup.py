"""From a layer to its config and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmlp.activations import lookup as activations
from fastmlp.layers.base import Layer
from fastmlp.registry import Registry

registry = Registry(
    "layer",
    Layer,
    callables=False,
    packages=("fastmlp.layers", "fastmlp.models", "fastmlp.utils"),
)
activations.registry.also = registry  # Dense(8, activation=LeakyReLU())


def serialize(layer: Layer) -> Any:
    """Returns the config of a layer: `{"class_name": …, "config": …}`."""
    return registry.serialize(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a layer from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Returns:
        A layer, without weights until it is built.

    Raises:
        ValueError: If the config is not understood.

    Example:

    >>> from fastmlp import layers
    >>> deserialize(serialize(layers.Dense(3, name="out")))
    <Dense name=out, built=False>
    """
    return registry.deserialize(config, custom_objects)
