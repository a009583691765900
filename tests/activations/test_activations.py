"""Activations: values as Keras's on arrays; names, parameters, bad arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fastmlp import activations, ops
from fastmlp._core import activations as native
from fastmlp._reference import activations as reference
from fastmlp.graph import Tensor, input_tensor
from tests.not_in_keras import NOT_IN_KERAS

X = np.concatenate(
    [np.linspace(-12, 12, 97), [-100.0, -1e-3, -0.0, 0.0, 1e-3, 100.0], np.linspace(-1, 1, 17)]
).reshape(5, 24)

CASES: list[tuple[str, dict[str, Any]]] = [
    ("linear", {}),
    ("relu", {}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 1.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 3.0, "threshold": 1.0}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("relu6", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("softmax", {}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {}),
    ("log_softmax", {"axis": 0}),
    ("softplus", {}),
    ("softsign", {}),
    ("elu", {}),
    ("elu", {"alpha": 0.5}),
    ("selu", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("silu", {}),
    ("exponential", {}),
    ("hard_sigmoid", {}),
    ("mish", {}),
    ("celu", {}),
    ("celu", {"alpha": 0.5}),
    ("squareplus", {}),
    ("squareplus", {"b": 0.5}),
    ("log_sigmoid", {}),
    ("tanh_shrink", {}),
    ("hard_tanh", {}),
    ("hard_silu", {}),
    ("hard_shrink", {}),
    ("hard_shrink", {"threshold": 2}),
    ("soft_shrink", {}),
    ("soft_shrink", {"threshold": 2}),
    ("threshold", {"threshold": 0.5, "default_value": -3}),
    ("sparse_plus", {}),
    ("sparse_sigmoid", {}),
    ("glu", {}),
    ("glu", {"axis": 1}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_values_are_kerass(name: str, arguments: dict[str, Any]) -> None:
    keras = pytest.importorskip("keras")
    x = np.minimum(X, 80) if name == "exponential" else X
    x = x.astype(np.float32)
    ours = getattr(activations, name)(x, **arguments)
    theirs = np.asarray(getattr(keras.activations, name)(x, **arguments))
    assert ours.dtype == np.float32
    # Both are within a few ULP of the truth, but left of 0 JAX's 1 + erf of gelu cancels, and so does
    # its x + √(x² + b) of squareplus.
    atol = {"gelu": 5e-7, "squareplus": 2e-6}.get(name, 2e-7)
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=atol)


def test_the_list_above_is_complete() -> None:
    others = NOT_IN_KERAS["activations"] | {"sparsemax"}  # which in Keras does not add up to 1
    assert {name for name, _ in CASES} | others == set(activations.lookup.registry.names())


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_float64_stays_float64_and_agrees_with_float32(name: str, arguments: dict) -> None:
    x = np.minimum(X, 80)
    double = getattr(activations, name)(x, **arguments)
    single = getattr(activations, name)(x.astype(np.float32), **arguments)
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-6)


IN_OPS = sorted(set(native.ACTIVATIONS) & set(ops.__all__) - set(activations.lookup._NOT_OF_OPS))


@pytest.mark.parametrize("dtype", ["int32", "float16", "float32", "float64"])
@pytest.mark.parametrize("name", IN_OPS)
def test_functions_of_ops_are_the_same_kernels(name: str, dtype: str) -> None:
    x = np.array([-3000, -12, -1, -0.5, -0.0, 0.3, 1, 3, 3000]).astype(dtype)
    if dtype in ("float32", "float64"):
        x = np.concatenate([x, np.array([-1e30, 1e30, -np.inf, np.inf, np.nan], dtype)])
    ours, others = getattr(ops, name)(x), getattr(activations, name)(x)
    assert ours.dtype == others.dtype
    np.testing.assert_array_equal(ours, others)


def test_squareplus_of_ops_is_exact_far_from_zero() -> None:
    x = np.array([-3000, -1e30, 1e30], "float32")
    np.testing.assert_allclose(ops.squareplus(x), [1 / 3000, 0, 1e30], rtol=1e-6, atol=1e-29)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparsemax_is_the_nearest_point_of_the_simplex(dtype: str) -> None:
    rng = np.random.default_rng(4)
    for n in (1, 2, 3, 10, 257):
        x = (3 * rng.normal(size=(40, n))).astype(dtype)
        x[0], x[1] = 0, np.arange(n)
        y = activations.sparsemax(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, reference.forward("sparsemax", x), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-5)
        assert (y >= 0).all()
    np.testing.assert_allclose(activations.sparsemax(x.T, axis=0), y.T)
    bad = np.array([[1.0, np.nan, 2.0], [0.3, 0.2, 0.1]], dtype)
    found = activations.sparsemax(bad)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], [0.3 + 0.4 / 3, 0.2 + 0.4 / 3, 0.1 + 0.4 / 3], rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 2])
def test_glu_wants_an_axis_of_even_length(axis: int) -> None:
    with pytest.raises(ValueError, match=r"glu: expected an even length\. Received: axis="):
        activations.glu(X, axis=axis)


def test_step_is_zero_or_one() -> None:
    x = np.array([-2.0, -1e-30, -0.0, 0.0, 1e-30, 3.0], np.float32)
    assert activations.step(x).tolist() == [0, 0, 1, 1, 1, 1]


ARGUMENTS = {"threshold": (0.5, -3.0)}  # of functions that have no defaults


@pytest.mark.parametrize("name", activations.lookup.registry.names())
def test_symbolic_tensors_give_symbolic_tensors(name: str) -> None:
    x = input_tensor((None, 4), "float32")
    y = activations.get(name)(x, *ARGUMENTS.get(name, ()))
    assert isinstance(y, Tensor)
    assert y.shape == (None, 2 if name == "glu" else 4)


@pytest.mark.parametrize("name", activations.lookup.registry.names())
def test_a_name_is_read_back_from_its_function(name: str) -> None:
    function = activations.get(name)
    assert activations.serialize(function) == name
    assert activations.deserialize(name) is function
    assert getattr(activations, name) is function


def test_swish_is_silu_and_none_is_linear() -> None:
    assert activations.get("swish") is activations.swish is activations.silu
    assert activations.get(None) is activations.linear
    assert activations.serialize(activations.swish) == "silu"


def test_a_function_is_taken_as_it_is() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    assert activations.get(double) is double
    assert activations.serialize(double) == "double"
    assert activations.deserialize("double", custom_objects={"double": double}) is double
    with pytest.raises(ValueError, match="Cannot serialize the activation function"):
        activations.serialize(lambda x: x)

    def relu(x: Any) -> Any:  # a name that means something else
        return x

    with pytest.raises(ValueError, match="Cannot serialize the activation function"):
        activations.serialize(relu)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("ReLU", "relu"), ("rellu", "relu"), ("sigmod", "sigmoid"), ("soft_max", "softmax")],
)
def test_unknown_names_are_errors_with_a_suggestion(name: str, suggestion: str) -> None:
    with pytest.raises(
        ValueError, match=f"Unknown activation function {name!r}. Did you mean {suggestion!r}"
    ):
        activations.get(name)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda x: activations.relu(x, negative_slope="a"), "relu: expected negative_slope to be"),
        (lambda x: activations.relu(x, max_value=-1), "relu: expected max_value >= 0"),
        (lambda x: activations.relu(x, threshold=math.nan), "relu: expected threshold to be"),
        (lambda x: activations.elu(x, alpha=math.inf), "elu: expected alpha to be a finite"),
        (lambda x: activations.leaky_relu(x, None), "leaky_relu: expected negative_slope to be"),
        (lambda x: activations.softmax(x, axis=2), "softmax: .*axis"),
        (lambda x: activations.get(3), "Could not interpret activation function identifier: 3"),
    ],
)
def test_bad_arguments_are_errors_that_say_what_was_expected(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make(X)
