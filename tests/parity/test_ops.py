"""`fastmlp.ops` on arrays gives what `keras.ops` gives: numbers, shapes and types."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import ops
from tests.ops.cases import ARRAYS, NOT_OF_KERAS, SMOOTH, STEPS

keras = pytest.importorskip("keras")

CASES = [
    pytest.param(make, id=f"{name}-{i}")
    for table in (SMOOTH, STEPS, ARRAYS)
    for name, makes in table.items()
    for i, make in enumerate(makes)
]
X = np.random.default_rng(7).normal(size=(7, 6)).astype("float32")


class Namespace:
    """`keras.ops`, and what stands in `keras.ops.nn` alone."""

    def __getattr__(self, name):
        return getattr(keras.ops, name, None) or getattr(keras.ops.nn, name)


def test_every_function_is_in_the_table_and_known_to_keras():
    known = set(SMOOTH) | set(STEPS) | set(ARRAYS)
    assert set(ops.__all__) - NOT_OF_KERAS == known
    assert all(callable(getattr(Namespace(), name)) for name in known)


@pytest.mark.parametrize("make", CASES)
def test_arrays(make):
    expected = np.asarray(make(Namespace(), X))
    found = np.asarray(make(ops, X))
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    # float32: sums in another order, functions of another library.
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["concatenate", "stack", "hstack", "vstack", "dstack", "append"])
@pytest.mark.parametrize("first", ["bool", "uint8", "int32", "float16", "float32"])
@pytest.mark.parametrize("second", ["int8", "int32", "float32"])
def test_arrays_of_several_types_put_together_have_the_type_of_keras(name, first, second):
    pair = np.ones((2, 2), first), np.zeros((2, 2), second)
    given = pair if name == "append" else (pair,)
    found, expected = (getattr(o, name)(*given) for o in (ops, Namespace()))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_bytes_are_counted():
    np.testing.assert_array_equal(ops.bincount(np.array([1, 2, 2], "uint8")), [0, 1, 2])
    ids = np.array([0, 2], "uint8")
    np.testing.assert_array_equal(ops.segment_sum(np.ones(2, "float32"), ids), [1, 0, 1])
