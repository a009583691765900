"""Regularizers, constraints and activities as functions, and losses that layers add."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, losses, ops, optimizers


def data(n=24):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)), rng.normal(size=(n, 2))


def trained(epochs=3, dtype="float64", **kwargs):
    """Weights and history of a small model whose first layer takes these arguments."""
    fastmlp.utils.set_random_seed(1)
    first = layers.Dense(5, "tanh", dtype=dtype, **kwargs)
    model = Sequential([Input((4,), dtype=dtype), first, layers.Dense(2, dtype=dtype)])
    model.compile("sgd", "mse")
    history = model.fit(*data(), batch_size=7, epochs=epochs, verbose=0, shuffle=False)
    return model, history.history["loss"]


def same(one, other, rtol=1e-9):
    np.testing.assert_allclose(one[1], other[1], rtol=rtol)
    for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol)


def penalty(x):
    return 0.01 * ops.sum(ops.abs(x)) + 0.02 * ops.sum(ops.square(x))


BUILT_IN = fastmlp.regularizers.L1L2(0.01, 0.02)


@pytest.mark.parametrize(
    "argument", ["kernel_regularizer", "bias_regularizer", "activity_regularizer"]
)
def test_a_function_regularizes_as_the_built_in_does(argument):
    same(trained(**{argument: penalty}), trained(**{argument: BUILT_IN}))


def test_a_subclass_of_regularizer_is_traced():
    class Own(fastmlp.regularizers.Regularizer):
        def __call__(self, x):
            return penalty(x)

    same(trained(kernel_regularizer=Own()), trained(kernel_regularizer=BUILT_IN))
    same(trained(activity_regularizer=Own()), trained(activity_regularizer=BUILT_IN))


def test_a_regularizer_that_computes_with_numpy_is_told():
    with pytest.raises(TypeError, match=r"symbolic and has no values. Hint: use fastmlp\.ops"):
        trained(kernel_regularizer=lambda w: np.sum(np.asarray(w) ** 2))
    with pytest.raises(TypeError, match="expected it to return a tensor of shape"):
        trained(kernel_regularizer=lambda w: 3.0)


def test_a_function_constrains_as_the_built_in_does():
    built_in = fastmlp.constraints.MaxNorm(0.5, axis=0)

    def max_norm(w):
        norms = np.sqrt(np.square(w).sum(axis=0, keepdims=True))
        return w * (np.clip(norms, 0, 0.5) / (1e-7 + norms))

    same(trained(kernel_constraint=max_norm), trained(kernel_constraint=built_in), 1e-6)


def test_what_a_constraint_raises_comes_with_the_weights_name():
    with pytest.raises(ZeroDivisionError) as caught:
        trained(kernel_constraint=lambda w: w / (1 // 0))
    assert "the constraint of weight 'dense" in caught.value.__notes__[0]


class Same(layers.Layer):
    def call(self, x):
        return x


class Sparse(layers.Layer):
    def call(self, x):
        self.add_loss(0.05 * ops.mean(ops.square(x)))
        return x


def with_layer(layer):
    fastmlp.utils.set_random_seed(1)
    x = Input((4,), dtype="float64")
    hidden = layers.Dense(5, dtype="float64")(x)
    model = Model(x, layers.Dense(2, dtype="float64")(layer(hidden)))
    model.compile("sgd", "mse")
    return model


def test_add_loss_counts_in_fit_evaluate_and_gradients():
    x, y = data()
    model, plain = with_layer(Sparse(dtype="float64")), with_layer(Same(dtype="float64"))
    hidden = x @ plain.layers[1].kernel
    expected = plain.evaluate(x, y, verbose=0) + 0.05 * np.square(hidden).mean()
    assert model.evaluate(x, y, verbose=0, batch_size=24) == pytest.approx(expected, rel=1e-9)
    assert max(fastmlp.check_gradients(model, x, y).values()) < 1e-7
    before = model.evaluate(x, y, verbose=0, batch_size=24)
    model.fit(x, y, epochs=2, verbose=0)
    assert model.evaluate(x, y, verbose=0, batch_size=24) < before
    np.testing.assert_allclose(model.predict(x, verbose=0), model(x))


def test_a_layer_used_twice_adds_its_loss_twice_and_one_of_two_outputs_once():
    class Pair(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x * 0 + 1.0) * 0 + 0.25)
            return x, 2 * x

    for used, expected in ((0, 0.25), (1, 0.25), (2, 0.25), (3, 0.5)):
        pair, x = Pair(), Input((2,))
        first, second = pair(x)
        y = [first, second, first + second, pair(first)[1]][used]
        model = Model(x, y * 0)
        model.compile(loss="mse")
        assert model.evaluate(np.ones((4, 2)), np.zeros((4, 2)), verbose=0) == pytest.approx(
            expected
        )


def test_add_loss_outside_of_call_or_of_numbers_is_told():
    with pytest.raises(RuntimeError, match="add_loss belongs into call"):
        Sparse().add_loss(3)

    class Bad(layers.Layer):
        def call(self, x):
            self.add_loss(3.0)
            return x

    with pytest.raises(TypeError, match=r"add_loss: expected a symbolic tensor. Received: 3\.0"):
        Bad()(Input((2,)))


def test_an_activity_penalty_trains_where_no_loss_reads():
    x, y = data()
    weights = []
    for regularizer in (BUILT_IN, penalty):
        fastmlp.utils.set_random_seed(1)
        inputs = Input((4,), dtype="float64")
        side = layers.Dense(3, activity_regularizer=regularizer, dtype="float64", name="side")
        model = Model(inputs, [layers.Dense(2, dtype="float64", name="y")(inputs), side(inputs)])
        model.compile("sgd", ["mse", None])
        assert max(fastmlp.check_gradients(model, x, [y, None]).values()) < 1e-6
        before = side.kernel.copy()
        model.fit(x, [y, None], epochs=1, verbose=0, shuffle=False)
        assert np.abs(side.kernel - before).max() > 1e-4
        weights.append(side.kernel.copy())
    np.testing.assert_allclose(*weights, rtol=1e-9)


class Squares(layers.Layer):
    """Adds the mean of the squares of its inputs to the loss."""

    def call(self, x):
        self.add_loss(ops.mean(x**2))
        return x


@pytest.mark.parametrize("form", [list, tuple, lambda ys: dict(zip("ab", ys, strict=True))])
def test_what_layers_add_may_be_all_of_the_loss_of_several_outputs(form):
    x = np.arange(8.0, dtype="float32").reshape(4, 2)
    entry = Input((2,))
    y = Squares()(layers.Dense(2, kernel_initializer="ones")(entry))
    model = Model(entry, form([y, 2 * y]))
    model.compile(optimizers.SGD(0.01))
    assert model.evaluate(x, verbose=0) == pytest.approx(69.0)
    before = model.train_on_batch(x)
    assert before == pytest.approx(69.0)
    assert model.fit(x, verbose=0).history["loss"][0] < before


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_what_layers_add_may_be_all_of_the_loss(run_eagerly):
    x = np.arange(8.0, dtype="float32").reshape(4, 2)
    model = Sequential([Input((2,)), layers.Dense(2, kernel_initializer="ones"), Squares()])
    model.compile(optimizers.SGD(0.0), metrics=["mae"], run_eagerly=run_eagerly)
    logs = {"loss": 69.0, "mae": 3.5}  # of 1, 5, 9, 13, each twice
    assert model.evaluate(x, x, verbose=0, return_dict=True) == pytest.approx(logs)
    history = model.fit(x, x, epochs=2, verbose=0, validation_split=0.25).history
    assert history["loss"] == pytest.approx([107 / 3] * 2)
    assert history["val_loss"] == pytest.approx([169] * 2)
    model.compile(optimizers.SGD(0.01), [None])
    first, second = model.fit(x, epochs=2, verbose=0).history["loss"]
    assert second < first == pytest.approx(69)
    assert model.fit(iter([(x,), (x,)]), verbose=0).history["loss"][0] < second
    assert model.train_on_batch(x) < second


def test_a_layer_at_the_end_may_take_the_targets():
    class Endpoint(layers.Layer):
        def call(self, targets, logits):
            self.add_loss(losses.BinaryCrossentropy(from_logits=True)(targets, logits))
            return ops.softmax(logits)

    inputs, targets = Input((3,), name="inputs"), Input((2,), name="targets")
    logits = layers.Dense(2)(inputs)
    model = Model([inputs, targets], Endpoint()(targets, logits))
    model.compile("sgd")
    random = np.random.default_rng(0)
    data = {"inputs": random.normal(size=(6, 3)), "targets": random.integers(0, 2, (6, 2))}
    expected = losses.BinaryCrossentropy(from_logits=True)(
        data["targets"], Model(inputs, logits).predict(data["inputs"], verbose=0)
    )
    assert model.fit(data, verbose=0).history["loss"] == pytest.approx([expected], rel=1e-5)


@pytest.mark.parametrize("loss", [None, [None], {"out": None}])
def test_without_any_loss_there_is_nothing_to_train(loss):
    model = Sequential([Input((2,)), layers.Dense(1, kernel_regularizer="l2", name="out")])
    model.compile("sgd", loss)
    for method in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="compiled without a loss"):
            method(np.ones((4, 2)), np.ones(4))


def test_without_a_loss_a_model_is_evaluated_by_its_metrics_as_in_keras():
    def results(lib):
        x = lib.Input((3,))
        made = {"kernel_initializer": "ones", "kernel_regularizer": "l2"}
        model = lib.Model(x, [lib.layers.Dense(1, name=name, **made)(x) for name in "pq"])
        model.compile(metrics=["mae", "mse"], weighted_metrics=[["mae"], None])
        data = np.ones((4, 3)), [np.ones((4, 1)), np.zeros((4, 1))]
        weights = np.arange(4.0)
        yield model.evaluate(*data, verbose=0)
        yield model.evaluate(*data, sample_weight=[weights, weights], batch_size=3, verbose=0)
        yield model.test_on_batch(*data)

    for found, expected in zip(results(fastmlp), results(keras), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
