"""IMDB: 50,000 reviews of films as lists of word numbers, and whether they are favourable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmlp.datasets._files import Data

FILE = "imdb.npz"
SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX = "imdb_word_index.json"
INDEX_MD5 = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str | os.PathLike[str] | None = FILE,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Data:
    """Loads the IMDB reviews.

    Words are numbered by how often they occur: the most frequent one is `1 + index_from`. 0 stands for
    no word; `fastmlp.utils.pad_sequences` makes an array with it.

    It is looked for in `path`, in the folder named by the environment variable `FASTMLP_DATA`, and
    in Keras's cache (`~/.keras/datasets`, or below `KERAS_HOME`). If it is nowhere, it is
    downloaded (17 MB), checked and kept in that cache. The file runs no code.

    Args:
        path: The npz file or its folder. The bare name, or `None`: look as above.
        num_words: Words of this number and above are left out. Default: no limit.
        skip_top: Words of smaller numbers are left out.
        maxlen: Reviews of so many words and more are left out. Default: no limit.
        seed: Of the order of the reviews.
        start_char: Number that begins each review, or `None`.
        oov_char: Number that stands for words left out; `None`: they go.
        index_from: Added to the number of each word.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists, `(25000,)`, and labels `(25000,)`, 1
        for a favourable review.

    Raises:
        FileNotFoundError: If the data are nowhere and cannot be downloaded.
        ValueError: If the file is damaged, or no review is shorter than `maxlen`.

    Example:

    ```python
    (x_train, y_train), (x_test, y_test) = fastmlp.datasets.imdb.load_data(num_words=10_000)
    ```

    Source: A. L. Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011.
    """
    from fastmlp.datasets import _files, _texts  # bring zip, hashes and paths

    file = _files.fetch(path, FILE, "IMDB", SHA256)
    keys = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = _texts.read(file, keys)
    x_train, y_train, rng = _texts.shuffled(seed, x_train, y_train)
    x_test, y_test, _ = _texts.shuffled(seed, x_test, y_test, rng)
    train, y_train = _texts.shorter(_texts.begun(x_train, start_char, index_from), y_train, maxlen)
    test, y_test = _texts.shorter(_texts.begun(x_test, start_char, index_from), y_test, maxlen)
    if not train or not test:
        raise ValueError(
            f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. "
            "Increase maxlen."
        )
    texts = _texts.chosen([*train, *test], num_words, skip_top, oov_char)
    return (texts[: len(train)], y_train), (texts[len(train) :], y_test)


def get_word_index(path: str | os.PathLike[str] | None = INDEX) -> dict[str, int]:
    """Words and their numbers, before `index_from` is added.

    Args:
        path: The JSON file or its folder. The bare name, or `None`: look as `load_data` does.

    Raises:
        FileNotFoundError: If it is nowhere and cannot be downloaded.
        ValueError: If the file is damaged.
    """
    from fastmlp.datasets import _files, _texts

    return _texts.read_index(
        _files.fetch(path, INDEX, "The word index of IMDB", INDEX_MD5, _files.md5_of)
    )
