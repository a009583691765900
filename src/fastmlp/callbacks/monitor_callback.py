"""What callbacks that watch one value have in common."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastmlp import metrics
from fastmlp.callbacks.callback import Callback
from fastmlp.errors import bad_argument, check_number, warn_user

# Names that stand for a metric only once the shapes are known.
_RESOLVED_BY_SHAPE = {"acc": "max", "accuracy": "max", "ce": "min", "crossentropy": "min"}


class MonitorCallback(Callback):
    """Base class of callbacks that compare a value of the logs with its best.

    Args:
        monitor: Name of the value.
        mode: `'min'`: less is better. `'max'`: more is better. `'auto'`: a loss is better when
            less, a metric as its class says.
        baseline: First value of `best`; `None`: the first value that comes.
        min_delta: What a value must differ from the best to be better.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        where = type(self).__name__
        if mode not in ("auto", "min", "max"):
            warn_user(f"{where} mode '{mode}' is unknown, fallback to auto mode.")
            mode = "auto"
        if not isinstance(monitor, str):
            raise bad_argument(where, "the name of a value, as 'val_loss'", "monitor", monitor)
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(check_number(where, "min_delta", min_delta))
        self.monitor_op: Callable[[float, float], bool] | None = None

    def _set_monitor_op(self) -> None:
        """Finds the direction. Not before training: the metrics are not known earlier.

        Raises:
            ValueError: If mode is `'auto'` and the value is nothing whose direction is known.
        """
        direction: str | None = self.mode
        if direction == "auto":
            direction = _direction(self.monitor.removeprefix("val_"), self.model)
        if direction is None:
            raise ValueError(
                f"{type(self).__name__}: expected a monitor that is known to be better when "
                f"less or when more. Received: monitor={self.monitor!r}. Hint: pass mode='min' or "
                "mode='max'."
            )
        self.monitor_op = operator.lt if direction == "min" else operator.gt

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another by more than `min_delta`.

        Raises:
            ValueError: The value is an array, as metrics give that have several results.
        """
        if getattr(value, "ndim", 0):
            raise ValueError(
                f"{type(self).__name__}: expected a monitor that is one number. "
                f"Received: monitor={self.monitor!r}, an array of shape {np.shape(value)}. "
                "Hint: give the metric an average, or one threshold"
            )
        if reference is None:
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        if self.monitor_op is operator.lt:
            return value + self.min_delta < reference
        return value - self.min_delta > reference


def _direction(name: str, model: Any) -> str | None:
    """`'min'`, `'max'` or `None`, for a name of the logs without `val_`."""
    if name == "loss" or name.endswith("_loss"):
        return "min"
    for metric in _metrics(model):
        if getattr(metric, "name", None) == name:
            return getattr(metric, "direction", None)
    plain = re.sub(r"^weighted_|_\d+$", "", name)
    if plain in _RESOLVED_BY_SHAPE:
        return _RESOLVED_BY_SHAPE[plain]
    try:
        return getattr(metrics.get(plain), "direction", None)
    except (ValueError, TypeError):
        return None


def _metrics(model: Any) -> Iterator[Any]:
    for metric in getattr(model, "metrics", None) or ():
        yield metric
        yield from getattr(metric, "metrics", None) or ()
