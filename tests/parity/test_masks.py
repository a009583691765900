"""Losses and metrics of masked outputs are those of Keras, in every reduction.

Keras on JAX measures metrics without the mask in `fit`, but with it in `evaluate`: that is compared.
"""

import keras
import numpy as np
import pytest

import fastmlp

STEPS = 6
rng = np.random.default_rng(11)
X = rng.normal(size=(10, STEPS, 3)).astype("float32")
LENGTHS = rng.integers(0, STEPS + 1, size=10)
X[np.arange(STEPS) >= LENGTHS[:, None]] = -1.0
REAL = rng.normal(size=(10, STEPS, 2)).astype("float32")
CLASSES = rng.integers(0, 3, size=(10, STEPS))
BY_WEIGHTS = "mean_with_sample_weight"
BITS = rng.integers(0, 2, size=(10, STEPS, 1)).astype("float32")


def mean_fourth_power(k):
    return lambda t, p: k.ops.mean(k.ops.square(k.ops.square(t - p)), axis=-1)


# Units and activation of the last layer, loss of a library, targets.
LOSSES = {
    "mse, mean": (2, None, lambda k: k.losses.MeanSquaredError(), REAL),
    "mse, sum": (2, None, lambda k: k.losses.MeanSquaredError("sum"), REAL),
    "mse, by weights": (2, None, lambda k: k.losses.MeanSquaredError(BY_WEIGHTS), REAL),
    "softmax": (3, "softmax", lambda k: "sparse_categorical_crossentropy", CLASSES),
    "sigmoid": (1, "sigmoid", lambda k: "binary_crossentropy", BITS),
    "function": (2, None, mean_fourth_power, REAL),
}


def models(units, activation, loss, metrics=()):
    made = []
    for k in (keras, fastmlp):
        entry = k.Input((STEPS, 3))
        hidden = k.layers.Dense(4, "tanh")(k.layers.Masking(-1.0)(entry))
        model = k.Model(entry, k.layers.Dense(units, activation)(hidden))
        model.compile(k.optimizers.SGD(0.2), loss(k), metrics=list(metrics), run_eagerly=k is keras)
        made.append(model)
    made[1].set_weights(made[0].get_weights())
    return made


@pytest.mark.parametrize(("units", "activation", "loss", "y"), LOSSES.values(), ids=LOSSES)
def test_two_steps_of_training(units, activation, loss, y):
    theirs, ours = models(units, activation, loss)
    for rows in (slice(0, 5), slice(5, 10)):
        losses = [model.train_on_batch(X[rows], y[rows]) for model in (theirs, ours)]
        np.testing.assert_allclose(losses[1], losses[0], rtol=2e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


METRICS = [
    (2, None, REAL, ["mae", "mse", "cosine_similarity", "RootMeanSquaredError"]),
    (3, "softmax", CLASSES, ["accuracy", "sparse_categorical_crossentropy"]),
    (1, "sigmoid", BITS, ["accuracy", "binary_crossentropy", "Precision"]),
]


@pytest.mark.parametrize(("units", "activation", "y", "metrics"), METRICS)
def test_metrics_of_values_leave_masked_steps_out_and_counts_do_not(units, activation, y, metrics):
    loss = {2: "mse", 3: "sparse_categorical_crossentropy", 1: "binary_crossentropy"}[units]
    theirs, ours = models(units, activation, lambda k: loss, metrics)
    found = [model.evaluate(X, y, batch_size=5, verbose=0) for model in (theirs, ours)]
    np.testing.assert_allclose(found[1], found[0], rtol=2e-5)


def test_bidirectional_masks():
    found = []
    weights = None
    for k in (keras, fastmlp):
        entry = k.Input((STEPS, 3))
        masked = k.layers.Masking(-1.0)(entry)
        gru = k.layers.GRU(3, return_sequences=True)
        y = k.layers.add(list(k.layers.Bidirectional(gru, merge_mode=None)(masked)))
        model = k.Model(entry, k.layers.GlobalAveragePooling1D()(y))
        weights = weights or model.get_weights()
        model.set_weights(weights)
        counted = LENGTHS > 0  # Keras's mean over no steps is NaN
        found.append(np.asarray(model(X[counted])))
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


WEIGHTS = rng.uniform(0.2, 2, size=(10, STEPS)).astype("float32")


@pytest.mark.parametrize("case", ["mse, mean", "mse, by weights", "softmax", "function"])
def test_weights_of_steps_count_as_in_keras(case):
    units, activation, loss, y = LOSSES[case]
    metric = "mae" if units == 2 else "accuracy"
    found = []
    for k, dtype in ((keras, "float32"), (fastmlp, "float32"), (fastmlp, "float64")):
        first = k.initializers.Constant(0.2)
        dense = k.layers.Dense(units, activation, kernel_initializer=first, dtype=dtype)
        model = k.Sequential([k.Input((STEPS, 3), dtype=dtype), dense])
        model.compile(
            k.optimizers.SGD(0.2), loss(k), weighted_metrics=[metric], run_eagerly=k is keras
        )
        model.fit(X[:, ::-1], y, 5, sample_weight=WEIGHTS, shuffle=False, verbose=0)
        measured = model.evaluate(X, y, 5, sample_weight=WEIGHTS[..., None], verbose=0)
        found.append([*measured, *np.asarray(model.get_weights()[0]).ravel()])
    for ours in found[1:]:
        np.testing.assert_allclose(ours, found[0], rtol=2e-5)


def test_weights_of_steps_and_masks_multiply():
    entry = fastmlp.Input((STEPS, 3))
    y = fastmlp.layers.Dense(2)(fastmlp.layers.Masking(-1.0)(entry))
    model = fastmlp.Model(entry, y)
    model.compile("sgd", "mse")
    real = np.arange(STEPS) < LENGTHS[:, None]
    values = np.mean((REAL - model.predict(X, verbose=0)) ** 2, axis=-1) * WEIGHTS
    measured = model.evaluate(X, REAL, sample_weight=WEIGHTS, batch_size=10, verbose=0)
    np.testing.assert_allclose(measured, values[real].sum() / real.sum(), rtol=1e-5)


@pytest.mark.parametrize("shape", [(10, 2), (10, STEPS, 2)])
def test_weights_of_something_else_are_refused(shape):
    model = fastmlp.Sequential([fastmlp.Input((STEPS, 3)), fastmlp.layers.Dense(2)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"sample_weight: expected a weight for each sample"):
        model.fit(X, REAL, sample_weight=np.ones(shape), verbose=0)
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (STEPS, 3), (10, STEPS, 1), (1, 1, 3)])
def test_softmax_repeats_a_mask_as_keras_does(shape):
    mask = rng.uniform(size=shape) < 0.6
    theirs, ours = (k.layers.Softmax()(X, mask=mask) for k in (keras, fastmlp))
    counts = np.broadcast_to(mask, X.shape).any(axis=-1)  # of nothing Keras takes shares, too
    np.testing.assert_allclose(ours[counts], np.asarray(theirs)[counts], rtol=1e-5, atol=1e-6)
