"""The same lines of code run by Keras and by fastmlp, and how their results are compared.

A case gives a function from a library to a list of layers, and one from a library to the arguments
of `compile`; both libraries get the same weights and see the samples in the same order. 55 steps:
5 epochs of 11 batches, the last of which is smaller; so is the last batch of the validation data.
Keras compiles a program for each size of a batch, for training and for evaluation: that is what
these tests spend their time on. Where evaluation does nothing of its own, `validation=False`; then
there are 50 steps of whole batches.

**Tolerance** 1e-5 of (1 + |value|), for weights and logs alike. One rounding in float32 is 6e-8 of
a value. The libraries sum in different orders, so a gradient differs by a few roundings, and 50
steps add these up: 1e-5 leaves room for about 150 of them. A wrong formula shows at 1e-3 and more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import fastmlp

BATCH = 8
SAMPLES = 10 * BATCH + 5
HELD_OUT = 2 * BATCH + 5  # the rest is 5 again: Keras compiles each size of a batch anew
EPOCHS = 5
TOLERANCE = 1e-5

Layers = Callable[[Any], list[Any]]
Arguments = Callable[[Any], dict[str, Any]]


@dataclass
class Data:
    """Samples for training and for validation."""

    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


@dataclass
class Trained:
    """What a library made of a case."""

    weights: list[np.ndarray]
    history: dict[str, list[float]]
    evaluated: dict[str, float]
    outputs: np.ndarray


def samples(targets: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Data:
    """Normal samples of 6 features, with targets made from them.

    Args:
        targets: From 3 noisy mixtures of the features `(n, 3)`, and a generator, to targets.
    """
    rng = np.random.default_rng(7)
    n = SAMPLES + HELD_OUT
    x = rng.normal(size=(n, 6)).astype("float32")
    mixed = x @ rng.normal(size=(6, 3)) / 2 + 0.1 * rng.normal(size=(n, 3))
    y = np.asarray(targets(mixed, rng))
    return Data(x[:SAMPLES], y[:SAMPLES], x[SAMPLES:], y[SAMPLES:])


def regression() -> Data:
    """Three real targets, none near 0."""
    return samples(lambda z, rng: (np.sign(z) * (0.5 + np.abs(z))).astype("float32"))


def positive() -> Data:
    """Three positive targets."""
    return samples(lambda z, rng: (0.2 + np.abs(z)).astype("float32"))


def binary() -> Data:
    """Three labels 0 or 1."""
    return samples(lambda z, rng: (z > 0).astype("float32"))


def one_label() -> Data:
    """One label 0 or 1."""
    return samples(lambda z, rng: (z[:, 0] > 0).astype("float32"))


def classes() -> Data:
    """Class numbers 0 to 2."""
    return samples(lambda z, rng: z.argmax(axis=1))


def one_hot() -> Data:
    """Classes as one-hot rows."""
    return samples(lambda z, rng: np.eye(3, dtype="float32")[z.argmax(axis=1)])


def distribution() -> Data:
    """Probabilities of three classes."""
    return samples(lambda z, rng: (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).astype("f"))


def network(output: str | None = None, units: int = 3, hidden: str = "tanh") -> Layers:
    """A hidden layer and an output layer."""
    return lambda lib: [
        lib.layers.Dense(5, activation=hidden),
        lib.layers.Dense(units, activation=output),
    ]


def train(
    lib: Any,
    layers: Layers,
    arguments: Arguments,
    data: Data,
    weights: list[np.ndarray] | None = None,
    validation: Any = True,
    evaluation: dict[str, Any] | None = None,
    **fit: Any,
) -> Trained:
    """Builds, trains and evaluates.

    Args:
        lib: `keras` or `fastmlp`.
        layers: The layers after the input.
        arguments: Of `compile`.
        data: Samples.
        weights: What to start from.
        validation: Whether to validate with the data's own part, or what to validate with; without,
            nothing is evaluated either, and the last, smaller batch is left out.
        evaluation: Further arguments of `evaluate`.
        **fit: Further arguments of `fit`.
    """
    model = lib.Sequential([lib.Input(data.x.shape[1:]), *layers(lib)])
    if weights is not None:
        model.set_weights(weights)
    model.compile(**arguments(lib))
    x, y = data.x, data.y
    if validation is False:
        x, y = x[: -(SAMPLES % BATCH)], y[: -(SAMPLES % BATCH)]
    else:
        held_out = (data.x_val, data.y_val) if validation is True else validation
        fit["validation_data"] = held_out
    history = model.fit(
        x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0, **fit
    ).history
    evaluated = {}
    if validation is not False:
        given = {"batch_size": BATCH, "verbose": 0, "return_dict": True, **(evaluation or {})}
        evaluated = dict(model.evaluate(x, y, **given))
    weights = [np.asarray(w) for w in model.get_weights()]
    return Trained(weights, history, evaluated, np.asarray(model(data.x_val)))


def starting_weights(layers: Layers, data: Data, scale: float = 0.5) -> list[np.ndarray]:
    """Weights for both libraries: normal, biases included."""
    model = fastmlp.Sequential([fastmlp.Input(data.x.shape[1:]), *layers(fastmlp)])
    rng = np.random.default_rng(11)
    return [scale * rng.normal(size=w.shape).astype(w.dtype) for w in model.get_weights()]


def assert_same_training(
    layers: Layers,
    arguments: Arguments,
    data: Data,
    weights: list[np.ndarray] | None = None,
    tolerance: float = TOLERANCE,
    **options: Any,
) -> Trained:
    """Trains with both libraries; weights, logs, their keys, `evaluate` and outputs agree.

    Returns:
        What fastmlp made of it, for further checks.
    """
    if weights is None:
        weights = starting_weights(layers, data)
    theirs = train(keras, layers, arguments, data, weights, **options)
    ours = train(fastmlp, layers, arguments, data, weights, **options)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(weights, theirs.weights, strict=True))
    assert list(ours.history) == list(theirs.history)
    for key, values in theirs.history.items():
        assert all(type(value) is float for value in ours.history[key])
        assert_close(ours.history[key], values, f"history[{key!r}]", tolerance)
    assert list(ours.evaluated) == list(theirs.evaluated)
    for key, value in theirs.evaluated.items():
        assert_close(ours.evaluated[key], value, f"evaluate: {key}", tolerance)
    for index, (a, b) in enumerate(zip(ours.weights, theirs.weights, strict=True)):
        assert_close(a, b, f"weight {index}", tolerance)
    assert_close(ours.outputs, theirs.outputs, "outputs", tolerance)
    return ours


def assert_close(ours: Any, theirs: Any, what: str, tolerance: float = TOLERANCE) -> None:
    """Each value agrees within `tolerance` of (1 + |value|)."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert a.shape == b.shape, what
    assert np.isfinite(b).all(), f"{what}: the case is no test, Keras gives {b}"
    error = np.abs(a - b) / (1 + np.abs(b))
    worst = np.unravel_index(np.argmax(error), error.shape)
    assert error[worst] <= tolerance, (
        f"{what}: fastmlp {a[worst]!r}, Keras {b[worst]!r}, difference {error[worst]:.1e}"
    )
