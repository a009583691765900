"""Stopping when the loss is no number any more."""

from __future__ import annotations

import math

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops training after the first batch whose loss is NaN or infinite.

    Args:
        raise_error: Whether to raise an error at once instead of stopping: then `on_train_end` of
            the callbacks is not called, and a backup that one of them keeps is not deleted.

    Raises:
        RuntimeError: With `raise_error`, if the loss is NaN or infinite.

    Example:

    >>> TerminateOnNaN(raise_error=True).on_batch_end(3, {"loss": float("inf")})
    Traceback (most recent call last):
    ...
    RuntimeError: NaN or Inf loss encountered at batch 3. Loss value: inf. Terminating training ...
    """

    @accepts_old
    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. "
                "Terminating training immediately."
            )
        print(f"Batch {batch}: Invalid loss, terminating training", flush=True)
        self.model.stop_training = True
