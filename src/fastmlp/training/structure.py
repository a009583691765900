"""Which of the user's things belongs to which input or output of a model.

The inputs and outputs of a model form a structure: a single one, a list, a dict or any nesting of
these. What the user gives for them (data, losses, metrics, weights) may come in the same structure,
in a flat list, or in a dict by name. Everything behind this file works on flat lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from fastmlp import _tree
from fastmlp._record import Record
from fastmlp.errors import closest

Path = tuple[Any, ...]


class Slots(Record):
    """The inputs or the outputs of a model.

    Attributes:
        what: `'input'` or `'output'`.
        names: Of each, in order.
        structure: The nesting; its leaves may be anything.
    """

    what: str
    names: tuple[str, ...]
    structure: Any

    @property
    def n(self) -> int:
        return len(self.names)

    def told(self) -> str:
        """For messages: `2 outputs: 'bmi', 'age'`."""
        names = ", ".join(repr(name) for name in self.names)
        return f"{self.n} {self.what}{'s' * (self.n != 1)}: {names}"

    def check_keys(self, where: str, given: Any) -> None:
        """Refuses a list for a dict of several: nothing says which is which.

        Raises:
            ValueError: It is such a list.
        """
        if self.n > 1 and isinstance(self.structure, Mapping) and isinstance(given, list | tuple):
            keys = list(self.structure)
            raise ValueError(
                f"{where}: expected a dict with the keys {keys}, as the {self.what}s of the model "
                f"are. Received: a {type(given).__name__} of {len(given)}. "
                f"Hint: {{{keys[0]!r}: …, {keys[1]!r}: …}} says which is which"
            )

    def paths(self) -> list[Path]:
        """Where each stands in the structure; `()` if it is alone."""
        return [path for path, _ in walk(self.structure)]

    def by_name(self, where: str, given: Mapping[str, Any]) -> list[tuple[bool, Any]]:
        """Sorts a dict by names: whether each slot has an entry, and the entry.

        Raises:
            ValueError: A key is no name.
        """
        unknown = [key for key in given if key not in self.names]
        if unknown:
            raise self.unknown(where, unknown[0])
        return [(name in given, given.get(name)) for name in self.names]

    def unknown(self, where: str, key: Any) -> ValueError:
        """The error for a key that names nothing."""
        near = closest(key, self.names) if isinstance(key, str) else None
        hint = f" Did you mean {near!r}?" if near else ""
        return ValueError(
            f"{where}: unknown {self.what} {key!r}.{hint} The model has {self.told()}."
        )

    def missing(self, where: str, names: Sequence[str], hint: str = "") -> ValueError:
        """The error for slots that nothing was given for."""
        told = ", ".join(repr(name) for name in names)
        end = f" Hint: {hint}." if hint else ""
        return ValueError(
            f"{where}: nothing was given for {self.what} {told}. The model has {self.told()}.{end}"
        )

    def wrong_number(self, where: str, received: str, hint: str = "") -> ValueError:
        """The error for a list that is longer or shorter than the slots."""
        end = f". Hint: {hint}" if hint else ""
        return ValueError(
            f"{where}: expected one for each of {self.told()}. Received: {received}{end}."
        )


def is_nest(x: Any) -> bool:
    """Whether something is a structure: a dict, list or tuple, but no config of an object."""
    if _tree.is_dict(x):
        return "class_name" not in x
    return isinstance(x, list | tuple)


def walk(
    structure: Any, nest: Callable[[Any], bool] = is_nest, at: Path = ()
) -> list[tuple[Path, Any]]:
    """Paths and leaves of a structure, dicts by sorted key as Keras orders them."""
    if not nest(structure):
        return [(at, structure)]
    if isinstance(structure, Mapping):
        keys = sorted(structure)
        return [leaf for key in keys for leaf in walk(structure[key], nest, (*at, key))]
    return [leaf for i, part in enumerate(structure) for leaf in walk(part, nest, (*at, i))]


def pick(given: Any, path: Path) -> tuple[bool, Any]:
    """What stands at a path of a structure: whether there is something, and what."""
    for key in path:
        if isinstance(given, Mapping):
            if key not in given:
                return False, None
        elif not isinstance(given, list | tuple) or not isinstance(key, int) or key >= len(given):
            return False, None
        given = given[key]
    return True, given


def same_nesting(given: Any, structure: Any) -> bool:
    """Whether lists have the lengths of lists, and dicts no other keys, down to the leaves."""
    if not is_nest(structure):
        return True
    if isinstance(structure, Mapping):
        return (
            isinstance(given, Mapping)
            and set(given) <= set(structure)
            and all(same_nesting(given[key], structure[key]) for key in given)
        )
    return (
        isinstance(given, list | tuple)
        and len(given) == len(structure)
        and all(same_nesting(a, b) for a, b in zip(given, structure, strict=True))
    )


def assign(where: str, given: Any, slots: Slots, hint: str = "") -> list[tuple[bool, Any]]:
    """Gives each slot its part of a nested list or dict.

    Args:
        where: Who asks, for errors.
        given: A dict or a list: in the model's structure, flat, or by name.
        slots: Inputs or outputs.
        hint: For errors.

    Returns:
        For each slot whether there is an entry, and the entry.

    Raises:
        ValueError: Lengths or keys do not fit.
    """
    nested = is_nest(slots.structure) and any(len(path) > 1 for path in slots.paths())
    if nested and same_nesting(given, slots.structure):
        return [pick(given, path) for path in slots.paths()]
    if isinstance(given, Mapping):
        keys = slots.structure if isinstance(slots.structure, Mapping) else ()
        if set(given) <= set(keys) and not nested:
            return [pick(given, path) for path in slots.paths()]
        return slots.by_name(where, given)
    if len(given) == slots.n:
        return [(True, part) for part in given]
    raise slots.wrong_number(where, f"{len(given)}", hint)


def pack(structure: Any, leaves: Sequence[Any]) -> Any:
    """A structure with other leaves, in the order of `walk`."""
    rest = iter(leaves)

    def fill(part: Any) -> Any:
        if not is_nest(part):
            return next(rest)
        if isinstance(part, Mapping):
            filled = {key: fill(part[key]) for key in sorted(part)}
            return {key: filled[key] for key in part}
        return _tree.like(part, [fill(one) for one in part])

    return fill(structure)


def packer(structure: Any) -> Callable[[list[Any]], Any]:
    """`pack` with a structure, for many calls."""
    if not is_nest(structure):
        return itemgetter(0)
    if type(structure) is list and not any(map(is_nest, structure)):
        return list
    return partial(pack, structure)
