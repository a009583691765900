"""Going on with a training that was interrupted."""

from __future__ import annotations

import os
from contextlib import suppress

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Logs
from fastmlp.callbacks.saving_callback import SavingCallback
from fastmlp.errors import bad_argument, warn_user

_LATEST, _PREVIOUS = "latest.fastmlp", "previous.fastmlp"


class BackupAndRestore(SavingCallback):
    """Saves the state of the training, and goes on from there when the same fit begins again.

    The state holds weights, optimizer, epoch, batch and the seed of shuffles and dropout: a fit that
    was interrupted and begun again, by a script that runs again, ends with the bits of one that was
    not. It must get the same data and `batch_size`. When `fit` ends, the backup is deleted.

    Args:
        backup_dir: Folder of the backup, of this training alone; made if it is missing.
        save_freq: `'epoch'`, or a number of batches after which to save.
        double_checkpoint: Whether to keep the last two states: if the newer one cannot be read,
            the training goes on from the other.
        delete_checkpoint: Whether to delete the backup when `fit` ends.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> BackupAndRestore("backup", save_freq=100).save_freq
    100
    """

    @accepts_old
    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__(save_freq)
        if not backup_dir:
            raise bad_argument("BackupAndRestore", "a folder", "backup_dir", backup_dir)
        self.backup_dir = os.fspath(backup_dir)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._latest = os.path.join(self.backup_dir, _LATEST)
        self._previous = os.path.join(self.backup_dir, _PREVIOUS)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if os.path.exists(self._latest):
            try:
                self._load(self._latest)
            except (OSError, ValueError) as error:
                if not os.path.exists(self._previous):
                    raise
                warn_user(f"{error} The training goes on from the backup before it.")
                self._load(self._previous)
        elif os.path.exists(self._previous):
            self._load(self._previous)

    def _load(self, path: str) -> None:
        self.model._resume = self.model._load_backup(path)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save()

    def _save_on_batch(self, batch: int, logs: Logs) -> None:
        self._save()

    def _save(self) -> None:
        if self.double_checkpoint and os.path.exists(self._latest):
            copy = f"{self._previous}.tmp"
            with suppress(FileNotFoundError):
                os.remove(copy)
            try:
                os.link(self._latest, copy)
            except OSError:  # a file system without links
                import shutil

                shutil.copyfile(self._latest, copy)
            os.replace(copy, self._previous)
        self.model.save_weights(self._latest, overwrite=True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            for path in (self._latest, self._previous):
                with suppress(FileNotFoundError):
                    os.remove(path)
            with suppress(OSError):  # something else lies there
                os.rmdir(self.backup_dir)
