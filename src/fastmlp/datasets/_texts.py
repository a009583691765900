"""Texts as lists of word numbers: reading Keras's files, and choosing words."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.datasets._files import damaged

# All that is needed to make an array of lists of numbers. A file can name nothing else.
_NEEDED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


class _Unpickler(pickle.Unpickler):
    """Makes arrays and lists, and refuses to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NEEDED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which data never need")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read(file: Path, keys: tuple[str, ...]) -> list[np.ndarray]:
    """Reads arrays of one axis from an npz file: numbers, or lists of numbers.

    Raises:
        ValueError: The file is damaged or has something else in it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            found = [_array(archive.read(f"{key}.npy")) for key in keys]
    except (
        OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, IndexError,
        zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, MemoryError,
    ) as error:  # fmt: skip
        raise damaged(file, f"it cannot be read ({error})") from error
    for key, array in zip(keys, found, strict=True):
        whole = isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "iuO"
        if whole and array.dtype.kind == "O":
            whole = all(isinstance(text, (list, np.ndarray)) for text in array)
        if not whole:
            raise damaged(file, f"expected {key} to hold numbers, or lists of them")
    if any(
        len(texts) != len(labels) for texts, labels in zip(found[::2], found[1::2], strict=True)
    ):
        raise damaged(file, "it has not one label for each text")
    return found


def _array(content: bytes) -> Any:
    stream = io.BytesIO(content)
    try:
        return np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError:  # an array of objects
        stream.seek(0)
        version = np.lib.format.read_magic(stream)
        old = version == (1, 0)
        header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        header(stream)
        return _Unpickler(stream).load()


def read_index(file: Path) -> dict[str, int]:
    """Reads words and their numbers from a JSON file.

    Raises:
        ValueError: It is something else.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(file, f"it cannot be read ({error})") from error
    if not isinstance(found, dict) or not all(type(n) is int for n in found.values()):
        raise damaged(file, "it is no dict of words and numbers")
    return found


def shuffled(seed: int, texts: np.ndarray, labels: np.ndarray, rng: Any = None) -> Any:
    """Texts and labels in Keras's order; pass on `rng` to go on with its numbers."""
    rng = rng or np.random.RandomState(seed)
    order = np.arange(len(texts))
    rng.shuffle(order)
    return texts[order], labels[order], rng


def begun(texts: Sequence[Any], start_char: int | None, index_from: int) -> list[np.ndarray]:
    """Texts with `index_from` added to each word, after `start_char`."""
    first = [] if start_char is None else [np.array([start_char], np.int64)]
    return [np.concatenate([*first, np.asarray(text, np.int64) + index_from]) for text in texts]


def shorter(
    texts: list[np.ndarray], labels: np.ndarray, maxlen: int | None
) -> tuple[list[np.ndarray], np.ndarray]:
    """The texts of less than `maxlen` words, as in Keras."""
    if not maxlen:
        return texts, labels
    keep = [i for i, text in enumerate(texts) if len(text) < maxlen]
    return [texts[i] for i in keep], labels[keep]


def chosen(
    texts: list[np.ndarray], num_words: int | None, skip_top: int, oov_char: int | None
) -> np.ndarray:
    """Texts of the words from `skip_top` to before `num_words`, as lists in an array.

    Others become `oov_char`, or go if it is `None`. As in Keras, without `num_words` the word of the
    highest number is one of those.
    """
    if not num_words:
        num_words = max((int(text.max()) for text in texts if len(text)), default=0)
    found = np.empty(len(texts), object)
    for i, text in enumerate(texts):
        known = (text >= skip_top) & (text < num_words)
        kept = text[known] if oov_char is None else np.where(known, text, oov_char)
        found[i] = kept.tolist()
    return found
