"""`fastmlp.ops` on arrays gives what `keras.ops` gives: numbers, shapes and types."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import ops
from tests.ops.cases import ARRAYS, SMOOTH, STEPS, WITHOUT_CASE

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

    def cross(self, x1, x2, axis=-1, **axes):
        """Of two numbers, too, which JAX 0.12 and newer refuse: what is missing is 0."""
        if axes or x1.shape[axis] == x2.shape[axis] == 3:
            return keras.ops.cross(x1, x2, **axes, axis=None if axes else axis)
        a, b = (np.moveaxis(np.asarray(x), axis, -1) for x in (x1, x2))
        longer = (np.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, 3 - v.shape[-1])]) for v in (a, b))
        found = keras.ops.cross(*longer)
        return found[..., 2] if a.shape[-1] == b.shape[-1] == 2 else found


def test_every_function_is_in_the_table_and_known_to_keras():
    known = set(SMOOTH) | set(STEPS) | set(ARRAYS)
    assert set(ops.__all__) - WITHOUT_CASE == known
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


EMPTY = {
    "softmax": lambda o, x: o.softmax(x),
    "softmax_of_all": lambda o, x: o.softmax(x, (0, 1)),
    "log_softmax": lambda o, x: o.log_softmax(x),
    "sparsemax": lambda o, x: o.sparsemax(x),
    "logsumexp": lambda o, x: o.logsumexp(x),
    "logsumexp_of_rows": lambda o, x: o.logsumexp(x, -1, keepdims=True),
    "normalize": lambda o, x: o.normalize(x),
    "median_of_no_rows": lambda o, x: o.median(o.reshape(x, (0, 4)), axis=1),
    "bincount": lambda o, x: o.bincount(o.cast(o.reshape(x, (-1,)), "int32"), minlength=2),
    "associative_scan": lambda o, x: o.associative_scan(o.add, o.reshape(x, (-1,))),
}


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (2, 0, 3)])
def test_arrays_without_elements(make, shape):
    x = np.zeros(shape, "float32")
    found, expected = make(ops, x), np.asarray(make(Namespace(), x))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


NUMBERS = {
    "hstack": lambda o: o.hstack([1, 2, 3]),
    "hstack_of_a_vector": lambda o: o.hstack(np.ones(3, "float32")),
    "normalize": lambda o: o.normalize(2.5),
    "normalize_of_order_1": lambda o: o.normalize(2.5, order=1),
    "normalize_of_order_3": lambda o: o.normalize(2.5, order=3),
}


@pytest.mark.parametrize("make", NUMBERS.values(), ids=NUMBERS)
def test_numbers_where_arrays_are_usual(make):
    found, expected = make(ops), np.asarray(make(Namespace()))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "block",
    [([0, -1], [2, 1]), ([-1, 0], [1, 3]), ([1, 1], [2, 3]), ([-9, 9], [1, 1]), ([1, 0], [-1, 3])],
)
def test_a_block_that_would_end_outside_starts_before(block):
    x = X[:2, :3]
    np.testing.assert_array_equal(ops.slice(x, *block), np.asarray(keras.ops.slice(x, *block)))
    for wrong in (([0, 0], [3, 1]), ([0], [2]), ([0, 0], [2])):
        with pytest.raises(ValueError, match="slice: expected a start and a size for each axis"):
            ops.slice(x, *wrong)


def test_none_is_what_is_left_of_an_array_too():
    assert ops.reshape(X, (None, 3)).shape == (14, 3)


OTHER_TYPES = {
    "matmul_of_int8": lambda o: o.matmul(
        np.full((2, 2), 100, "int8"), np.full((2, 2), 100, "int8")
    ),
    "einsum_of_int8": lambda o: o.einsum("ij->", np.full((9, 9), 100, "int8")),
    "linspace_of_integers": lambda o: o.linspace(-1, 2, 5, dtype="int32"),
    "logsumexp_of_a_list": lambda o: o.logsumexp(np.ones((2, 3), "float32"), axis=[0]),
    "view_of_no_other": lambda o: o.view(np.arange(3, dtype="uint8")),
    "softmax": lambda o: o.softmax(np.arange(3, dtype="float16")),
    "sparsemax": lambda o: o.sparsemax(np.zeros((2, 4), "float16")),
    "tanh": lambda o: o.tanh(np.arange(3, dtype="float16")),
    "leaky_relu": lambda o: o.leaky_relu(np.arange(-3, 3).astype("float16"), 0.5),
}


@pytest.mark.parametrize("make", OTHER_TYPES.values(), ids=OTHER_TYPES)
def test_arrays_of_other_types(make):
    found, expected = np.asarray(make(ops)), np.asarray(make(Namespace()))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=2e-3 if found.dtype == "float16" else 1e-6)


def test_what_keras_refuses_says_what_is_missing():
    with pytest.raises(ValueError, match=r"where: expected x1 and x2.*Received: x2=None"):
        ops.where([True], 1.0, None)
    with pytest.raises(
        ValueError, match=r"quantile: expected at least one element along.*shape=\(0, 3\)"
    ):
        ops.median(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="split: expected axes of an input with 1"):
        ops.split(np.ones(4), 2, axis=1)
    with pytest.raises(ValueError, match="tensordot: expected both to have at least 2 axes"):
        ops.tensordot(np.ones((3, 3)), np.ones(3))


def test_bytes_are_counted():
    np.testing.assert_array_equal(ops.bincount(np.array([1, 2, 2], "uint8")), [0, 1, 2])
    ids = np.array([0, 2], "uint8")
    np.testing.assert_array_equal(ops.segment_sum(np.ones(2, "float32"), ids), [1, 0, 1])
