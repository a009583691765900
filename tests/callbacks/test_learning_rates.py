"""Callbacks that change the learning rate, in a training of their own."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, optimizers


def fit(*hooks: callbacks.Callback, epochs: int = 3) -> tuple[Sequential, callbacks.History]:
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((2, 1))])
    model.compile(optimizers.SGD(0.5), "mse")
    x = np.eye(2, dtype="float32")
    history = model.fit(x, x[:, :1] * 0, shuffle=False, epochs=epochs, verbose=0, callbacks=hooks)
    return model, history


def test_the_history_tells_the_learning_rate_of_each_epoch():
    seen = callbacks.LearningRateScheduler(lambda epoch: [0.5, 0.25, 0.125][epoch])
    assert fit(seen)[1].history["learning_rate"] == [0.5, 0.25, 0.125]


def test_the_training_uses_the_learning_rate_that_was_set():
    """w = w - lr · w for one feature a row and half the mean: exact in binary."""
    model, _ = fit(callbacks.LearningRateScheduler(lambda epoch, lr: lr / 2))
    expected = np.prod([1 - 0.25, 1 - 0.125, 1 - 0.0625])
    assert model.get_weights()[0].ravel().tolist() == [expected] * 2


def test_a_plateau_makes_the_steps_smaller():
    hook = callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=10)
    model, history = fit(hook, epochs=4)
    assert history.history["learning_rate"] == [0.5, 0.5, 0.25, 0.125]
    assert model.optimizer.learning_rate == 0.0625


def test_a_whole_number_is_a_learning_rate():
    model, _ = fit(callbacks.LearningRateScheduler(lambda epoch: 1))
    assert model.optimizer.learning_rate == 1.0


@pytest.mark.parametrize("result", [None, "0.1", True, [0.1]])
def test_a_schedule_that_returns_no_number_is_refused(result):
    with pytest.raises(ValueError, match="The output of the `schedule` function should be a float"):
        fit(callbacks.LearningRateScheduler(lambda epoch: result))


def test_an_error_within_the_schedule_reaches_the_user():
    def schedule(epoch, lr):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        fit(callbacks.LearningRateScheduler(schedule))


def test_a_schedule_is_a_function():
    with pytest.raises(TypeError, match="expected schedule to be a function"):
        callbacks.LearningRateScheduler(0.1)


@pytest.mark.parametrize("arguments", [{"factor": "x"}, {"patience": None}, {"monitor": 3}])
def test_arguments_of_a_wrong_type_are_refused(arguments):
    with pytest.raises((TypeError, ValueError), match=next(iter(arguments))):
        callbacks.ReduceLROnPlateau(**arguments)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras on JAX
@pytest.mark.parametrize("by_function", [False, True])
@pytest.mark.parametrize("kind", ["LearningRateScheduler", "ReduceLROnPlateau"])
def test_each_of_several_optimizers_is_changed_as_in_keras(kind, by_function, capsys):
    x, y = np.eye(4, 3, dtype="float32"), np.full((4, 1), 3.0, "float32")
    found = []
    for lib in (keras, fastmlp):
        model = lib.Sequential(
            [lib.Input((3,)), lib.layers.Dense(2, name="a"), lib.layers.Dense(1)]
        )
        model.set_weights([np.full(w.shape, 0.5) for w in model.get_weights()])
        body, head = lib.optimizers.SGD(0.1, name="body"), lib.optimizers.Adam(0.01, name="head")
        several = lib.optimizers.OptimizerMap(head, {".*a/.*": body})
        if by_function:

            def several(weight, body=body, head=head):
                return body if "a/" in weight.path else head

        model.compile(lib.optimizers.MultiOptimizer(several), "mse")
        if kind == "LearningRateScheduler":
            hook = lib.callbacks.LearningRateScheduler(lambda epoch, lr: lr / (epoch + 1), 1)
        else:
            hook = lib.callbacks.ReduceLROnPlateau(
                "loss", 0.5, 1, 1, min_delta=100, cooldown=1, min_lr=0.008
            )
        logs = model.fit(x, y, epochs=6, verbose=0, callbacks=[hook]).history
        told = [line for line in capsys.readouterr().out.splitlines() if "learning rate" in line]
        found.append((logs, told))
    (theirs, printed), (ours, ours_printed) = found
    assert set(ours) == set(theirs) == {"loss", "learning_rate_body", "learning_rate_head"}
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-5)
    assert [line.split(" to ")[0] for line in ours_printed] == [
        line.split(" to ")[0] for line in printed
    ]
    assert len(printed) >= 3
