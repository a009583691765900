"""From what a user writes to an activation function, and to its name and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastmlp import ops
from fastmlp.errors import unknown_name
from fastmlp.registry import Registry

registry = Registry("activation function")

_NOT_OF_OPS = ("gelu", "threshold")  # here; those of ops are others, as in Keras


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
    look: Callable[..., Any] = deserialize if isinstance(identifier, Mapping) else registry.get
    found: Callable[..., Any] = look("linear" if identifier is None else identifier)
    return found


def serialize(activation: Any) -> Any:
    """Returns the name of one of these functions, or the config of an object.

    A function of `fastmlp.ops` has the name of the one here that is the same; else a config.
    """
    name = getattr(activation, "__name__", None)
    if name in ops.__all__ and getattr(ops, name) is activation:
        if name in registry and name not in _NOT_OF_OPS:
            return name
        return {"module": "fastmlp.ops", "class_name": "function", "config": name}
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
    if isinstance(config, Mapping) and config.get("module") == "fastmlp.ops":
        if config["config"] not in ops.__all__:
            raise unknown_name("function of fastmlp.ops", config["config"], ops.__all__)
        return getattr(ops, config["config"])
    return registry.deserialize(config, custom_objects)
