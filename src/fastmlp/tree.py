"""Nested structures, as `keras.tree`: lists, tuples and dicts with something at their leaves.

Everything that is no list, tuple or dict is a leaf, `None` too. Dicts are gone through by sorted key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fastmlp import _tree

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]

Path = tuple[Any, ...]


class _MapToNone:
    def __repr__(self) -> str:
        return "MAP_TO_NONE"


MAP_TO_NONE = _MapToNone()
"""What a function of `traverse` returns for `None`."""


def is_nested(structure: Any) -> bool:
    """Whether it is a list, tuple or dict.

    Args:
        structure: Anything.

    Example:

    >>> is_nested([1]), is_nested("abc")
    (True, False)
    """
    kind: Any = type(structure)
    return not _tree.is_leaf(kind)


def flatten(structure: Any) -> list[Any]:
    """The leaves in order.

    Args:
        structure: A structure or a leaf.

    Example:

    >>> flatten({"b": [1, None], "a": (3,)})
    [3, 1, None]
    """
    return [leaf for _, leaf in _walk(structure)]


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """The leaves in order, each with the keys and places that lead to it.

    Args:
        structure: A structure or a leaf.

    Example:

    >>> flatten_with_path({"b": [1, 2]})
    [(('b', 0), 1), (('b', 1), 2)]
    """
    return list(_walk(structure))


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """A structure of the same form with other leaves.

    Args:
        structure: The form.
        flat_sequence: As many leaves as it has, in the order of `flatten`.

    Raises:
        ValueError: There are fewer or more.

    Example:

    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    leaves, expected = list(flat_sequence), len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(f"pack_sequence_as: expected {expected} leaves. Received: {len(leaves)}")
    feed = iter(leaves)
    return map_structure(lambda _: next(feed), structure)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """A structure of what a function gives for the leaves at each place.

    Args:
        func: Gets a leaf of each structure.
        *structures: Of one form.
        none_is_leaf: Whether it gets `None`, too; else that stays.

    Raises:
        ValueError: The forms differ.

    Example:

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    if not structures:
        raise ValueError("map_structure: expected a structure. Received: none")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)

    def of_leaves(*leaves: Any) -> Any:
        return None if not none_is_leaf and leaves[0] is None else func(*leaves)

    return map_structure_up_to(structures[0], of_leaves, *structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """As `map_structure`, where the leaves of a first structure are the places that count.

    Args:
        shallow_structure: The form of the result.
        func: Gets what the other structures have at each of its leaves.
        *structures: Each as deep or deeper.

    Raises:
        ValueError: One has another form above these places.

    Example:

    >>> map_structure_up_to([0, 0], lambda part: len(part), [[1], [2, 3]])
    [1, 2]
    """
    return _mapped(shallow_structure, func, structures, ())


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """The structure with parts replaced by what a function gives for them.

    Args:
        func: Gets each part and leaf; returns what is to stand there, `None` to leave it as it is, or
            `MAP_TO_NONE` for `None`.
        structure: A structure or a leaf.
        top_down: Whether it gets a part before what is in it, which is not looked at where the part is
            replaced; else after.

    Example:

    >>> traverse(lambda x: sum(x) if isinstance(x, list) else None, {"a": [1, 2], "b": 5})
    {'a': 3, 'b': 5}
    """
    if top_down:
        found = func(structure)
        if found is None and is_nested(structure):
            return _like(structure, [traverse(func, part) for _, part in _parts(structure)])
    else:
        if is_nested(structure):
            inner = [traverse(func, part, False) for _, part in _parts(structure)]
            structure = _like(structure, inner)
        found = func(structure)
    return structure if found is None else None if found is MAP_TO_NONE else found


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Checks that two structures have one form, lists where the other has lists.

    Args:
        a: A structure.
        b: Another.
        check_types: Accepted; types are looked at.

    Raises:
        ValueError: They have not.

    Example:

    >>> assert_same_structure({"a": [1, 2]}, {"a": [3, 4]})
    """
    if _kind(a) is not _kind(b):
        raise ValueError(
            f"assert_same_structure: expected one form. Received: {a!r:.80} and {b!r:.80}"
        )
    if is_nested(a):
        _same_keys("assert_same_structure", a, b)
        for (_, one), (_, other) in zip(_parts(a), _parts(b), strict=True):
            assert_same_structure(one, other)


def assert_same_paths(a: Any, b: Any) -> None:
    """Checks that two structures have leaves at the same places; lists are as good as tuples.

    Args:
        a: A structure.
        b: Another.

    Raises:
        ValueError: They have not.

    Example:

    >>> assert_same_paths([1, 2], (3, 4))
    """
    first, second = ({path for path, _ in _walk(structure)} for structure in (a, b))
    if first != second:
        one_sided = sorted(first ^ second, key=str)
        raise ValueError(
            f"assert_same_paths: expected the same paths. Received: {one_sided} in one alone"
        )


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples in place of lists.

    Args:
        structure: A structure or a leaf.

    Example:

    >>> lists_to_tuples({"a": [1, [2]]})
    {'a': (1, (2,))}
    """
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """A structure of what a function gives for each shape.

    Args:
        func: Gets a shape: a tuple or list of whole numbers and `None`.
        structure: A shape, or a structure of shapes.

    Example:

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,)]})
    {'a': 2, 'b': [1]}
    """
    if isinstance(structure, (list, tuple)) and all(
        size is None or isinstance(size, int) for size in structure
    ):
        return func(structure)
    if not is_nested(structure):
        raise ValueError(f"map_shape_structure: expected shapes. Received: {structure!r:.80}")
    return _like(structure, [map_shape_structure(func, part) for _, part in _parts(structure)])


def _parts(structure: Any) -> list[tuple[Any, Any]]:
    """Keys or places, and what is there."""
    if isinstance(structure, Mapping):
        return [(key, structure[key]) for key in _tree.keys(structure)]
    return list(enumerate(structure))


def _like(structure: Any, parts: list[Any]) -> Any:
    """The parts in a list, tuple or dict, as the structure is."""
    if isinstance(structure, Mapping):
        found = dict(zip(_tree.keys(structure), parts, strict=True))
        return {key: found[key] for key in structure}
    return _tree.like(structure, parts)


def _walk(structure: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, part in _parts(structure):
        yield from _walk(part, (*path, key))


def _kind(structure: Any) -> Any:
    """What two structures of one form have in common."""
    if not is_nested(structure):
        return None
    return dict if isinstance(structure, Mapping) else type(structure)


def _same_keys(where: str, a: Any, b: Any) -> None:
    first, second = ([key for key, _ in _parts(structure)] for structure in (a, b))
    if first != second:
        what = "keys" if isinstance(a, Mapping) else "number of entries"
        raise ValueError(f"{where}: expected the same {what}. Received: {a!r:.80} and {b!r:.80}")


def _mapped(shallow: Any, func: Callable[..., Any], structures: tuple[Any, ...], path: Path) -> Any:
    if not is_nested(shallow):
        return func(*structures)
    for other in structures:
        if not is_nested(other) or isinstance(other, Mapping) != isinstance(shallow, Mapping):
            raise ValueError(
                f"map_structure_up_to: expected a structure at {path}. Received: {other!r:.80}"
            )
        _same_keys("map_structure_up_to", shallow, other)
    inner = zip(*map(_parts, (shallow, *structures)), strict=True)
    parts = [
        _mapped(first, func, tuple(part for _, part in others), (*path, key))
        for (key, first), *others in inner
    ]
    return _like(shallow, parts)
