"""`==` and `!=` of symbolic tensors: of elements where something is computed, as Keras's arrays."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, layers, ops


def _masked_loss(lib):
    def loss(y_true, y_pred):
        counts = lib.ops.cast(y_true != -1, y_pred.dtype)
        return lib.ops.sum(lib.ops.square(y_true - y_pred) * counts) / lib.ops.sum(counts)

    return loss


def _weighed_loss(lib):
    def loss(y_true, y_pred):
        error = lib.ops.square(y_true - y_pred)
        return lib.ops.where(y_true == 1, 3 * error, error)

    return loss


def _hits(lib):
    def hits(y_true, y_pred):
        return lib.ops.cast(lib.ops.round(y_pred) == y_true, "float32")

    return hits


@pytest.mark.parametrize("make", [_masked_loss, _weighed_loss])
def test_equality_in_losses_and_metrics_is_that_of_elements(make):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.integers(-1, 2, (8, 2)).astype("float32")
    found = []
    for lib in (fastmlp, keras):
        entry = lib.Input((3,))
        model = lib.Model(entry, lib.layers.Dense(2)(entry))
        model.set_weights([np.full((3, 2), 0.3), np.zeros(2)])
        model.compile("sgd", make(lib), metrics=[_hits(lib)])
        found.append(model.evaluate(x, y, verbose=0))
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_equality_in_a_layer_is_that_of_elements():
    class Gates(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight((3,), "ones", name="w")

        def call(self, x):
            other = x * (self.w == 1.0)
            return [x == 2, x != 2, np.float32(2) == x, (x == 2) ^ (x > 0), x == other, x != x]

    x = np.array([[1.0, 2.0, np.nan]], "float32")
    expected = [x == 2, x != 2, x == 2, (x == 2) ^ (x > 0), x == x, x != x]
    for a, b in zip(Gates()(x), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_symbolic_tensors_are_found_in_lists():
    a, b = Input((3,)), Input((3,))
    assert a in [b, a] and [b, a].index(a) == 1 and a != None and a != "a"  # noqa: E711
    assert (a == b) is False and (a == a) is True
    different = Model(a, ops.cast(a != 1.0, "float32"))
    np.testing.assert_array_equal(different(np.eye(3)), 1 - np.eye(3))
