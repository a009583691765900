"""SimpleRNN, GRU and LSTM: against Keras, in all their forms, natively and step by step."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers, ops

STEPS, FEATURES, UNITS = 5, 3, 4

# Native ones first; the others run as ops of each step.
CASES = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "simple": ("SimpleRNN", {"use_bias": False}),
    "lstm of other activations": (
        "LSTM",
        {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
    ),
    "gru that resets before": ("GRU", {"reset_after": False}),
}
by_case = pytest.mark.parametrize(("name", "arguments"), CASES.values(), ids=CASES)


def data(n=12):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, STEPS, FEATURES)).astype("float32")
    return x, rng.normal(size=(n, 2)).astype("float32"), rng.random((n, STEPS)) > 0.3


def built(lib, name, arguments):
    x = lib.Input((STEPS, FEATURES))
    hidden = getattr(lib.layers, name)(UNITS, go_backwards=True, **arguments)(x)
    model = lib.Model(x, lib.layers.Dense(2)(hidden))
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model


@by_case
def test_outputs_and_ten_steps_are_those_of_keras(name, arguments):
    x, y, _ = data()
    theirs, ours = built(keras, name, arguments), built(fastmlp, name, arguments)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-5)
    for model in (theirs, ours):
        model.fit(x, y, batch_size=6, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@by_case
def test_states_and_masks_are_those_of_keras(name, arguments):
    x, _, mask = data()
    kwargs = {"return_sequences": True, "return_state": True, **arguments}
    theirs, ours = (getattr(lib.layers, name)(UNITS, **kwargs) for lib in (keras, fastmlp))
    theirs(x)
    ours(x)
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    h = np.random.default_rng(1).normal(size=(2, 12, UNITS)).astype("float32")
    states = [h[0], h[1]] if name == "LSTM" else h[0]
    mask[:, 0] = True  # before the first step that counts, Keras returns zeros, not the state
    for a, b in zip(
        ours(x, initial_state=states, mask=mask),
        theirs(x, initial_state=states, mask=mask),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


@by_case
def test_gradients_pass_the_check(name, arguments):
    x, y, _ = data()
    model = built(fastmlp, name, arguments)
    assert max(fastmlp.check_gradients(model, x, y, elements=4).values()) < 1e-2


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_step_by_step_is_what_the_native_loop_does(name, monkeypatch):
    x, _, mask = data()
    layer = getattr(layers, name)(UNITS, return_sequences=True)
    expected = layer(x, mask=mask)
    again = type(layer).from_config(layer.get_config())
    monkeypatch.setattr(type(layer.cell), "_is_native", lambda self: False)
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_allclose(again(x, mask=mask), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_dropout_is_for_training_alone_and_follows_its_seed(name):
    x, _, _ = data()
    layer = getattr(layers, name)(UNITS, dropout=0.5, recurrent_dropout=0.5, seed=3)
    np.testing.assert_array_equal(layer(x), layer(x))
    assert not np.array_equal(layer(x, training=True), layer(x))
    model = fastmlp.Sequential([fastmlp.Input((STEPS, FEATURES)), layer])
    model.compile("sgd", "mse")
    errors = fastmlp.check_gradients(model, x, np.zeros((12, UNITS)), elements=3)
    assert max(errors.values()) < 1e-2


@pytest.mark.parametrize(
    ("name", "arguments", "n"),
    [
        ("LSTM", {"recurrent_dropout": 0.2}, 8),
        ("GRU", {"recurrent_dropout": 0.2, "reset_after": False}, 6),
        ("GRU", {"recurrent_dropout": 0.2}, 6),
        ("SimpleRNN", {"recurrent_dropout": 0.2}, 2),
        ("LSTM", {}, 1),
        ("GRU", {"implementation": 1}, 3),
    ],
)
def test_gates_have_dropouts_of_their_own_where_they_have_them_in_keras(name, arguments, n):
    x, y, _ = data()
    model = built(fastmlp, name, {"dropout": 0.5, "seed": 1, **arguments})
    nodes = fastmlp.graph.order(model.outputs)
    assert sum(node.op == "dropout" for node in nodes) == n
    errors = fastmlp.check_gradients(model, x, y, elements=2)
    assert max(errors.values()) < 1e-2
    plain = built(fastmlp, name, {key: v for key, v in arguments.items() if key == "reset_after"})
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(model(x), plain(x), atol=1e-6)


@by_case
def test_config_has_the_keys_of_keras_and_makes_an_equal_layer(name, arguments):
    layer = getattr(layers, name)(UNITS, dropout=0.1, kernel_regularizer="l2", **arguments)
    config = layer.get_config()
    theirs = getattr(keras.layers, name)(UNITS).get_config()
    assert set(theirs) <= set(config)
    assert type(layer).from_config(config).get_config() == config


def test_the_forget_gate_begins_open():
    layer = layers.LSTM(2)
    layer.build((None, 3, 1))
    np.testing.assert_array_equal(layer.weights[2].value, [0, 0, 1, 1, 0, 0, 0, 0])
    layer = layers.LSTM(2, unit_forget_bias=False, bias_initializer="ones")
    layer.build((None, 3, 1))
    np.testing.assert_array_equal(layer.weights[2].value, np.ones(8))


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("units", [24, 72])  # gradients as shares of tasks, and as tiles of weights
def test_a_step_of_several_tasks_is_that_of_the_reference(name, units):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 10, 8)).astype("float32"), rng.normal(size=(64, 1))
    found = []
    for threads, eagerly in ((1, True), (1, False), (2, False)):
        fastmlp.config.set_num_threads(threads)
        fastmlp.utils.set_random_seed(1)
        model = fastmlp.Sequential([fastmlp.Input((10, 8)), getattr(layers, name)(units)])
        model.add(layers.Dense(1))
        model.compile(fastmlp.optimizers.SGD(0.5), "mse", run_eagerly=eagerly)
        model.fit(x, y, batch_size=64, verbose=0)
        found.append([w.copy() for w in model.get_weights()])
    for expected, one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)
        assert np.array_equal(one, two)


def test_the_state_of_one_layer_starts_another():
    x = fastmlp.Input((STEPS, FEATURES))
    _, h, c = layers.LSTM(UNITS, return_state=True)(x)
    y = layers.LSTM(UNITS, return_sequences=True)(x, initial_state=[h, ops.tanh(c)])
    model = fastmlp.Model(x, y)
    model.compile("sgd", "mse")
    inputs, _, _ = data()
    errors = fastmlp.check_gradients(model, inputs, np.zeros((12, STEPS, UNITS)), elements=3)
    assert len(errors) == 6
    assert max(errors.values()) < 1e-2


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_outputs_in_float64_are_those_of_the_formula(name):
    x = np.random.default_rng(2).normal(size=(8, STEPS, FEATURES))
    layer = getattr(layers, name)(UNITS, bias_initializer="normal", dtype="float64")
    found = layer(x)
    w, u, b = layer.get_weights()
    h = c = np.zeros((8, UNITS))
    for t in range(STEPS):
        if name == "SimpleRNN":
            h = np.tanh(x[:, t] @ w + h @ u + b)
        elif name == "LSTM":
            i, f, candidate, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
            h = sigmoid(o) * np.tanh(c)
        else:
            xz, xr, xh = np.split(x[:, t] @ w + b[0], 3, axis=1)
            hz, hr, hh = np.split(h @ u + b[1], 3, axis=1)
            z = sigmoid(xz + hz)
            h = z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh)
    np.testing.assert_allclose(found, h, atol=1e-15)


def test_the_tutorial_of_prices_trains_natively():
    x = fastmlp.Input((10, 1))
    hidden = layers.LSTM(300, activation="relu")(x)
    heads = [layers.Dense(1, name="price")(hidden)]
    heads.append(layers.Dense(1, activation="sigmoid", name="updown")(hidden))
    model = fastmlp.Model(x, heads)
    loss = {"price": "mse", "updown": "binary_crossentropy"}
    model.compile("adam", loss=loss, metrics={"updown": "accuracy"})
    series = np.sin(np.arange(140) / 7).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(series, 10)[:-1, :, None]
    targets = {"price": series[10:], "updown": (np.diff(series)[9:] > 0).astype("float32")}
    history = model.fit(windows, targets, epochs=3, verbose=0).history
    assert set(history) == {"loss", "price_loss", "updown_loss", "updown_accuracy"}
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    text = []
    model.plan_summary(print_fn=text.append)
    assert "rnn_bwd lstm" in text[0] and "Python" not in text[0]


def test_validation_within_fit_uses_the_weights_of_its_epoch():
    x, y, _ = data()
    model, twin = (built(fastmlp, "LSTM", {}) for _ in range(2))
    twin.set_weights(model.get_weights())
    found = model.fit(x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y)).history
    for loss in found["val_loss"]:
        twin.fit(x, y, shuffle=False, verbose=0)
        np.testing.assert_allclose(loss, twin.evaluate(x, y, verbose=0), rtol=1e-6)


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"expected inputs \(batch, steps, features\)"):
        layers.GRU(3)(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="units"):
        layers.SimpleRNN(0)
    with pytest.raises(ValueError, match=r"expected 2 states of shape \(batch, 3\)"):
        layers.LSTM(3)(np.zeros((2, 4, 1)), initial_state=[np.zeros((2, 3))])
