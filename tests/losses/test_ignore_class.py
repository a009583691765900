"""Class numbers whose samples do not count: values, means, gradients and training, as in Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import losses, metrics
from tests.parity import both

RNG = np.random.default_rng(0)
Y = np.where(RNG.uniform(size=(11, 3)) < 0.3, 2, RNG.integers(0, 4, (11, 3)))
P = RNG.uniform(0.1, 1, (11, 3, 4)).astype("float32")
W = RNG.uniform(0.2, 2, (11, 3)).astype("float32")
# Both sides round terms of size 1 to float32; Keras also sums in float32.
CLOSE = {"rtol": 2e-6, "atol": 1e-6}


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("ignored", [-1, 2, 255])
def test_values_are_those_of_keras(ignored, weights):
    y = np.where(Y == 2, ignored, Y)
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None):
        got, expected = (
            lib.losses.SparseCategoricalCrossentropy(ignore_class=ignored, reduction=reduction)(
                y, P, weights
            )
            for lib in (fastmlp, keras)
        )
        np.testing.assert_allclose(got, np.asarray(expected), **CLOSE)
    got, expected = (
        lib.metrics.SparseCategoricalCrossentropy(ignore_class=ignored)(y, P, weights)
        for lib in (fastmlp, keras)
    )
    np.testing.assert_allclose(got, np.asarray(expected), **CLOSE)
    got, expected = (
        lib.losses.sparse_categorical_crossentropy(y, P, ignore_class=ignored)
        for lib in (fastmlp, keras)
    )
    np.testing.assert_allclose(got, np.asarray(expected), **CLOSE)


def test_nothing_that_counts_gives_zero():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert loss(np.full((11, 3), -1), P) == 0
    assert loss([-1, 1], [[0.2, 0.8], [0.5, 0.5]]) == pytest.approx(np.log(2), rel=1e-6)


def test_training_is_that_of_keras():
    data = both.classes()
    for y in (data.y, data.y_val):
        y[::3] = -1

    def arguments(lib):
        metric = lib.metrics.SparseCategoricalCrossentropy(ignore_class=-1, name="ce")
        return {
            "optimizer": lib.optimizers.SGD(0.05),
            "loss": lib.losses.SparseCategoricalCrossentropy(ignore_class=-1),
            "metrics": ["accuracy"],
            "weighted_metrics": [metric],
        }

    weights = np.random.default_rng(5).uniform(0.2, 3, len(data.x)).astype("float32")
    layers = both.network("softmax")
    both.assert_same_training(layers, arguments, data, sample_weight=weights)


@pytest.mark.parametrize("axis", [-1, 1])
def test_gradients_in_float64(axis):
    model = fastmlp.Sequential([fastmlp.Input((6,)), fastmlp.layers.Dense(12)])
    model.add(fastmlp.layers.Reshape((4, 3) if axis == 1 else (3, 4)))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2, axis=axis)
    model.compile("sgd", loss)
    x = RNG.normal(size=(11, 6))
    assert max(fastmlp.check_gradients(model, x, Y).values()) < 1e-5
    _, before = fastmlp.gradients(model, x, Y)
    _, without = fastmlp.gradients(model, x, np.full_like(Y, 2))
    assert any(np.abs(g).max() > 0.01 for g in before)
    assert not any(np.abs(g).any() for g in without)


def test_other_labels_are_still_looked_at():
    model = fastmlp.Sequential([fastmlp.Input((4,)), fastmlp.layers.Dense(3, "softmax")])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    x, y = np.ones((5, 4)), np.array([0, -1, 2, -1, 1])
    for _ in range(3):
        assert np.isfinite(model.train_on_batch(x, y))
    for wrong in (-2, 3, 0.5):
        with pytest.raises(ValueError, match=f"Received: {wrong}"):
            model.fit(x, np.where(y == 2, wrong, y), verbose=0)
    assert metrics.get(metrics.serialize(metrics.SparseCategoricalCrossentropy(ignore_class=3)))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_weights_may_have_an_axis_of_one(reduction):
    p = np.random.default_rng(5).dirichlet(np.ones(3), 6).astype("float32")
    y, weights = np.array([0, 1, 2, 0, 2, 1]), np.linspace(0.5, 2, 6, dtype="float32")[:, None]
    found = [
        float(
            lib.losses.SparseCategoricalCrossentropy(ignore_class=0, reduction=reduction)(
                y, p, weights
            )
        )
        for lib in (keras, fastmlp)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-5)
