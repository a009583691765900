"""EarlyStopping: Keras's decisions, words and restored weights."""

from __future__ import annotations

import itertools
import types

import numpy as np
import pytest

from fastmlp.callbacks import EarlyStopping


class Model:
    """Just what the callback needs; its one weight is the number of the epoch."""

    def __init__(self, metrics=()) -> None:
        self.stop_training = False
        self.metrics = list(metrics)
        self.weight = np.zeros(1)

    def get_weights(self) -> list[np.ndarray]:
        return [self.weight]  # live, as a model with weights in an arena may give them

    def set_weights(self, weights) -> None:
        self.weight = np.array(weights[0])


class KerasModel(Model):
    def get_weights(self) -> list[np.ndarray]:
        return [self.weight.copy()]


def run(callback, model: Model, values, name: str = "val_loss") -> tuple[int, float]:
    """Trains; returns the number of epochs and the final weight."""
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.weight[:] = epoch + 1
        epochs += 1
        callback.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return epochs, float(model.weight[0])


ARGUMENTS = [
    dict(zip(("patience", "min_delta", "mode", "baseline", "start_from_epoch"), v, strict=True))
    for v in itertools.product((0, 2), (0, 0.2), ("min", "max"), (None, 0.4), (0, 3))
]


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda a: "-".join(map(str, a.values())))
def test_decisions_weights_and_words_are_keras_own(arguments, restore, capsys):
    keras = pytest.importorskip("keras", reason="compares with Keras itself")
    rng = np.random.default_rng(0)
    arguments = arguments | {"restore_best_weights": restore, "verbose": 1}
    for length in (1, 2, 6, 12):
        values = rng.random(length).tolist()
        if length == 6:
            values[2] = float("nan")
        theirs = run(keras.callbacks.EarlyStopping(**arguments), KerasModel(), values)
        words = capsys.readouterr().out
        assert run(EarlyStopping(**arguments), Model(), values) == theirs
        assert capsys.readouterr().out == words


def test_an_instance_can_be_used_again():
    callback = EarlyStopping(patience=1, mode="min", min_delta=0.5)
    first = run(callback, Model(), [3.0, 2.8, 2.7, 0.0])
    assert run(callback, Model(), [3.0, 2.8, 2.7, 0.0]) == first == (2, 2.0)


def test_a_missing_value_warns_and_trains_on():
    callback = EarlyStopping("val_loss")
    with pytest.warns(UserWarning, match="`val_loss` which is not available. Available .*: loss"):
        assert run(callback, Model(), [1.0, 2.0, 3.0], name="loss")[0] == 3


@pytest.mark.parametrize(
    ("monitor", "direction", "epochs"), [("val_mine", "max", 3), ("mine", "min", 2)]
)
def test_a_metric_of_the_model_tells_its_direction(monitor, direction, epochs):
    metric = types.SimpleNamespace(name="mine", direction=direction)
    holder = types.SimpleNamespace(name="compile_metrics", metrics=[metric])
    for metrics in ([metric], [holder]):
        assert run(EarlyStopping(monitor), Model(metrics), [1.0, 2.0, 0.5], monitor)[0] == epochs


@pytest.mark.parametrize(
    ("monitor", "better"),
    [("loss", "min"), ("val_out_loss", "min"), ("val_acc", "max"), ("accuracy", "max"),
     ("val_acc_1", "max"), ("val_weighted_auc", "max"), ("mse", "min"), ("val_auc", "max")],
)  # fmt: skip
def test_known_names_tell_their_direction(monitor, better):
    epochs = run(EarlyStopping(monitor), Model(), [1.0, 2.0, 0.5], monitor)[0]
    assert epochs == (3 if better == "max" else 2)


def test_an_unknown_direction_asks_for_the_mode():
    with pytest.raises(ValueError, match=r"Received: monitor='val_mine'\. Hint: pass mode='min'"):
        run(EarlyStopping("val_mine"), Model(), [1.0], "val_mine")


def test_an_unknown_mode_warns_as_keras_does():
    with pytest.warns(UserWarning, match="mode 'sideways' is unknown, fallback to auto mode"):
        assert EarlyStopping(mode="sideways").mode == "auto"


def test_restored_weights_are_those_of_the_best_epoch_though_views_are_live():
    callback = EarlyStopping(patience=2, restore_best_weights=True, mode="min")
    assert run(callback, Model(), [3.0, 1.0, 2.0, 2.0, 2.0]) == (4, 2.0)
