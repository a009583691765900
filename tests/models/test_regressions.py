"""Defects that were found once, each with the smallest program that showed it."""

import numpy as np
import pytest

from fastmlp import Input, Model, Sequential, layers, ops, optimizers
from fastmlp.callbacks import LambdaCallback

_rng = np.random.default_rng(0)
X = _rng.normal(size=(50, 5)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def _model(optimizer="sgd", loss="mse", start=None):
    model = Sequential([Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(1)])
    if start is not None:
        model.set_weights(start)
    model.compile(optimizer, loss)
    return model


def _fit(model, **kwargs):
    return model.fit(X, Y, verbose=0, shuffle=False, **kwargs).history


def test_a_model_compiled_by_a_callback_trains_with_the_new_loss_from_the_next_fit_on():
    model = _model()
    _fit(model, callbacks=[LambdaCallback(on_train_end=lambda logs: model.compile("sgd", "mae"))])
    same = _model(loss="mae", start=model.get_weights())
    assert _fit(model) == _fit(same)


def test_a_fit_goes_on_with_its_own_optimizer_when_a_callback_compiles_the_model():
    model = _model("sgd")
    first = model.optimizer
    _fit(
        model,
        epochs=3,
        callbacks=[LambdaCallback(on_epoch_end=lambda epoch, logs: model.compile("adam", "mse"))],
    )
    assert first.iterations == 6
    assert model.optimizer.iterations == 0


def test_a_layer_frozen_by_a_callback_stays_in_the_next_fit():
    model = _model()

    def freeze(logs):
        model.layers[0].trainable = False

    _fit(model, callbacks=[LambdaCallback(on_train_end=freeze)])
    before = model.get_weights()
    _fit(model)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_a_layer_removed_by_a_callback_is_gone_in_the_next_fit():
    model = Sequential([Input((5,)), layers.Dense(1), layers.Dense(1)])
    model.compile("sgd", "mse")
    remove = LambdaCallback(on_train_end=lambda logs: model.pop())
    _fit(model, batch_size=50, callbacks=[remove])
    before = model.evaluate(X, Y, verbose=0)
    assert _fit(model, batch_size=50)["loss"][0] == pytest.approx(before, rel=1e-6)


def test_compiling_again_with_the_same_optimizer_keeps_its_state_as_keras_does():
    start = _model().get_weights()
    twice = _model(optimizers.Adam(0.01), start=start)
    _fit(twice, epochs=3)
    twice.compile(twice.optimizer, "mse")
    _fit(twice, epochs=3)
    once = _model(optimizers.Adam(0.01), start=start)
    _fit(once, epochs=6)
    for a, b in zip(twice.get_weights(), once.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_an_optimizer_that_has_trained_one_model_is_refused_by_another():
    # Its count of steps would make Adam's first steps on new weights three times too long.
    optimizer = optimizers.Adam()
    _fit(_model(optimizer))
    other = _model(optimizer)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"2 steps on other weights.*Hint: .*new optimizer"):
        _fit(other)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_class_weights_do_not_weigh_the_samples_held_out_as_in_keras():
    model = _model()
    logs = _fit(model, class_weight={0: 1.0, 1: 100.0}, validation_split=0.2)
    expected = model.evaluate(X[40:], Y[40:], verbose=0)
    assert logs["val_loss"][0] == pytest.approx(expected, rel=1e-6)


class _Fixed(layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], 1), "ones", trainable=False)

    def call(self, x):
        return ops.dense(x, self.w)


def test_a_weight_made_untrainable_stays_so():
    model = Sequential([Input((5,)), layers.Dense(3), _Fixed()])
    model.compile("sgd", "mse")
    _fit(model)
    assert [v.trainable for v in model.weights] == [True, True, False]
    assert np.array_equal(model.layers[1].w.value, np.ones((3, 1)))
    model.layers[1].trainable = False
    model.layers[1].trainable = True
    assert not model.layers[1].w.trainable


def test_asking_for_an_output_shape_changes_nothing():
    dense, dropout = layers.Dense(3), layers.Dropout(0.5)
    assert dense.compute_output_shape((None, 8)) == (None, 3)
    assert dropout.compute_output_shape((None, 8)) == (None, 8)
    assert not dense.built
    assert dropout.output_shape is None


def test_a_layer_whose_build_has_failed_can_be_added_again():
    calls = []

    def fails_at_first(shape, dtype=None):
        calls.append(shape)
        if len(calls) == 1:
            raise RuntimeError("no bias yet")
        return np.zeros(shape, dtype)

    model = Sequential([Input((5,))])
    layer = layers.Dense(3, bias_initializer=fails_at_first)
    with pytest.raises(RuntimeError, match="no bias yet"):
        model.add(layer)
    model.add(layer)
    assert [v.shape for v in model.weights] == [(5, 3), (3,)]


def test_first_weights_that_do_not_fit_leave_the_layer_unbuilt():
    with pytest.warns(FutureWarning, match="set_weights"):
        layer = layers.Dense(2, weights=[np.ones((4, 2)), np.ones(2)])
    with pytest.raises(ValueError, match="expected 2 weights of shapes"):
        layer(np.ones((1, 3)))
    assert np.array_equal(layer(np.ones((1, 4))), [[5.0, 5.0]])


def test_a_model_shaped_by_refused_data_takes_its_shape_from_the_next():
    model = Sequential([layers.Dense(4, activation="relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="expected shape"):
        model.fit(np.zeros((10, 7)), np.zeros((10, 3)), verbose=0)
    assert not model.built
    assert not any(layer.built for layer in model.layers)
    model.fit(np.zeros((10, 5)), np.zeros(10), verbose=0)
    assert model.input_shape == (None, 5)


def test_a_change_of_the_optimizers_limits_holds_from_the_next_fit_on():
    model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(1.0), "mse")
    x, y = np.ones((4, 2)), np.zeros(4)
    model.fit(x, y, verbose=0)
    model.optimizer.clipvalue = 1e-3
    before = model.get_weights()[0]
    model.fit(x, y, verbose=0)
    assert np.max(np.abs(model.get_weights()[0] - before)) <= 1.001e-3


def test_build_wants_the_batch_first():
    with pytest.raises(ValueError, match="with the batch first"):
        Sequential([layers.Dense(1)]).build(4)


def test_a_list_that_contains_itself_may_be_an_attribute():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.Dense(2)]
            self.parts.append(self.parts)
            self.by_name = {"out": self.parts}

        def call(self, x):
            return self.parts[0](x)

    assert Own()(X).shape == (50, 2)
