"""What callbacks that save every so many batches have in common."""

from __future__ import annotations

from typing import Any

from fastmlp.callbacks.callback import Callback, Logs
from fastmlp.errors import bad_argument, is_int


class SavingCallback(Callback):
    """Base of callbacks that act after each epoch, or every `save_freq` batches.

    Only in the second case does it have a hook on batches, which would slow small models down.

    Args:
        save_freq: `'epoch'`, or a number of batches, counted over the epochs.

    Raises:
        ValueError: `save_freq` is something else.
    """

    def __init__(self, save_freq: Any) -> None:
        if save_freq != "epoch" and not (is_int(save_freq) and save_freq > 0):
            expected = "'epoch' or a number of batches"
            raise bad_argument(type(self).__name__, expected, "save_freq", save_freq)
        self.save_freq = save_freq
        self._batches_seen_since_last_saving = 0
        self._last_batch_seen: int | None = None
        self._hook_batches()

    def _hook_batches(self) -> None:
        if self.save_freq != "epoch":
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def _count_batch(self, batch: int, logs: Logs | None = None) -> None:
        last = self._last_batch_seen
        new_epoch = last is None or batch <= last
        self._batches_seen_since_last_saving += batch + 1 if new_epoch else batch - (last or 0)
        self._last_batch_seen = batch
        if self._batches_seen_since_last_saving >= self.save_freq:
            self._batches_seen_since_last_saving = 0
            self._save_on_batch(batch, logs or {})

    def _save_on_batch(self, batch: int, logs: Logs) -> None:
        """Called every `save_freq` batches."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "on_train_batch_end"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hook_batches()
