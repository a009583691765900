"""Outputs of shape `(batch,)`, as those of a matrix factorisation: a number for each sample."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")


def squeezed(library):
    x = library.Input((4,))
    y = library.layers.Dense(1, "sigmoid", kernel_initializer="ones")(x)
    return library.Model(x, library.ops.squeeze(y, -1))


def subclass(library):
    class Own(library.Model):
        def __init__(self):
            super().__init__()
            self.dense = library.layers.Dense(1, "sigmoid", kernel_initializer="ones")

        def call(self, x):
            return library.ops.sum(self.dense(x), axis=-1)

    return Own()


def summed(library):
    """Sums over its last axis, which is the batch."""
    return lambda y, p: library.ops.sum(library.ops.square(y - p), axis=-1)


LOSSES = ["mse", "mae", "binary_crossentropy", "huber", "hinge", "poisson", "log_cosh", summed]


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("make", [squeezed, subclass])
def test_training_as_in_keras(make, loss, columns):
    import keras

    y = Y[:, None] if columns and loss is not summed else Y
    found = []
    for library in (keras, fastmlp):
        model = make(library)
        metrics = ["mae", "AUC", library.metrics.Precision()]
        model.compile("sgd", loss(library) if callable(loss) else loss, metrics=metrics)
        history = model.fit(X, y, 8, 2, verbose=0, shuffle=False, validation_split=0.25).history
        values = [np.ravel(value) for _, value in sorted(history.items())]
        found.append([*values, model.evaluate(X, y, 8, verbose=0), model.predict(X, verbose=0)])
        assert found[-1][-1].shape == (32,)
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["sample_weight", "class_weight"])
def test_weights_are_of_samples(kind):
    """As with outputs `(batch, 1)`; in Keras 3.15 they multiply the mean of the batch."""
    weights = {"class_weight": {0: 1.0, 1: 3.0}, "sample_weight": np.linspace(0, 2, 32)}
    found = []
    for shape in ((), (1,)):
        x = fastmlp.Input((4,))
        y = fastmlp.layers.Dense(1, "sigmoid", kernel_initializer="ones")(x)
        model = fastmlp.Model(x, y if shape else fastmlp.ops.squeeze(y, -1))
        model.compile("adam", "binary_crossentropy", weighted_metrics=["acc", "mse"])
        history = model.fit(X, Y, 7, 2, verbose=0, shuffle=False, **{kind: weights[kind]}).history
        values = np.concatenate([history["loss"], history["acc"], history["mse"]])
        found.append([*values, *model.train_on_batch(X, Y), *np.ravel(model.predict(X, verbose=0))])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


@pytest.mark.parametrize("loss", ["cosine_similarity", "categorical_crossentropy", "kl_divergence"])
def test_what_is_of_several_numbers_of_a_sample_is_refused(loss):
    model = squeezed(fastmlp)
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=rf"{loss}.*expected outputs of shape \(batch, n\)"):
        model.fit(X, Y, verbose=0)
