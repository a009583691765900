"""Two inputs and two outputs in every form of loss, loss weights, metrics and data, as in Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.parity.both import assert_close
from tests.training.two_heads import Net

N = 20  # two batches of 8 and one of 4
RNG = np.random.default_rng(5)
A, B = (RNG.normal(size=(N, k)).astype("float32") for k in (3, 2))
P, Q = (RNG.normal(size=(N, k)).astype("float32") for k in (1, 2))
W, V = (RNG.uniform(0, 2, size=N).astype("float32") for _ in range(2))

# compile, y, sample_weight
CASES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "a string": ({"loss": "mse"}, [P, Q], None),
    "a list": ({"loss": ["mse", "mae"], "loss_weights": [0.5, 2.0]}, [P, Q], None),
    "a dict": ({"loss": {"q": "mae", "p": "huber"}, "loss_weights": {"p": 2.0, "q": 0.3}},
               [P, Q], None),
    "targets in a dict": ({"loss": {"p": "mse", "q": "mae"}}, {"q": Q, "p": P}, None),
    "an output without loss": ({"loss": ["mse", None]}, [P, Q], None),
    "metrics in lists": ({"loss": "mse", "metrics": [["mae"], ["mse", "mae", "mse"]]},
                         [P, Q], None),
    "metrics of one output": ({"loss": "mse", "metrics": {"q": ["mae"]}}, [P, Q], None),
    "a metric without loss": ({"loss": [None, "mse"], "metrics": ["mae", None]}, [P, Q], None),
    "weights for both": ({"loss": "mse", "metrics": {"q": "mse"},
                          "weighted_metrics": {"p": "mae", "q": ["mse", "mae"]}}, [P, Q], W),
    "weights for each": ({"loss": ["mse", "mae"], "weighted_metrics": ["mse", "mse"]},
                         [P, Q], [W, V]),
}  # fmt: skip


def theirs(weights: list[np.ndarray]) -> Any:
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    h, p = keras.layers.Dense(2, "tanh"), keras.layers.Dense(1, name="p")
    q = keras.layers.Dense(2, name="q")
    model = keras.Model([a, b], [p(a), q(keras.layers.Add()([h(a), b]))])
    for layer, start in zip((h, p, q), range(0, 6, 2), strict=True):
        layer.set_weights(weights[start : start + 2])
    return model, [h, p, q]


@pytest.mark.parametrize(("compiled", "y", "sample_weight"), CASES.values(), ids=CASES)
def test_training_and_logs_are_those_of_keras(compiled, y, sample_weight):
    ours = Net()
    model, layers = theirs([v.numpy() for v in ours.weights])
    logs = []
    for one in (model, ours):
        one.compile("sgd", **compiled)
        history = one.fit(
            [A, B], y, batch_size=8, epochs=2, shuffle=False, verbose=0,
            sample_weight=sample_weight, validation_data=([A, B], y),
        ).history  # fmt: skip
        evaluated = one.evaluate([A, B], y, batch_size=8, verbose=0, return_dict=True)
        logs.append((history, dict(evaluated)))
    (their_history, their_values), (our_history, our_values) = logs
    assert list(our_history) == list(their_history)
    assert list(our_values) == list(their_values)
    for key, values in their_history.items():
        assert_close(our_history[key], values, key)
    for key, value in their_values.items():
        assert_close(our_values[key], value, key)
    expected = [w for layer in layers for w in layer.get_weights()]
    for found, weight in zip(ours.weights, expected, strict=True):
        assert_close(found.value, weight, found.path)
