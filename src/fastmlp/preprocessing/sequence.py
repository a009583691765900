"""Sequences of different lengths."""

from fastmlp.utils import pad_sequences

__all__ = ["pad_sequences"]
