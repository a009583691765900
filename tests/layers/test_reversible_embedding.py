"""ReversibleEmbedding: both ways as Keras's, trained in one model."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers

RNG = np.random.default_rng(0)
X = RNG.integers(0, 6, size=(12, 4))
Y = RNG.normal(size=(12, 4, 6)).astype("float32")


def network(lib, **arguments):
    layer = lib.layers.ReversibleEmbedding(6, 3, **arguments)
    x = lib.Input((4,), dtype="int32")
    model = lib.Model(x, layer(lib.layers.Dense(3, "tanh")(layer(x)), reverse=True))
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize(
    "arguments", [{}, {"tie_weights": False}, {"logit_soft_cap": 0.5}], ids=str
)
def test_training_is_that_of_keras(arguments):
    theirs, ours = (network(lib, **arguments) for lib in (keras, fastmlp))
    ours.set_weights(theirs.get_weights())
    options = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    expected = theirs.fit(X, Y, **options).history["loss"]
    np.testing.assert_allclose(ours.fit(X, Y, **options).history["loss"], expected, rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_config_mask_and_bad_arguments():
    layer = layers.ReversibleEmbedding(6, 3, tie_weights=False, mask_zero=True, logit_soft_cap=2.0)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    theirs = keras.layers.ReversibleEmbedding(6, 3).get_config()
    assert set(layer.get_config()) - {"activity_regularizer"} <= set(theirs)
    x = fastmlp.Input((4,), dtype="int32")
    y = layer(x)
    assert y.mask is not None
    back = layer(fastmlp.Input((4, 3)), reverse=True)
    assert back.shape == (None, 4, 6)
    assert back.mask is None
    assert layer(layers.Dense(3)(y), reverse=True).mask is None  # silently, as in Keras
    with pytest.raises(ValueError, match="logit_soft_cap"):
        layers.ReversibleEmbedding(6, 3, logit_soft_cap=0)


def test_spectral_normalization_of_a_table():
    wrapped = layers.SpectralNormalization(layers.Embedding(6, 3))
    found = wrapped(X)
    np.testing.assert_allclose(found, wrapped.normalized_weights()[1][X], atol=1e-6)
    model = fastmlp.Sequential(
        [fastmlp.Input((4,), dtype="int32"), wrapped, layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = wrapped.layer.embeddings.copy()
    model.fit(X, Y[:, 0, :1], epochs=2, verbose=0)
    assert not np.array_equal(before, wrapped.layer.embeddings)
