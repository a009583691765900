"""Losses, metrics and layers that take the batch for an axis like others, beside Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 4)).astype("float32")
Y = RNG.normal(size=(22, 3)).astype("float32")


def _contrast(lib: Any, y: Any, p: Any) -> Any:
    """InfoNCE: each sample's own target against those of the others in the batch."""
    ops = lib.ops
    a, b = (v / ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True)) for v in (y, p))
    scores = ops.matmul(b, ops.transpose(a)) / 0.5
    numbers = ops.arange(ops.shape(y)[0])
    return ops.sparse_categorical_crossentropy(numbers, scores, from_logits=True)


def _hardest(lib: Any, y: Any, p: Any) -> Any:
    """A triplet loss whose negative is the nearest of the batch."""
    ops = lib.ops
    n = ops.shape(p)[0]
    far = ops.sum(ops.square(p[:, None] - p[None]), axis=-1) + 1e3 * ops.eye(n)
    same = ops.sum(ops.square(y - p), axis=-1)
    return ops.maximum(same - ops.min(far, axis=1) + 1.0, 0.0)


def _ranked(lib: Any, y: Any, p: Any) -> Any:
    """All pairs of the first column in their order."""
    ops = lib.ops
    d, e = (v[:, :1] - ops.transpose(v[:, :1]) for v in (p, y))
    return ops.mean(ops.softplus(-d * ops.sign(e)))


LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "by the samples": lambda lib, y, p: (
        lib.ops.sum(lib.ops.square(y - p)) / lib.ops.cast(lib.ops.shape(y)[0], "float32")
    ),
    "by shape": lambda lib, y, p: lib.ops.sum(lib.ops.abs(y - p)) / y.shape[0],
    "by len": lambda lib, y, p: lib.ops.sum(lib.ops.abs(y - p)) / len(p),
    "by size": lambda lib, y, p: lib.ops.sum(lib.ops.abs(y - p)) / lib.ops.size(p),
    "flat": lambda lib, y, p: lib.ops.square(lib.ops.reshape(y, (-1,)) - lib.ops.reshape(p, (-1,))),
    "products": lambda lib, y, p: lib.ops.mean(
        lib.ops.square(
            lib.ops.matmul(y, lib.ops.transpose(y)) - lib.ops.matmul(p, lib.ops.transpose(p))
        )
    ),
    "covariance": lambda lib, y, p: lib.ops.sum(
        lib.ops.square(lib.ops.matmul(lib.ops.transpose(y - lib.ops.mean(y, axis=0)), p) / 50)
    ),
    "sorted": lambda lib, y, p: lib.ops.abs(lib.ops.sort(y, axis=0) - lib.ops.sort(p, axis=0)),
    "differences": lambda lib, y, p: lib.ops.mean(
        lib.ops.square((y[1:] - y[:-1]) - (p[1:] - p[:-1]))
    ),
    "pairs": lambda lib, y, p: lib.ops.mean(
        lib.ops.abs((y[:, None] - y[None]) - (p[:, None] - p[None])), axis=(1, 2)
    ),
    "turned": lambda lib, y, p: lib.ops.square(lib.ops.roll(y, 1, axis=0) - p),
    "einsum": lambda lib, y, p: lib.ops.mean(
        lib.ops.square(lib.ops.einsum("ij,kj->ik", p, p) - lib.ops.einsum("ij,kj->ik", y, y))
    ),
    "softmax": lambda lib, y, p: lib.ops.mean(
        lib.ops.square(lib.ops.softmax(p, axis=0) - lib.ops.softmax(y, axis=0))
    ),
    "halves": lambda lib, y, p: lib.ops.mean(
        lib.ops.square(
            lib.ops.concatenate([p[::2], y[1::2]], axis=0)
            - lib.ops.concatenate([y[::2], p[1::2]], axis=0)
        )
    ),
    "contrast": _contrast,
    "hardest": _hardest,
    "ranked": _ranked,
}


def _both(
    loss: Callable[[Any, Any, Any], Any], metrics: bool = False
) -> tuple[fastmlp.Model, keras.Model]:
    models = []
    for lib in (fastmlp, keras):
        entry = lib.Input((4,))
        hidden = lib.layers.Dense(5, "tanh")(entry)
        model = lib.Model(entry, lib.layers.Dense(3)(hidden))

        def of_lib(y: Any, p: Any, lib: Any = lib) -> Any:
            return loss(lib, y, p)

        own = {"loss": "mse", "metrics": [of_lib]} if metrics else {"loss": of_lib}
        model.compile(lib.optimizers.SGD(0.05), **own)
        models.append(model)
    models[0].set_weights(models[1].get_weights())
    return models[0], models[1]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_across_samples_is_that_of_keras(name: str) -> None:
    ours, theirs = _both(LOSSES[name])
    told = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
    data = {"validation_data": (X[:13], Y[:13])}
    one, other = (m.fit(X, Y, **told, **data).history for m in (ours, theirs))
    assert set(one) == set(other)
    for key in one:
        np.testing.assert_allclose(one[key], other[key], rtol=2e-5, atol=1e-6, err_msg=key)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)
    found = [m.evaluate(X, Y, batch_size=9, verbose=0) for m in (ours, theirs)]
    np.testing.assert_allclose(*found, rtol=2e-5, atol=1e-6)
    found = [m.train_on_batch(X[:7], Y[:7]) for m in (ours, theirs)]
    np.testing.assert_allclose(*found, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["contrast", "pairs", "hardest"])
