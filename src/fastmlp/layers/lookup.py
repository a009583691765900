"""From a layer to its config and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmlp.activations import lookup as activations
from fastmlp.layers.base import Layer
from fastmlp.registry import Registry, overridden

registry = Registry(
    "layer",
    Layer,
    callables=False,
    packages=("fastmlp.layers", "fastmlp.models", "fastmlp.utils"),
)
activations.registry.also = registry  # Dense(8, activation=LeakyReLU())


def serialize(layer: Layer) -> Any:
    """Returns the config of a layer: `{"class_name": …, "config": …}`, with what its own building needs."""
    config = registry.serialize(layer)
    if not overridden(layer, "build_from_config"):
        return config
    return {**config, "build_config": layer.get_build_config()}


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a layer from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Returns:
        A layer, without weights until it is built, unless it has a `build_from_config` of its own.

    Raises:
        ValueError: If the config is not understood.

    Example:

    >>> from fastmlp import layers
    >>> deserialize(serialize(layers.Dense(3, name="out")))
    <Dense name=out, built=False>
    """
    layer = registry.deserialize(config, custom_objects)
    needed = config.get("build_config") if isinstance(config, Mapping) else None
    if needed and overridden(layer, "build_from_config") and not layer.built:
        layer.build_from_config(needed)
    return layer
