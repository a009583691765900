"""Normalization: given or adapted mean and variance, equal to Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fastmlp import Input, Sequential, layers
from fastmlp.utils import PyDataset

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(3, 2, size=(11, 4)).astype("float32")
CUBE = RANDOM.normal(3, 2, size=(5, 2, 3)).astype("float32")


@pytest.mark.parametrize(
    ("data", "axis"),
    [(X, -1), (X, None), (X, 1), (CUBE, -1), (CUBE, (1, 2)), (CUBE, 1), (CUBE, None)],
)
@pytest.mark.parametrize("invert", [False, True])
def test_adapted_as_in_keras(data, axis, invert):
    ours = layers.Normalization(axis=axis, invert=invert)
    theirs = keras.layers.Normalization(axis=axis, invert=invert)
    ours.adapt(data)
    theirs.adapt(data)
    # Keras sums in float32: some roundings more.
    np.testing.assert_allclose(ours(data), np.asarray(theirs(data)), rtol=1e-5, atol=1e-5)
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5)


@pytest.mark.parametrize(
    ("axis", "mean", "variance"),
    [(-1, 3.0, 2.0), (-1, [1.0, 2.0, 3.0], [1.0, 4.0, 9.0]), ((1, 2), [1.0, 2, 3], [1.0, 0, 9])],
)
def test_given_as_in_keras(axis, mean, variance):
    ours = layers.Normalization(axis=axis, mean=mean, variance=variance)
    theirs = keras.layers.Normalization(axis=axis, mean=mean, variance=variance)
    np.testing.assert_allclose(ours(CUBE), np.asarray(theirs(CUBE)), rtol=1e-5)
    assert ours.get_weights() == []


def test_batches_give_what_the_whole_gives():
    data = RANDOM.normal(1e6, 1, size=(1000, 3))  # float32 sums would lose the variance
    whole, parts = (layers.Normalization(dtype="float64") for _ in range(2))
    whole.adapt(data)
    parts.adapt((part, None) for part in np.array_split(data, 13))
    for own, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9)  # means of 1e6 round to 1e-10
    np.testing.assert_allclose(whole.get_weights()[0], data.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(whole.get_weights()[1], data.var(axis=0), rtol=1e-9)


class Halves(PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[index::2], None


def test_adapt_looks_at_the_inputs_alone_in_a_list_of_batches_with_targets():
    batches = [(np.full((2, 3), k, "float32"), np.full((2, 3), 9.0)) for k in (1, 3)]
    layer = layers.Normalization()
    layer.adapt(batches)
    np.testing.assert_array_equal(layer.mean, [[2, 2, 2]])
    layer.adapt([(1.0, 2.0, 5.0), (3.0, 4.0, 5.0)])  # rows
    np.testing.assert_array_equal(layer.mean, [[2, 3, 5]])


def test_adapt_reads_data_sets_and_as_many_batches_as_wanted():
    layer, limited = layers.Normalization(), layers.Normalization()
    layer.adapt(Halves())
    np.testing.assert_allclose(layer.get_weights()[0], X.mean(axis=0), rtol=1e-6)
    limited.adapt(iter([X[:6], X[6:]]), steps=1)
    np.testing.assert_allclose(limited.get_weights()[0], X[:6].mean(axis=0), rtol=1e-6)


def test_a_model_that_is_compiled_sees_what_adapt_found():
    layer = layers.Normalization()
    model = Sequential([Input((4,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.predict(X, verbose=0)
    layer.adapt(X)
    assert not np.allclose(model.predict(X, verbose=0), before)
    model.fit(X, X[:, :1], verbose=0)
    np.testing.assert_allclose(layer.get_weights()[0], X.mean(axis=0), rtol=1e-6)
    again = Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_config_makes_an_equal_layer():
    layer = layers.Normalization(axis=-1, mean=np.array([1.0, 2.0, 3, 4]), variance=np.ones(4))
    again = layers.deserialize(layers.serialize(layer))
    np.testing.assert_array_equal(again(X), layer(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mean": 1.0}, "both mean and variance"),
        ({"mean": 1.0, "variance": [1.0]}, "of one shape"),
        ({"mean": 1.0, "variance": -1.0}, "no negative number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Normalization(name="n", **arguments)


@pytest.mark.parametrize("axis", [0, 2, (1, -3)])
def test_axes_that_are_not_there(axis):
    with pytest.raises(ValueError, match="expected axes within 1"):
        layers.Normalization(axis=axis)(X)


def test_bad_data_change_nothing():
    layer = layers.Normalization()
    layer.adapt(X)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"samples of shape \(4,\)"):
        layer.adapt([X, X[:, :3]])
    with pytest.raises(ValueError, match="at least one sample"):
        layer.adapt([])
    with pytest.raises(TypeError, match="expected numbers"):
        layer.adapt(np.array([["a"]]))
    with pytest.raises(ValueError, match="made without mean and variance"):
        layers.Normalization(mean=0.0, variance=1.0).adapt(X)
    for own, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(own, other)
