"""A learning rate that is a function of the epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback, Logs
from fastmlp.callbacks.learning_rates import in_logs, with_names


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    The logs of each epoch get `learning_rate`. Of a `MultiOptimizer` each optimizer's is set, and the
    logs get `learning_rate_` and its name.

    Args:
        schedule: Function of the epoch, counted from 0, and of the learning rate until now, or of
            the epoch alone. It returns the new learning rate.
        verbose: 1: print what is set. 0: silent.

    Raises:
        TypeError: `schedule` is no function.

    Example:

    >>> halve = LearningRateScheduler(lambda epoch, lr: lr if epoch < 10 else lr / 2)
    >>> halve.schedule(10, 0.5)
    0.25
    """

    @accepts_old
    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: expected schedule to be a function of the epoch and the "
                f"learning rate. Received: schedule={schedule!r:.80}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        for name, optimizer in with_names(self.model.optimizer):
            arguments: list[Any] = [epoch, float(optimizer.learning_rate)]
            learning_rate = self.schedule(*arguments[: 2 if _takes_two(self.schedule) else 1])
            if isinstance(learning_rate, np.ndarray) and learning_rate.ndim == 0:
                learning_rate = learning_rate[()]
            if isinstance(learning_rate, bool) or not isinstance(
                learning_rate, (float, int, np.floating, np.integer)
            ):
                raise ValueError(
                    "The output of the `schedule` function should be a float. "
                    f"Got: {learning_rate!r:.80}"
                )
            optimizer.learning_rate = float(learning_rate)
            if self.verbose > 0:
                print(
                    f"\nEpoch {epoch + 1}: LearningRateScheduler setting {name}{' ' * bool(name)}"
                    f"learning rate to {learning_rate}.",
                    flush=True,
                )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs |= in_logs(self.model.optimizer)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a builtin that does not tell
        return True
    return True
