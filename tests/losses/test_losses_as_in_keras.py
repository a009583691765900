"""The same numbers as Keras 3 on JAX: values, gradients, reductions, weights."""

from __future__ import annotations

import jax
import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import losses
from fastmlp._core import losses as native
from fastmlp.registry import snake_case

KWARGS = {
    "MeanSquaredError": [{}],
    "MeanAbsoluteError": [{}],
    "MeanAbsolutePercentageError": [{}],
    "MeanSquaredLogarithmicError": [{}],
    "Huber": [{}, {"delta": 0.3}],
    "LogCosh": [{}],
    "CosineSimilarity": [{}],
    "KLDivergence": [{}],
    "Poisson": [{}],
    "Hinge": [{}],
    "SquaredHinge": [{}],
    "CategoricalHinge": [{}],
    "BinaryCrossentropy": [
        {"from_logits": logits, "label_smoothing": s} for logits in (False, True) for s in (0, 0.2)
    ],
    "CategoricalCrossentropy": [
        {"from_logits": logits, "label_smoothing": s} for logits in (False, True) for s in (0, 0.2)
    ],
    "SparseCategoricalCrossentropy": [{}, {"from_logits": True}],
    "BinaryFocalCrossentropy": [
        {},
        {"apply_class_balancing": True, "alpha": 0.7, "gamma": 1.5, "label_smoothing": 0.2},
        {"from_logits": True, "gamma": 0},
    ],
    "CategoricalFocalCrossentropy": [
        {},
        {"alpha": 0.7, "gamma": 1.5, "label_smoothing": 0.2},
        {"from_logits": True},
    ],
    "CategoricalGeneralizedCrossEntropy": [{"q": 0.3}],
}
CASES = [(name, kwargs) for name, many in KWARGS.items() for kwargs in many]
NATIVE = [(name, kwargs) for name, kwargs in CASES if getattr(losses, name)(**kwargs).kind]
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None]

# Both sides round terms of size 1 to float32 (6e-8); Keras also sums in float32.
CLOSE = {"rtol": 2e-6, "atol": 1e-6}


def make(name, kwargs, shape, seed=0):
    """Targets and predictions that a loss of this name is meant for."""
    rng = np.random.default_rng([seed, *shape])
    n = shape[-1]
    labels = rng.integers(0, n, shape[:-1])
    p = rng.uniform(0.01, 0.99, shape)
    if kwargs.get("from_logits") or name.endswith("Hinge") or name == "CosineSimilarity":
        p = rng.normal(size=shape) * 2
    elif name.endswith("Error") and "Logarithmic" not in name:
        p = rng.normal(size=shape)
    if name.startswith(("Sparse", "CategoricalGen")):
        t = labels
    elif name.startswith("Categorical"):
        t = np.eye(n)[labels]
    elif name.startswith("Binary") or name in ("Hinge", "SquaredHinge"):
        t = rng.integers(0, 2, shape)
    elif name in ("KLDivergence", "Poisson") or "Log" in name:
        t = rng.uniform(0, 1, shape)
    else:
        t = rng.normal(size=shape) + 0.1
    return t, p


def test_every_loss_is_compared():
    classes = {name for name in losses.__all__ if name[0].isupper()} - {"Loss"}
    assert classes == set(KWARGS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(17, 5), (6, 4, 3), (9, 1)])
@pytest.mark.parametrize(("name", "kwargs"), CASES)
@pytest.mark.filterwarnings("ignore:.*categorical_:SyntaxWarning")
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning")
@pytest.mark.filterwarnings("ignore:.*Did you mean a sigmoid:UserWarning")
def test_values(name, kwargs, shape, dtype):
    shape = (9, 2) if name == "CategoricalGeneralizedCrossEntropy" and shape[-1] == 1 else shape
    t, p = make(name, kwargs, shape)
    t, p = (t if t.dtype.kind == "i" else t.astype(dtype)), p.astype(dtype)
    rng = np.random.default_rng(1)
    every = name in ("MeanSquaredError", "SparseCategoricalCrossentropy")  # one way for all losses
    for weights in (None, rng.uniform(0, 2, shape[:-1]), rng.uniform(0, 2, (shape[0], 1))):
        for reduction in REDUCTIONS if every else ("sum_over_batch_size", None):
            loss = getattr(losses, name)(**kwargs, reduction=reduction)
            theirs = getattr(keras.losses, name)(**kwargs, reduction=reduction)
            got, expected = loss(t, p, weights), np.asarray(theirs(t, p, weights))
            assert got.dtype == dtype
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, **CLOSE)


@pytest.mark.parametrize("axis", [1, -2, 0])
@pytest.mark.parametrize("name", ["CosineSimilarity", "BinaryCrossentropy", "CategoricalCrossentropy",
                                  "BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"])  # fmt: skip
def test_values_along_another_axis(name, axis):
    t, p = make(name, {}, (6, 4, 3))
    weights = np.random.default_rng(2).uniform(0, 2, np.delete((6, 4, 3), axis))
    for given in (None, weights):
        got = getattr(losses, name)(axis=axis)(t, p, given)
        expected = getattr(keras.losses, name)(axis=axis)(t, p, given)
        np.testing.assert_allclose(got, np.asarray(expected), **CLOSE)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_functions(name, kwargs):
    t, p = make(name, kwargs, (6, 4, 3))
    kind = snake_case(name)
    got = getattr(losses, kind)(t, p.astype(np.float32), **kwargs)
    expected = getattr(keras.losses, kind)(
        t if t.ndim < p.ndim else t.astype(np.float32), p.astype(np.float32), **kwargs
    )
    np.testing.assert_allclose(got, np.asarray(expected), **CLOSE)


