"""Targets with an axis of size 1 more or less than the outputs, as Keras takes them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(4)
X = RNG.normal(size=(12, 5, 2)).astype("float32")
STEPS = RNG.normal(size=(12, 5)).astype("float32")
FLAT = RNG.normal(size=(12, 4)).astype("float32")
COLUMNS = RNG.normal(size=(12, 3, 1)).astype("float32")
BY_STEP = np.array([1, 2, 3, 4, 50], "float32")
WEIGHTS = RNG.uniform(0.5, 2, size=12).astype("float32")


def weighted_squares(k):
    return lambda t, p: k.ops.mean(k.ops.square(t - p) * BY_STEP, axis=-1)


def as_they_came(k):
    return lambda t, p: k.ops.mean(k.ops.square(t - p[..., 0]) * BY_STEP, axis=-1)


def loss_as_they_came(k):
    class Squares(k.losses.Loss):
        def call(self, y_true, y_pred):
            return as_they_came(k)(y_true, y_pred)

    return Squares()


def steps_model(k, kind=None):
    entry = k.Input((5, 2))
    outputs = k.layers.Dense(1)(k.layers.Dense(3, "tanh")(entry))
    return (kind or k.Model)(entry, outputs)


def logs(made, compiled, x, y, **fit):
    """Of an epoch, of an evaluation and of a step of each library."""
    found = []
    for k, model in zip((keras, fastmlp), made, strict=True):
        model.compile(**compiled(k))
        told = model.fit(x, y, batch_size=6, shuffle=False, verbose=0, epochs=2, **fit).history
        rows = [list(told.values())]
        rows.append(
            [[value] for value in model.evaluate(x, y, verbose=0, return_dict=True).values()]
        )
        rows.append([[value] for value in model.train_on_batch(x, y, return_dict=True).values()])
        found.append(np.concatenate([np.ravel(row) for row in rows]))
    return found


def pair(make, **options):
    made = [make(keras, **options), make(fastmlp, **options)]
    made[1].set_weights(made[0].get_weights())
    return made


LOSSES = {
    "mse": lambda k: "mse",
    "sum": lambda k: k.losses.MeanAbsoluteError(reduction="sum"),
    "binary": lambda k: k.losses.BinaryCrossentropy(from_logits=True),
    "cosine": lambda k: "cosine_similarity",
    "divergence": lambda k: "kl_divergence",
    "categorical": lambda k: k.losses.CategoricalCrossentropy(from_logits=True),
    "categorical_hinge": lambda k: "categorical_hinge",
    "focal": lambda k: k.losses.CategoricalFocalCrossentropy(from_logits=True),
    "function": weighted_squares,
    "Loss": loss_as_they_came,
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_sees_targets_of_steps_as_rows(name, eager):
    def compiled(k):
        eagerly = eager and k is fastmlp
        rate = k.optimizers.SGD(0.01)
        return {"optimizer": rate, "loss": LOSSES[name](k), "run_eagerly": eagerly}

    theirs, ours = logs(pair(steps_model), compiled, X, np.abs(STEPS), sample_weight=WEIGHTS)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "metric", ["mae", "cosine_similarity", "r2_score", "PearsonCorrelation", as_they_came]
)
def test_a_metric_sees_targets_of_steps_as_in_keras(metric, weighted):
    def compiled(k):
        one = [metric(k)] if callable(metric) else [metric]
        return {
            "optimizer": "sgd",
            "loss": "mse",
            "weighted_metrics" if weighted else "metrics": one,
        }

    fit = {"sample_weight": WEIGHTS} if weighted else {}
    theirs, ours = logs(pair(steps_model), compiled, X, STEPS, **fit)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "cosine_similarity", weighted_squares])
def test_compute_loss_sees_targets_of_steps_as_in_keras(loss):
    def make(k):
        class Own(k.Model):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                more = k.ops.mean(k.ops.square(y - y_pred[..., 0]) * BY_STEP)
                return more + super().compute_loss(x, y, y_pred, sample_weight, training)

        return steps_model(k, Own)

    def compiled(k):
        return {"optimizer": k.optimizers.SGD(0.01), "loss": loss(k) if callable(loss) else loss}

    theirs, ours = logs(pair(make), compiled, X, STEPS)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_targets_of_steps_have_a_loss_each_with_a_mask_or_weights_of_steps(mask, own):
    """Keras cannot multiply values `(n,)` with these: here it is as with targets `(n, T, 1)`."""
    loss = (lambda t, p: fastmlp.ops.mean(fastmlp.ops.square(t - p), -1)) if own else "mse"
    x = X.copy()
    x[:, 3:] = 0
    weights = None if mask else RNG.uniform(size=STEPS.shape)
    found = []
    for y in (STEPS, STEPS[..., None]):
        fastmlp.utils.set_random_seed(1)
        first = [fastmlp.layers.Masking()] if mask else []
        model = fastmlp.Sequential([fastmlp.Input((5, 2)), *first, fastmlp.layers.Dense(1)])
        model.compile("sgd", loss, weighted_metrics=["mae"])
        found.append(model.evaluate(x, y, sample_weight=weights, verbose=0))
    assert found[0] == found[1]


def flat_model(k, units=3):
    return k.Sequential([k.Input((4,)), k.layers.Dense(units)])


@pytest.mark.parametrize(
    ("units", "loss", "metric"),
    [
        (3, "mse", "mae"),
        (3, "huber", "r2_score"),
        (3, "cosine_similarity", "cosine_similarity"),
        (3, lambda k: lambda t, p: k.ops.mean(k.ops.abs(t - p), -1), "mse"),
        (1, "mse", "mae"),
        (3, lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True), "mae"),
    ],
)
def test_targets_with_one_axis_more_train_as_in_keras(units, loss, metric):
    sparse = callable(loss) and not isinstance(loss(keras), type(lambda: 0))
    y = COLUMNS[:, :units]
    if sparse:
        y, metric = np.argmax(COLUMNS, axis=1)[..., None], "sparse_categorical_crossentropy"

    def compiled(k):
        measured = [] if sparse else [metric]
        one = loss(k) if callable(loss) else loss
        return {"optimizer": k.optimizers.SGD(0.01), "loss": one, "metrics": measured}

    made = pair(flat_model, units=units)
    theirs, ours = logs(made, compiled, FLAT, y, validation_data=(FLAT[:5], y[:5]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


OF_THE_BATCH = {
    "columns": lambda k: lambda t, p: k.ops.mean(k.ops.square(t - p), axis=0),
    "number": lambda k: lambda t, p: 2.5,
    "array": lambda k: lambda t, p: np.float32(2.5),
}


@pytest.mark.parametrize("name", OF_THE_BATCH)
@pytest.mark.parametrize("eager", [False, True])
def test_what_is_no_value_for_each_sample_counts_by_its_mean(name, eager):
    def compiled(k):
        own = OF_THE_BATCH[name](k)
        eagerly = eager and k is fastmlp
        return {"optimizer": "sgd", "loss": own, "metrics": [own], "run_eagerly": eagerly}

    theirs, ours = logs(pair(flat_model), compiled, FLAT, COLUMNS[..., 0])
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_columns_of_a_loss_that_is_a_sum_are_added_up():
    class Columns:
        def __new__(cls, k):
            call = OF_THE_BATCH["columns"](k)
            kind = type("Own", (k.losses.Loss,), {"call": lambda self, t, p: call(t, p)})
            return kind(reduction="sum")

    theirs, ours = logs(
        pair(flat_model),
        lambda k: {"optimizer": k.optimizers.SGD(0.01), "loss": Columns(k)},
        FLAT,
        COLUMNS[..., 0],
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
