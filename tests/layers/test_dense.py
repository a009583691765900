"""Dense: its formula, its live weights, the old ways to tell its input."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers


def test_dense_is_the_formula_along_the_last_axis():
    layer = layers.Dense(3, activation="relu", bias_initializer="ones")
    x = np.random.default_rng(0).normal(size=(5, 2, 4)).astype("float32")
    y = layer(x)
    assert y.shape == (5, 2, 3)
    expected = np.maximum(x @ layer.kernel + layer.bias, 0)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)  # a few roundings of 6e-8


def test_kernel_and_bias_are_live_views():
    layer = layers.Dense(2)
    x = np.eye(3, dtype="float32")
    layer(x)
    layer.kernel[...] = [[1, 2], [3, 4], [5, 6]]
    layer.bias[...] = 10
    assert layer(x).tolist() == [[11, 12], [13, 14], [15, 16]]
    assert [w.tolist() for w in layer.get_weights()] == [[[1, 2], [3, 4], [5, 6]], [10, 10]]
    layer.set_weights([np.zeros((3, 2)), [1, 2]])
    assert layer.kernel.sum() == 0 and layer.bias.tolist() == [1, 2]


def test_views_stay_live_when_the_layer_joins_a_model_and_trains():
    layer = layers.Dense(2, kernel_initializer="ones")
    layer(np.ones((1, 3)))
    model = Sequential([Input((3,)), layer])
    kernel = layer.kernel
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    model.compile("sgd", "mse")
    model.fit(x, x[:, :2], verbose=0)
    assert (kernel != 1).any()
    assert (kernel == model.get_weights()[0]).all()
    kernel[...] = 0
    assert (model.predict(x, verbose=0) == layer.bias).all()
    model.add(layers.Dense(1))
    kernel = layer.kernel
    kernel[...] = 2
    expected = 2 * x.sum(axis=1, keepdims=True) + layer.bias
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)  # sums in another order


def test_copies_are_copies():
    layer = layers.Dense(2)
    layer(np.ones((1, 3)))
    layer.get_weights()[0][...] = 9
    assert (layer.kernel != 9).all()
    given = np.ones((3, 2))
    layer.set_weights([given, np.zeros(2)])
    given[...] = 9
    assert (layer.kernel == 1).all()


def test_dense_without_a_bias_has_none():
    layer = layers.Dense(2, use_bias=False)
    layer(np.ones((1, 3)))
    assert layer.bias is None
    assert len(layer.weights) == 1


def test_weights_are_asked_for_too_early():
    with pytest.raises(AttributeError, match=r"Dense 'early'.*no weights yet"):
        _ = layers.Dense(2, name="early").kernel


@pytest.mark.filterwarnings("ignore:Dense:FutureWarning")
@pytest.mark.parametrize(
    "first",
    [
        lambda: layers.Dense(3, input_dim=4),
        lambda: layers.Dense(3, input_shape=(4,)),
        lambda: layers.Dense(3, batch_input_shape=(None, 4)),
        lambda: layers.Dense(3, input_shape=(4,), weights=[np.ones((4, 3)), np.zeros(3)]),
    ],
)
def test_old_ways_to_tell_the_input_build_the_model(first):
    model = Sequential([first(), layers.Dense(2)])
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.count_params() == 15 + 8
    assert model.predict(np.ones((5, 4)), verbose=0).shape == (5, 2)


@pytest.mark.filterwarnings("ignore:Dense:FutureWarning")
def test_first_weights_may_be_given():
    model = Sequential([layers.Dense(1, input_dim=2, weights=[np.array([[1.0], [2.0]]), [3.0]])])
    assert model.predict(np.array([[1.0, 1.0]]), verbose=0).tolist() == [[6.0]]
    with pytest.raises(ValueError, match="shape"):
        Sequential([layers.Dense(1, input_dim=2, weights=[np.ones((3, 1)), [3.0]])])


def test_initializer_may_be_an_array_a_function_or_an_instance():
    given = np.arange(6.0).reshape(3, 2)
    x = np.eye(3)
    constant = fastmlp.initializers.Constant(0.5)
    cases = [(lambda shape, dtype=None: np.full(shape, 2.0, dtype), 2.0), (constant, 0.5)]
    for initializer, value in cases:
        assert (layers.Dense(2, kernel_initializer=initializer)(x) == value).all()
    assert (layers.Dense(2, kernel_initializer=given)(x) == given).all()


def test_biases_start_at_zero_and_kernels_within_the_limit_of_glorot():
    layer = layers.Dense(200)
    layer(np.ones((1, 100)))
    assert (layer.bias == 0).all()
    limit = np.sqrt(6 / 300)
    assert np.abs(layer.kernel).max() <= limit
    assert np.abs(layer.kernel).max() > 0.95 * limit


def test_seed_decides_first_weights():
    def kernel():
        fastmlp.utils.set_random_seed(8)
        layer = layers.Dense(5)
        layer(np.ones((1, 4)))
        return layer.get_weights()[0]

    assert (kernel() == kernel()).all()


def test_constrained_weights_hold_the_constraint_after_training():
    model = Sequential([Input((6,)), layers.Dense(4, kernel_constraint="unit_norm",
                                                  bias_constraint="non_neg")])  # fmt: skip
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    model.fit(x, -np.ones((64, 4)), epochs=3, verbose=0)
    # rounding of a norm in float32
    np.testing.assert_allclose(np.linalg.norm(model.layers[0].kernel, axis=0), 1, rtol=1e-6)
    assert (model.layers[0].bias >= 0).all()


@pytest.mark.parametrize("name", ["lora_rank", "lora_alpha", "quantization_config"])
def test_arguments_of_keras_that_ask_for_nothing_are_taken(name):
    assert layers.Dense(2, **{name: None}).units == 2
    with pytest.raises(ValueError, match=f"expected no {name}. Received: {name}=4. Hint: "):
        layers.Dense(2, **{name: 4})


def test_views_answer_to_the_methods_of_a_variable():
    dense = layers.Dense(2)
    dense.build((None, 3))
    new = np.arange(6, dtype="float32").reshape(3, 2)
    assert dense.kernel.assign(new) is not new
    dense.bias.assign([1, 2])
    np.testing.assert_array_equal(dense.get_weights()[0], new)
    np.testing.assert_array_equal(dense.bias, [1, 2])
    copy = dense.kernel.numpy()
    copy[...] = 0
    assert type(copy) is np.ndarray
    assert type(dense.kernel * 2) is np.ndarray
    np.testing.assert_array_equal(dense.kernel, new)
    dense.kernel.assign_add(np.ones((3, 2)))
    np.testing.assert_array_equal(dense.kernel, new + 1)
    assert type(pickle.loads(pickle.dumps(dense.kernel))) is np.ndarray
    with pytest.raises(ValueError, match=r"expected shape \(3, 2\)"):
        dense.kernel.assign(np.zeros((2, 3)))
    with pytest.raises(TypeError, match="a copy"):
        dense.kernel.copy().assign(new)
