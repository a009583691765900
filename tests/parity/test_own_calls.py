"""A `call` around the layers of a `Sequential` or of `Model(inputs, outputs)`, as with Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from tests.parity.both import assert_close

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 4)).astype("float32")
Y = RNG.normal(size=(24, 4)).astype("float32")


def doubled(k: Any) -> Any:
    class Doubled(k.Sequential):  # type: ignore[misc, name-defined]
        def call(self, x: Any, training: Any = None) -> Any:
            return super().call(x, training=training) * 2.0

    return Doubled([k.Input((4,)), k.layers.Dense(4)])


def residual(k: Any) -> Any:
    class Residual(k.Sequential):  # type: ignore[misc, name-defined]
        def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
            return x + super().call(x, training, mask)

    return Residual([k.layers.Dense(5, "tanh"), k.layers.Dense(4)])


def within(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(4)(residual(k)(x)))


def shifted(k: Any) -> Any:
    class Shifted(k.Model):  # type: ignore[misc, name-defined]
        def call(self, x: Any, training: Any = None) -> Any:
            return super().call(x, training=training) + 1.0

    x = k.Input((4,))
    return Shifted(x, k.layers.Dense(4)(x))


def scaled(k: Any) -> Any:
    class Scaled(k.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            x = k.Input((4,))
            super().__init__(inputs=x, outputs=k.layers.Dense(4)(k.layers.Dense(3, "tanh")(x)))
            self.scale = 2.0

        def call(self, x: Any) -> Any:
            return super().call(x) * self.scale

    return Scaled()


@pytest.mark.parametrize("make", [doubled, residual, within, shifted, scaled])
def test_a_call_around_layers_counts_everywhere(make: Callable[[Any], Any]) -> None:
    found = []
    weights: list[np.ndarray] = []
    for k in (fastmlp, keras):
        model = make(k)
        model(X)
        rng = np.random.default_rng(0)
        weights = weights or [rng.normal(size=w.shape) for w in model.get_weights()]
        model.set_weights(weights)
        model.compile(k.optimizers.SGD(0.1), "mse")
        fit = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
        history = model.fit(X, Y, validation_data=(X, Y), **fit).history
        found.append({
            **history,
            "evaluate": model.evaluate(X, Y, verbose=0),
            "train_on_batch": model.train_on_batch(X, Y),
            "predict": model.predict(X, verbose=0),
            "call": np.asarray(model(X)),
            "batch": model.predict_on_batch(X),
            "layers": [len(model.layers), len(model.weights)],
        })  # fmt: skip
    ours, theirs = found
    assert sorted(ours) == sorted(theirs)
    for name, value in theirs.items():
        assert_close(ours[name], value, name)


class Noisy(fastmlp.Sequential):
    def call(self, x: Any, training: bool | None = None) -> Any:
        return super().call(x, training=training) * 2.0


def test_what_such_a_call_is_told_of_training_reaches_the_layers() -> None:
    model = Noisy([fastmlp.Input((4,)), fastmlp.layers.Dropout(0.5)])
    np.testing.assert_array_equal(model(X), 2 * X)
    assert set(np.unique(np.asarray(model(X, training=True)) / X).round(4)) <= {0.0, 4.0}


def test_such_a_model_takes_layers_and_new_layers_count() -> None:
    model = Noisy([fastmlp.Input((4,)), fastmlp.layers.Rescaling(3.0)])
    np.testing.assert_allclose(model.predict(X, verbose=0), 6 * X, rtol=1e-6)
    model.add(fastmlp.layers.Rescaling(0.5))
    np.testing.assert_allclose(model.predict(X, verbose=0), 3 * X, rtol=1e-6)
    copy = fastmlp.models.clone_model(model)
    np.testing.assert_allclose(copy(X), 3 * X, rtol=1e-6)
    again = Noisy.from_config(model.get_config())
    np.testing.assert_allclose(again.predict(X, verbose=0), 3 * X, rtol=1e-6)


def test_the_graph_beneath_such_a_call_can_be_cut() -> None:
    model = scaled(fastmlp)
    model.predict(X, verbose=0)
    hidden = fastmlp.Model(model.input, model.layers[1].output)
    assert hidden.predict(X, verbose=0).shape == (24, 3)
    np.testing.assert_allclose(model.call(X), model(X), rtol=1e-6)
