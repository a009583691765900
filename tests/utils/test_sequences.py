"""pad_sequences and split_dataset: as Keras's, and clear words about what does not fit."""

from __future__ import annotations

import itertools
import random
from typing import Any

import keras
import numpy as np
import pytest

from fastmlp.utils import pad_sequences, split_dataset

SEQUENCES: dict[str, Any] = {
    "lists": [[1], [2, 3], [], [4, 5, 6, 7]],
    "arrays": [np.arange(3.5), np.arange(2), np.arange(6)],
    "of steps": [np.ones((2, 3)), np.zeros((4, 3))],
    "one": [[1, 2, 3]],
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("maxlen", [None, 1, 3, 10])
def test_pad_sequences_is_that_of_keras(name, maxlen):
    for padding, truncating in itertools.product(("pre", "post"), repeat=2):
        for dtype, value in (("int32", 0.0), ("float32", -1.5), (object, "end")):
            arguments = {"maxlen": maxlen, "dtype": dtype, "padding": padding,
                         "truncating": truncating, "value": value}  # fmt: skip
            found = pad_sequences(SEQUENCES[name], **arguments)
            expected = keras.utils.pad_sequences(SEQUENCES[name], **arguments)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_no_sequence_and_empty_ones():
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([[], []]).shape == (2, 0)
    assert pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sequences": 3}, "a list of sequences"),
        ({"sequences": [[1], 2]}, r"sequences\[1\]=2"),
        ({"sequences": [np.ones((2, 3)), np.ones((2, 4))]}, r"shape \(3,\)"),
        ({"sequences": [[1]], "padding": "before"}, "padding='before'"),
        ({"sequences": [[1]], "truncating": "after"}, "truncating='after'"),
        ({"sequences": [[1]], "maxlen": -1}, "maxlen"),
        ({"sequences": [[1]], "value": "end"}, "dtype=object holds texts"),
    ],
)
def test_what_cannot_be_padded_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        pad_sequences(**arguments)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((0.7, None), (7, 3)), ((None, 0.25), (8, 2)), ((4, None), (4, 6)), ((None, 1), (9, 1)),
     ((2, 3), (2, 3)), ((0.3, 0.3), (3, 3)), ((0.5, 5), (5, 5))],
)  # fmt: skip
def test_parts_of_every_kind_of_size(sizes, expected):
    left, right = split_dataset(np.arange(10), *sizes)
    assert left.tolist() == list(range(expected[0]))
    assert right.tolist() == list(range(10 - expected[1], 10))


def test_parts_have_the_form_of_the_data_in_the_order_of_keras():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    order = list(range(10))
    random.seed(7)  # as Keras does
    random.shuffle(order)
    for data in ((x, y), [x, y], {"a": x, "b": (y,)}):
        left, right = split_dataset(data, 0.6, shuffle=True, seed=7)
        assert type(left) is type(right) is type(data)
        parts = [*left.values()] if isinstance(left, dict) else left
        assert (parts[0] == x[order[:6]]).all() and (np.ravel(parts[1]) == order[:6]).all()
    again = split_dataset(y, 0.6, shuffle=True, seed=7)
    assert again[1].tolist() == order[6:]


@pytest.mark.parametrize(
    ("data", "sizes", "words"),
    [
        (np.arange(4), (None, None), "left_size or right_size"),
        (np.arange(4), (1.5, None), "left_size=1.5"),
        (np.arange(4), (4, None), "from 1 to 3"),
        (np.arange(4), (3, 3), "which makes 3 and 3"),
        (np.arange(4), (0.01, None), "at least one sample"),
        ((np.arange(4), np.arange(5)), (0.5, None), "arrays of one length"),
    ],
)
def test_what_cannot_be_split_is_refused(data, sizes, words):
    with pytest.raises(ValueError, match=words):
        split_dataset(data, *sizes)


@pytest.mark.parametrize("data", ["text", [], [[1, 2]], np.float32(3), None])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(TypeError, match="expected an array, or a list"):
        split_dataset(data, 0.5)
    with pytest.raises(TypeError, match="left_size"):
        split_dataset(np.arange(4), "half")  # type: ignore[arg-type]
