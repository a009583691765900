"""Metrics of several results: arrays in logs and histories, their mean in what is printed."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import callbacks, metrics

RNG = np.random.default_rng(0)
X = RNG.normal(size=(29, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


@pytest.fixture
def model():
    model = fastmlp.Sequential([fastmlp.Input((3,)), fastmlp.layers.Dense(1, "sigmoid")])
    several = metrics.Precision(thresholds=[0.2, 0.4, 0.6], name="several")
    model.compile("sgd", "mse", metrics=[several, "mae"])
    return model


def expected(model):
    return metrics.Precision(thresholds=[0.2, 0.4, 0.6])(Y, model.predict(X, verbose=0))


def test_they_are_arrays_in_histories_and_results(model, tmp_path):
    seen = []
    on_epoch = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    for hooks in ([], [on_epoch, logger]):
        history = model.fit(
            X, Y, epochs=3, batch_size=8, validation_data=(X, Y), verbose=0, callbacks=hooks
        ).history
        assert [values.shape for values in history["several"]] == [(3,)] * 3
        np.testing.assert_allclose(history["val_several"][-1], expected(model))
        assert all(type(value) is float for value in history["mae"])
    np.testing.assert_array_equal(seen[-1]["several"], history["several"][-1])
    assert "[" in (tmp_path / "log.csv").read_text(encoding="utf-8")
    found = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(found[1], expected(model))
    assert [np.ndim(value) for value in found] == [0, 1, 0]
    np.testing.assert_allclose(model.test_on_batch(X, Y)[1], expected(model))


def test_what_is_printed_is_their_mean(model, capsys):
    value = expected(model).mean()
    model.evaluate(X, Y, verbose=2)
    assert f" - several: {value:.4f}" in capsys.readouterr().out


def test_they_cannot_be_monitored(model):
    stop = callbacks.EarlyStopping("several", mode="max")
    with pytest.raises(ValueError, match=r"EarlyStopping.*one number.*'several'.*shape \(3,\)"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[stop])
