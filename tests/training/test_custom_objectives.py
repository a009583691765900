"""Losses and metrics of the user's own: functions and subclasses, traced or Python code."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import losses, metrics, ops
from fastmlp.layers import Dense

RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 4)).astype("float32")
Y = RNG.normal(size=(50, 2)).astype("float32")
WEIGHTS = RNG.random(50).astype("float32")


def mse(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


class Squares(losses.Loss):
    def call(self, y_true, y_pred):
        return mse(y_true, y_pred)


def fitted(loss, metric=(), weights=None, weighted=(), y=Y, units=2):
    fastmlp.utils.set_random_seed(5)
    model = fastmlp.Sequential([fastmlp.Input((4,)), Dense(6, "tanh"), Dense(units)])
    model.compile("adam", loss, metrics=list(metric), weighted_metrics=list(weighted))
    history = model.fit(
        X, y, epochs=3, batch_size=16, sample_weight=weights, shuffle=False, verbose=0
    )
    return model, history.history


def assert_same(one, other):
    model, log = one
    expected, wanted = other
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # float32, in another order
    np.testing.assert_allclose(log["loss"], wanted["loss"], rtol=1e-5)


FORMS = {
    "function": (mse, losses.MeanSquaredError()),
    "scalar": (lambda t, p: ops.mean(ops.square(t - p)), losses.MeanSquaredError()),
    "subclass": (Squares(), losses.MeanSquaredError()),
    "class": (Squares, losses.MeanSquaredError()),
    "sum": (Squares(reduction="sum"), losses.MeanSquaredError(reduction="sum")),
    "constants": (lambda t, p: 2.0 * mse(t, p) + 0.0, lambda t, p: mse(t, p) * np.full((), 2.0)),
    "metrics as losses": (losses.mean_squared_error, mse),
}


@pytest.mark.parametrize(("own", "known"), FORMS.values(), ids=FORMS)
def test_a_loss_of_ones_own_trains_as_the_known_one(own, known):
    assert_same(fitted(own), fitted(known))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_sample_weights_and_reductions(reduction):
    own = fitted(Squares(reduction=reduction), weights=WEIGHTS)
    assert_same(own, fitted(losses.MeanSquaredError(reduction=reduction), weights=WEIGHTS))


def test_targets_of_one_number_fit_one_unit_and_classes_stay_what_they_are():
    y = Y[:, 0]
    assert_same(fitted(mse, y=y, units=1), fitted("mse", y=y, units=1))
    classes = RNG.integers(3, size=50)

    def crossentropy(t, p):
        assert t.shape == (None,)
        return ops.sparse_categorical_crossentropy(t, p, from_logits=True)

    known = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert_same(fitted(crossentropy, y=classes, units=3), fitted(known, y=classes, units=3))


def test_metrics_of_ones_own_are_means_and_may_be_weighted():
    _, log = fitted("mse", [mse, "mse"], WEIGHTS, [mse, "mse"])
    np.testing.assert_allclose(log["mse"], log["mse_1"], rtol=1e-6)
    np.testing.assert_allclose(log["weighted_mse"], log["weighted_mse_1"], rtol=1e-6)
    metric = metrics.MeanMetricWrapper(mse, "own")
    assert metric(Y, 0 * Y) == pytest.approx(np.square(Y).mean(), rel=1e-6)
    assert metric.name == "own"
    weighted = metrics.MeanMetricWrapper(mse)
    weighted.update_state(Y, 0 * Y, WEIGHTS)
    expected = np.average(np.square(Y).mean(axis=1), weights=WEIGHTS)
    assert weighted.result() == pytest.approx(expected, rel=1e-5)


class Worst(metrics.Metric):
    def __init__(self, name="worst"):
        super().__init__(name=name)
        self.reset_state()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.error = max(self.error, float(ops.max(ops.absolute(y_true - y_pred))))

    def result(self):
        return self.error

    def reset_state(self):
        self.error = 0.0


def test_a_metric_with_a_state_of_its_own_sees_every_batch():
    model, log = fitted("mse", [Worst()])
    assert len(log["worst"]) == 3
    found = model.evaluate(X, Y, batch_size=20, verbose=0, return_dict=True)
    expected = np.abs(Y - model.predict(X, verbose=0)).max()
    assert found["worst"] == pytest.approx(expected, rel=1e-5)


def test_losses_on_arrays():
    assert Squares()([[1.0, 3.0]], [[0.0, 0.0]]) == 5.0
    assert losses.get(mse)([[1.0], [2.0]], [1.0, 0.0]) == 2.0
    assert losses.get(mse).name == "mse"
    known = losses.MeanSquaredError()(Y, 0 * Y, WEIGHTS)
    assert Squares()(Y, 0 * Y, WEIGHTS) == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda t, p: None, TypeError, "Loss 'lambda': expected its function to return a tensor or"),
        (lambda t, p: t - ops.concatenate([p, p], -1), ValueError, r"subtract.*\(None, 2\) from .*\(None, 4\)"),
        (lambda t, p: t @ p, ValueError, r"matmul.*\(None, 2\) from .* and \(None, 2\)"),
        (lambda t, p: np.square(t), TypeError, "np.square: expected arrays"),
        (lambda t, p: ops.log("word"), TypeError, "expected a tensor, an array or numbers.*word"),
        (lambda t: t, TypeError, "argument"),
        (3, ValueError, "Could not interpret loss"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_changes(loss, error, message):
    fastmlp.utils.set_random_seed(5)
    model = fastmlp.Sequential([fastmlp.Input((4,)), Dense(2)])
    before = model.get_weights()

    def train():
        model.compile("sgd", loss)
        model.fit(X, Y, verbose=0)

    with pytest.raises(error, match=message):
        train()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    model.compile("sgd", mse)
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before[0])
