"""Fashion-MNIST: 70,000 images of clothes, 28 by 28."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmlp.datasets._files import Data

FILE = "fashion_mnist.npz"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
PARTS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""The original files without `.gz`, and sha256 of what is in them: packings differ by mirror."""
_FILES = tuple(f"{part}.gz" for part in PARTS)

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Names of the labels 0 to 9."""


def load_data(path: str | os.PathLike[str] | None = None) -> Data:
    """Loads Fashion-MNIST.

    It is looked for in `path`, in the folder named by the environment variable `FASTMLP_DATA`, and
    in Keras's cache (`~/.keras/datasets`, or below `KERAS_HOME`): as `fashion_mnist.npz`, or as
    the four original `.gz` files. If it is nowhere, these are downloaded (30 MB), checked and kept.

    Args:
        path: The npz file, or a folder with it or with the four files. `None`, or the bare name
            `'fashion_mnist.npz'`: look as above.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images `(60000, 28, 28)` and `(10000, 28, 28)`,
        uint8 from 0 to 255, and labels `(60000,)` and `(10000,)`, uint8, named by `CLASSES`.

    Raises:
        FileNotFoundError: If `path` does not exist, or the data are nowhere and cannot be
            downloaded; tells where it looked.
        ValueError: If a file is damaged or has something else in it.

    Example:

    ```python
    (x_train, y_train), (x_test, y_test) = fastmlp.datasets.fashion_mnist.load_data()
    ```

    Source: H. Xiao, K. Rasul and R. Vollgraf, arXiv:1708.07747; Zalando SE, MIT licence.
    """
    from fastmlp.datasets import _files, _idx  # bring zip, hashes and paths

    found = _files.find(path, FILE, _FILES)
    if found is None:
        found = _files.cache_folder() / "fashion-mnist"
        for name, sha256 in zip(_FILES, PARTS.values(), strict=True):
            if (found / name).is_file():
                continue
            try:
                _files.download(URL + name, found / name, sha256, _idx.unpacked_sha256)
            except OSError as error:
                raise _files.unreachable("Fashion-MNIST", FILE, URL, error) from error
    if found.is_file():
        return _files.read_npz(found, (28, 28))
    x_train, y_train, x_test, y_test = (_idx.read(found / name) for name in _FILES)
    return _files.checked((x_train, y_train), (x_test, y_test), (28, 28), found)
