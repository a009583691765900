"""Data sets to learn with, found on this machine or downloaded once."""

from typing import TYPE_CHECKING

from fastmlp._late import import_late

if TYPE_CHECKING:
    from fastmlp.datasets import (
        boston_housing,
        california_housing,
        fashion_mnist,
        imdb,
        mnist,
        reuters,
    )

__all__ = ["boston_housing", "california_housing", "fashion_mnist", "imdb", "mnist", "reuters"]

import_late()
