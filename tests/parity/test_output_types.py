"""Types of outputs: places are integers and comparisons truth values, as in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")

OUTPUTS: dict[str, Callable[[Any, Any], Any]] = {
    "argmax": lambda lib, h: lib.ops.argmax(h, axis=-1),
    "argsort": lambda lib, h: lib.ops.argsort(h, axis=-1)[:, :1],
    "top_k": lambda lib, h: list(lib.ops.top_k(h, 2)),
    "cast": lambda lib, h: lib.ops.cast(10 * h, "int32"),
    "int8": lambda lib, h: lib.ops.cast(h > 0, "int8"),
    "back to floats": lambda lib, h: lib.ops.cast(lib.ops.argmax(h, axis=-1), "float32"),
    "compared": lambda lib, h: h > 0,
    "negated": lambda lib, h: lib.ops.logical_not(h > 0),
    "any": lambda lib, h: lib.ops.any(h > 0, axis=-1),
    "expanded": lambda lib, h: lib.ops.expand_dims(lib.ops.argmax(h, axis=-1), -1),
    "one_hot": lambda lib, h: lib.ops.one_hot(lib.ops.argmax(h, axis=-1), 3),
    "count": lambda lib, h: lib.ops.count_nonzero(lib.ops.relu(h), axis=-1),
    "bins": lambda lib, h: lib.ops.digitize(h, np.array([-1.0, 0.0, 1.0], "float32")),
    "mean": lambda lib, h: lib.ops.mean(lib.ops.cast(h > 0, "float32"), axis=-1),
    "lambda": lambda lib, h: lib.layers.Lambda(
        lambda v: lib.ops.argmax(v, axis=-1), output_shape=()
    )(h),
}


def _outputs(model: Any) -> list[np.ndarray]:
    halves = [(X[:20],), (X[20:],)]
    found = (
        model.predict(X, verbose=0), model(X), model.predict_on_batch(X), model.predict((h for h in halves), steps=2, verbose=0),
    )  # fmt: skip
    return [np.asarray(a) for y in found for a in (y if isinstance(y, list) else [y])]


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_have_the_types_of_keras(name: str) -> None:
    models = []
    for lib in (keras, fastmlp):
        entry = lib.Input((4,))
        models.append(lib.Model(entry, OUTPUTS[name](lib, lib.layers.Dense(3)(entry))))
    models[1].set_weights(models[0].get_weights())
    for theirs, ours in zip(*map(_outputs, models), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_layer_on_arrays_gives_them_too() -> None:
    found = fastmlp.layers.Lambda(lambda x: fastmlp.ops.argmax(x, axis=-1))(X)
    assert found.dtype == "int32"
    assert fastmlp.layers.Lambda(lambda x: x > 0)(X[:0]).dtype == bool


def test_each_phase_has_its_type() -> None:
    class Hard(fastmlp.layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            return fastmlp.ops.sigmoid(x) if training else fastmlp.ops.cast(x > 0, "int32")

    layer = Hard()
    np.testing.assert_allclose(layer(X, training=True), 1 / (1 + np.exp(-X)), rtol=1e-5)
    assert layer(X).dtype == "int32"
    entry = fastmlp.Input((2,))
    bins = fastmlp.Model(entry, fastmlp.layers.Discretization([0.0, 1.0])(entry))
    assert bins.predict(X[:, :2], verbose=0).dtype == "int32"
    both = fastmlp.Model(entry, fastmlp.ops.logical_xor(entry > 0, entry > 1))
    assert both(X[:, :2]).dtype == bool
