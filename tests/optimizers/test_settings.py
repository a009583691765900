"""A learning rate and a number of steps are numbers that can be assigned to, as Keras's variables can."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from fastmlp import Input, Sequential, callbacks, layers, optimizers
from fastmlp.variables import Variable


def test_a_learning_rate_is_a_number():
    optimizer = optimizers.Adam(0.1)
    rate = optimizer.learning_rate
    assert isinstance(rate, float)
    assert repr(rate) == "0.1"
    assert type(rate * 2) is float
    assert json.dumps({"learning_rate": rate}) == '{"learning_rate": 0.1}'
    assert type(optimizer.get_config()["learning_rate"]) is float


@pytest.mark.parametrize(
    "value", [0.25, np.float32(0.25), np.array(0.25), np.array([0.25]), Variable(0.25, name="x")]
)
def test_it_can_be_assigned_to(value):
    optimizer = optimizers.SGD(0.1)
    before = optimizer.learning_rate
    assert optimizer.learning_rate.assign(value) == 0.25
    assert optimizer.learning_rate == 0.25
    assert before == 0.1  # a number of then
    assert optimizer.learning_rate.numpy() == np.float32(0.25)
    assert optimizer.learning_rate.numpy().dtype == np.float32


def test_assigning_in_a_callback_holds_from_the_next_epoch_on():
    seen = []

    class Halve(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate.numpy()))
            self.model.optimizer.learning_rate.assign(seen[-1] / 2)

    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.25), "mse")
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), epochs=3, callbacks=[Halve()], verbose=0)
    assert seen == [0.25, 0.125, 0.0625]
    # d mse/dw = 2 w, so w loses 2 · rate of itself
    np.testing.assert_allclose(model.layers[0].kernel, [[0.5 * 0.75 * 0.875]], rtol=1e-6)


def test_the_inner_rate_of_a_loss_scale_optimizer():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1))
    optimizer.learning_rate.assign(0.5)
    assert optimizer.inner_optimizer.learning_rate == 0.5


def test_what_cannot_be_assigned_is_an_error_and_changes_nothing():
    scheduled = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="expected a schedule"):
        scheduled.learning_rate.assign(0.5)
    optimizer = optimizers.SGD(0.1)
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate.assign(-1.0)
    with pytest.raises(ValueError, match="iterations"):
        optimizer.iterations.assign(-1)
    assert (optimizer.learning_rate, optimizer.iterations) == (0.1, 0)


def test_iterations_can_be_assigned_to_and_move_a_schedule():
    optimizer = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    assert optimizer.iterations.assign(10) == 10
    assert optimizer.iterations.numpy().dtype == np.int64
    assert optimizer.learning_rate == pytest.approx(0.05)


def test_they_can_be_added_to():
    optimizer = optimizers.SGD(0.5)
    assert optimizer.learning_rate.assign_sub(0.25) == 0.25
    assert optimizer.iterations.assign_add(2) == 2


def test_they_tell_value_and_type_as_variables_do():
    optimizer = optimizers.SGD(0.1)
    rate, count = optimizer.learning_rate, optimizer.iterations
    assert rate.value == np.float32(0.1) and rate.dtype == "float32"
    assert count.value == 0 and count.dtype == "int64"
    assert float(optimizer.learning_rate.assign(rate.value / 2)) == pytest.approx(0.05)


def test_copies_are_plain_numbers():
    optimizer = optimizers.SGD(0.1)
    for number, kind in ((optimizer.learning_rate, float), (optimizer.iterations, int)):
        assert type(copy.deepcopy(number)) is kind
        assert type(pickle.loads(pickle.dumps(number))) is kind
