"""Data sets to learn with, found on this machine or downloaded once."""

from fastmlp.datasets import (
    boston_housing,
    california_housing,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

__all__ = ["boston_housing", "california_housing", "fashion_mnist", "imdb", "mnist", "reuters"]
