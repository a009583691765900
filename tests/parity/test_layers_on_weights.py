"""Layers called on weights, which have no samples: the results are those of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from tests.parity.both import assert_close

X = np.random.default_rng(0).normal(size=(70, 3)).astype("float32")
W = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")


def on_weights(k: Any, inner: Any) -> Any:
    class OnWeights(k.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=W.shape, name="w")
            self.inner.build(W.shape)

        def call(self, x: Any, training: Any = None) -> Any:
            told = {"training": training} if isinstance(inner, k.layers.Dropout) else {}
            return k.ops.matmul(x, k.ops.transpose(self.inner(self.w, **told)))

    return k.Sequential([k.Input((3,)), OnWeights()])


INNER: dict[str, Callable[[Any], Any]] = {
    "dense": lambda k: k.layers.Dense(3, "tanh"),
    "without bias": lambda k: k.layers.Dense(3, use_bias=False),
    "activity": lambda k: k.layers.Dense(3, activity_regularizer=k.regularizers.L1L2(0.1, 0.2)),
    "own activity": lambda k: k.layers.Activation(
        "relu", activity_regularizer=lambda y: k.ops.sum(y**3)
    ),
}


@pytest.mark.parametrize("make", INNER.values(), ids=INNER)
def test_layers_on_weights_train_as_in_keras(make: Callable[[Any], Any]) -> None:
    found, weights = [], []
    for k in (fastmlp, keras):
        model = on_weights(k, make(k))
        rng = np.random.default_rng(2)
        weights = weights or [rng.normal(size=w.shape) for w in model.get_weights()]
        model.set_weights(weights)
        model.compile(k.optimizers.SGD(0.05), "mse")
        y = X @ W.T
        fit = model.fit(X, y, batch_size=35, epochs=3, shuffle=False, verbose=0)
        found.append([fit.history["loss"], model.predict(X, verbose=0), *model.get_weights()])
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, "result")


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.0])
def test_dropout_on_weights_decides_once_for_the_batch(rate: float) -> None:
    model = on_weights(fastmlp, fastmlp.layers.Dropout(rate))
    model.set_weights([W])
    kept = np.array([
        np.linalg.lstsq(X, np.asarray(model(X, training=True)), rcond=None)[0].T / W
        for _ in range(100)
    ])  # fmt: skip
    scale = 1 / (1 - rate) if rate < 1 else 0.0
    assert np.isclose(kept, 0, atol=1e-4).any()
    assert (np.isclose(kept, 0, atol=1e-4) | np.isclose(kept, scale, rtol=1e-3)).all()
    # 1,500 draws: within 5 standard deviations
    assert abs((np.abs(kept) < 1e-4).mean() - rate) <= 5 * np.sqrt(rate * (1 - rate) / 1500)
    np.testing.assert_allclose(model(X), X @ W.T, rtol=1e-5, atol=1e-6)


def test_gradients_pass_through_dropout_of_weights() -> None:
    model = on_weights(fastmlp, fastmlp.layers.Dropout(0.3, seed=1))
    model.compile("sgd", "mse")
    assert max(fastmlp.check_gradients(model, X, X @ W.T).values()) < 1e-4


def test_recurrent_layers_say_that_they_need_samples() -> None:
    class Wrong(fastmlp.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w, self.gru = self.add_weight((2, 3, 4)), fastmlp.layers.GRU(3)

        def call(self, x: Any) -> Any:
            return x + fastmlp.ops.mean(self.gru(self.w), axis=0)

    with pytest.raises(ValueError, match=r"'gru.*': expected a row for each sample"):
        Wrong()(X)