@pytest.mark.parametrize(
    ("y_true", "y_pred"), [((8,), (8, 1)), ((8, 1), (8,)), ((8, 3, 1), (8, 3))]
)
def test_shapes_that_differ_by_a_last_axis_of_one(y_true, y_pred):
    rng = np.random.default_rng(0)
    t, p = rng.uniform(size=y_true), rng.uniform(size=y_pred)
    for name in ("MeanSquaredError", "BinaryCrossentropy", "Hinge", "KLDivergence"):
        for reduction in ("mean", None):
            got = getattr(losses, name)(reduction=reduction)(t, p)
            expected = getattr(keras.losses, name)(reduction=reduction)(t, p)
            np.testing.assert_allclose(got, np.asarray(expected), **CLOSE)


def gradient_of_keras(name, kwargs, t, p):
    loss = getattr(keras.losses, name)(**kwargs, reduction="sum")
    return np.asarray(jax.grad(lambda y_pred: loss(t, y_pred))(p))


@pytest.mark.parametrize(("name", "kwargs"), NATIVE)
def test_gradients(name, kwargs):
    t, p = make(name, kwargs, (17, 5))
    t, p = t.astype(np.float32), p.astype(np.float32)
    loss = getattr(losses, name)(**kwargs)
    rows = t.reshape(len(t), -1)
    _, dp = native.rows_grad(loss.kind, rows, p, loss.params)
    np.testing.assert_allclose(dp, gradient_of_keras(name, kwargs, t, p), rtol=1e-5, atol=2e-6)


EDGES = np.float32([-1, 0, 5e-8, 1e-7, 0.25, 0.5, 1 - 1e-7, 1, 2])


@pytest.mark.parametrize("target", [0, 0.5, 1])
@pytest.mark.parametrize(
    "name",
    [
        "MeanAbsoluteError",
        "MeanAbsolutePercentageError",
        "MeanSquaredLogarithmicError",
        "Huber",
        "KLDivergence",
        "Hinge",
        "SquaredHinge",
        "BinaryCrossentropy",
    ],
)
def test_gradients_at_and_outside_of_the_bounds_of_clips(name, target):
    p = EDGES[:, None]
    t = np.full_like(p, target)
    if name.endswith("Hinge"):
        t[0] = 0.3  # not a whole batch of 0 and 1, so Keras converts nothing
        t[t == 0] = -1
    loss = getattr(losses, name)()
    value, dp = native.rows_grad(loss.kind, t, p, loss.params)
    theirs = getattr(keras.losses, name)(reduction=None)
    np.testing.assert_allclose(value, np.asarray(theirs(t, p)), rtol=2e-6, atol=1e-6)
    expected = gradient_of_keras(name, {}, t, p)
    if "Absolute" in name:
        expected = np.where(
            p == t, 0, expected
        )  # |x| at 0: slope 1 in JAX, 0 in TensorFlow and here
    np.testing.assert_allclose(dp, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "name", ["CategoricalCrossentropy", "CategoricalHinge", "CosineSimilarity"]
)
def test_gradients_of_rows_with_ties_zeros_and_ones(name):
    p = np.float32([[0, 0, 1], [0.5, 0.5, 0], [0.2, 0.2, 0.6], [1e-9, 1, 0], [-1, 0, 3]])
    t = np.float32([[0, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]])
    loss = getattr(losses, name)()
    value, dp = native.rows_grad(loss.kind, t, p, loss.params)
    theirs = getattr(keras.losses, name)(reduction=None)
    np.testing.assert_allclose(value, np.asarray(theirs(t, p)), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(dp, gradient_of_keras(name, {}, t, p), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_configs_of_keras_are_understood(name, kwargs):
    theirs = getattr(keras.losses, name)(**kwargs)
    ours = losses.deserialize(keras.losses.serialize(theirs))
    assert type(ours) is getattr(losses, name)
    assert ours.name == theirs.name
    if name != "Huber":  # whose config in Keras lacks delta
        assert (ours.kind, ours.params) == (
            getattr(losses, name)(**kwargs).kind,
            getattr(losses, name)(**kwargs).params,
        )
    again = keras.losses.deserialize(
        {"module": "keras.losses", "registered_name": None, **losses.serialize(ours)}
    )
    if name != "CategoricalGeneralizedCrossEntropy":  # which Keras does not find by name
        assert type(again) is type(theirs)


@pytest.mark.parametrize("lib", [keras, fastmlp], ids=["keras", "fastmlp"])
def test_one_target_is_not_that_of_several_probabilities(lib):
    with pytest.raises(ValueError, match="shape"):
        lib.losses.BinaryCrossentropy()(np.ones((3, 1)), np.full((3, 3), 0.5))


def own_call(lib):
    class Own(lib.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return 3.0 * lib.ops.mean(lib.ops.square(y_true - y_pred))

    return Own()


def call_of_another(lib):
    class Doubled(lib.losses.MeanSquaredError):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return 2.0 * super().__call__(y_true, y_pred, sample_weight)

    return Doubled()


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("make_loss", [own_call, call_of_another])
def test_a_call_of_ones_own_is_the_loss(make_loss, eagerly):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    y = np.square(x[:, :1])
    found = []
    for lib in (keras, fastmlp):
        dense = lib.layers.Dense(1, kernel_initializer="ones")
        model = lib.Sequential([lib.Input((3,)), dense])
        model.compile("sgd", make_loss(lib), run_eagerly=eagerly and lib is fastmlp)
        logs = model.fit(x, y, 8, 2, shuffle=False, validation_data=(x, y), verbose=0).history
        found.append([*logs["loss"], *logs["val_loss"], *np.ravel(model.get_weights()[0])])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    with pytest.raises(ValueError, match="expected no sample weights"):
        model.fit(x, y, sample_weight=np.ones(20), verbose=0)
