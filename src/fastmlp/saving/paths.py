"""Names of files that models are saved to."""

from __future__ import annotations

import os
import sys
from typing import Any

from fastmlp.callbacks.model_checkpoint import check_suffix, is_of_keras

__all__ = ["check_path", "is_of_keras", "may_write"]


def check_path(where: str, filepath: Any, whole: bool = False, weights: bool = False) -> str:
    """A path as a string.

    Args:
        where: For errors.
        filepath: The path.
        whole: Whether it may be that of a model in Keras's format.
        weights: Whether it may be that of weights in Keras's format.

    Raises:
        TypeError: It is no path.
        ValueError: Its ending is none of those that there are.
    """
    if not isinstance(filepath, (str, os.PathLike)):
        raise TypeError(f"{where}: expected a path. Received: filepath={filepath!r:.80}")
    path = os.fspath(filepath)
    if not isinstance(path, str):
        path = os.fsdecode(path)
    check_suffix(where, path, whole, weights, legacy=whole)
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
