"""Gradients as arrays, and the check of gradients."""

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, optimizers, regularizers


def make(dtype="float32", rate=0.3, **kwargs):
    fastmlp.utils.set_random_seed(3)
    model = Sequential(
        [
            Input((4,), dtype=dtype),
            layers.Dense(5, "tanh", kernel_regularizer=regularizers.L2(0.1), dtype=dtype, name="a"),
            layers.Dropout(rate, dtype=dtype),
            layers.Dense(2, dtype=dtype, name="b"),
        ]
    )
    model.compile(**({"optimizer": "sgd", "loss": "mse"} | kwargs))
    return model


def data(n=7):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 4)), rng.normal(size=(n, 2))


def test_gradients_are_those_of_the_loss_and_change_no_weight():
    model, (x, y) = make("float64"), data()
    before = model.get_weights()
    loss, grads = fastmlp.gradients(model, x, y, training=False)
    assert loss == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-12)
    assert [g.shape for g in grads] == [(4, 5), (5,), (5, 2), (2,)]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    kernel = model.layers[0].kernel
    for index in ((0, 0), (3, 2)):
        losses = []
        for sign in (1, -1):
            value = before[0].copy()
            value[index] += sign * 1e-6
            kernel[...] = value
            losses.append(model.evaluate(x, y, verbose=0))
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(grads[0][index], rel=1e-6)
        kernel[...] = before[0]


@pytest.mark.parametrize("n", [1, 7, 300])
def test_gradients_with_apply_are_a_step_of_train_on_batch(n):
    x, y = data(n)
    weight = np.linspace(0.5, 1, n)
    by_hand, native = make(rate=0, optimizer="adam"), make(rate=0, optimizer="adam")
    for _ in range(3):
        loss, grads = fastmlp.gradients(by_hand, x, y, weight)
        by_hand.optimizer.apply(grads, by_hand.trainable_weights)
        assert loss == pytest.approx(native.train_on_batch(x, y, sample_weight=weight), rel=1e-5)
    for a, b in zip(by_hand.get_weights(), native.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_gradients_bits_do_not_depend_on_threads():
    x, y = data(3000)
    found = []
    for threads in (1, 3):
        model = make()
        before = fastmlp.config.num_threads()
        fastmlp.config.set_num_threads(threads)
        try:
            found.append(fastmlp.gradients(model, x, y))
        finally:
            fastmlp.config.set_num_threads(before)
    assert found[0][0] == found[1][0]
    assert all(np.array_equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_frozen_weights_have_no_gradient():
    model, (x, y) = make(), data()
    model.layers[0].trainable = False
    model.compile(loss="mse")
    _, grads = fastmlp.gradients(model, x, y)
    assert [g.shape for g in grads] == [(5, 2), (2,)]
    model.layers[2].trainable = False
    with pytest.raises(ValueError, match="gradients: the model has no trainable weights"):
        fastmlp.gradients(model, x, y)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-4), ("float64", 1e-7)])
def test_right_gradients_pass_the_check_dropout_included(dtype, limit):
    errors = fastmlp.check_gradients(make(dtype), *data())
    assert list(errors) == ["a/kernel", "a/bias", "b/kernel", "b/bias"]
    assert all(error < limit for error in errors.values())


def test_the_check_measures_weighted_batches_and_any_loss():
    model = make("float64", loss="huber")
    x, y = data()
    errors = fastmlp.check_gradients(model, x, y, np.linspace(0, 2, 7), training=False, elements=3)
    assert max(errors.values()) < 1e-7


def test_what_is_no_compiled_model_is_told():
    x, y = data()
    with pytest.raises(RuntimeError, match="gradients: the model has no optimizer and loss yet"):
        fastmlp.gradients(Sequential([Input((4,)), layers.Dense(2)]), x, y)
    with pytest.raises(ValueError, match="check_gradients: expected a fastmlp model"):
        fastmlp.check_gradients(lambda x: x, x, y)
    with pytest.raises(ValueError, match="elements"):
        fastmlp.check_gradients(make(), x, y, elements=0)
    with pytest.raises(ValueError, match="shape"):
        fastmlp.gradients(make(), x[:, :3], y)


def test_gradients_that_are_kept_ready_are_those_of_the_general_way():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")
    model = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    model.compile(optimizers.SGD(0.5), "mse", metrics=["mae"])

    def both():
        given = [fastmlp.gradients(model, x, y) for _ in range(2)]
        general = fastmlp.gradients(model, x.tolist(), y.tolist())
        for loss, grads in given:
            assert loss == pytest.approx(general[0], rel=1e-6)
            for a, b in zip(grads, general[1], strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
        assert given[0][1][0] is not given[1][1][0]
        return given[1]

    loss, grads = both()
    model.optimizer.apply(grads, model.trainable_weights)
    assert both()[0] < loss
    model.layers[0].trainable = False
    assert len(both()[1]) == 2
    model.layers[0].trainable = True
    model.compile("sgd", "mae")
    assert both()[0] != loss
    with pytest.raises(ValueError, match="expected the same number of samples"):
        fastmlp.gradients(model, x, y[:3])


def test_dropout_is_drawn_anew_for_each_call_of_gradients():
    model = Sequential([Input((3,)), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    assert len({fastmlp.gradients(model, x, y)[0] for _ in range(4)}) > 1
    assert len({fastmlp.gradients(model, x, y, training=False)[0] for _ in range(4)}) == 1
