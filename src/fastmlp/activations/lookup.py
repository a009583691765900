"""From what a user writes to an activation function, and to its name and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastmlp.registry import Registry

registry = Registry("activation function")


def get(identifier: Any) -> Callable[..., Any]:
    """Returns the activation function that a user means.

    Args:
        identifier: A name, a config as `serialize` returns it, a function, or `None`.

    Returns:
        A function; `linear` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("relu").__name__, get(None).__name__
    ('relu', 'linear')
    >>> get("ReLU")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: Unknown activation function 'ReLU'. Did you mean 'relu'? Known: ...
    """
    found: Callable[..., Any] = registry.get("linear" if identifier is None else identifier)
    return found


def serialize(activation: Any) -> Any:
    """Returns the name of one of these functions, or the config of an object."""
    return registry.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes an activation function from its name or config.

    Args:
        config: What `serialize` returned.
        custom_objects: Further functions and classes by name.

    Returns:
        A function.

    Raises:
        ValueError: If the name or config is not understood.
    """
    return registry.deserialize(config, custom_objects)
