"""Callbacks made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback
from fastmlp.errors import unknown_keywords

_HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """A callback whose hooks are given as functions.

    Args:
        on_epoch_begin: Called as `function(epoch, logs)`.
        on_epoch_end: Called as `function(epoch, logs)`.
        on_train_begin: Called as `function(logs)`.
        on_train_end: Called as `function(logs)`.
        on_train_batch_begin: Called as `function(batch, logs=logs)`.
        on_train_batch_end: Called as `function(batch, logs=logs)`.
        **kwargs: Any other hook of `Callback`, by its name; what does not begin with `on_` becomes an
            attribute.

    Raises:
        ValueError: If there is no such hook.
        TypeError: If a hook is not callable.

    Example:

    >>> losses = []
    >>> record = LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(logs["loss"]))
    >>> record.on_epoch_end(0, {"loss": 0.5})
    >>> losses
    [0.5]
    """

    @accepts_old
    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        hooks = {name: value for name, value in given.items() if name.startswith("on_")}
        unknown = {name: hook for name, hook in hooks.items() if name not in _HOOKS}
        if unknown:
            raise unknown_keywords("LambdaCallback", unknown, _HOOKS)
        for name, hook in hooks.items():
            if hook is not None and not callable(hook):
                raise TypeError(
                    f"LambdaCallback: expected {name} to be a function. Received: {hook!r:.80}"
                )
        for name, value in given.items():
            if name not in hooks or value is not None:
                setattr(self, name, value)
