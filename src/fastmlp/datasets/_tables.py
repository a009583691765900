"""Tables of numbers in Keras's files: shuffled, then cut in two."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from fastmlp.datasets._files import Data, damaged
from fastmlp.errors import check_int, check_number


def read(file: Path, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads `x (n, columns)` and `y (n,)` from an npz file; objects are never unpickled.

    Raises:
        ValueError: The file is damaged or has something else in it.
    """
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as content:
            x, y = np.asarray(content["x"]), np.asarray(content["y"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(file, f"it cannot be read ({error})") from error
    if x.ndim != 2 or x.shape[1] != columns or y.shape != x.shape[:1] or x.dtype.kind not in "iuf":
        raise damaged(file, f"expected x (n, {columns}) and y (n,), it has {x.shape} and {y.shape}")
    return x, y


def check(test_split: float, seed: int) -> None:
    """Raises a ValueError for arguments that make no sense."""
    check_number("load_data", "test_split", test_split, 0, 1, below=True)
    check_int("load_data", "seed", seed, 0, 2**32 - 1)


def split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Data:
    """Shuffles the rows as Keras does, then cuts them in two."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    cut = int(len(x) * (1 - test_split))
    train, test = order[:cut], order[cut:]
    return (x[train], y[train]), (x[test], y[test])
