"""Layers that assign to their weights in `call`: statistics, counters, copies."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, initializers, layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def centering(lib):
    class Centering(lib.layers.Layer):
        def build(self, shape):
            options = {"initializer": "zeros", "trainable": False}
            self.mean = self.add_weight(shape=(shape[-1],), name="mean", **options)
            self.steps = self.add_weight(shape=(), name="steps", **options)

        def call(self, x, training=False):
            if training:
                self.mean.assign(0.9 * self.mean + 0.1 * lib.ops.mean(x, axis=0))
                self.steps.assign_add(1.0)
            return x - self.mean

    return Centering()


def adding(lib):
    class Adding(lib.layers.Layer):  # as in Keras's guide on layers
        def __init__(self, size):
            super().__init__()
            self.total = self.add_weight(initializer="zeros", shape=(size,), trainable=False)

        def call(self, x):
            self.total.assign_add(lib.ops.sum(x, axis=0))
            return self.total

    return Adding(3)


@pytest.mark.parametrize("eagerly", [False, True])
def test_weights_are_those_of_keras_after_fits_and_calls(eagerly):
    found = []
    for lib in (keras, fastmlp):
        layer = centering(lib)
        dense = lib.layers.Dense(1, kernel_initializer="ones")
        model = lib.Sequential([lib.Input((3,)), layer, dense])
        options = {"run_eagerly": eagerly} if lib is fastmlp else {}
        model.compile("sgd", "mse", **options)
        history = model.fit(X, Y, batch_size=24, epochs=3, shuffle=False, verbose=0).history
        predicted = model.predict(X, verbose=0)
        model.train_on_batch(X, Y)
        model(X, training=True)
        state = [np.asarray(w) for w in layer.weights]
        found.append([history["loss"], predicted, model.evaluate(X, Y, verbose=0), *state])
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert found[1][-1] == 11


@pytest.mark.filterwarnings("ignore:.*earlier Keras:FutureWarning")
@pytest.mark.parametrize("several", [False, True])
def test_updates_of_earlier_keras_are_assigned(several):
    class Counting(layers.Layer):
        def build(self, shape):
            self.mean = self.add_weight((shape[-1],), "zeros", trainable=False, name="mean")

        def call(self, x):
            pair = (self.mean, self.mean + ops.mean(x, axis=0))
            self.add_update([pair] if several else pair, x)
            return x

    layer = Counting()
    for _ in range(2):
        layer(X)
    np.testing.assert_allclose(np.asarray(layer.mean), 2 * X.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_an_update_that_is_no_pair_is_refused():
    class Wrong(layers.Layer):
        def call(self, x):
            self.add_update(x)
            return x

    with (
        pytest.warns(FutureWarning, match=r"write variable\.assign\(value\)"),
        pytest.raises(TypeError, match=r"add_update: expected \(variable, value\)"),
    ):
        Wrong()(X)


def test_what_was_assigned_is_read_after_it():
    for lib in (keras, fastmlp):
        layer = adding(lib)
        assert [np.asarray(layer(np.ones((2, 3), "float32"))).tolist() for _ in range(2)] == [
            [2.0] * 3,
            [4.0] * 3,
        ]
        assert not layer.trainable_weights and len(layer.weights) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_products_read_weights_that_steps_assign(threads):
    """Whose copies in panels follow, in training and in passes of many steps."""
    fastmlp.config.set_num_threads(threads)

    class Follower(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight((shape[-1], 200), name="w")
            self.slow = self.add_weight((shape[-1], 200), "zeros", trainable=False, name="slow")

        def call(self, x):
            self.slow.assign(0.5 * self.slow + 0.5 * self.w)
            return ops.concatenate([x @ self.w, x @ self.slow], axis=-1)

    x = RNG.normal(size=(640, 150)).astype("float32")
    y = RNG.normal(size=(640, 1)).astype("float32")
    found = []
    for eagerly in (False, True):
        fastmlp.utils.set_random_seed(1)
        model = Sequential([Input((150,)), Follower(), layers.Dense(1)])
        model.compile(fastmlp.optimizers.SGD(1e-3), "mse", run_eagerly=eagerly)
        model.fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0)
        found.append([*model.get_weights(), model.predict(x, batch_size=64, verbose=0)])
    for native, interpreted in zip(*found, strict=True):
        np.testing.assert_allclose(native, interpreted, rtol=1e-3, atol=1e-4)


def test_weights_of_a_model_itself_train_and_are_assigned():
    found = []
    for lib in (keras, fastmlp):

        class Scaled(lib.Model):
            def __init__(self, lib=lib):
                super().__init__()
                self.ops = lib.ops
                self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")
                self.steps = self.add_weight(
                    shape=(1,), initializer="zeros", trainable=False, name="steps"
                )

            def call(self, x):
                self.steps.assign_add([1.0])
                return (
                    self.ops.sum(x, axis=-1, keepdims=True) * (2.0 * self.scale) + 0.0 * self.steps
                )

        model = Scaled()
        model.compile("sgd", "mse")
        model.fit(X, 3 * Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        found.append([float(np.asarray(w)[0]) for w in (model.scale, model.steps)])
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-5)
    assert found[1][0] != 1 and found[1][1] == 8


def test_layers_called_on_weights_and_arrays_within_a_models_call_train():
    class Positions(fastmlp.Model):
        def __init__(self):
            super().__init__()
            self.table, self.dense = layers.Embedding(3, 1), layers.Dense(1)
            self.seed = self.add_weight((1, 3), "ones", name="seed")

        def call(self, x):
            places = self.table(np.arange(3))
            return x * ops.reshape(places, (1, 3)) + self.dense(
                layers.Activation("tanh")(self.seed)
            )

    model = Positions()
    model.compile("sgd", "mse")
    model.build((None, 3))
    before = model.get_weights()
    model.fit(X, X + 2, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_what_cannot_be_assigned_is_told():
    class Trained(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight((3,), name="w")

        def call(self, x):
            self.w.assign(ops.mean(x, axis=0))
            return x

    class Rows(Trained):
        def build(self, shape):
            self.w = self.add_weight((3,), trainable=False, name="w")

        def call(self, x):
            self.w.assign(x)
            return x

    shared = centering(fastmlp)
    twice = Sequential([Input((3,)), shared, layers.Dense(3)])
    entry = Input((3,))
    model = fastmlp.Model(entry, shared(twice(entry)))
    with pytest.raises(ValueError, match="called once in a step"):
        model(X, training=True)
    with pytest.raises(TypeError, match="trainable=False"):
        Trained()(X)
    with pytest.raises(ValueError, match=r"expected a value of shape \(3,\)"):
        Rows()(X)


def test_a_weight_of_one_number_is_an_int_too():
    layer = layers.Layer()
    assert int(layer.add_weight((), initializers.Constant(3.0))) == 3
