"""Callbacks told the same story as Keras's: the same decisions, files, words and warnings."""

from __future__ import annotations

import itertools
import types
import warnings
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

NAN = float("nan")


def model(learning_rate: float = 0.5) -> Any:
    return types.SimpleNamespace(
        optimizer=types.SimpleNamespace(learning_rate=learning_rate),
        stop_training=False,
        metrics=[],
    )


def tell(callback: Any, told: Any, epochs: list[dict[str, Any]], batches: int = 0) -> list[Any]:
    """Runs the hooks of a training; returns what the logs and the model became."""
    found = []
    callback.set_params({"verbose": 0, "epochs": len(epochs), "steps": batches})
    callback.set_model(told)
    callback.on_train_begin({})
    for epoch, values in enumerate(epochs):
        callback.on_epoch_begin(epoch, {})
        for batch in range(batches):
            callback.on_train_batch_begin(batch, {})
            callback.on_train_batch_end(batch, dict(values))
        logs = dict(values)
        callback.on_epoch_end(epoch, logs)
        found.append((sorted(logs.items()), float(told.optimizer.learning_rate)))
        if told.stop_training:
            break
    callback.on_train_end({})
    return [*found, told.stop_training]


def words(recorded: list[warnings.WarningMessage]) -> list[str]:
    return [str(entry.message) for entry in recorded]


def assert_same(name: str, epochs: list[dict[str, Any]], capsys: Any, batches: int = 0, **arguments: Any) -> None:  # fmt: skip
    found = []
    for lib in (keras, fastmlp):
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            callback = getattr(lib.callbacks, name)(**arguments)
            results = [tell(callback, model(), epochs, batches) for _ in range(2)]
        found.append((repr(results), words(recorded), capsys.readouterr().out))
    assert found[0] == found[1]


PLATEAU = [
    dict(zip(("patience", "min_delta", "cooldown", "min_lr", "mode"), v, strict=True))
    for v in itertools.product((1, 3), (0, 0.2), (0, 2), (0.0, 0.03), ("min", "max"))
]


@pytest.mark.parametrize("arguments", PLATEAU, ids=lambda a: "-".join(map(str, a.values())))
def test_reduce_lr_on_plateau(arguments, capsys):
    values = np.random.default_rng(3).random(20).tolist()
    values[4] = NAN
    epochs = [{"val_loss": value} for value in values]
    assert_same("ReduceLROnPlateau", epochs, capsys, factor=0.3, verbose=1, **arguments)


def test_reduce_lr_on_plateau_without_its_value(capsys):
    assert_same("ReduceLROnPlateau", [{"loss": 1.0}] * 3, capsys)


def test_a_factor_of_one_is_refused_in_the_words_of_keras():
    said = []
    for lib in (keras, fastmlp):
        with pytest.raises(ValueError, match="factor") as caught:
            lib.callbacks.ReduceLROnPlateau(factor=1.5)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "schedule",
    [lambda epoch: 0.1 / (epoch + 1), lambda epoch, lr: lr * 0.5,
     lambda epoch, lr: np.float32(0.25)],
    ids=["epoch", "both", "float32"],
)  # fmt: skip
def test_learning_rate_scheduler(schedule, capsys):
    epochs = [{"loss": 1.0}] * 4
    assert_same("LearningRateScheduler", epochs, capsys, schedule=schedule, verbose=1)


@pytest.mark.parametrize("values", [[1.0, 0.5], [1.0, NAN, 1.0], [float("inf"), 1.0]])
def test_terminate_on_nan(values, capsys):
    epochs = [{"loss": value} for value in values]
    assert_same("TerminateOnNaN", epochs, capsys, batches=1)


def test_terminate_on_nan_with_an_error():
    said = []
    for lib in (keras, fastmlp):
        with pytest.raises(RuntimeError) as caught:
            tell(lib.callbacks.TerminateOnNaN(raise_error=True), model(), [{"loss": NAN}], 1)
        said.append(str(caught.value))
    assert said[0] == said[1]


CSV_EPOCHS: list[list[dict[str, Any]]] = [
    [{"loss": 0.5, "acc": 1.0}, {"loss": 0.25, "acc": 0.5}],
    [{"loss": 0.5, "val_loss": 0.75}, {"loss": 0.5}],
    [{"loss": 0.5}, {"loss": 0.5, "val_loss": 0.1}, {"val_loss": 0.1}],
    [{"b": np.array([1, 2]), "a": "text", "c": np.array(3), "d": [0.5]}],
    [{}],
]


@pytest.mark.parametrize("epochs", CSV_EPOCHS)
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("append", [False, True])
def test_csv_logger(epochs, separator, append, tmp_path):
    found = []
    for lib in (keras, fastmlp):
        path = tmp_path / f"{lib.__name__}.csv"
        callback = lib.callbacks.CSVLogger(path, separator=separator, append=append)
        for _ in range(2):
            tell(callback, model(), epochs)
        tell(
            lib.callbacks.CSVLogger(str(path), separator=separator, append=append), model(), epochs
        )
        found.append(path.read_bytes())
    assert found[0] == found[1]
