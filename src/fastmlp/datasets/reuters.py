"""Reuters: 11,228 newswires as lists of word numbers, and which of 46 topics they have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmlp.datasets._files import Data

FILE = "reuters.npz"
SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
INDEX = "reuters_word_index.json"
INDEX_MD5 = "4d44cc38712099c9e383dc6e5f11a921"

TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply",
    "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi",
    "money-fx", "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin",
    "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei",
    "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip
"""Names of the labels 0 to 45."""


def load_data(
    path: str | os.PathLike[str] | None = FILE,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Data:
    """Loads the Reuters newswires.

    Words are numbered by how often they occur: the most frequent one is `1 + index_from`. 0 stands for
    no word; `fastmlp.utils.pad_sequences` makes an array with it.

    It is looked for in `path`, in the folder named by the environment variable `FASTMLP_DATA`, and
    in Keras's cache (`~/.keras/datasets`, or below `KERAS_HOME`). If it is nowhere, it is
    downloaded (2 MB), checked and kept in that cache. The file runs no code.

    Args:
        path: The npz file or its folder. The bare name, or `None`: look as above.
        num_words: Words of this number and above are left out. Default: no limit.
        skip_top: Words of smaller numbers are left out.
        maxlen: Newswires of so many words and more are left out. Default: no limit.
        test_split: Share of the newswires for the test.
        seed: Of the order of the newswires.
        start_char: Number that begins each newswire, or `None`.
        oov_char: Number that stands for words left out; `None`: they go.
        index_from: Added to the number of each word.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists, and labels from 0 to 45.

    Raises:
        FileNotFoundError: If the data are nowhere and cannot be downloaded.
        ValueError: If the file is damaged, or an argument makes no sense.

    Example:

    ```python
    (x_train, y_train), (x_test, y_test) = fastmlp.datasets.reuters.load_data(num_words=10_000)
    ```

    Source: Reuters-21578, D. D. Lewis.
    """
    from fastmlp.datasets import _files, _tables, _texts  # bring zip, hashes and paths

    _tables.check(test_split, seed)
    texts, labels = _texts.read(_files.fetch(path, FILE, "Reuters", SHA256), ("x", "y"))
    texts, labels, _ = _texts.shuffled(seed, texts, labels)
    kept, labels = _texts.shorter(_texts.begun(texts, start_char, index_from), labels, maxlen)
    found = _texts.chosen(kept, num_words, skip_top, oov_char)
    cut = int(len(found) * (1 - test_split))
    return (found[:cut], labels[:cut]), (found[cut:], labels[cut:])


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
        _files.fetch(path, INDEX, "The word index of Reuters", INDEX_MD5, _files.md5_of)
    )


def get_label_names() -> tuple[str, ...]:
    """Names of the topics, in the order of their labels."""
    return TOPICS
