"""A fit that was interrupted and begun again ends with the bits of one that was not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, optimizers

X = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
Y = X[:, :1] * X[:, 1:2]
STEPS = 4  # an epoch, of 8 samples each but the last


class Interrupted(Exception):
    """The lights went out."""


class LightsOut(callbacks.Callback):
    """Raises after a number of batches, counted over the epochs."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.after -= 1
        if self.after == 0:
            raise Interrupted


class Watched(Sequential):
    """Trains by steps of its own."""

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, y_pred, sample_weight)


def make(kind: type[Sequential] = Sequential, **arguments: Any) -> Sequential:
    fastmlp.utils.set_random_seed(3)
    model = kind([Input((4,)), layers.Dense(6, "tanh"), layers.Dropout(0.2), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01, **arguments), "mse", metrics=["mae"])
    return model


def fit(model: Any, told: Any = (), epochs: int = 5, **arguments: Any) -> dict[str, list[float]]:
    defaults = {"batch_size": 8, "verbose": 0, "callbacks": list(told), "validation_split": 0.1}
    return model.fit(X, Y, epochs=epochs, **{**defaults, **arguments}).history


def bits(model: Any) -> list[bytes]:
    return [v.value.tobytes() for v in [*model.weights, *model.optimizer.variables]]


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
@pytest.mark.parametrize("after", [1, 3, 4, 5, 11, 12])
def test_the_same_bits_as_without_an_interruption(after, save_freq, tmp_path):
    whole = make()
    history = fit(whole)
    with pytest.raises(Interrupted):
        fit(make(), [callbacks.BackupAndRestore(tmp_path / "b", save_freq), LightsOut(after)])
    again = make()
    found = fit(again, [callbacks.BackupAndRestore(tmp_path / "b", save_freq)])
    assert bits(again) == bits(whole)
    for name, values in found.items():
        assert values == history[name][-len(values) :]
    assert again.optimizer.iterations == 5 * STEPS
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
@pytest.mark.parametrize("after", [3, 4, 5])
def test_the_same_bits_with_steps_of_ones_own(after, save_freq, tmp_path):
    whole = make(Watched)
    fit(whole, epochs=3)
    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq)
    with pytest.raises(Interrupted):
        fit(make(Watched), [backup, LightsOut(after)], epochs=3)
    again = make(Watched)
    if save_freq == 1 and after != 4:
        with pytest.raises(ValueError, match="expected to go on after"):
            fit(make(Watched), [backup], epochs=3, batch_size=7)
    fit(again, [backup], epochs=3)
    assert bits(again) == bits(whole)
    assert again.optimizer.iterations == 3 * STEPS


def test_interrupted_again_and_again(tmp_path):
    whole = make(use_ema=True, ema_overwrite_frequency=3)
    fit(whole)
    for _ in range(30):
        again = make(use_ema=True, ema_overwrite_frequency=3)
        backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)
        try:
            fit(again, [backup, LightsOut(2)])
            break
        except Interrupted:
            pass
    assert bits(again) == bits(whole)


def test_the_learning_rate_that_a_callback_set_comes_back(tmp_path):
    def told() -> list[Any]:
        return [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]

    whole = make()
    history = fit(whole, told())
    backup = callbacks.BackupAndRestore(tmp_path / "b")
    with pytest.raises(Interrupted):
        fit(make(), [*told(), backup, LightsOut(10)])
    again = make()
    found = fit(again, [*told(), callbacks.BackupAndRestore(tmp_path / "b")])
    assert found["learning_rate"] == history["learning_rate"][-3:]
    assert bits(again) == bits(whole)


def test_a_script_that_is_killed_and_runs_again_ends_with_the_same_bits(tmp_path):
    script = textwrap.dedent(f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_backup_and_restore import bits, callbacks, fit, make

        class Kill(callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if self.model.optimizer.iterations == 9 and len(sys.argv) > 1:
                    os.kill(os.getpid(), signal.SIGKILL)

        model = make()
        fit(model, [callbacks.BackupAndRestore({str(tmp_path / "b")!r}, 2), Kill()])
        print([part.hex() for part in bits(model)])
        """)
    run = [sys.executable, "-c", script]
    killed = subprocess.run([*run, "kill"], capture_output=True, text=True)
    assert killed.returncode == -9 and killed.stdout == ""
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    whole = make()
    fit(whole)
    assert done.stdout.strip() == str([part.hex() for part in bits(whole)])


def interrupted(folder: Path, **arguments: Any) -> None:
    backup = callbacks.BackupAndRestore(folder, **arguments)
    with pytest.raises(Interrupted):
        fit(make(), [backup, LightsOut(10)])


def test_the_backup_before_the_last_stands_in_for_a_broken_one(tmp_path):
    interrupted(tmp_path, double_checkpoint=True)
    assert sorted(os.listdir(tmp_path)) == ["latest.fastmlp", "previous.fastmlp"]
    (tmp_path / "latest.fastmlp").write_bytes(b"broken")
    again, whole = make(), make()
    with pytest.warns(UserWarning, match="goes on from the backup before it"):
        history = fit(again, [callbacks.BackupAndRestore(tmp_path, double_checkpoint=True)])
    fit(whole)
    assert bits(again) == bits(whole) and len(history["loss"]) == 4


def test_a_broken_backup_is_an_error_and_changes_nothing(tmp_path):
    interrupted(tmp_path)
    (tmp_path / "latest.fastmlp").write_bytes(b"broken")
    model = make()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"latest\.fastmlp"):
        fit(model, [callbacks.BackupAndRestore(tmp_path)])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_the_backup_of_another_optimizer_is_refused(tmp_path):
    interrupted(tmp_path)
    model = make()
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match="the backup of another training"):
        fit(model, [callbacks.BackupAndRestore(tmp_path)])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_another_batch_size_is_refused_in_the_middle_of_an_epoch(tmp_path):
    interrupted(tmp_path, save_freq=1)
    with pytest.raises(ValueError, match="go on with the data and the batch_size of before"):
        fit(make(), [callbacks.BackupAndRestore(tmp_path)], batch_size=7)


def test_the_backup_stays_if_asked_and_ends_a_fit_that_is_done(tmp_path):
    model = make()
    fit(model, [callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    again = make()
    assert fit(again, [callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)]) == {}
    assert bits(again) == bits(model)
    assert fit(again, [callbacks.BackupAndRestore(tmp_path)], epochs=7).keys() >= {"loss"}
    assert again.optimizer.iterations == 7 * STEPS


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "mine").touch()
    fit(make(), [callbacks.BackupAndRestore(tmp_path)])
    assert os.listdir(tmp_path) == ["mine"]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="expected a folder"):
        callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="'epoch' or a number of batches"):
        callbacks.BackupAndRestore("b", save_freq="batch")
