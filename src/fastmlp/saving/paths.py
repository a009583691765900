"""Names of files that models are saved to."""

from __future__ import annotations

import os
import sys
from typing import Any

from fastmlp.callbacks.model_checkpoint import check_suffix


def check_path(where: str, filepath: Any) -> str:
    """A path as a string.

    Raises:
        TypeError: It is no path.
        ValueError: Its ending is none of those that fastmlp writes.
    """
    if not isinstance(filepath, (str, os.PathLike)):
        raise TypeError(f"{where}: expected a path. Received: filepath={filepath!r:.80}")
    path = os.fspath(filepath)
    if not isinstance(path, str):
        path = os.fsdecode(path)
    check_suffix(where, path)
    return path


def may_write(path: str, overwrite: bool) -> bool:
    """Whether to write a file: asks, as Keras does, where one is there and is not to be replaced.

    Raises:
        FileExistsError: There is nobody to ask.
    """
    if overwrite or not os.path.exists(path):
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise FileExistsError(f"'{path}' exists. Hint: overwrite=True replaces it")
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {path} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"
