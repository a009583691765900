"""Stopping when nothing improves any more."""

from __future__ import annotations

import numpy as np

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Logs
from fastmlp.callbacks.monitor_callback import MonitorCallback
from fastmlp.errors import check_number, warn_user


class EarlyStopping(MonitorCallback):
    """Stops training when a monitored value has stopped improving.

    After each epoch from `start_from_epoch` on, a value that beats the best one by more than
    `min_delta` becomes the best. Training stops once `patience` epochs have passed without.

    Args:
        monitor: Name of the value: `'val_loss'`, `'loss'`, `'val_accuracy'`, ….
        min_delta: Least change that counts as an improvement.
        patience: Epochs without improvement after which to stop.
        verbose: 1: print when training stops and when weights are restored. 0: silent.
        mode: `'min'`: less is better. `'max'`: more is better. `'auto'`: found from the name.
        baseline: Value to beat: until it is beaten, improvements do not prolong the patience.
        restore_best_weights: Whether to end with the weights of the best epoch, not the last.
        start_from_epoch: Epochs to wait before watching.

    Raises:
        ValueError: An argument that must be a number is none; in training, a monitor whose
            direction is not known.

    Example:

    >>> stop = EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True)
    >>> stop.monitor, stop.patience
    ('val_loss', 10)
    """

    @accepts_old
    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        check_number("EarlyStopping", "patience", patience)
        check_number("EarlyStopping", "start_from_epoch", start_from_epoch)
        if baseline is not None:
            check_number("EarlyStopping", "baseline", baseline)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.wait = 0
        self.stopped_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights: list[np.ndarray] | None = None
        self.best_epoch = 0
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", flush=True)
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}.",
                    flush=True,
                )
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """The monitored value; warns and returns `None` if the logs do not have it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warn_user(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or {})}"
            )
        return value

    def _keep(self, epoch: int) -> None:
        # Copies: the weights may be live views of the model's memory.
        self.best_weights = [np.array(weight) for weight in self.model.get_weights()]
        self.best_epoch = epoch
