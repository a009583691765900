"""Losses of fastmlp within a loss or layer of the user's own: of symbolic tensors."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, losses, ops
from fastmlp.function import Function

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, (5, 3)).astype("float32")
P = RNG.uniform(0.1, 0.9, (5, 3)).astype("float32")
CLASSES = RNG.integers(0, 3, (5, 1)).astype("float32")
WEIGHTS = RNG.uniform(0.5, 2, (5, 1)).astype("float32")

LOSSES: dict[str, losses.Loss] = {
    "mse": losses.MeanSquaredError(),
    "mae": losses.MeanAbsoluteError(),
    "mape": losses.MeanAbsolutePercentageError(),
    "msle": losses.MeanSquaredLogarithmicError(),
    "huber": losses.Huber(0.3),
    "log_cosh": losses.LogCosh(),
    "cosine": losses.CosineSimilarity(),
    "binary": losses.BinaryCrossentropy(label_smoothing=0.1),
    "binary, logits": losses.BinaryCrossentropy(from_logits=True),
    "binary focal": losses.BinaryFocalCrossentropy(),
    "categorical": losses.CategoricalCrossentropy(label_smoothing=0.1),
    "categorical, logits": losses.CategoricalCrossentropy(from_logits=True),
    "sparse": losses.SparseCategoricalCrossentropy(),
    "sparse, logits": losses.SparseCategoricalCrossentropy(from_logits=True),
    "sparse, one class left out": losses.SparseCategoricalCrossentropy(ignore_class=1),
    "kl": losses.KLDivergence(),
    "poisson": losses.Poisson(),
    "hinge": losses.Hinge(),
    "squared hinge": losses.SquaredHinge(),
    "categorical hinge": losses.CategoricalHinge(),
    "sum": losses.MeanSquaredError("sum"),
    "none": losses.MeanSquaredError("none"),
    "by weights": losses.MeanSquaredError("mean_with_sample_weight"),
}


def of_tensors(loss: Any, *arrays: np.ndarray) -> Any:
    tensors = [fastmlp.graph.input_tensor((None, *a.shape[1:]), "float32", "x") for a in arrays]
    return Function(tensors, [loss(*tensors)], False)(list(arrays))[0]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_tensors_is_that_of_arrays(name: str) -> None:
    y = CLASSES if name.startswith("sparse") else Y
    loss = LOSSES[name]
    np.testing.assert_allclose(of_tensors(loss, y, P), loss(y, P), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["mse", "sparse", "sum", "none", "by weights"])
def test_weights_count_as_on_arrays(name: str) -> None:
    y = CLASSES if name.startswith("sparse") else Y
    loss = LOSSES[name]
    found = of_tensors(loss, y, P, WEIGHTS)
    np.testing.assert_allclose(np.ravel(found), np.ravel(loss(y, P, WEIGHTS)), rtol=2e-6)


def test_a_name_that_is_no_loss_has_none() -> None:
    from fastmlp.losses.tensors import row_tensor

    with pytest.raises(ValueError, match="loss of symbolic tensors"):
        row_tensor("accuracy", Input((3,)), Input((3,)))


def trained(k: Any) -> list[np.ndarray]:
    def mixed(y_true: Any, y_pred: Any) -> Any:
        first = k.losses.binary_crossentropy(y_true, y_pred)
        return first + 0.1 * k.losses.MeanAbsoluteError()(y_true, y_pred)

    model = k.Sequential([k.Input((4,)), k.layers.Dense(3, "sigmoid", kernel_initializer="ones")])
    model.compile(k.optimizers.SGD(0.5), mixed, run_eagerly=k is keras)
    model.fit(X, Y, batch_size=5, epochs=3, shuffle=False, verbose=0)
    return [np.asarray(w) for w in model.get_weights()]


X = RNG.normal(size=(5, 4)).astype("float32") / 4


def test_a_loss_made_of_losses_trains_as_in_keras() -> None:
    for theirs, ours in zip(trained(keras), trained(fastmlp), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_layer_may_add_one() -> None:
    class Autoencoder(fastmlp.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encode = layers.Dense(2, kernel_initializer="ones")
            self.decode = layers.Dense(4, kernel_initializer="ones")

        def call(self, x: Any) -> Any:
            h = self.encode(x)
            self.add_loss(losses.mean_squared_error(x, self.decode(h)))
            return h

    model = Autoencoder()
    model.compile("sgd", "mse")
    loss = model.evaluate(X, np.zeros((5, 2)), verbose=0)
    h = X @ np.ones((4, 2))
    added = ((X - h @ np.ones((2, 4))) ** 2).mean(1).sum()
    assert loss == pytest.approx((h**2).mean() + added, rel=1e-5)


def test_its_gradient_is_checked_against_differences() -> None:
    def mixed(y_true: Any, y_pred: Any) -> Any:
        return losses.huber(y_true, y_pred) + losses.categorical_crossentropy(
            y_true, ops.softmax(y_pred)
        )

    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile("sgd", mixed)
    assert max(fastmlp.check_gradients(model, X, Y).values()) < 1e-2


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("label", [9, 3, -3, np.nan, 1e20, 0.5])
def test_a_label_that_is_no_class_has_no_loss(label: float, from_logits: bool) -> None:
    def own(y_true: Any, y_pred: Any) -> Any:
        return losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits)

    values = of_tensors(own, np.array([[label], [1], [2]], "float32"), P[:3])
    expected = own(np.array([1, 2]), P[1:3])
    assert np.isnan(values[0])
    np.testing.assert_allclose(values[1:], expected, rtol=2e-6)


@pytest.mark.parametrize(
    "name",
    ["kl_divergence", "mean_squared_error", "mean_absolute_error", "poisson", "huber", "hinge"],
)
def test_one_target_is_that_of_every_prediction(name):
    expected = np.asarray(getattr(keras.losses, name)(0.25, P))
    ours = getattr(losses, name)
    np.testing.assert_allclose(ours(0.25, P), expected, rtol=1e-5, atol=1e-7)
    p = Input((3,))
    np.testing.assert_allclose(
        Function([p], [ours(0.25, p)])([P])[0], expected, rtol=1e-5, atol=1e-7
    )


def test_a_number_may_be_the_class_of_one_sample():
    expected = np.asarray(keras.losses.sparse_categorical_crossentropy(np.asarray(1), P[0]))
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(1, P[0]), expected, rtol=1e-6)
