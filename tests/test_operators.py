"""Python's operators between NumPy's arrays and symbolic tensors; NumPy's functions on tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

from fastmlp import Input, Model
from fastmlp.graph import Tensor

X = np.random.default_rng(0).uniform(0.5, 2, (4, 3)).astype("float32")
C = np.array([0.5, 2.0, 1.5], "float32")


@pytest.mark.parametrize(
    "function",
    [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
     operator.pow, operator.lt, operator.le, operator.gt, operator.ge],
)  # fmt: skip
@pytest.mark.parametrize("array", [C, np.array(2.0), np.float32(2), np.float64(2)], ids=str)
def test_an_array_may_stand_on_either_side(function: Any, array: Any) -> None:
    t = Input((3,))
    found = Model(t, [function(array, t), function(t, array)]).predict(X, verbose=0)
    for y, expected in zip(found, [function(array, X), function(X, array)], strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_an_array_may_be_multiplied_as_a_matrix() -> None:
    t = Input((2, 3))
    w = np.arange(8, dtype="float32").reshape(4, 2)
    y = Model(t, w @ t).predict(np.ones((5, 2, 3)), verbose=0)
    np.testing.assert_allclose(y[0], w @ np.ones((2, 3)))


def test_a_name_of_an_array_may_become_that_of_a_tensor() -> None:
    y: Any = C
    y += Input((3,))
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(C, np.array([0.5, 2.0, 1.5], "float32"))


def test_a_tensor_equals_itself_alone() -> None:
    t = Input((3,))
    assert operator.eq(C, t) is False and operator.eq(t, C) is False
    assert t in [C, t]


def test_a_tensor_differs_from_an_array_where_elements_do() -> None:
    t = Input((3,))
    y, z = Model(t, [operator.ne(C, t), t != C]).predict(np.array([[0.5, 1.0, 1.5]]), verbose=0)
    np.testing.assert_array_equal(y, [[0, 1, 0]])
    np.testing.assert_array_equal(z, y)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (np.sin, "np.sin"),
        (lambda t: np.maximum(t, 0), "np.maximum"),
        (np.sum, r"np\.add\.reduce"),
        (lambda t: np.multiply(C, t, out=np.zeros(3)), r"np\.multiply"),
        (lambda t: np.add(C, t, where=C > 1), r"np\.add"),
    ],
)
def test_functions_of_numpy_say_what_to_take(call: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: expected arrays.*fastmlp.ops"):
        call(Input((3,)))
