"""From what a user writes to an optimizer, and to its config and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmlp.optimizers import schedules
from fastmlp.optimizers.base import Optimizer, registry


def get(identifier: Any) -> Any:
    """Returns the optimizer that a user means.

    Args:
        identifier: A name (case does not count), config, instance, class, or `None`.

    Returns:
        An optimizer, or `None` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("Adam")
    <Adam learning_rate=0.001>
    >>> get("adan")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: Unknown optimizer 'adan'. Did you mean 'adam'? Known: adadelta, adafactor, adagrad, adam, ...
    """
    return registry.get(identifier)


def serialize(optimizer: Optimizer) -> Any:
    """Returns the config of an optimizer: `{"class_name": …, "config": …}`."""
    return registry.serialize(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes an optimizer from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Returns:
        An optimizer.

    Raises:
        ValueError: If the config is not understood.
    """
    inner = config.get("config") if isinstance(config, Mapping) else None
    rate = inner.get("learning_rate") if isinstance(inner, Mapping) else None
    if custom_objects and isinstance(inner, Mapping) and isinstance(rate, Mapping):
        schedule = schedules.deserialize(rate, custom_objects)
        config = {**config, "config": {**inner, "learning_rate": schedule}}
    return registry.deserialize(config, custom_objects)
