"""From what a user writes to an initializer, and to its config and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp.initializers.base import registry
from fastmlp.initializers.constant import ArrayInitializer


def get(identifier: Any) -> Any:
    """Returns the initializer that a user means.

    Args:
        identifier: A name, config, instance, class, array, function `f(shape, dtype=None)`, or
            `None`.

    Returns:
        An initializer (a function is returned as it is), or `None` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("he_normal")
    HeNormal(input_axes=None, output_axes=None, seed=None)
    >>> get("glorot_unifrom")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: Unknown initializer 'glorot_unifrom'. Did you mean 'glorot_uniform'? Known: ...
    """
    if isinstance(identifier, np.ndarray | np.generic):
        return ArrayInitializer(identifier)
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return registry.get(identifier)


def serialize(initializer: Any) -> Any:
    """Returns the config of an initializer: `{"class_name": …, "config": …}`."""
    return registry.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes an initializer from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes and functions by name.

    Returns:
        An initializer.

    Raises:
        ValueError: If the config is not understood.
    """
    # No name: only an array or a config makes one.
    own = {"ArrayInitializer": ArrayInitializer}
    return registry.deserialize(config, {**own, **(custom_objects or {})})
