"""Plain records: classes whose fields are their annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, dataclass_transform


class _Fresh:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def fresh(default_factory: Callable[[], Any]) -> Any:
    """A default that is made anew for each record, as a list."""
    return _Fresh(default_factory)


@dataclass_transform(eq_default=False, field_specifiers=(fresh,))
class Record:
    """Base of records: `__init__` takes the annotated fields, in their order or by name.

    As a dataclass, but nothing is compiled when the module is imported: with dataclasses, a sixth of
    fastmlp's import went there.

    Example:

    >>> class Point(Record):
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0).y, Point(1.0).with_values(y=2.0).y
    (0.0, 2.0)
    """

    _fields: ClassVar[tuple[str, ...]]
    _known: ClassVar[frozenset[str]]
    _needed: ClassVar[frozenset[str]]
    _least: ClassVar[int]  # so many values by position hold all that are needed
    _fresh: ClassVar[tuple[tuple[str, Callable[[], Any]], ...]]

    def __init_subclass__(cls) -> None:
        own = vars(cls)
        cls._fields = tuple(own.get("__annotations__", ()))
        cls._known = frozenset(cls._fields)
        cls._needed = frozenset(name for name in cls._fields if name not in own)
        cls._least = max(
            (i + 1 for i, name in enumerate(cls._fields) if name not in own), default=0
        )
        made = {name: own[name] for name in cls._fields if isinstance(own.get(name), _Fresh)}
        cls._fresh = tuple((name, default.make) for name, default in made.items())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        own = self.__dict__
        own.update(zip(self._fields, args, strict=False))
        if kwargs or not self._least <= len(args) <= len(self._fields):
            self._take(args, kwargs)
        for name, make in self._fresh:
            if name not in own:
                own[name] = make()

    def _take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        own = self.__dict__
        own.update(kwargs)
        if len(own) != len(args) + len(kwargs) or not self._needed <= own.keys() <= self._known:
            where, fields = type(self).__name__, ", ".join(self._fields)
            raise TypeError(f"{where}: expected values of {fields}. Received: {args}, {kwargs}")

    def with_values(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})
