"""Attributes of layers that are set after a model was made: they count from the next compile on."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers

X = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def predicted(model):
    return np.asarray(model.predict(X, verbose=0))


def ends_in_softmax(lib):
    model = lib.Sequential([lib.Input((4,)), lib.layers.Dense(3, "softmax", name="last")])
    return model, lambda: setattr(model.layers[-1], "activation", lib.activations.linear)


def holds_a_model_twice(lib):
    entry = lib.Input((4,))
    inner = lib.Sequential([lib.Input((4,)), lib.layers.LeakyReLU(0.5), lib.layers.Dense(3)])
    model = lib.Model(entry, lib.layers.Add()([inner(entry), inner(2.0 * entry)]))
    return model, lambda: setattr(inner.layers[0], "negative_slope", 2.0)


def reads_its_own_attribute(lib):
    class Scaled(lib.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.scale = lib.layers.Dense(2), 1.0

        def call(self, x):
            return self.scale * self.dense(x)

    model = Scaled()
    return model, lambda: setattr(model, "scale", 3.0)


@pytest.mark.parametrize("make", [ends_in_softmax, holds_a_model_twice, reads_its_own_attribute])
def test_attributes_count_from_the_next_compile_on_as_in_keras(make):
    (theirs, edit_theirs), (ours, edit_ours) = make(keras), make(fastmlp)
    for model in (theirs, ours):
        model.compile("sgd", "mse")
        predicted(model)
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    before = predicted(theirs)
    np.testing.assert_allclose(predicted(ours), before, atol=1e-5)
    for model, edit in ((theirs, edit_theirs), (ours, edit_ours)):
        edit()
        model.compile("sgd", "mse")
    assert np.abs(predicted(theirs) - before).max() > 1e-2
    np.testing.assert_allclose(predicted(ours), predicted(theirs), atol=1e-5)
    np.testing.assert_allclose(ours(X), predicted(theirs), atol=1e-5)
    y = predicted(theirs) + 1
    losses = [model.fit(X, y, verbose=0).history["loss"] for model in (theirs, ours)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_layers_behind_see_another_mask():
    def masked(value):
        return Sequential([Input((4, 1)), layers.Masking(value), layers.SimpleRNN(2, name="rnn")])

    model, expected = masked(X[0, 0]), masked(X[0, 1])
    expected.set_weights(model.get_weights())
    model.layers[0].mask_value = X[0, 1]
    model.compile("sgd", "mse")
    np.testing.assert_array_equal(model(X[..., None]), expected(X[..., None]))


def test_a_layer_called_on_arrays_looks_at_its_attributes_each_time():
    drop = layers.Dropout(0.0)
    both = Sequential([drop])

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = drop

        def call(self, x):
            return self.inner(x)

    ones, block = np.ones((1, 1000)), Block()
    assert all((layer(ones, training=True) == 1).all() for layer in (drop, block, both))
    drop.rate = 0.5
    for layer in (drop, block):
        assert 0.3 < (layer(ones, training=True) == 0).mean() < 0.7


def test_attributes_that_change_shapes_are_refused_and_nothing_changes():
    model = Sequential([Input((4, 1)), layers.LeakyReLU(0.5), layers.GRU(2), layers.Dense(1)])
    x = X[..., None]
    before = model.predict(x, verbose=0)
    model.layers[0].negative_slope = 2.0
    model.layers[1].return_sequences = True
    with pytest.raises(
        ValueError, match="'gru': expected outputs of the shapes that they had when"
    ):
        model.compile("sgd", "mse")
    np.testing.assert_array_equal(model(x), before)
    model.layers[1].return_sequences = False
    model.compile("sgd", "mse")
    assert np.abs(model(x) - before).max() > 1e-3


def test_training_is_no_edit():
    entry = Input((4,))
    model = Model(entry, layers.Dense(1)(entry))
    node = model.output.node
    for _ in range(2):
        model.compile("sgd", "mse")
        model.fit(X, X[:, :1], verbose=0)
        model.stop_training = model.layers[1].trainable = True
    assert model.output.node is node


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("kind", ["Dense", "EinsumDense"])
def test_no_activation_is_linear_as_in_keras(kind, called):
    found = []
    for lib in (keras, fastmlp):
        arguments = {"Dense": (2,), "EinsumDense": ("ab,bc->ac", 2)}[kind]
        layer = getattr(lib.layers, kind)(*arguments, "relu", kernel_initializer="ones")
        if called:
            layer(X)
        layer.activation = None
        found.append(np.asarray(layer(X)))
    assert found[0].min() < 0
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    layer.activation = "tanh"
    np.testing.assert_allclose(layer(X), np.tanh(found[0]), atol=1e-6)
    assert layer.get_config()["activation"] == "tanh"
    with pytest.raises(ValueError, match="Did you mean 'tanh'"):
        layer.activation = "tanhh"


@pytest.mark.parametrize("kind", [layers.SimpleRNN, layers.GRU, layers.LSTM])
def test_attributes_of_cells_count_too(kind):
    x = X[..., None]
    model = Sequential([Input((4, 1)), kind(2)])
    changed = Sequential([Input((4, 1)), kind(2, activation=None)])
    changed.set_weights(model.get_weights())
    model.layers[0].cell.activation = None
    model.compile("sgd", "mse")
    np.testing.assert_array_equal(model.predict(x, verbose=0), changed.predict(x, verbose=0))


def test_a_model_that_draws_and_uses_weights_in_its_call_may_be_edited():
    class Noisy(Model):
        def __init__(self):
            super().__init__()
            self.dense, self.scale = layers.Dense(2), 1.0
            self.shift = self.add_weight((1, 2), "ones", name="shift")

        def call(self, x):
            noise = 0.0 * fastmlp.random.normal((2,))
            return self.scale * self.dense(x) + noise + layers.Activation("tanh")(self.shift)

    model = Noisy()
    for scale in (1.0, 3.0):
        model.scale = scale
        model.compile("sgd", "mse")
        expected = scale * (X @ model.dense.kernel if model.built else 0) + np.tanh(1.0)
        if model.built:
            np.testing.assert_allclose(model(X), expected, atol=1e-5)
        model.predict(X, verbose=0)
    assert len(model.dense.calls) == 1


def test_calls_do_not_pile_up():
    model, edit = reads_its_own_attribute(fastmlp)
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], verbose=0)
    for _ in range(3):
        edit()
        model.compile("sgd", "mse")
    assert len(model.dense.calls) == 1
    assert model.dense.output is model.dense.calls[0].outputs
