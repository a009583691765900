"""Metrics of one's own beside class numbers: targets come as the data are, `(n,)` or `(n, steps)`."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import ops

X = np.random.default_rng(0).normal(size=(16, 6, 3)).astype("float32")


def _of_classes(lib):
    def right(y_true, y_pred):
        best = lib.ops.cast(lib.ops.argmax(y_pred, -1), "int32")
        return lib.ops.cast(lib.ops.equal(lib.ops.cast(y_true, "int32"), best), "float32")

    def by_name(y_true, y_pred):
        return lib.metrics.sparse_categorical_accuracy(y_true, y_pred)

    return [right, by_name, "accuracy"]


class Right(fastmlp.metrics.Metric):
    def __init__(self) -> None:
        super().__init__(name="number")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        assert y_true.ndim == y_pred.ndim - 1
        right = ops.equal(y_true, ops.argmax(y_pred, -1))
        self.total.assign_add(ops.sum(ops.cast(right, "float32")))

    def result(self):
        return self.total


def _of_rows(lib):
    def categorical(y_true, y_pred):
        return lib.metrics.categorical_accuracy(y_true, y_pred)

    def binary(y_true, y_pred):
        return lib.metrics.binary_accuracy(y_true, y_pred, threshold=0.3)

    return [categorical, binary, "accuracy"]


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("one_hot", [False, True])
def test_accuracies_of_ones_own_agree(sequences, one_hot):
    y = np.random.default_rng(2).integers(0, 4, (16, 6) if sequences else 16)
    y = np.eye(4, dtype="float32")[y] if one_hot else y
    found = []
    for lib in (fastmlp, keras):
        entry = lib.Input((6, 3))
        h = lib.layers.GRU(5, return_sequences=sequences)(entry)
        model = lib.Model(entry, lib.layers.Dense(4, "softmax")(h))
        rng = np.random.default_rng(1)
        model.set_weights([rng.normal(0, 1, w.shape) for w in model.get_weights()])
        loss = "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
        metrics = (_of_rows if one_hot else _of_classes)(lib)
        if lib is fastmlp and not one_hot:
            metrics.append(Right())
        model.compile("sgd", loss, metrics=metrics)
        found.append(model.evaluate(X, y, verbose=0, return_dict=True))
    if not one_hot:
        assert found[0].pop("number") == pytest.approx(found[0]["right"] * y.size)
    assert set(found[0]) == set(found[1])
    for key, value in found[1].items():
        assert found[0][key] == pytest.approx(float(value), rel=1e-5)
