"""Boston housing: 506 suburbs, 13 numbers each, and the median value of their houses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmlp.datasets._files import Data

FILE = "boston_housing.npz"
SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(
    path: str | os.PathLike[str] | None = FILE, test_split: float = 0.2, seed: int = 113
) -> Data:
    """Loads the Boston housing data.

    **Notice.** This data set has an ethical problem: its authors included a variable, "B", that
    assumes that racial self-segregation influences house prices. Use it only to show such problems;
    `california_housing` with `version="small"` has the same size and stands in for it.

    It is looked for in `path`, in the folder named by the environment variable `FASTMLP_DATA`, and
    in Keras's cache (`~/.keras/datasets`, or below `KERAS_HOME`). If it is nowhere, it is
    downloaded, checked and kept in that cache.

    Args:
        path: The npz file or its folder. The bare name, or `None`: look as above.
        test_split: Share of the samples for the test.
        seed: Of the order of the samples.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 of shapes `(404, 13)`, `(404,)`, `(102, 13)`,
        `(102,)`; values in thousands of dollars.

    Raises:
        FileNotFoundError: If the data are nowhere and cannot be downloaded.
        ValueError: If the file is damaged, or an argument makes no sense.

    Example:

    ```python
    (x_train, y_train), (x_test, y_test) = fastmlp.datasets.boston_housing.load_data()
    ```

    Source: D. Harrison and D. L. Rubinfeld, Journal of Environmental Economics and Management 5
    (1978); StatLib.
    """
    from fastmlp.datasets import _files, _tables  # bring zip, hashes and paths

    _tables.check(test_split, seed)
    x, y = _tables.read(_files.fetch(path, FILE, "Boston housing", SHA256), 13)
    return _tables.split(x, y, test_split, seed)
