"""Nested structures: which leaves in which order, and back."""

from __future__ import annotations

from collections import namedtuple

import pytest

from fastmlp import _tree

Pair = namedtuple("Pair", ["first", "second"])
FORMS = [
    1,
    [1, 2],
    (1, [2, (3,)]),
    {"b": 1, "a": [2, {"z": 3, "y": 4}]},
    Pair(1, [2]),
    {2: 1, "a": 2},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_pack_undoes_flatten(form):
    again = _tree.pack(form, _tree.flatten(form))
    assert again == form and type(again) is type(form)


def test_dicts_are_read_by_sorted_key_and_keep_their_own_order():
    assert _tree.flatten({"b": 1, "a": 2}) == [2, 1]
    assert list(_tree.apply(str, {"b": 1, "a": 2})) == ["b", "a"]


def test_none_is_an_empty_place():
    assert _tree.flatten([None, 1]) == [1]
    assert _tree.pack([None, 1], [5]) == [None, 5]


def test_wrong_number_of_leaves_is_refused():
    with pytest.raises(ValueError, match=r"expected 2 values. Received: 3"):
        _tree.pack([0, 0], [1, 2, 3])


def test_lists_are_as_good_as_tuples_but_dicts_are_not():
    assert _tree.same_form([1, 2], (3, 4))
    assert not _tree.same_form([1], {"a": 1})
