"""Activations as layers and as arguments; step and its gradient."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, activations, layers

# All but threshold, which has no defaults, and glu, which halves the width.
NAMES = sorted(set(activations.lookup.registry.names()) - {"threshold", "glu"})


@pytest.mark.parametrize("name", NAMES)
def test_layer_argument_and_function_are_the_same(name):
    x = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
    expected = getattr(activations, name)(x)
    assert (layers.Activation(name)(x) == expected).all()
    dense = layers.Dense(5, activation=name, kernel_initializer="identity")
    assert (dense(x) == expected).all()
    assert (layers.Activation(getattr(activations, name))(x) == expected).all()


@pytest.mark.parametrize("name", NAMES)
def test_activation_behind_a_dense_trains_as_its_argument(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)).astype("float32")
    y = rng.normal(size=(40, 3)).astype("float32")
    start = [rng.normal(size=s).astype("float32") for s in ((5, 4), (4,), (4, 3), (3,))]
    found = []
    for first in ([layers.Dense(4, name)], [layers.Dense(4), layers.Activation(name)]):
        model = Sequential([Input((5,)), *first, layers.Dense(3)])
        model.set_weights(start)
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        found.append([w.tobytes() for w in model.get_weights()])
    assert found[0] == found[1]


def test_step_is_zero_or_one():
    y = activations.step(np.array([-2.0, -0.0, 0.0, 1e-30, 3.0], "float32"))
    assert set(y.tolist()) == {0.0, 1.0}
    assert y[0] == 0 and y[-1] == 1 and y[-2] == 1


def test_gradient_of_step_passes_straight_through():
    model = Sequential([Input((1,)), layers.Dense(1, activation="step", use_bias=False,
                                                  kernel_initializer="ones")])  # fmt: skip
    model.compile(fastmlp.optimizers.SGD(0.5), "mse")
    model.fit(np.array([[2.0]]), np.array([0.0]), verbose=0)
    assert model.get_weights()[0].tolist() == [[-1.0]]  # 1 - 0.5 · 2 · (1 - 0) · 2


def test_a_layer_as_an_activation_comes_back_from_a_config() -> None:
    layer = layers.Dense(2, activation=layers.LeakyReLU(negative_slope=0.5))
    layer.build((None, 3))
    again = layers.Dense.from_config(layer.get_config())
    again.build((None, 3))
    again.set_weights(layer.get_weights())
    x = np.array([[-1.0, 2.0, -3.0]])
    np.testing.assert_array_equal(again(x), layer(x))
