"""Data sets to learn with, found on this machine or downloaded once."""

from fastmlp.datasets import fashion_mnist, mnist

__all__ = ["fashion_mnist", "mnist"]
