"""Inputs with a last axis of size 1 more or less, and nested ones, as Keras takes them; one row as a list."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(6)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)

SHAPES = {
    "a series": ((3, 1), X),
    "columns": ((3,), X[..., None]),
    "numbers": ((1,), X[:, 0]),
    "numbers with two axes more": ((1,), X[:, :1, None]),
    "whole numbers, backwards": ((3, 1), (9 * X).astype("int64")[::-1, ::-1]),
}


def pair(shape):
    made = []
    for k in (keras, fastmlp):
        first = [k.layers.SimpleRNN(2)] if len(shape) > 1 else []
        model = k.Sequential([k.Input(shape), *first, k.layers.Dense(1)])
        model.compile(k.optimizers.SGD(0.02), "mse")
        made.append(model)
    made[1].set_weights(made[0].get_weights())
    return made


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("eager", [False, True])
def test_inputs_with_an_axis_of_one_more_or_less_are_taken_as_in_keras(name, eager):
    shape, x = SHAPES[name]
    found = []
    for model in pair(shape):
        if isinstance(model, fastmlp.Sequential):
            model.run_eagerly = eager
        log = model.fit(
            x, Y, epochs=2, batch_size=4, shuffle=False, verbose=0, validation_data=(x, Y)
        )
        told = [*log.history["loss"], *log.history["val_loss"]]
        told += [model.train_on_batch(x, Y), model.train_on_batch(x, Y), model.test_on_batch(x, Y)]
        told.append(model.evaluate(x, Y, verbose=0))
        outputs = [model(x), model(x), model.predict_on_batch(x)]
        outputs += [model.predict(x, verbose=0), model.predict(x, verbose=0)]
        found.append(np.concatenate([told, *(np.ravel(y) for y in outputs)]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)


def test_batches_and_inner_models_take_them_too():
    def batches():
        while True:
            yield X, Y

    found = []
    for model in pair((3, 1)):
        k = fastmlp if isinstance(model, fastmlp.Sequential) else keras
        log = model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0, shuffle=False).history[
            "loss"
        ]
        entry = k.Input((3,))
        outer = k.Model(entry, model(entry))
        found.append(
            np.concatenate([log, np.ravel(outer(X)), np.ravel(outer.predict(X, verbose=0))])
        )
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)


def test_other_shapes_are_refused():
    model = fastmlp.Sequential([fastmlp.Input((3,)), fastmlp.layers.Dense(1)])
    for x in (X[:, None], X[:, :2, None], X[..., None, None]):
        with pytest.raises(ValueError, match="expected inputs"):
            model(x)
        with pytest.raises(ValueError, match="expected inputs"):
            model.predict(x, verbose=0)


def test_a_model_is_called_with_nested_dicts_as_in_keras():
    given = {"1": X[:, :1], "o": {"2": X[:, :2], "3": X}}
    found = []
    for k in (keras, fastmlp):
        a, b, c = k.Input((1,), name="1"), k.Input((2,), name="2"), k.Input((3,), name="3")
        total = k.layers.Dense(1, kernel_initializer="ones")(k.layers.Concatenate()([a, b, c]))
        model = k.Model({"1": a, "o": {"2": b, "3": c}}, total)
        outer = k.Model([a, b, c], model({"1": a, "o": {"2": b, "3": c}}))
        found.append(
            [model(given), model.predict(given, verbose=0), outer([X[:, :1], X[:, :2], X])]
        )
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    with pytest.raises(ValueError, match="expected the inputs"):
        model({"1": X[:, :1], "o": {"2": X[:, :2]}})


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_one_row_may_be_a_nested_list(kind):
    row, model = kind([5.1, 3.5, 1.4, 0.2]), None
    x = np.array([[5.1, 3.5, 1.4, 0.2]])
    for y, units, loss in (
        ([[1.0]], 1, "mse"),
        ([1.0], 1, "mse"),
        ([[0, 1, 0]], 3, "mse"),
        ([1], 3, "sparse_categorical_crossentropy"),
    ):
        model = fastmlp.Sequential([fastmlp.Input((4,)), fastmlp.layers.Dense(units, "softplus")])
        model.compile(fastmlp.optimizers.SGD(0.0), loss)
        expected = model.evaluate(x, np.array(y), verbose=0)
        assert model.evaluate([row], y, verbose=0) == expected
        assert model.fit([row], y, verbose=0).history["loss"] == [expected]
        assert model.train_on_batch([row], y) == model.train_on_batch([row], y) == expected
        assert model.fit([row], y, sample_weight=[2.0], verbose=0).history["loss"] == [2 * expected]
        for found in (model.predict([row], verbose=0), model.predict_on_batch([row])):
            np.testing.assert_array_equal(found, model(x))
    deferred = fastmlp.Sequential([fastmlp.layers.Dense(2)])
    assert deferred.predict([row], verbose=0).shape == (1, 2)


def test_a_list_of_one_array_is_that_array():
    model = fastmlp.Sequential([fastmlp.Input((4,)), fastmlp.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = RNG.normal(size=(3, 4)), np.array([0, 1, 2])
    assert model.predict([x], verbose=0).shape == (3, 3)
    assert model.evaluate([x], [y], verbose=0) == model.evaluate(x, y, verbose=0)
    assert model.evaluate([x[:1]], [y[:1]], verbose=0) == model.evaluate(x[:1], y[:1], verbose=0)
