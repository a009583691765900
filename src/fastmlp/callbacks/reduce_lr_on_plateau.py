"""A smaller learning rate when nothing improves any more."""

from __future__ import annotations

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Logs
from fastmlp.callbacks.learning_rates import in_logs, with_names
from fastmlp.callbacks.monitor_callback import MonitorCallback
from fastmlp.errors import check_number, warn_user


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a value has stopped improving.

    The logs of each epoch get `learning_rate`: the one that the epoch was trained with. Of a
    `MultiOptimizer` each optimizer's is multiplied, and the logs get `learning_rate_` and its name.

    Args:
        monitor: Name of the value: `'val_loss'`, `'loss'`, `'val_accuracy'`, ….
        factor: What the learning rate is multiplied by, < 1.
        patience: Epochs without improvement after which that happens.
        verbose: 1: print when it does. 0: silent.
        mode: `'min'`: less is better. `'max'`: more is better. `'auto'`: found from the name.
        min_delta: Least change that counts as an improvement.
        cooldown: Epochs after a reduction during which none are counted.
        min_lr: Least learning rate.

    Raises:
        ValueError: `factor` is 1 or more, or an argument is no number.

    Example:

    >>> slower = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)
    >>> slower.in_cooldown()
    False
    """

    @accepts_old
    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        where = "ReduceLROnPlateau"
        self.factor = check_number(where, "factor", factor)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}"
            )
        self.min_lr = check_number(where, "min_lr", min_lr)
        check_number(where, "patience", patience)
        check_number(where, "cooldown", cooldown)
        self.patience, self.cooldown = patience, cooldown
        self.verbose = verbose
        self.cooldown_counter = 0.0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        logs = {} if logs is None else logs
        logs |= in_logs(self.model.optimizer)
        current = logs.get(self.monitor)
        if current is None:
            warn_user(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {','.join(logs)}."
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        for name, optimizer in with_names(self.model.optimizer):
            old = float(optimizer.learning_rate)
            if old <= self.min_lr:
                continue
            new = max(old * self.factor, self.min_lr)
            optimizer.learning_rate = new
            self.cooldown_counter = self.cooldown
            self.wait = 0
            if self.verbose > 0:
                print(
                    f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing {name}{' ' * bool(name)}"
                    f"learning rate to {new}.",
                    flush=True,
                )

    def in_cooldown(self) -> bool:
        """Whether the last reduction was less than `cooldown` epochs ago."""
        return self.cooldown_counter > 0
