"""fastmlp.tree gives what the installed keras.tree gives."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import keras
import pytest

from fastmlp import tree

Pair = namedtuple("Pair", ["first", "second"])
FORMS = [
    5,
    None,
    "abc",
    [],
    {"b": 1, "a": [2, (3, None)], "c": {}},
    Pair(1, [2, 3]),
    {2: "x", 1: ["y"]},
    [[1, [2]], (), ((3,),)],
]


def same(ask: Any) -> None:
    """Both give the same, or both a ValueError."""
    found = []
    for of in (keras.tree, tree):
        try:
            found.append(ask(of))
        except ValueError:
            found.append(ValueError)
    assert found[1] == found[0] and type(found[1]) is type(found[0])


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_one_structure(form):
    same(lambda t: t.is_nested(form))
    same(lambda t: t.flatten(form))
    same(lambda t: t.flatten_with_path(form))
    same(lambda t: t.lists_to_tuples(form))
    same(lambda t: t.map_structure(lambda leaf: [leaf], form))
    same(lambda t: t.map_structure(str, form, none_is_leaf=False))
    same(lambda t: t.pack_sequence_as(form, list(range(len(t.flatten(form))))))
    same(lambda t: t.pack_sequence_as(form, range(9)))
    for top_down in (True, False):
        same(lambda t, down=top_down: t.traverse(lambda x: None, form, down))
        same(lambda t, down=top_down: t.traverse(lambda x: "L" if x == [2] else None, form, down))
        same(lambda t, down=top_down: t.traverse(
            lambda x: t.MAP_TO_NONE if x == 1 else 7 if x == 2 else None, form, down
        ))  # fmt: skip


@pytest.mark.parametrize("b", FORMS, ids=repr)
@pytest.mark.parametrize("a", FORMS, ids=repr)
def test_two_structures(a, b):
    same(lambda t: t.assert_same_structure(a, b))
    same(lambda t: t.assert_same_paths(a, b))
    same(lambda t: t.map_structure(lambda x, y: (x, y), a, b))


@pytest.mark.parametrize(
    ("shallow", "deep"),
    [([0, 0], [[1], (2, 3)]), ({"a": 0}, {"a": [1]}), (0, [1, 2]), ([0, 0], [[1]]), ([0], 1)],
)
def test_structures_below_another(shallow, deep):
    same(lambda t: t.map_structure_up_to(shallow, lambda part, s: [part, s], deep, shallow))


@pytest.mark.parametrize("shapes", [(2, None), {"a": (1, 2), "b": [(3,), (None,)]}, [(1,), [(2,)]]])
def test_shapes_are_leaves(shapes):
    same(lambda t: t.map_shape_structure(lambda shape: len(shape), shapes))


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"expected 2 leaves\. Received: 1"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(ValueError, match="map_structure: expected a structure"):
        tree.map_structure(str)
    with pytest.raises(ValueError, match="expected shapes"):
        tree.map_shape_structure(len, "abc")
