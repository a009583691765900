"""Recurrent layers of many weights for their steps: their gradients are products over the whole batch."""

import numpy as np
import pytest

from fastmlp import Input, Model, Sequential, layers
from fastmlp.utils import set_random_seed

STEPS, FEATURES = 4, 3


pytestmark = pytest.mark.usefixtures("two_threads")
LAYERS = {
    "lstm": lambda: [layers.LSTM(150)],
    "relu": lambda: [layers.LSTM(150, activation="relu")],
    "gru": lambda: [layers.GRU(180)],
    "simple": lambda: [layers.SimpleRNN(300, return_sequences=True), layers.LSTM(8)],
    "stateful": lambda: [layers.LSTM(150, stateful=True)],
    "backwards": lambda: [layers.GRU(180, go_backwards=True, return_sequences=True), layers.GRU(8)],
    "both ways": lambda: [layers.Bidirectional(layers.LSTM(150))],
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_fit_gives_what_the_numpy_twins_give(name, masked):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, STEPS, FEATURES)).astype("f")
    x[::7, 2:] = 0
    y = rng.normal(size=(80, 1)).astype("f")
    rows = 20 if name == "stateful" else 24  # with a last batch of fewer samples, where that may be
    weights = []
    for eagerly in (False, True):
        set_random_seed(3)
        first = [Input((STEPS, FEATURES), batch_size=rows if name == "stateful" else None)]
        first += [layers.Masking()] * masked
        model = Sequential([*first, *LAYERS[name](), layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(x, y, rows, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for native, twin in zip(*weights, strict=True):
        np.testing.assert_allclose(native, twin, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_states_of_zeros_count_as_none(kind):
    """Products with the zeros before the first step are left out where nobody gives those states."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, STEPS, FEATURES)).astype("f"), rng.normal(size=(80, 1)).astype("f")
    zeros = np.zeros((80, 300), "f")
    weights = []
    for given in ([], [zeros] * (2 if kind is layers.LSTM else 1)):
        set_random_seed(3)
        inputs = [Input((STEPS, FEATURES)), *(Input((300,)) for _ in given)]
        h = kind(300, seed=1)(inputs[0], initial_state=inputs[1:] or None)
        model = Model(inputs, layers.Dense(1)(h))
        model.compile("sgd", "mse")
        model.fit([x, *given], y, 24, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for without, with_zeros in zip(*weights, strict=True):
        np.testing.assert_allclose(without, with_zeros, rtol=1e-4, atol=1e-6)
