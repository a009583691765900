"""All callbacks of a run, called in order as if they were one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fastmlp.callbacks.callback import Callback, Logs, overrides
from fastmlp.callbacks.history import History
from fastmlp.callbacks.progbar_logger import ProgbarLogger

_TRAIN_BATCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")
_PREDICT_BATCH = ("on_predict_batch_begin", "on_predict_batch_end")
_EPOCH = ("on_epoch_begin", "on_epoch_end", "on_test_begin", "on_test_end")

Hook = Callable[..., Any]


class CallbackList(Callback):
    """Calls each hook of its callbacks, in their order.

    Logs reach them sorted by name, as Python floats; all callbacks of one hook see the same dict,
    so that one may add to what the next ones see. An error in a callback goes on unchanged.

    Args:
        callbacks: A callback, or callbacks in any nesting of lists, or `None`.
        add_history: Whether to add a `History` if there is none.
        model: The model, or `None`: call `set_model` later.
        **params: `verbose`, `epochs` and `steps`, for `set_params`.

    Raises:
        TypeError: If one of them is no `Callback`.
    """

    def __init__(
        self, callbacks: Any = None, add_history: bool = False, model: Any = None, **params: Any
    ) -> None:
        self.callbacks: list[Callback] = list(_flatten(callbacks))
        self._told: dict[str, list[Hook]] = {}
        if add_history and self.history is None:
            self.callbacks.append(History())
        self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Adds a callback at the end, with the model and params that the others have."""
        self._told.clear()
        for one in _flatten(callback):
            self.callbacks.append(one)
            if self.model is not None:
                one.set_model(self.model)
                self.model.history = self.history
            if self.params:
                one.set_params(self.params)

    @property
    def history(self) -> History | None:
        """The last `History` among the callbacks."""
        found = [callback for callback in self.callbacks if isinstance(callback, History)]
        return found[-1] if found else None

    @property
    def has_progbar(self) -> bool:
        """Whether a callback draws the progress bar."""
        return any(isinstance(callback, ProgbarLogger) for callback in self.callbacks)

    @property
    def has_batch_hooks(self) -> bool:
        """Whether a callback wants to be called at batches of training, test or prediction."""
        return (
            self.has_train_batch_hooks or self.has_test_batch_hooks or self.has_predict_batch_hooks
        )

    @property
    def has_train_batch_hooks(self) -> bool:
        """Whether a callback wants to be called at batches of `fit`."""
        return self._any_overrides(_TRAIN_BATCH)

    @property
    def has_test_batch_hooks(self) -> bool:
        """Whether a callback wants to be called at batches of `evaluate` and of validations."""
        return self._any_overrides(_TEST_BATCH)

    @property
    def has_predict_batch_hooks(self) -> bool:
        """Whether a callback wants to be called at batches of `predict`."""
        return self._any_overrides(_PREDICT_BATCH)

    @property
    def has_epoch_hooks(self) -> bool:
        """Whether a callback wants to be called at each epoch of `fit` or its validation.

        A plain `History` does not count: `extend_history` tells it of many epochs at once.
        """
        return self._any_overrides(_EPOCH)

    def _any_overrides(self, hooks: tuple[str, ...]) -> bool:
        return any(
            overrides(callback, *hooks)
            for callback in self.callbacks
            if type(callback) is not History
        )

    def hooks(self, name: str) -> list[Hook]:
        """The methods of this name that do something, for batches: there are many of these.

        They are looked for when a run begins.
        """
        if name not in self._told:
            older = {name, name.replace("_train", "")}
            told = [callback for callback in self.callbacks if overrides(callback, *older)]
            self._told[name] = [getattr(callback, name) for callback in told]
        return self._told[name]

    def extend_history(self, first_epoch: int, columns: Mapping[str, Iterable[float]]) -> None:
        """Tells every `History` of many epochs at once; see `History.extend`."""
        for callback in self.callbacks:
            if isinstance(callback, History):
                callback.extend(first_epoch, columns)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model: Any) -> None:
        if model is None:
            return
        self.model = model
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._told.clear()
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> Logs:  # type: ignore[override]
        """Calls the hook of each callback.

        Returns:
            The logs as the callbacks left them, for the progress display.
        """
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
        return logs

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for hook in self.hooks("on_train_batch_begin"):
            hook(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for hook in self.hooks("on_train_batch_end"):
            hook(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_batch_begin(batch, logs=logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._told.clear()
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for hook in self.hooks("on_test_batch_begin"):
            hook(batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for hook in self.hooks("on_test_batch_end"):
            hook(batch, logs=logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._told.clear()
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for callback in self.callbacks:
            callback.on_predict_end(logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _plain(logs)
        for hook in self.hooks("on_predict_batch_begin"):
            hook(batch, logs=logs)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        logs = _plain(logs)
        for hook in self.hooks("on_predict_batch_end"):
            hook(batch, logs=logs)


def _plain(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Logs sorted by name, numbers as Python floats; the outputs of `predict` as they are."""
    plain: dict[str, Any] = {}
    for name, value in sorted((logs or {}).items()):
        number = isinstance(value, int | float) or getattr(value, "ndim", None) == 0
        plain[name] = float(value) if number else value
    return plain


def _flatten(callbacks: Any) -> Iterator[Callback]:
    """The callbacks one by one, checked."""
    if callbacks is None:
        return
    if isinstance(callbacks, CallbackList):
        callbacks = callbacks.callbacks
    if isinstance(callbacks, Callback):
        yield callbacks
    elif isinstance(callbacks, list | tuple):
        for callback in callbacks:
            yield from _flatten([] if callback is None else callback)
    else:
        hint = "subclass fastmlp.callbacks.Callback"
        if isinstance(callbacks, type):
            hint = f"make an instance: {callbacks.__name__}()"
        elif callable(callbacks):
            hint = "wrap the function: LambdaCallback(on_epoch_end=function)"
        raise TypeError(
            f"callbacks: expected Callback objects. Received: {callbacks!r:.80} of "
            f"{type(callbacks)}. Hint: {hint}."
        )
