"""Nested structures: lists, tuples and dicts with something at their leaves.

Everything that is no list, tuple or dict is a leaf; `None` is no leaf but an empty place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any


@lru_cache(1024)
def is_leaf(kind: type) -> bool:
    """Whether objects of a type are leaves: to ask each object whether it is a `Mapping` takes longer."""
    # A sparse matrix in SciPy's DOK format is a dict, too.
    return not issubclass(kind, (dict, list, tuple, Mapping)) or hasattr(kind, "tocsr")


def is_dict(x: Any) -> bool:
    """Whether something is a structure with keys."""
    return isinstance(x, Mapping) and not is_leaf(type(x))


def keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """The keys of a dict in the order in which its leaves are counted: sorted, as in Keras."""
    try:
        return sorted(mapping)
    except TypeError:  # keys of several types
        return sorted(mapping, key=lambda key: (type(key).__name__, str(key)))


def walk(structure: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf with its path: the keys and positions that lead to it."""
    kind: Any = type(structure)
    if is_leaf(kind):
        if structure is not None:
            yield path, structure
    elif isinstance(structure, Mapping):
        for key in keys(structure):
            yield from walk(structure[key], (*path, key))
    else:
        for index, part in enumerate(structure):
            yield from walk(part, (*path, index))


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; those of a dict by sorted key.

    Example:

    >>> flatten({"b": [1, 2], "a": (3, None)})
    [3, 1, 2]
    """
    found: list[Any] = []
    _collect(structure, found)
    return found


def _collect(structure: Any, found: list[Any]) -> None:
    """Adds the leaves, as `walk` finds them: many calls ask for no paths."""
    kind: Any = type(structure)
    if is_leaf(kind):
        if structure is not None:
            found.append(structure)
    elif isinstance(structure, Mapping):
        for key in keys(structure):
            _collect(structure[key], found)
    else:
        for part in structure:
            _collect(part, found)


def pack(structure: Any, leaves: Iterable[Any]) -> Any:
    """A structure of the same form with other leaves.

    Args:
        structure: The form.
        leaves: As many as `flatten(structure)` returns, in its order.

    Raises:
        ValueError: There are fewer or more.

    Example:

    >>> pack({"b": [0, 0], "a": (0, None)}, [3, 1, 2])
    {'b': [1, 2], 'a': (3, None)}
    """
    rest = list(leaves)
    expected = len(flatten(structure))
    if len(rest) != expected:
        raise ValueError(f"expected {expected} values. Received: {len(rest)}")
    feed = iter(rest)
    return apply(lambda _: next(feed), structure)


def apply(function: Callable[[Any], Any], structure: Any) -> Any:
    """The structure with `function(leaf)` in place of each leaf, called in the leaves' order.

    Example:

    >>> apply(str, [1, {"a": 2}])
    ['1', {'a': '2'}]
    """
    kind: Any = type(structure)
    if is_leaf(kind):
        return None if structure is None else function(structure)
    if isinstance(structure, Mapping):
        found = {key: apply(function, structure[key]) for key in keys(structure)}
        return {key: found[key] for key in structure}
    return like(structure, [apply(function, part) for part in structure])


def like(structure: Any, parts: list[Any]) -> Any:
    """The parts as a list, tuple or named tuple, as the structure is."""
    if isinstance(structure, list):
        return parts
    named = hasattr(structure, "_fields")
    return type(structure)(*parts) if named else tuple(parts)


def same_form(a: Any, b: Any) -> bool:
    """Whether two structures have their leaves at the same paths; lists are as good as tuples."""
    return [path for path, _ in walk(a)] == [path for path, _ in walk(b)]
