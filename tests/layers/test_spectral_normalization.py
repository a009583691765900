"""SpectralNormalization: trains as Keras's on JAX, and stretches nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers
from fastmlp.layers import SpectralNormalization

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 5)).astype("float32")
Y = RNG.normal(size=(40, 2)).astype("float32")


def network(lib, iterations=1, dtype="float32", steps=()):
    inner = lib.layers.Dense(4, "tanh", dtype=dtype)
    if steps:
        inner = lib.layers.EinsumDense("abc,cd->abd", (2, 4), bias_axes="d", dtype=dtype)
    wrapped = lib.layers.SpectralNormalization(inner, power_iterations=iterations, dtype=dtype)
    tail = [lib.layers.Flatten(dtype=dtype)] if steps else []
    model = lib.Sequential(
        [
            lib.layers.Input((*steps, 5), dtype=dtype),
            wrapped,
            *tail,
            lib.layers.Dense(2, dtype=dtype),
        ]
    )
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize(("iterations", "steps"), [(1, ()), (3, ()), (1, (2,))])
def test_training_is_that_of_keras(iterations, steps):
    x = np.stack([X, -X], 1) if steps else X
    theirs, ours = (network(lib, iterations, steps=steps) for lib in (keras, fastmlp))
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(theirs.get_weights())
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    expected = theirs.fit(x, Y, **options).history["loss"]
    np.testing.assert_allclose(ours.fit(x, Y, **options).history["loss"], expected, rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_a_trained_layer_stretches_nothing():
    model = network(fastmlp)
    model.fit(X, Y, epochs=30, verbose=0)
    layer = model.layers[0]
    u, kernel = layer.normalized_weights()
    np.testing.assert_allclose(np.linalg.norm(kernel, 2), 1, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(u), 1, rtol=1e-5)
    assert abs(np.linalg.norm(layer.layer.kernel, 2) - 1) > 0.01  # which stays as it is
    expected = np.tanh(X @ kernel + layer.layer.bias)
    np.testing.assert_allclose(layer(X), expected, atol=1e-6)
    before = layer.vector_u.numpy()
    model.predict(X, verbose=0)
    np.testing.assert_array_equal(layer.vector_u.value, before)  # moves in training only


def test_gradients_go_through_the_norm():
    model = network(
        fastmlp, iterations=60, dtype="float64"
    )  # so that u is no function of the kernel
    worst = fastmlp.check_gradients(model, X, Y)
    assert max(worst.values()) < 1e-5


def test_a_kernel_of_zeros_stays():
    layer = SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    np.testing.assert_array_equal(layer(X, training=True), np.zeros((40, 3)))


def test_a_frozen_layer_keeps_its_vector():
    model = network(fastmlp)
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    model.fit(X, Y, verbose=0)
    for a, b in zip(model.layers[0].get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_config_file_and_copy(tmp_path):
    model = network(fastmlp, iterations=2)
    model.fit(X, Y, verbose=0)
    again = layers.deserialize(layers.serialize(model.layers[0]))
    assert again.get_config() == model.layers[0].get_config()
    assert set(again.get_config()) >= {"layer", "power_iterations"}
    model.save(tmp_path / "m.fastmlp")
    loaded = fastmlp.models.load_model(tmp_path / "m.fastmlp")
    clone = fastmlp.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (loaded, clone):
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_bad_arguments():
    with pytest.raises(TypeError, match="expected a layer"):
        SpectralNormalization("dense")
    with pytest.raises(ValueError, match="power_iterations"):
        SpectralNormalization(layers.Dense(2), 0)
    with pytest.raises(ValueError, match="a layer with a kernel or embeddings"):
        SpectralNormalization(layers.Dropout(0.1))(X)


def test_a_layer_of_ones_own_may_be_wrapped():
    class Twice(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1], 3), name="kernel")

        def call(self, x):
            return 2 * (x @ self.kernel)

    layer = SpectralNormalization(Twice())
    found = layer(X)
    np.testing.assert_allclose(found, 2 * X @ layer.normalized_weights()[1], rtol=1e-4, atol=1e-5)
