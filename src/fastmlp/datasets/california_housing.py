"""California housing: 20,640 block groups of 1990, 8 numbers each, and their median house value."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastmlp.errors import unknown_name

if TYPE_CHECKING:
    from fastmlp.datasets._files import Data

FILE = "california_housing.npz"
SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
COLUMNS = (
    "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude",
    "Longitude",
)  # fmt: skip
"""Names of the columns of `x`."""


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] | None = FILE,
    test_split: float = 0.2,
    seed: int = 113,
) -> Data:
    """Loads the California housing data.

    It is looked for in `path`, in the folder named by the environment variable `FASTMLP_DATA`, and
    in Keras's cache (`~/.keras/datasets`, or below `KERAS_HOME`). If it is nowhere, it is
    downloaded, checked and kept in that cache.

    Args:
        version: `'large'`: 20,640 samples. `'small'`: the first 600.
        path: The npz file or its folder. The bare name, or `None`: look as above.
        test_split: Share of the samples for the test.
        seed: Of the order of the samples.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: shapes `(n, 8)` and `(n,)`; values in dollars.

    Raises:
        FileNotFoundError: If the data are nowhere and cannot be downloaded.
        ValueError: If the file is damaged, or an argument makes no sense.

    Example:

    ```python
    (x_train, y_train), (x_test, y_test) = fastmlp.datasets.california_housing.load_data()
    ```

    Source: R. K. Pace and R. Barry, Statistics and Probability Letters 33 (1997); StatLib.
    """
    from fastmlp.datasets import _files, _tables  # bring zip, hashes and paths

    _tables.check(test_split, seed)
    if version not in ("small", "large"):
        raise unknown_name("version of california_housing", version, ("large", "small"))
    x, y = _tables.read(_files.fetch(path, FILE, "California housing", SHA256), 8)
    if version == "small":
        x, y = x[:600], y[:600]
    return _tables.split(x, y, test_split, seed)
