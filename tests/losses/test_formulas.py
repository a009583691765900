"""Losses that are formulas: values by hand, gradients in float64, other axes, bad shapes."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import losses
from tests.parity import both

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5))
LABELS = RNG.integers(0, 3, (7, 4))
ONE_HOT = np.eye(3)[LABELS]
BITS = RNG.integers(0, 2, (7, 4, 3))

FOCAL = {"apply_class_balancing": True, "alpha": 0.7, "gamma": 1.5, "label_smoothing": 0.1}
ALPHAS = {"alpha": [0.2, 0.5, 1.0], "gamma": 1.5, "label_smoothing": 0.1}
CASES = [
    (losses.BinaryFocalCrossentropy(**FOCAL), "sigmoid", BITS),
    (losses.BinaryFocalCrossentropy(from_logits=True, gamma=0), None, BITS),
    (losses.CategoricalFocalCrossentropy(**ALPHAS), "softmax", ONE_HOT),
    (losses.CategoricalFocalCrossentropy(from_logits=True), None, ONE_HOT),
    (losses.CategoricalGeneralizedCrossEntropy(q=0.3), "softmax", LABELS),
    (losses.BinaryFocalCrossentropy(axis=1), "sigmoid", BITS),
    (losses.CategoricalFocalCrossentropy(axis=1), "sigmoid", BITS),
    (losses.CategoricalCrossentropy(axis=1, label_smoothing=0.1), "sigmoid", BITS),
    (losses.BinaryCrossentropy(axis=-2), "sigmoid", BITS),
    (losses.CosineSimilarity(axis=1), None, BITS),
    (losses.SparseCategoricalCrossentropy(from_logits=True, axis=1), None, LABELS[:, :3]),
]
IDS = [f"{i} {loss.name}" for i, (loss, *_) in enumerate(CASES)]


def model_of(loss, activation):
    fastmlp.utils.set_random_seed(3)
    layers = fastmlp.layers
    model = fastmlp.Sequential([fastmlp.Input((5,)), layers.Dense(12, dtype="float64")])
    model.add(layers.Reshape((4, 3), dtype="float64"))
    model.add(layers.Activation(activation or "linear", dtype="float64"))
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(("loss", "activation", "y"), CASES, ids=IDS)
def test_gradients_in_float64(loss, activation, y):
    found = fastmlp.check_gradients(model_of(loss, activation), X, y)
    assert max(found.values()) < 1e-6


@pytest.mark.parametrize(("loss", "activation", "y"), CASES, ids=IDS)
def test_plans_and_arrays_agree(loss, activation, y):
    model = model_of(loss, activation)
    weights = RNG.uniform(0.2, 2, len(X))
    outputs = model.predict(X, verbose=0)
    for given in (None, weights):
        found = model.evaluate(X, y, sample_weight=given, verbose=0)
        assert found == pytest.approx(float(loss(y, outputs, given)), rel=2e-5)


def test_values_by_hand():
    p, gamma, alpha = 0.8, 2.0, 0.25
    loss = losses.BinaryFocalCrossentropy(gamma=gamma)
    assert loss([[1.0]], [[p]]) == pytest.approx(-((1 - p) ** gamma) * np.log(p), rel=1e-6)
    assert loss([[0.0]], [[p]]) == pytest.approx(-(p**gamma) * np.log(1 - p), rel=1e-6)
    balanced = losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=alpha)
    assert balanced([[0.0]], [[p]]) == pytest.approx((1 - alpha) * loss([[0.0]], [[p]]), rel=1e-6)
    plain = losses.BinaryFocalCrossentropy(gamma=0)
    t, q = BITS[0], RNG.uniform(0.1, 0.9, (4, 3))
    np.testing.assert_allclose(plain(t, q), losses.BinaryCrossentropy()(t, q), rtol=1e-12)
    categorical = losses.CategoricalFocalCrossentropy(alpha=1, gamma=0)
    t = ONE_HOT[0]
    np.testing.assert_allclose(
        categorical(t, q), losses.CategoricalCrossentropy()(t, q), rtol=1e-12
    )
    generalized = losses.CategoricalGeneralizedCrossEntropy(q=0.5)
    assert generalized([0], [[0.64, 0.36]]) == pytest.approx((1 - 0.8) / 0.5, rel=1e-6)
    nearly_ce = losses.CategoricalGeneralizedCrossEntropy(q=1e-6)
    assert nearly_ce([0], np.array([[0.64, 0.36]])) == pytest.approx(-np.log(0.64), rel=1e-5)


def test_another_axis_trains_as_in_keras():
    data = both.samples(lambda z, rng: np.eye(3)[z.argmax(axis=1)][:, :, None].repeat(2, 2))

    def layers(lib):
        return [lib.layers.Dense(6), lib.layers.Reshape((3, 2)), lib.layers.Activation("sigmoid")]

    def arguments(lib):
        return {
            "optimizer": lib.optimizers.SGD(0.1),
            "loss": lib.losses.CategoricalCrossentropy(axis=1),
            "metrics": [
                lib.metrics.CategoricalCrossentropy(axis=1, name="ce"),
                lib.metrics.PearsonCorrelation(axis=1, name="pearson"),
            ],
        }

    both.assert_same_training(layers, arguments, data)


def test_what_does_not_fit_is_told_before_training():
    model = model_of(losses.CategoricalFocalCrossentropy(), "softmax")
    before = model.get_weights()
    one_hot = np.eye(3)
    with pytest.raises(
        ValueError, match="Hint: for one-hot targets use 'categorical_crossentropy'"
    ):
        losses.sparse_categorical_crossentropy(one_hot, one_hot)
    with pytest.raises(ValueError, match=r"a class number.*y_pred.shape=\(3, 3\)\.$"):
        losses.CategoricalGeneralizedCrossEntropy()(one_hot, one_hot)
    with pytest.raises(ValueError, match=r"y: expected shape .*4, 3"):
        model.fit(X, LABELS, verbose=0)
    with pytest.raises(ValueError, match=r"CategoricalCrossentropy|categorical_crossentropy.*axis"):
        model_of(losses.CategoricalCrossentropy(axis=3), "softmax").fit(X, ONE_HOT, verbose=0)
    with pytest.raises(ValueError, match="the first axis of a model's output is the batch"):
        model_of(losses.CategoricalCrossentropy(axis=0), "softmax").fit(X, ONE_HOT, verbose=0)
    with pytest.raises(ValueError, match="Received: 3 in row 0"):
        model_of(losses.CategoricalGeneralizedCrossEntropy(), "softmax").fit(X, LABELS * 0 + 3)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
