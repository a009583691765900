"""What depends on how data are cut into batches is computed batch by batch, in `evaluate` too."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import losses, metrics, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(29, 3)).astype("float32")
Y = RNG.normal(size=(29, 2)).astype("float32")


def largest(y_true, y_pred):
    return ops.max(ops.abs(y_true - y_pred))


def model(**compile_arguments):
    model = fastmlp.Sequential([fastmlp.Input((3,)), fastmlp.layers.Dense(2)])
    model.compile("sgd", **compile_arguments)
    return model


def by_hand(model, batch):
    errors = np.abs(model.predict(X, verbose=0) - Y)
    return np.array([errors[i : i + batch].max() for i in range(0, 29, batch)])


@pytest.mark.parametrize("batch", [4, 8, 29])
def test_a_metric_of_the_batch_is_the_mean_over_batches(batch):
    one = model(loss="mse", metrics=[largest])
    expected = by_hand(one, batch).mean()
    found = one.evaluate(X, Y, batch_size=batch, verbose=0, return_dict=True)
    assert found["largest"] == pytest.approx(expected, rel=1e-6)
    one.optimizer.learning_rate = 0.0
    history = one.fit(
        X, Y, batch_size=batch, validation_data=(X, Y), validation_batch_size=batch, verbose=0
    ).history
    assert history["val_largest"] == [pytest.approx(expected, rel=1e-6)]


def test_a_loss_of_the_batch_counts_by_its_samples():
    one = model(loss=largest)
    expected = by_hand(one, 8) @ [8, 8, 8, 5] / 29
    assert one.evaluate(X, Y, batch_size=8, verbose=0) == pytest.approx(expected, rel=1e-6)


def test_built_in_ones_may_see_several_batches_at_once():
    for loss in (losses.MeanSquaredError(), losses.CategoricalFocalCrossentropy()):
        assert not loss.by_batch
    for metric in (
        metrics.MeanSquaredError(),
        metrics.AUC(),
        metrics.TopKCategoricalAccuracy(),
        metrics.PearsonCorrelation(),
        metrics.MeanMetricWrapper(losses.huber),
    ):
        assert not metric.by_batch
    assert metrics.MeanMetricWrapper(largest).by_batch
    assert losses.get(largest).by_batch
