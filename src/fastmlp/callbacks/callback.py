"""The hooks of a callback. Every hook does nothing until a subclass overrides it."""

from __future__ import annotations

from typing import Any

Logs = dict[str, float]


class Callback:
    """Base class of callbacks: override the hooks you need and pass an instance to `fit`.

    A model whose callbacks override no batch hook trains whole epochs in one native call; with a
    batch hook it comes back to Python at every batch, which costs one or two microseconds each time.

    Attributes:
        model: The model; set before the first hook is called.
        params: Dict with `verbose`, `epochs` and `steps`.

    Example:

    >>> class Print(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}: loss {logs['loss']:.2f}")
    >>> Print().on_epoch_end(0, {"loss": 0.25})
    epoch 0: loss 0.25
    """

    model: Any = None
    params: dict[str, Any] | None = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives `verbose`, `epochs` and `steps` before the first hook."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receives the model before the first hook."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called when `fit` begins. `logs` is empty."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called when `fit` ends, with the `logs` of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch of `fit`, counted from 0. `logs` is empty."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch of `fit` and its validation.

        Args:
            epoch: Counted from 0.
            logs: Loss and metrics of the epoch; those of the validation begin with `val_`.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `fit`, counted from 0 in each epoch. `logs` is empty."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `fit`, with the loss and metrics of the epoch until then."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called when `evaluate`, or a validation within `fit`, begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called when `evaluate`, or a validation within `fit`, ends, with its results."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `evaluate` or of a validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `evaluate` or of a validation, with the results until then."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called when `predict` begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called when `predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after a batch of `predict`; `logs["outputs"]` is what it gave."""


def overrides(callback: Callback, *hooks: str) -> bool:
    """Whether a callback does something in one of these hooks.

    Args:
        callback: The callback; a hook may be overridden by its class or set on the instance.
        hooks: Names of hooks.
    """
    for hook in hooks:
        method = getattr(callback, hook)
        if getattr(method, "__func__", method) is not getattr(Callback, hook):
            return True
    return False
