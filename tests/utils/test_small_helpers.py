"""Tuples of data, clear_session."""

from __future__ import annotations

import keras
import pytest

from fastmlp import backend, layers, utils


@pytest.mark.parametrize(
    "data", [([1], [2]), ([1],), [[1], [2], [3]], {"a": 1}, 5, ([1], None, [3])], ids=str
)
def test_data_are_unpacked_as_in_keras(data):
    assert utils.unpack_x_y_sample_weight(data) == keras.utils.unpack_x_y_sample_weight(data)


@pytest.mark.parametrize(
    "data", [(5,), ([1],), ({"a": 1},), (1, 2), (1, 2, 3), (1, None, 3)], ids=str
)
def test_data_are_packed_as_in_keras(data):
    assert utils.pack_x_y_sample_weight(*data) == keras.utils.pack_x_y_sample_weight(*data)


def test_too_many_entries_are_told():
    with pytest.raises(ValueError, match="Received: 4 entries"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_names_begin_again():
    layers.Dense(1)
    utils.clear_session()
    assert layers.Dense(1).name == "dense"
    assert layers.Dense(1).name == "dense_1"
    backend.clear_session(free_memory=False)
    assert layers.Dense(1).name == "dense"
