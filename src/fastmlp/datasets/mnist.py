"""MNIST: 70,000 images of handwritten digits, 28 by 28."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmlp.datasets._files import Data

FILE = "mnist.npz"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str | os.PathLike[str] | None = None) -> Data:
    """Loads MNIST.

    It is looked for in `path`, in the folder named by the environment variable `FASTMLP_DATA`, and
    in Keras's cache (`~/.keras/datasets`, or below `KERAS_HOME`). If it is nowhere, it is
    downloaded (11 MB), checked and kept in that cache.

    Args:
        path: The npz file or its folder. `None`, or the bare name `'mnist.npz'`: look as above.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images `(60000, 28, 28)` and `(10000, 28, 28)`,
        uint8 from 0 to 255, and digits `(60000,)` and `(10000,)`, uint8.

    Raises:
        FileNotFoundError: If `path` does not exist, or the data are nowhere and cannot be
            downloaded; tells where it looked.
        ValueError: If the file is damaged or has something else in it.

    Example:

    ```python
    (x_train, y_train), (x_test, y_test) = fastmlp.datasets.mnist.load_data()
    ```

    Source: Y. LeCun and C. Cortes, CC BY-SA 3.0.
    """
    from fastmlp.datasets import _files  # brings zip, hashes and paths

    found = _files.find(path, FILE)
    if found is None:
        try:
            found = _files.download(URL, _files.cache_folder() / FILE, SHA256)
        except OSError as error:
            raise _files.unreachable("MNIST", FILE, URL, error) from error
    return _files.read_npz(found, (28, 28))
