"""The progress bar as a callback."""

from __future__ import annotations

from typing import Any

from fastmlp.callbacks.callback import Callback, Logs
from fastmlp.training.progress import Progress, make_progress


class ProgbarLogger(Callback):
    """Draws the progress bar, as `fit`, `evaluate` and `predict` do without it.

    It stands in the place of theirs, and hears of every batch; `verbose` says how much it prints.

    Example:

    >>> from fastmlp import callbacks
    >>> isinstance(ProgbarLogger(), callbacks.Callback)
    True
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._fits = False

    def _begin(self, epochs: int) -> None:
        params: dict[str, Any] = self.params or {}
        self._progress = make_progress(params.get("verbose", 1), epochs, params.get("steps"))

    def _update(self, batch: int, logs: Logs | None) -> None:
        if self._progress is not None:
            self._progress.update(batch + 1, logs)

    def _begin_pass(self) -> None:
        self._begin(1)
        if self._progress is not None:
            self._progress.begin_epoch(0)

    def _end_pass(self, logs: Logs | None) -> None:
        if self._progress is not None:
            self._progress.end_epoch(0, logs)
            self._progress.end()
            self._progress = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._fits = True
        self._begin((self.params or {}).get("epochs", 1))

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._fits = False
        if self._progress is not None:
            self._progress.end()
            self._progress = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._progress is not None:
            self._progress.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._update(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._progress is not None:
            self._progress.end_epoch(epoch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._fits:
            self._begin_pass()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._fits:
            self._update(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._fits:
            self._end_pass(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin_pass()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._update(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end_pass(None)
