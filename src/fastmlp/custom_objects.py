"""Classes and functions of the user's own, by the names that configs and files have for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from fastmlp.errors import bad_argument

T = TypeVar("T", bound=Callable[..., Any])

_registered: dict[str, Any] = {}
_met: ContextVar[dict[str, Any] | None] = ContextVar("own_objects", default=None)
_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default={})  # noqa: B039


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Makes a class or function of your own known to configs and files, as `package>name`.

    Args:
        package: Tells objects of equal names apart.
        name: Default: the object's own.

    Returns:
        The decorator.

    Raises:
        ValueError: If a class has no `get_config`.

    Example:

    >>> from fastmlp import activations
    >>> @register_keras_serializable("my")
    ... def twice(x):
    ...     return 2 * x
    >>> activations.get("my>twice")(4)
    8
    """

    def decorate(obj: T) -> T:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"register_keras_serializable: expected a class with get_config(). Received: {obj}."
            )
        _registered[f"{package}>{name or obj.__name__}"] = obj
        return obj

    return decorate


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Within, these classes and functions are found by these names, before all others.

    Args:
        custom_objects: Classes and functions by name.

    Raises:
        ValueError: If `custom_objects` is no dict.

    Example:

    >>> from fastmlp import activations
    >>> with custom_object_scope({"twice": lambda x: 2 * x}):
    ...     activations.get("twice")(4)
    8
    """
    if not isinstance(custom_objects, Mapping):
        raise bad_argument(
            "custom_object_scope", "a dict {name: class}", "custom_objects", custom_objects
        )
    token = _scope.set({**_scope.get(), **custom_objects})
    try:
        yield
    finally:
        _scope.reset(token)


CustomObjectScope = custom_object_scope


@contextmanager
def own_objects() -> Iterator[dict[str, Any]]:
    """Within, classes and functions of the user's that configs name are collected, for copies.

    Raises:
        ValueError: Two of them have one name, which a config could not tell apart.
    """
    found: dict[str, Any] = {}
    token = _met.set(found)
    try:
        yield found
    finally:
        _met.reset(token)


def meet(name: str, obj: Any) -> None:
    """Tells of a class or function of the user's that a config has by its name."""
    found = _met.get()
    if found is not None and found.setdefault(name, obj) is not obj:
        raise ValueError(
            f"Configs: expected objects of your own with different names. Received: two {name!r}."
        )


def get_custom_objects() -> dict[str, Any]:
    """The registered objects by name; what is put into this dict is registered."""
    return _registered


def get_registered_name(obj: Any) -> str:
    """The name that a class or function was registered by, else its own."""
    return registered_name(obj) or str(obj.__name__)


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The class or function that a name stands for, or `None`.

    Args:
        name: As configs have it.
        custom_objects: Looked through first.
    """
    for names in (custom_objects or {}, _scope.get(), _registered):
        if name in names:
            return names[name]
    return None


def registered_name(obj: Any) -> str | None:
    """The name that a class or function was registered by, or `None`."""
    return next((name for name, known in _registered.items() if known is obj), None)
