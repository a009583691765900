"""Every form of data and of steps that fit takes, as in Keras: weights, logs and hooks.

The runs of Keras are unshuffled; where it and fastmlp differ on purpose (generators that run dry), see
docs/keras-differences.md and tests/training/test_streams.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 3)).astype("float32")
Y = np.eye(2, dtype="float32")[(X.sum(axis=1) > 0).astype(int)]
W = RNG.uniform(0.5, 2, size=30).astype("float32")
HELD_OUT = (X[5:25] * 0.5, Y[5:25])


def endless() -> Any:
    k = 0
    while True:
        rows = slice(k % 30, k % 30 + 10)
        yield X[rows], Y[rows], W[rows]
        k += 10


def data_set(library: Any) -> Any:
    class Batches(library.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = slice(index * 10, index * 10 + 10)
            return X[rows], Y[rows]

    return Batches()


# Arguments of fit, made for each library.
CASES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "class weights": lambda library: {
        "x": X, "y": Y, "batch_size": 10, "class_weight": {0: 2.0, 1: 0.5},
        "validation_data": (*HELD_OUT, W[5:25]), "validation_batch_size": 10},
    "steps of arrays": lambda library: {
        "x": X, "y": Y, "batch_size": 10, "steps_per_epoch": 1,
        "validation_data": HELD_OUT, "validation_steps": 1},
    "steps without a size": lambda library: {
        "x": X, "y": Y, "steps_per_epoch": 3, "validation_split": 1 / 3, "validation_freq": 2},
    "a generator": lambda library: {
        "x": endless(), "steps_per_epoch": 3, "validation_data": HELD_OUT,
        "validation_batch_size": 10, "validation_freq": [1, 3]},
    "a data set": lambda library: {"x": data_set(library), "validation_data": data_set(library)},
    "a data set in steps": lambda library: {
        "x": data_set(library), "class_weight": {1: 3.0}, "steps_per_epoch": 1,
        "validation_data": data_set(library), "validation_steps": 2},
}  # fmt: skip


def hooks(library: Any, told: list[Any]) -> Any:
    class Told(library.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            told.append(("epoch begin", epoch))

        def on_train_batch_end(self, batch, logs=None):
            told.append(("train batch", batch, sorted(logs)))

        def on_test_batch_end(self, batch, logs=None):
            told.append(("test batch", batch, sorted(logs)))

        def on_test_end(self, logs=None):
            told.append(("test end", sorted(logs)))

        def on_epoch_end(self, epoch, logs=None):
            told.append(("epoch end", epoch, list(logs)))

    return Told()


@pytest.mark.filterwarnings("ignore:.*shuffle=True. was passed")
@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES)
def test_training_logs_and_hooks_are_those_of_keras(arguments):
    start = [RNG.normal(size=s).astype("float32") for s in ((3, 4), (4,), (4, 2), (2,))]
    runs = []
    for library in (keras, fastmlp):
        model = library.Sequential(
            [library.Input((3,)), library.layers.Dense(4, activation="tanh"),
             library.layers.Dense(2, activation="softmax")]
        )  # fmt: skip
        model.set_weights(start)
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"],
                      weighted_metrics=["mae"])  # fmt: skip
        told: list[Any] = []
        given = {"epochs": 3, "verbose": 0, "shuffle": False} | arguments(library)
        history = model.fit(callbacks=[hooks(library, told)], **given)
        runs.append((history, told, model.get_weights()))
    (theirs, their_hooks, their_weights), (ours, our_hooks, our_weights) = runs
    assert our_hooks == their_hooks
    assert list(ours.history) == list(theirs.history)
    assert ours.epoch == theirs.epoch
    assert ours.params == theirs.params
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=1e-5, atol=1e-6)
    for a, b in zip(our_weights, their_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
