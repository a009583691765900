"""Callback, CallbackList, History and LambdaCallback."""

from __future__ import annotations

import types

import numpy as np
import pytest

from fastmlp.callbacks import Callback, CallbackList, EarlyStopping, History, LambdaCallback

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]
EPOCH_HOOKS = ["on_epoch_begin", "on_epoch_end", "on_test_begin", "on_test_end"]


def call(callback: Callback, hook: str, logs=None) -> None:
    method = getattr(callback, hook)
    if "epoch" in hook or "batch" in hook:
        method(3, logs)
    else:
        method(logs)


def model() -> types.SimpleNamespace:
    return types.SimpleNamespace()


def test_the_hooks_are_those_of_keras():
    keras = pytest.importorskip("keras", reason="compares with Keras")
    assert [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")] == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_reaches_all_callbacks_in_order(hook):
    calls = []
    callbacks = CallbackList(
        [LambdaCallback(**{hook: lambda *a, logs=None, i=i: calls.append(i)}) for i in range(3)]
    )
    call(callbacks, hook, {})
    assert calls == [0, 1, 2]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_nobody_overrides_does_nothing(hook):
    call(CallbackList([Callback(), Callback()]), hook, {"loss": 1.0})


def test_batch_begin_and_end_are_the_old_names_of_the_training_hooks():
    seen = []
    callback = LambdaCallback(
        on_batch_begin=lambda batch, logs: seen.append(("begin", batch)),
        on_batch_end=lambda batch, logs: seen.append(("end", batch)),
    )
    callbacks = CallbackList(callback)
    callbacks.on_train_batch_begin(0)
    callbacks.on_train_batch_end(0)
    assert seen == [("begin", 0), ("end", 0)]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_list_knows_which_hooks_are_wanted(hook):
    class Sub(Callback):
        pass

    setattr(Sub, hook, lambda *a, **k: None)
    for callback in (Sub(), LambdaCallback(**{hook: lambda *a, **k: None})):
        callbacks = CallbackList([Callback(), callback], add_history=True)
        assert callbacks.has_batch_hooks == ("batch" in hook)
        assert callbacks.has_test_batch_hooks == ("test_batch" in hook)
        assert callbacks.has_predict_batch_hooks == ("predict_batch" in hook)
        train = "batch" in hook and "test" not in hook and "predict" not in hook
        assert callbacks.has_train_batch_hooks == train
        assert callbacks.has_epoch_hooks == (hook in EPOCH_HOOKS)


def test_history_alone_wants_neither_batches_nor_single_epochs():
    callbacks = CallbackList(add_history=True)
    assert not callbacks.has_batch_hooks
    assert not callbacks.has_epoch_hooks
    assert CallbackList(EarlyStopping()).has_epoch_hooks


def test_logs_become_sorted_python_floats_shared_by_all_callbacks():
    class Add(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["learning_rate"] = 0.1

    history = History()
    given = {"loss": np.float32(0.5), "acc": np.array(1), "val_loss": 2}
    left = CallbackList([Add(), history]).on_epoch_end(0, given)
    assert history.history == {
        "acc": [1.0], "loss": [0.5], "val_loss": [2.0], "learning_rate": [0.1]
    }  # fmt: skip
    assert list(left) == list(history.history)
    assert all(type(value) is float for value in left.values())
    assert "learning_rate" not in given


def test_outputs_of_predict_pass_through():
    seen = []
    outputs = np.ones((2, 1))
    callbacks = CallbackList(LambdaCallback(on_predict_batch_end=lambda b, logs: seen.append(logs)))
    callbacks.on_predict_batch_end(0, {"outputs": outputs})
    assert seen[0]["outputs"] is outputs


def test_model_and_params_reach_every_callback():
    callbacks, m = CallbackList([Callback(), [Callback()]], model=(m := model()), epochs=3), m
    assert [c.model for c in callbacks.callbacks] == [m, m]
    assert [c.params for c in callbacks.callbacks] == [{"epochs": 3}] * 2


def test_a_subclass_need_not_call_super_init():
    class Sub(Callback):
        def __init__(self):
            pass

    assert Sub().model is None and Sub().params is None


def test_history_is_added_once_and_becomes_the_models():
    m = model()
    own = History()
    callbacks = CallbackList([own], add_history=True, model=m)
    assert callbacks.history is own and m.history is own and len(callbacks.callbacks) == 1
    assert isinstance(CallbackList(add_history=True, model=m).history, History)


def test_nested_lists_and_callback_lists_are_flattened():
    a, b, c = Callback(), Callback(), Callback()
    callbacks = CallbackList([a, (b, None), CallbackList([c])])
    assert callbacks.callbacks == [a, b, c]
    callbacks.append(d := Callback())
    assert callbacks.callbacks[-1] is d


def test_an_appended_callback_gets_model_and_params():
    m = model()
    callbacks = CallbackList(model=m, epochs=3)
    callbacks.append(history := History())
    assert history.model is m
    assert history.params == {"epochs": 3}
    assert m.history is history


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (EarlyStopping, r"make an instance: EarlyStopping\(\)"),
        (print, "wrap the function: LambdaCallback"),
        ("early_stopping", "subclass"),
        (3, "subclass"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [Callback(), x]])
def test_what_is_no_callback_is_refused(wrong, hint, wrap):
    with pytest.raises(TypeError, match=f"expected Callback objects.*{hint}"):
        CallbackList(wrap(wrong))


def test_an_error_in_a_callback_goes_on_unchanged():
    error = ZeroDivisionError("mine")

    def fail(epoch, logs):
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        CallbackList(LambdaCallback(on_epoch_end=fail)).on_epoch_end(0, {})
    assert caught.value is error


def test_history_keeps_its_values_over_two_fits_but_counts_epochs_anew():
    history = History()
    for _ in range(2):
        history.on_train_begin()
        history.on_epoch_end(0, {"loss": 1.0})
    assert history.epoch == [0]
    assert history.history == {"loss": [1.0, 1.0]}


def test_history_takes_many_epochs_at_once():
    m = model()
    callbacks = CallbackList(add_history=True, model=m)
    callbacks.on_epoch_end(4, {"loss": 3.0, "val_loss": 4.0})
    callbacks.extend_history(5, {"val_loss": np.float32([2.5, 1.5]), "loss": np.arange(2)})
    assert m.history.epoch == [4, 5, 6]
    assert m.history.history == {"loss": [3.0, 0.0, 1.0], "val_loss": [4.0, 2.5, 1.5]}
    assert {type(v) for column in m.history.history.values() for v in column} == {float}


def test_history_refuses_columns_of_different_lengths_unchanged():
    history = History()
    with pytest.raises(ValueError, match="Received: acc has 1, loss has 2"):
        history.extend(0, {"loss": [1.0, 2.0], "acc": [1.0]})
    assert history.epoch == [] and history.history == {}


def test_lambda_callback_refuses_unknown_hooks_and_non_functions():
    with pytest.raises(ValueError, match=r"'on_epoch_ends'\. Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match=r"expected on_epoch_end to be a function\. Received: 3"):
        LambdaCallback(on_epoch_end=3)


def test_lambda_callback_keeps_what_is_no_hook_as_an_attribute():
    callback = LambdaCallback(custom=len, on_epoch_end=None, limit=None)
    assert callback.custom is len and callback.limit is None
    callback.on_epoch_end(0, {})
