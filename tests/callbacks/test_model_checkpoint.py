"""What ModelCheckpoint saves, when, and what it says: as Keras's, and files that load."""

from __future__ import annotations

import os
import types
import warnings
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, models

NAN = float("nan")
VALUES = [0.9, 0.5, NAN, 0.6, 0.4, 0.4]


def tell(lib: Any, ending: str, values: list[float], **arguments: Any) -> tuple[Any, ...]:
    """The files a callback saves for given values, its warnings and errors."""
    saved: list[tuple[str, str]] = []
    model = types.SimpleNamespace(
        save=lambda path, overwrite: saved.append(("save", path)),
        save_weights=lambda path, overwrite: saved.append(("save_weights", path)),
        metrics=[],
    )
    path = arguments.pop("path") + ending
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        callback = lib.callbacks.ModelCheckpoint(path, **arguments)
        callback.set_model(model)
        callback._set_monitor_op()  # Keras: not before the end of an epoch
        error = None
        try:
            for epoch, value in enumerate(values):
                logs = {"loss": value + 1, "val_loss": value}
                callback.on_epoch_begin(epoch)
                for batch in range(4):
                    callback.on_train_batch_end(batch, {"loss": 2.0 - epoch - batch / 4})
                callback.on_epoch_end(epoch, logs)
        except KeyError as caught:
            error = str(caught)
    told = [str(entry.message) for entry in recorded]
    return [(how, name.removesuffix(ending)) for how, name in saved], told, error


FORMS: dict[str, dict[str, Any]] = {
    "each epoch": {"path": "m"},
    "fields": {"path": "{epoch:02d}-{val_loss:.2f}-{loss:.1f}"},
    "best": {"path": "m{epoch}", "save_best_only": True},
    "most": {"path": "m{epoch}", "save_best_only": True, "mode": "max"},
    "threshold": {"path": "m{epoch}", "save_best_only": True, "initial_value_threshold": 0.55},
    "missing value": {"path": "m", "save_best_only": True, "monitor": "val_mae", "mode": "min"},
    "batches": {"path": "{epoch}-{batch:02d}", "save_freq": 3},
    "more than an epoch of batches": {"path": "{epoch}-{batch}", "save_freq": 5},
    "best of batches": {
        "path": "m", "save_freq": 2, "save_best_only": True, "monitor": "loss", "mode": "min",
        "initial_value_threshold": 1.9,
    },
    "unknown mode": {"path": "m", "mode": "least", "monitor": "loss"},
}  # fmt: skip


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_files_words_and_warnings_are_those_of_keras(name, weights, capsys):
    found = []
    for lib in (keras, fastmlp):
        ending = ".fastmlp" if lib is fastmlp else ".weights.h5" if weights else ".keras"
        arguments = {"verbose": 1, "save_weights_only": weights, **FORMS[name]}
        results = tell(lib, ending, VALUES, **arguments)
        found.append((results, capsys.readouterr().out.replace(ending, "")))
    assert found[0] == found[1]
    assert found[1][0][0]


def test_a_field_that_is_not_known_is_told_in_the_words_of_keras():
    said = [
        tell(lib, ending, [1.0], path="{epoch}-{val_acc}")[2].replace(ending, "")
        for lib, ending in ((keras, ".keras"), (fastmlp, ".fastmlp"))
    ]
    assert said[0] == said[1]


def trained(callback: Any, **arguments: Any) -> Any:
    fastmlp.utils.set_random_seed(3)
    model = Sequential([Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(24, 4))
    y = x[:, :1] * x[:, 1:2]
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[callback], **arguments)
    return model


def bits(model: Any) -> list[bytes]:
    return [w.tobytes() for w in model.get_weights()]


def test_the_last_file_is_the_model(tmp_path):
    path = tmp_path / "deep" / "folder" / "m{epoch}.fastmlp"
    model = trained(callbacks.ModelCheckpoint(path), epochs=3)
    assert sorted(os.listdir(path.parent)) == ["m1.fastmlp", "m2.fastmlp", "m3.fastmlp"]
    found = [bits(models.load_model(path.parent / f"m{n}.fastmlp")) for n in (1, 2, 3)]
    assert found[2] == bits(model) and found[0] != found[1] != found[2]


def test_every_second_epoch(tmp_path):
    trained(callbacks.ModelCheckpoint(tmp_path / "m{epoch}.fastmlp", period=2), epochs=5)
    assert sorted(os.listdir(tmp_path)) == ["m2.fastmlp", "m4.fastmlp"]
    with pytest.raises(ValueError, match=r"ModelCheckpoint.*period"):
        callbacks.ModelCheckpoint("m.fastmlp", period=0)


def test_a_model_saved_between_batches_is_the_one_of_that_moment(tmp_path):
    """Six batches in: the weights, and the batches that are left, are those of a fit of its own."""
    path = tmp_path / "{epoch}-{batch}.fastmlp"
    model = trained(callbacks.ModelCheckpoint(path, save_freq=2), epochs=4)
    assert sorted(os.listdir(tmp_path)) == [
        f"{name}.fastmlp" for name in ("1-2", "2-1", "2-3", "3-2", "4-1", "4-3")
    ]
    two_epochs = trained(callbacks.Callback(), epochs=2)
    assert bits(models.load_model(tmp_path / "2-3.fastmlp")) == bits(two_epochs)
    assert bits(models.load_model(tmp_path / "4-3.fastmlp")) == bits(model)


def test_weights_alone(tmp_path):
    model = trained(
        callbacks.ModelCheckpoint(tmp_path / "w.fastmlp", save_weights_only=True), epochs=2
    )
    with pytest.raises(ValueError, match="holds weights only"):
        models.load_model(tmp_path / "w.fastmlp")
    other = Sequential([Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    other.load_weights(tmp_path / "w.fastmlp")
    assert bits(other) == bits(model)


def test_a_folder_where_the_file_should_be(tmp_path):
    os.mkdir(tmp_path / "m.fastmlp")
    with pytest.raises(IsADirectoryError, match="Please specify a non-directory filepath"):
        trained(callbacks.ModelCheckpoint(tmp_path / "m.fastmlp"))


@pytest.mark.parametrize("value", ["batch", 0, -1, 1.5, None, True])
def test_another_save_freq_is_refused(value):
    with pytest.raises(ValueError, match="'epoch' or a number of batches"):
        callbacks.ModelCheckpoint("m.fastmlp", save_freq=value)


def test_another_ending_is_refused():
    hint = r"or '\.keras'.*ModelCheckpoint\('m\.fastmlp'\), or in Keras's format 'm\.keras'"
    with pytest.raises(ValueError, match=hint):
        callbacks.ModelCheckpoint("m.weights.h5")
    with pytest.raises(ValueError, match=r"or '\.weights\.h5'.*in Keras's format 'm\.weights\.h5'"):
        callbacks.ModelCheckpoint("m.keras", save_weights_only=True)
