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
