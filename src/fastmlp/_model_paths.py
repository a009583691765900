"""Paths of the files that models are saved to: their endings tell what kind of file it is."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

OWN, OF_KERAS, LEGACY = (".fastmlp", ".safetensors"), (".keras", ".weights.h5"), (".h5", ".hdf5")


def is_of_keras(path: str) -> bool:
    """Whether a path is that of a file of Keras, by its ending."""
    return path.endswith((*OF_KERAS, *LEGACY))


def needed_h5py() -> Any:
    """The package that reads and writes HDF5.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise ImportError(
            "Files of Keras (.keras, .h5) need h5py. Hint: pip install "
            "\"fastmlp[keras-files]\"; files that end in '.fastmlp' need nothing"
        ) from error


def check_suffix(
    where: str, path: str, whole: bool = True, weights: bool = False, legacy: bool = False
) -> None:
    """Checks the ending of a path that a model is saved to or read from.

    Args:
        where: For errors.
        path: The path.
        whole: Whether the file may hold a model, as `.keras` does.
        weights: Whether it may hold weights alone, as `.weights.h5` does.
        legacy: Whether it may be a `.h5` of Keras 2.

    Raises:
        ValueError: It is none of those that there are.
    """
    known = (*OWN, *OF_KERAS[:1] * whole, *OF_KERAS[1:] * weights)
    if path.endswith(known):
        return
    if legacy and path.endswith(LEGACY) and not path.endswith(OF_KERAS):
        return
    stem = os.path.splitext(path.removesuffix(".weights.h5"))[0]
    hint = f"{where}('{stem}.fastmlp')"
    if path.endswith((".keras", ".h5", ".hdf5")):
        of_keras = [f"'{stem}{ending}'" for ending in known[len(OWN) :]]
        hint += f", or in Keras's format {' or '.join(of_keras)}" if of_keras else ""
    raise ValueError(
        f"{where}: expected a path that ends in {', '.join(map(repr, known[:-1]))} or {known[-1]!r}. "
        f"Received: filepath={path!r}. Hint: {hint}."
    )


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
    check_suffix(where, path, whole, weights, legacy=whole or weights)
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
