"""Sequences of different lengths."""

from fastmlp._spelling import give_names
from fastmlp.utils import pad_sequences

__all__ = ["pad_sequences"]

give_names(__name__)
