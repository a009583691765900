"""Models of `Input((None, …))` beside Keras: shapes, and numbers for several lengths of data."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp

LENGTHS = (6, 4)

# What is made of a tensor; `lib` is either library.
BODIES = {
    "lstm": ((None, 3), lambda lib, x: lib.layers.LSTM(4)(x)),
    "backwards": (
        (None, 3),
        lambda lib, x: lib.layers.GRU(4, return_sequences=True, go_backwards=True)(x),
    ),
    "states": ((None, 3), lambda lib, x: lib.layers.SimpleRNN(4, return_state=True)(x)),
    "both ways": (
        (None, 3),
        lambda lib, x: lib.layers.Bidirectional(lib.layers.LSTM(4, return_sequences=True))(x),
    ),
    "cells": (
        (None, 3),
        lambda lib, x: lib.layers.RNN([lib.layers.LSTMCell(4), lib.layers.GRUCell(3)])(x),
    ),
    "each step": ((None, 3), lambda lib, x: lib.layers.TimeDistributed(lib.layers.Dense(5))(x)),
    "sequences": (
        (None, None, 3),
        lambda lib, x: lib.layers.TimeDistributed(lib.layers.LSTM(4))(x),
    ),
    "masked mean": (
        (None, 3),
        lambda lib, x: lib.layers.GlobalAveragePooling1D()(lib.layers.Masking()(x)),
    ),
    "masked lstm": ((None, 3), lambda lib, x: lib.layers.LSTM(3)(lib.layers.Masking()(x))),
    "a mask of one's own": (
        (None, 3),
        lambda lib, x: lib.layers.GRU(3)(x, mask=lib.ops.any(x > 0.5, axis=-1)),
    ),
    "scaled": (
        (None, 3),
        lambda lib, x: lib.layers.LayerNormalization()(lib.layers.BatchNormalization()(x)),
    ),
    "noise": (
        (None, 3),
        lambda lib, x: lib.layers.SpatialDropout1D(0.5)(lib.layers.GaussianNoise(0.1)(x)),
    ),
    "shared alpha": ((None, 3), lambda lib, x: lib.layers.PReLU(shared_axes=[1])(x)),
    "flat": ((None, 3), lambda lib, x: lib.layers.Flatten()(x)),
    "pairs": ((None, 4), lambda lib, x: lib.layers.Reshape((-1, 2))(x)),
    "parts": ((None, 5, 4), lambda lib, x: lib.layers.Reshape((-1, 10))(x)),
    "turned": ((None, 4), lambda lib, x: lib.layers.Permute((2, 1))(x)),
    "joined": ((None, 3), lambda lib, x: lib.layers.Concatenate(axis=1)([x, x])),
    "gated": ((None, 3), lambda lib, x: x * lib.layers.Dense(1, "sigmoid")(x) + x[:, -1:, :]),
    "attention": (
        (None, 3),
        lambda lib, x: lib.ops.matmul(
            lib.ops.softmax(lib.layers.Dot(axes=2)([x, lib.layers.Dense(3)(x)])), x
        ),
    ),
    "without the first": ((None, 3), lambda lib, x: x[:, 1:, :2]),
    "reversed": ((None, 3), lambda lib, x: lib.ops.cumsum(x[:, ::-1], axis=1)),
    "mean": ((None, 3), lambda lib, x: lib.ops.mean(x, axis=1)),
    "einsum": (
        (None, 3),
        lambda lib, x: lib.layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")(x),
    ),
    "numbers": ((None,), lambda lib, x: lib.layers.LSTM(3)(lib.ops.expand_dims(x, -1))),
    "inner": (
        (None, 3),
        lambda lib, x: lib.Sequential(
            [lib.layers.GRU(4, return_sequences=True), lib.layers.Dense(2)]
        )(x),
    ),
}


@pytest.mark.filterwarnings("ignore:.*inputs have a mask:UserWarning")
@pytest.mark.parametrize("name", BODIES)
def test_open_sizes_give_what_keras_gives(name):
    shape, body = BODIES[name]
    ours, theirs = (
        lib.Model(entry, body(lib, entry))
        for lib in (fastmlp, keras)
        for entry in [lib.Input(shape)]
    )
    assert [t.shape for t in ours.outputs] == [tuple(t.shape) for t in theirs.outputs]
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.5, w.shape).astype("float32") ** 2 for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    for length in (*LENGTHS, LENGTHS[0]):
        x = rng.normal(size=(5, *(length if d is None else d for d in shape))).astype("float32")
        if "masked" in name:
            x[:2, 2:] = 0
        expected = keras.tree.flatten(theirs(x))
        for found in (ours(x), ours.predict(x, verbose=0)):
            parts = keras.tree.flatten(found)
            for a, b in zip(parts, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


def _batches(lib):
    rng = np.random.default_rng(1)
    found = [
        (rng.normal(size=(n, length, 3)), rng.normal(size=(n, length, 2)))
        for n, length in [(8, 5), (8, 7), (8, 5), (4, 7), (10, 9), (8, 5)]
    ]
    found = [(x.astype("float32"), y.astype("float32")) for x, y in found]

    class Batches(lib.utils.PyDataset):
        def __len__(self):
            return len(found)

        def __getitem__(self, index):
            return found[index]

    return Batches(), found


def _mean_error(y, p):
    return keras.ops.mean(keras.ops.abs(y - p), axis=-1)


def _our_mean_error(y, p):
    return fastmlp.ops.mean(fastmlp.ops.abs(y - p), axis=-1)


def _translator(lib, metrics=("mae",)):
    entry = lib.Input((None, 3))
    h = lib.layers.GRU(8, return_sequences=True)(entry)
    h = lib.layers.Bidirectional(lib.layers.LSTM(4, return_sequences=True))(h)
    model = lib.Model(entry, lib.layers.Dense(2)(h))
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 0.3, w.shape).astype("float32") for w in model.get_weights()])
    model.compile(lib.optimizers.Adam(0.01), "mse", metrics=list(metrics))
    return model


def test_batches_of_different_lengths_train_as_in_keras():
    results = []
    for lib in (fastmlp, keras):
        function = _our_mean_error if lib is fastmlp else _mean_error
        model = _translator(lib, ["mae", function, lib.metrics.RootMeanSquaredError()])
        batches, _ = _batches(lib)
        history = model.fit(batches, epochs=3, shuffle=False, verbose=0).history
        results.append((model.get_weights(), history, model.evaluate(batches, verbose=0)))
    (ours, our_history, our_result), (theirs, their_history, their_result) = results
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for key, values in their_history.items():
        name = key.replace("_mean_error", "_our_mean_error")
        np.testing.assert_allclose(our_history[name], values, rtol=1e-5)
    np.testing.assert_allclose(our_result, their_result, rtol=1e-5)


def test_batches_of_different_lengths_train_as_steps_on_each():
    fitted, stepped = _translator(fastmlp), _translator(fastmlp)
    batches, parts = _batches(fastmlp)
    fitted.fit(batches, epochs=2, shuffle=False, verbose=0)
    for x, y in parts * 2:
        stepped.train_on_batch(x, y)
    for a, b in zip(fitted.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:`shuffle=True`:UserWarning")
def test_weights_of_steps_may_have_every_length():
    losses = []
    for lib in (fastmlp, keras):
        model = _translator(lib)
        _, parts = _batches(lib)
        rng = np.random.default_rng(3)
        weighted = [(x, y, rng.uniform(size=y.shape[:2]).astype("float32")) for x, y in parts]
        history = model.fit(
            (one for one in weighted), steps_per_epoch=len(parts), verbose=0
        ).history
        losses.append(history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_classes_of_every_length():
    results = []
    for lib in (fastmlp, keras):
        entry = lib.Input((None, 3))
        model = lib.Model(
            entry, lib.layers.Dense(4, "softmax")(lib.layers.GRU(3, return_sequences=True)(entry))
        )
        rng = np.random.default_rng(4)
        model.set_weights(
            [rng.normal(0, 1, w.shape).astype("float32") for w in model.get_weights()]
        )
        model.compile(
            "sgd",
            "sparse_categorical_crossentropy",
            metrics=["accuracy", lib.metrics.SparseTopKCategoricalAccuracy(2, name="top")],
        )
        _, parts = _batches(lib)
        parts = [(x, rng.integers(0, 4, x.shape[:2])) for x, _ in parts]
        results.append(
            model.evaluate((one for one in parts), steps=len(parts), verbose=0, return_dict=True)
        )
    for key, value in results[1].items():
        assert results[0][key] == pytest.approx(float(value), rel=1e-5)
