"""What fit, evaluate and predict do and return, on problems small enough to check by hand."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, optimizers
from fastmlp.training.loop import FitLoop

XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
XOR_Y = np.array([0, 1, 1, 0], "float32")


@pytest.fixture(autouse=True)
def _seed():
    fastmlp.utils.set_random_seed(1)


def small_model(output: str | None = None, **compile_arguments: Any) -> Sequential:
    model = Sequential([Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(2, output)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compile_arguments})
    return model


def small_data(n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype("float32")
    return x, np.tanh(x[:, :2] - x[:, 1:])


def linear_model(kernel: Any, **compile_arguments: Any) -> Sequential:
    kernel = np.asarray(kernel, "float32")
    model = Sequential([Input(kernel.shape[:1]), layers.Dense(kernel.shape[1], use_bias=False)])
    model.set_weights([kernel])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compile_arguments})
    return model


# Learning.


def test_xor_is_learned():
    model = Sequential(
        [Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(XOR_X, XOR_Y, epochs=400, verbose=0).history
    assert history["accuracy"][-1] == 1.0
    assert history["loss"][-1] < 0.05
    assert (model.predict(XOR_X, verbose=0)[:, 0].round() == XOR_Y).all()


def test_one_step_of_sgd_is_the_formula():
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [0.0]])
    model = linear_model([[0.5], [0.25]], optimizer=optimizers.SGD(0.1))
    history = model.fit(x, y, batch_size=2, epochs=1, verbose=0).history
    error = x @ np.array([[0.5], [0.25]]) - y
    expected = np.array([[0.5], [0.25]]) - 0.1 * x.T @ error  # 2/n · xᵀ·error, n = 2
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-6)
    assert history == {"loss": [pytest.approx(float((error**2).mean()), rel=1e-6)]}


def test_dense_with_step_and_sgd_is_the_perceptron_rule():
    """The gradient of mse is 2 · error: a rate of 0.5 makes the classic update of 1 · error."""
    rng = np.random.default_rng(3)
    x = rng.integers(-4, 5, size=(60, 2)).astype("float32")
    y = (x @ [2.0, -1.0] + 0.5 > 0).astype("float32")
    model = Sequential(
        [Input((2,)), layers.Dense(1, activation="step", kernel_initializer="zeros")]
    )
    model.compile(optimizers.SGD(0.5), "mse", metrics=["accuracy"])
    w, b = np.zeros(2), 0.0
    history = model.fit(x, y, batch_size=1, epochs=60, shuffle=False, verbose=0).history
    for _ in range(60):
        for xi, yi in zip(x, y, strict=True):
            output = fastmlp.activations.step(np.array([xi @ w + b]))[0]
            w, b = w + (yi - output) * xi, b + (yi - output)
    assert model.layers[0].kernel[:, 0].tolist() == w.tolist()
    assert model.layers[0].bias.tolist() == [b]
    assert history["accuracy"][-1] == 1.0


def test_loss_falls_with_every_optimizer():
    x, y = small_data()
    for name in ("sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax", "nadam"):
        model = small_model(optimizer=name)
        model.optimizer.learning_rate = 1.0 if name == "adadelta" else 0.05
        losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
        assert losses[-1] < 0.7 * losses[0], name


# What fit returns.


def test_history_holds_floats_under_sorted_names_with_validation_last():
    x, y = small_data()
    model = small_model(metrics=["mse", "mae"])
    result = model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)
    assert list(result.history) == ["loss", "mae", "mse", "val_loss", "val_mae", "val_mse"]
    assert all(len(values) == 3 for values in result.history.values())
    assert all(type(v) is float for values in result.history.values() for v in values)
    assert result.epoch == [0, 1, 2]
    assert result.params == {"verbose": 0, "epochs": 3, "steps": 2}
    assert model.history is result
    assert result.model is model


def test_losses_of_batches_are_averaged_by_their_sizes():
    x, y = np.arange(5, dtype="float32")[:, None], np.zeros((5, 1))
    model = linear_model([[1.0]], optimizer=optimizers.SGD(0.0))
    assert model.fit(x, y, batch_size=4, verbose=0).history["loss"] == [6.0]  # 30 / 5
    assert model.evaluate(x, y, batch_size=2, verbose=0) == 6.0


def test_samples_stay_with_their_targets_when_shuffled():
    x = np.random.default_rng(0).normal(size=(1000, 3)).astype("float32")
    model = linear_model(np.eye(3))
    assert model.fit(x, x, batch_size=7, epochs=3, verbose=0).history["loss"] == [0.0, 0.0, 0.0]


def test_each_epoch_visits_every_sample_once():
    x = (2.0 ** np.arange(20))[:, None]  # a sum of powers of two tells which were in it
    model = linear_model([[1.0]], optimizer=optimizers.SGD(0.0), loss="mae")
    history = model.fit(x, np.zeros(20), batch_size=3, epochs=5, verbose=0).history
    assert history["loss"] == [pytest.approx((2.0**20 - 1) / 20, rel=1e-12)] * 5


def test_epochs_are_shuffled_differently_unless_told_not_to():
    x, y = small_data()
    start = small_model().get_weights()
    found = []
    for shuffle in (True, True, False, False):
        model = small_model()
        model.set_weights(start)
        model.fit(x, y, batch_size=8, epochs=2, shuffle=shuffle, verbose=0)
        found.append(model.get_weights()[0].tobytes())
    assert len(set(found[:3])) == 3
    assert found[2] == found[3]


def test_fit_of_zero_epochs_changes_nothing():
    x, y = small_data()
    model = small_model()
    before = model.get_weights()
    result = model.fit(x, y, epochs=0, verbose=0)
    assert result.history == {}
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_initial_epoch_counts_on():
    x, y = small_data()
    model = small_model()
    model.fit(x, y, epochs=2, verbose=0)
    result = model.fit(x, y, epochs=5, initial_epoch=2, verbose=0)
    assert result.epoch == [2, 3, 4]
    assert len(result.history["loss"]) == 3


def test_fit_cut_in_two_gives_the_same_bits_without_shuffling():
    x, y = small_data()
    whole, cut = small_model(optimizer="nadam"), small_model(optimizer="nadam")
    cut.set_weights(whole.get_weights())
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    one = whole.fit(x, y, epochs=5, **options).history["loss"]
    two = cut.fit(x, y, epochs=2, **options).history["loss"]
    two += cut.fit(x, y, epochs=5, initial_epoch=2, **options).history["loss"]
    assert one == two
    assert all((a == b).all() for a, b in zip(whole.get_weights(), cut.get_weights(), strict=True))


def test_default_batch_is_32():
    x, y = small_data(65)
    model = small_model()
    assert model.fit(x, y, verbose=0).params["steps"] == 3
    assert model.optimizer.iterations == 3


def test_batch_larger_than_the_data_is_one_step():
    x, y = small_data()
    model = small_model()
    model.fit(x, y, batch_size=10**9, epochs=2, verbose=0)
    assert model.optimizer.iterations == 2


# Validation, evaluate, predict.


def test_last_val_loss_is_what_evaluate_returns():
    x, y = small_data()
    model = small_model(metrics=["mae"])
    history = model.fit(x[:40], y[:40], epochs=2, validation_data=(x[40:], y[40:]), verbose=0)
    values = model.evaluate(x[40:], y[40:], verbose=0)
    assert values == [history.history["val_loss"][-1], history.history["val_mae"][-1]]
    named = model.evaluate(x[40:], y[40:], verbose=0, return_dict=True)
    assert named == {"loss": values[0], "mae": values[1]}


def test_validation_does_not_change_training():
    x, y = small_data()
    with_it, without = small_model(), small_model()
    without.set_weights(with_it.get_weights())
    options = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
    with_it.fit(x, y, validation_data=(x[:9], y[:9]), **options)
    without.fit(x, y, **options)
    for a, b in zip(with_it.get_weights(), without.get_weights(), strict=True):
        assert (a == b).all()


def test_training_loss_of_each_epoch_survives_a_long_validation():
    """A native call ends after 200 ms: also between the training of an epoch and its log."""
    x, y = small_data()
    x_long, y_long = (np.broadcast_to(a[:1], (8_000_000, a.shape[1])) for a in (x, y))
    options = {"epochs": 4, "shuffle": False, "verbose": 0}
    long, short = small_model(), small_model()
    short.set_weights(long.get_weights())
    a = long.fit(x, y, validation_data=(x_long, y_long), **options).history
    b = short.fit(x, y, validation_data=(x[:1], y[:1]), **options).history
    assert a["loss"] == b["loss"]
    np.testing.assert_allclose(a["val_loss"], b["val_loss"], rtol=1e-6)


@pytest.mark.parametrize(("verbose", "seconds"), [(0, 0.15), (1, 0.04)])
def test_executions_are_shorter_where_a_bar_shows_them(verbose, seconds, monkeypatch):
    calls, go = [], FitLoop._go

    def timed(self, **limits):
        start = time.monotonic()
        go(self, **limits)
        calls.append(time.monotonic() - start)

    monkeypatch.setattr(FitLoop, "_go", timed)
    x, y = (np.broadcast_to(a[:1], (3_000_000, a.shape[1])) for a in small_data())
    small_model().fit(x, y, batch_size=8, verbose=verbose, shuffle=False)
    assert len(calls) <= 1 + sum(calls) / seconds
    assert verbose == 0 or len(calls) > 1


def test_validation_split_takes_the_last_samples_and_trains_on_the_others():
    x, y = small_data(50)
    split, given = small_model(), small_model()
    given.set_weights(split.get_weights())
    options = {"epochs": 3, "shuffle": False, "verbose": 0}
    a = split.fit(x, y, validation_split=0.3, **options)
    b = given.fit(x[:35], y[:35], validation_data=(x[35:], y[35:]), **options)
    assert a.history == b.history
    assert (split.get_weights()[0] == given.get_weights()[0]).all()


def test_evaluate_returns_a_number_when_there_are_no_metrics():
    x, y = small_data()
    assert type(small_model().evaluate(x, y, verbose=0)) is float


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 257, 1000])
def test_predict_gives_every_sample_the_outputs_of_the_formula(n):
    x = np.random.default_rng(n).normal(size=(n, 3)).astype("float32")
    model = small_model()
    w1, b1, w2, b2 = model.get_weights()
    outputs = model.predict(x, verbose=0)
    assert outputs.shape == (n, 2) and outputs.dtype == np.float32
    # a few roundings of 6e-8 each
    np.testing.assert_allclose(outputs, np.tanh(x @ w1 + b1) @ w2 + b2, rtol=2e-6, atol=2e-6)


@pytest.mark.usefixtures("native_products")
def test_outputs_do_not_depend_on_batches():
    x = np.random.default_rng(0).normal(size=(300, 3)).astype("float32")
    model = small_model()
    whole = model.predict(x, verbose=0)
    for batch_size in (1, 7, 32, 300, 1000):
        assert (model.predict(x, batch_size=batch_size, verbose=0) == whole).all()
    assert (
        np.concatenate([model.predict(row[None], verbose=0) for row in x[:40]]) == whole[:40]
    ).all()
    assert (model(x) == whole).all()


def test_predict_works_before_compile():
    model = Sequential([Input((3,)), layers.Dense(2)])
    assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)


def test_results_of_predict_are_the_callers_to_keep():
    model = small_model()
    x = small_data()[0]
    first = model.predict(x, verbose=0)
    kept = first.copy()
    model.predict(-x, verbose=0)
    assert (first == kept).all()
    first[...] = 0
    assert (model.predict(x, verbose=0) == kept).all()


def test_dropout_acts_in_training_only():
    x = np.ones((400, 10), "float32")
    model = Sequential([Input((10,)), layers.Dropout(0.5), layers.Dense(1, use_bias=False)])
    model.set_weights([np.full((10, 1), 0.1)])
    model.compile(optimizers.SGD(0.0), "mse")
    assert model.evaluate(x, np.ones(400), verbose=0) < 1e-12
    loss = model.fit(x, np.ones(400), verbose=0).history["loss"][0]
    # variance of a mean of 10 values that are 0 or 2: 0.1, seen in 400 samples within a third
    assert 0.07 < loss < 0.13
    assert (model.predict(x, verbose=0) == model.predict(x, verbose=0)).all()


def test_samples_of_weight_zero_change_nothing():
    x, y = small_data()
    weights = np.ones(50)
    weights[::3] = 0
    one, two = small_model(), small_model()
    two.set_weights(one.get_weights())
    options = {"sample_weight": weights, "shuffle": False, "batch_size": 8, "verbose": 0}
    changed = x.copy()
    changed[::3] += 5
    a, b = one.fit(x, y, **options), two.fit(changed, y, **options)
    assert a.history == b.history
    assert (one.get_weights()[0] == two.get_weights()[0]).all()


# The model between calls.


def test_compiling_again_keeps_weights_and_forgets_the_optimizer():
    x, y = small_data()
    model = small_model(optimizer="adam")
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.compile("adam", "mae")
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 0
    model.fit(x, y, verbose=0)


def test_one_model_takes_data_of_other_sizes_types_and_batches():
    model = small_model()
    x, y = small_data(64)
    for data, batch in (
        (x, 8),
        (x.astype("float64"), 8),
        (x[:10], 64),
        (np.round(x).astype(int), 3),
    ):
        assert np.isfinite(
            model.fit(data, y[: len(data)], batch_size=batch, verbose=0).history["loss"]
        )
    model.evaluate(x, y, verbose=0)
    assert model.predict(x[:1], verbose=0).shape == (1, 2)


def test_weights_written_between_fits_are_used():
    model = linear_model(np.eye(3), optimizer=optimizers.SGD(0.0))
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    assert model.fit(x, x, verbose=0).history["loss"] == [0.0]
    model.layers[0].kernel[...] = 2 * np.eye(3)
    assert (model.predict(x, verbose=0) == 2 * x).all()
    assert model.fit(x, 2 * x, verbose=0).history["loss"] == [0.0]
    model.set_weights([np.eye(3)])
    assert model.evaluate(x, x, verbose=0) == 0.0
    assert (model(x) == x).all()


def test_frozen_layers_keep_their_weights():
    x, y = small_data()
    model = small_model()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    assert (before[0] == after[0]).all() and (before[1] == after[1]).all()
    assert (before[2] != after[2]).any()


def test_float64_model_computes_in_float64():
    fastmlp.config.set_floatx("float64")
    try:
        model = small_model()
    finally:
        fastmlp.config.set_floatx("float32")
    x, y = small_data()
    model.fit(x, y, verbose=0)
    w1, b1, w2, b2 = model.get_weights()
    assert w1.dtype == np.float64
    outputs = model.predict(x, verbose=0)
    assert outputs.dtype == np.float64
    np.testing.assert_allclose(outputs, np.tanh(x @ w1 + b1) @ w2 + b2, rtol=1e-13, atol=1e-14)
