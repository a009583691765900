"""Saving the model while it is trained."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastmlp._model_paths import check_suffix, is_of_keras, needed_h5py
from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Logs
from fastmlp.callbacks.monitor_callback import MonitorCallback
from fastmlp.callbacks.saving_callback import SavingCallback
from fastmlp.errors import check_int, warn_user


class ModelCheckpoint(SavingCallback, MonitorCallback):
    """Saves the model, or its weights, after each epoch or every so many batches.

    Folders that are missing are made.

    Args:
        filepath: Path that ends in `.fastmlp` or `.safetensors`, or, as Keras's files, in `.keras`;
            with `save_weights_only` in `.weights.h5`. It may hold fields as `{epoch:02d}`, `{batch}`
            or `{val_loss:.2f}`: the number of the epoch from 1, that of the batch from 1, and the
            logs.
        monitor: Name of the value that `save_best_only` compares.
        verbose: 1: print what is done. 0: silent.
        save_best_only: Whether to save only when the value is better than the best so far.
        save_weights_only: Whether to call `model.save_weights` instead of `model.save`.
        mode: `'min'`: less is better. `'max'`: more is better. `'auto'`: found from the name.
        save_freq: `'epoch'`, or a number of batches.
        initial_value_threshold: Best value of before: only what beats it is saved.
        period: Epochs from one saving to the next, as in Keras 2, where `save_freq` is `'epoch'`.

    Raises:
        ValueError: The ending of the path, `save_freq` or `period` is another.
        ImportError: It is a path of Keras's files, and h5py is missing.
        KeyError: In training: a field of the path is not among the logs.

    Example:

    >>> best = ModelCheckpoint("best.fastmlp", monitor="val_loss", save_best_only=True)
    >>> best.filepath
    'best.fastmlp'
    """

    @accepts_old
    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        MonitorCallback.__init__(self, monitor, mode, initial_value_threshold)
        SavingCallback.__init__(self, save_freq)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = check_int("ModelCheckpoint", "period", period, 1)
        self._current_epoch = self._epochs_since_saving = 0
        whole = not save_weights_only
        check_suffix("ModelCheckpoint", self.filepath, whole, not whole, legacy=True)
        if is_of_keras(self.filepath):
            needed_h5py()  # now, not after the first epoch

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._current_epoch = epoch

    def _save_on_batch(self, batch: int, logs: Logs) -> None:
        self._save(self._current_epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.monitor_op is None and self.save_best_only:
            self._set_monitor_op()
        self._epochs_since_saving += 1
        if self.save_freq == "epoch" and self._epochs_since_saving >= self.period:
            self._epochs_since_saving = 0
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._is_worth_it(epoch, logs, path):
            return
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if os.path.isdir(path):
            raise IsADirectoryError(
                "Please specify a non-directory filepath for ModelCheckpoint. "
                f"Filepath used is an existing directory: {path}"
            )
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _is_worth_it(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warn_user(f"Can save best model only with {self.monitor} available.")
            return True
        if np.ndim(current) > 0:
            warn_user(
                "Can save best model only when `monitor` is a scalar value. "
                f"Received: {current}. Falling back to `save_best_only=False`."
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._say(
            epoch, f"{self.monitor} improved from {best} to {current:.5f}, saving model to {path}"
        )
        self.best = current
        return True

    def _say(self, epoch: int, what: str) -> None:
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: {what}", flush=True)

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        fields: dict[str, Any] = {"epoch": epoch + 1}
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format(**{**fields, **logs})
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}'
            ) from error
