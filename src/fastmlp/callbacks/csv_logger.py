"""The logs of a training as a table in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO, Any

import numpy as np

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes a line for each epoch into a CSV file: its number and its logs.

    The columns are those of the first epoch's logs, and their `val_` names if it had none; what a
    later epoch lacks is `NA`. The file is flushed after every line.

    Args:
        filename: Path of the file.
        separator: Between two columns.
        append: Whether to add to a file that exists, without a second header.

    Example:

    >>> CSVLogger("training.csv", separator=";").sep
    ';'
    """

    @accepts_old
    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.append_header = True
        self.keys: list[str] | None = None
        self.writer: Any = None
        self.csv_file: IO[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        if self.append and os.path.exists(self.filename):
            self.append_header = os.path.getsize(self.filename) == 0
        mode = "a" if self.append else "w"
        self.csv_file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115
        self.writer = self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        assert self.csv_file is not None
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(name.startswith("val_") for name in self.keys):
                self.keys.extend([f"val_{name}" for name in self.keys])
            import csv

            self.writer = csv.writer(self.csv_file, delimiter=self.sep)
            if self.append_header:
                self.writer.writerow(["epoch", *self.keys])
        self.writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = self.writer = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "csv_file": None, "writer": None}

    def __del__(self) -> None:
        if getattr(self, "csv_file", None) is not None:  # a fit that an error ended
            self._close()


def _cell(value: Any) -> Any:
    number = isinstance(value, np.ndarray) and value.ndim == 0
    if isinstance(value, Iterable) and not isinstance(value, str) and not number:
        return f'"[{", ".join(map(str, value))}]"'
    return value
