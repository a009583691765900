"""Every activation, forwards and backwards, gives the values that Keras's gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from tests.not_in_keras import NOT_IN_KERAS
from tests.parity import both

NAMES = ["linear", "relu", "sigmoid", "tanh", "softmax", "softplus", "softsign", "elu", "selu",
         "gelu", "silu", "swish", "leaky_relu", "relu6", "exponential", "hard_sigmoid", "mish",
         "log_softmax", "celu", "squareplus", "log_sigmoid", "tanh_shrink", "hard_tanh",
         "hard_silu", "hard_shrink", "soft_shrink", "sparse_plus", "sparse_sigmoid"]  # fmt: skip

WITH_ARGUMENTS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "relu": lambda lib: (
        lambda x: lib.activations.relu(x, negative_slope=0.1, max_value=0.8, threshold=0.2)
    ),
    "leaky_relu": lambda lib: lambda x: lib.activations.leaky_relu(x, negative_slope=0.4),
    "elu": lambda lib: lambda x: lib.activations.elu(x, alpha=0.5),
    "gelu": lambda lib: lambda x: lib.activations.gelu(x, approximate=True),
    "threshold": lambda lib: lambda x: lib.activations.threshold(x, -0.5, 0.25),
    "celu": lambda lib: lambda x: lib.activations.celu(x, alpha=0.5),
    "squareplus": lambda lib: lambda x: lib.activations.squareplus(x, b=0.5),
    "soft_shrink": lambda lib: lambda x: lib.activations.soft_shrink(x, threshold=0.1),
}


def _sgd(lib: Any) -> dict[str, Any]:
    return {"optimizer": lib.optimizers.SGD(0.05), "loss": "mse"}


def test_every_activation_is_among_the_cases():
    """All that Keras has, but glu, which halves the width, and sparsemax, which is different in Keras:
    they are compared and checked in tests/activations."""
    others = NOT_IN_KERAS["activations"] | {"glu", "sparsemax"}
    known = set(fastmlp.activations.lookup.registry.names())
    assert known == {*NAMES, *WITH_ARGUMENTS, *others} - {"swish"}


@pytest.mark.parametrize("name", NAMES)
def test_activation_trains_as_in_keras(name):
    layers = both.network(hidden=name)
    both.assert_same_training(layers, _sgd, both.regression(), validation=False)


@pytest.mark.parametrize("make", WITH_ARGUMENTS.values(), ids=WITH_ARGUMENTS)
def test_activation_with_arguments_trains_as_in_keras(make):
    def layers(lib):
        return [lib.layers.Dense(5, activation=make(lib)), lib.layers.Dense(3)]

    both.assert_same_training(layers, _sgd, both.regression(), validation=False)


@pytest.mark.parametrize("name", NAMES)
def test_activation_of_extreme_inputs_is_that_of_keras(name):
    # exp overflows beyond 88.7 in float32: both give inf there.
    x = np.array([[-1e30, -200, -88, -20, -3, -1e-6, -0.0, 0.0, 1e-6, 2.9, 20, 88, 200, 1e30]], "f")
    if name == "squareplus":
        x = np.clip(x, -1e18, 1e18)  # JAX's square of 1e30 is inf
    ours = getattr(fastmlp.activations, name)(x)
    theirs = np.asarray(getattr(keras.activations, name)(x))
    # Left of 0 JAX's squareplus cancels: 2e-7 of |x| remain.
    atol = 4e-6 if name == "squareplus" else 1e-7
    # 2e-6 of the value: both use polynomials good to a few roundings of 6e-8, JAX's own exp,
    # expm1 and erf included; 1e-7 where the value vanishes.
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=atol)


@pytest.mark.parametrize(
    "name", ["celu", "elu", "hard_shrink", "leaky_relu", "soft_shrink", "squareplus"]
)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_parameter_that_is_a_weight_trains(name, shape):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    found = []
    for lib in (keras, fastmlp):
        model = lib.Sequential([lib.Input((3,)), _with_a_weight(lib, name, shape)])
        model.compile(lib.optimizers.SGD(0.1), "mse")
        model.fit(x, x + 1, batch_size=4, epochs=2, shuffle=False, verbose=0)
        found.append([*model.get_weights(), model.predict(x, verbose=0)])
    assert name == "hard_shrink" or np.all(np.abs(found[0][0] - 0.7) > 1e-3)
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def _with_a_weight(lib: Any, name: str, shape: tuple[int, ...]) -> Any:
    class Own(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, _: Any) -> None:
            self.a = self.add_weight(shape=shape, initializer=lib.initializers.Constant(0.7))

        def call(self, x: Any) -> Any:
            a = lib.ops.convert_to_tensor(self.a) if lib is keras else self.a
            return getattr(lib.ops, name)(x, a)

    return Own()
