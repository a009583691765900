"""The record of a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastmlp._core.logs import plain
from fastmlp.callbacks.callback import Callback, Logs


def _floats(column: Iterable[Any]) -> list[Any]:
    """The values of a column; at once, where they are numbers in an array."""
    if isinstance(column, np.ndarray) and column.ndim == 1:
        floats: list[float] = column.astype(np.float64).tolist()
        return floats
    return [plain(value) for value in column]


class History(Callback):
    """Records loss and metrics of each epoch. `fit` returns one.

    Attributes:
        history: Dict from name to the list of values, one per epoch.
        epoch: Numbers of the epochs, from 0.

    Example:

    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.extend(1, {"loss": [0.25, 0.125]})
    >>> history.epoch, history.history
    ([0, 1, 2], {'loss': [0.5, 0.25, 0.125]})
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "model"}  # numbers, not the model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self

    def extend(self, first_epoch: int, columns: Mapping[str, Iterable[float]]) -> None:
        """Records many epochs at once.

        Args:
            first_epoch: Number of the first of them, from 0.
            columns: For each name its values, one per epoch; any numbers, as a NumPy array.

        Raises:
            ValueError: If the columns differ in length; nothing is recorded then.
        """
        values = {name: _floats(column) for name, column in sorted(columns.items())}
        lengths = {len(column) for column in values.values()}
        if len(lengths) > 1:
            told = ", ".join(f"{name} has {len(column)}" for name, column in values.items())
            raise ValueError(
                f"History: expected one value per epoch in each column. Received: {told}"
            )
        self.epoch.extend(range(first_epoch, first_epoch + max(lengths, default=0)))
        for name, column in values.items():
            self.history.setdefault(name, []).extend(column)
        if self.model is not None:
            self.model.history = self