def test_weights_of_samples_count_as_in_keras(name: str) -> None:
    ours, theirs = _both(LOSSES[name])
    weight = np.linspace(0.5, 2, len(X)).astype("float32")
    told = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, "sample_weight": weight}
    one, other = (m.fit(X, Y, **told).history["loss"] for m in (ours, theirs))
    np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["by the samples", "products", "contrast", "ranked"])
def test_a_metric_across_samples_is_that_of_keras(name: str) -> None:
    ours, theirs = _both(LOSSES[name], metrics=True)
    told = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    one, other = (m.fit(X, Y, **told, validation_split=0.3).history for m in (ours, theirs))
    for a, b in zip(one.values(), other.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    found = [m.evaluate(X, Y, batch_size=8, verbose=0) for m in (ours, theirs)]
    np.testing.assert_allclose(*found, rtol=2e-5, atol=1e-6)


def _layer(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A layer with this `call`, applied."""

    def body(lib: Any, h: Any) -> Any:
        class Own(lib.layers.Layer):  # type: ignore[misc,name-defined]
            def call(self, x: Any) -> Any:
                return call(lib.ops, x)

        return Own()(h)

    return body


def _decorrelated(lib: Any, h: Any) -> Any:
    class Decorrelated(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            ops = lib.ops
            products = ops.matmul(ops.transpose(x), x) / ops.cast(ops.shape(x)[0], "float32")
            self.add_loss(0.1 * ops.sum(ops.square(products)))
            return x

    return Decorrelated()(h)


BODIES: dict[str, Callable[[Any, Any], Any]] = {
    "attention": _layer(lambda ops, x: ops.matmul(ops.softmax(ops.matmul(x, ops.transpose(x))), x)),
    "mean of a stack": _layer(lambda ops, x: ops.mean(ops.stack([x, 2 * x, ops.tanh(x)]), axis=0)),
    "folded": _layer(lambda ops, x: ops.reshape(ops.reshape(x, (-1,)), (-1, 3))),
    "neighbours": _layer(
        lambda ops, x: ops.concatenate([x, ops.roll(x, 1, axis=0)], axis=-1),
    ),
    "by the samples": _layer(lambda ops, x: 10 * x / ops.cast(ops.shape(x)[0], "float32")),
    "sorted": _layer(lambda ops, x: ops.sort(x, axis=0)),
    "running sums": _layer(lambda ops, x: ops.cumsum(x, axis=0)),
    "both softmaxes": _layer(lambda ops, x: ops.softmax(ops.softmax(x, axis=0), axis=-1)),
    "distances": _layer(lambda ops, x: ops.mean(ops.abs(x[:, None] - x[None]), axis=1)),
    "reordered": _layer(lambda ops, x: ops.concatenate([x[::2], x[1::2]], axis=0)),
    "taken": _layer(lambda ops, x: x + ops.take(x, ops.arange(ops.shape(x)[0])[::-1], axis=0)),
    "without a layer": lambda lib, h: lib.ops.matmul(
        lib.ops.softmax(lib.ops.matmul(h, lib.ops.transpose(h))), h
    ),
    "a stack without a layer": lambda lib, h: lib.ops.max(lib.ops.stack([h, -h, 0.5 * h]), axis=0),
    "steps first": lambda lib, h: lib.ops.stack(
        [lib.ops.tanh(t) for t in lib.ops.unstack(lib.ops.transpose(h[:, :, None], (1, 0, 2)), 3)],
        axis=-1,
    )[:, 0],
    "lambda": lambda lib, h: lib.layers.Lambda(
        lambda v: v - lib.ops.roll(v, 1, axis=0), output_shape=lambda shape: shape
    )(h),
    "penalty": _decorrelated,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_layer_across_samples_is_that_of_keras(name: str) -> None:
    models = []
    for lib in (fastmlp, keras):
        entry = lib.Input((4,))
        hidden = BODIES[name](lib, lib.layers.Dense(3, "tanh")(entry))
        models.append(lib.Model(entry, lib.layers.Dense(2)(hidden)))
        models[-1].compile(lib.optimizers.SGD(0.1), "mse")
    ours, theirs = models
    ours.set_weights(theirs.get_weights())
    assert ours.output_shape == theirs.output_shape
    y = Y[:, :2]
    told = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    data = {"validation_data": (X[:10], y[:10])}
    one, other = (m.fit(X, y, **told, **data).history for m in models)
    for key in other:
        np.testing.assert_allclose(one[key], other[key], rtol=2e-5, atol=1e-6, err_msg=key)
    for found in (
        [m.predict(X, batch_size=9, verbose=0) for m in models],
        [m(X[:5]) for m in models],
        [m.predict_on_batch(X[:6]) for m in models],
        [m.evaluate(X, y, batch_size=8, verbose=0) for m in models],
        [m.train_on_batch(X[:6], y[:6]) for m in models],
    ):
        np.testing.assert_allclose(*map(np.asarray, found), rtol=1e-4, atol=1e-5)
