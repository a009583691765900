"""Helpers for data and repeatability."""

from __future__ import annotations

from fastmlp.utils.numerical import normalize, to_categorical
from fastmlp.utils.seeding import set_random_seed

__all__ = [
    "normalize",
    "set_random_seed",
    "to_categorical",
]
