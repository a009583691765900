"""The NumPy trainer that times are compared with trains rightly: its weights are Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp._numpy_peer import NumpyMLP

CASES = [
    ((3, 7, 5, 1), "sigmoid", "mean_squared_error", "sgd"),
    ((3, 7, 5, 1), "relu", "binary_crossentropy", "adam"),
    ((6, 9, 4), "tanh", "sparse_categorical_crossentropy", "adam"),
]


def data(sizes, loss):
    random = np.random.default_rng(0)
    x = random.standard_normal((50, sizes[0]), np.float32)
    if loss == "mean_squared_error":
        return x, random.standard_normal((50, sizes[-1]), np.float32)
    if loss == "binary_crossentropy":
        return x, random.integers(0, 2, (50, 1)).astype(np.float32)
    return x, random.integers(0, sizes[-1], 50)


@pytest.mark.parametrize(("sizes", "hidden", "loss", "optimizer"), CASES)
def test_weights_and_losses_are_those_of_keras(sizes, hidden, loss, optimizer):
    import keras

    outputs = {"mean_squared_error": "linear", "binary_crossentropy": "sigmoid"}
    model = keras.Sequential([keras.Input((sizes[0],))])
    for units in sizes[1:-1]:
        model.add(keras.layers.Dense(units, activation=hidden))
    model.add(keras.layers.Dense(sizes[-1], activation=outputs.get(loss, "softmax")))
    rule = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[optimizer]
    model.compile(rule(0.01), loss)
    peer = NumpyMLP(sizes, hidden, loss, optimizer, 0.01)
    peer.set_weights(model.get_weights())
    x, y = data(sizes, loss)
    ours = peer.fit(x, y, 8, 5, shuffle=False)["loss"]
    theirs = model.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for w, expected in zip(peer.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(w, expected, atol=1e-5)


@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "tanh"])
def test_gradient_with_dropout_is_the_difference_quotient(hidden):
    """Same seed, same masks: the loss is a smooth function of one weight almost everywhere."""
    x, y = data((4, 6, 3), "sparse_categorical_crossentropy")

    def loss(delta: float) -> tuple[float, float]:
        peer = NumpyMLP((4, 6, 3), hidden, "sparse_categorical_crossentropy", dropout=0.3, seed=5)
        peer.weights[0][1, 2] += delta
        value = peer._gradient(x, y)
        return value, float(peer._gradients[0][1, 2])

    quotient = (loss(1e-2)[0] - loss(-1e-2)[0]) / 2e-2
    assert quotient == pytest.approx(loss(0)[1], abs=1e-3)  # float32, and a step of 1e-2


def test_history_holds_every_epoch_and_validation():
    x, y = data((3, 7, 1), "mean_squared_error")
    history = NumpyMLP((3, 7, 1), seed=1).fit(x, y, 8, 3, validation_data=(x[:9], y[:9]))
    assert [len(history["loss"]), len(history["val_loss"])] == [3, 3]
    assert history["loss"][2] < history["loss"][0]


def test_saturated_sigmoid_is_zero_or_one_without_a_warning():
    peer = NumpyMLP((1, 2, 1), "sigmoid", "binary_crossentropy")
    peer.set_weights([np.full((1, 2), 1e4), np.zeros(2), np.full((2, 1), -1e4), np.zeros(1)])
    assert peer.predict(np.array([[1], [-1]], np.float32)).ravel().tolist() == [0, 0.5]
