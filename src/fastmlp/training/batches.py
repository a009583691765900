"""What yields batches: generators, iterators, loaders, a `PyDataset`; and what a batch is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

import numpy as np

from fastmlp import _tree
from fastmlp._core.random import permutation
from fastmlp.training.py_dataset import PyDataset, batches_of

_ORDER = 0xBA7C  # stream of random numbers that orders the batches of a PyDataset


def yields_batches(x: Any) -> bool:
    """Whether something is no data itself, but gives data batch by batch."""
    if isinstance(x, PyDataset) or hasattr(x, "__next__"):
        return True
    if isinstance(x, list | tuple | Mapping | Set | str | bytes | range | type):
        return False
    is_data = hasattr(x, "__array__") or hasattr(x, "shape") or hasattr(x, "dtypes")
    return hasattr(x, "__iter__") and not is_data


class Batches:
    """The user's batches, pass by pass.

    Args:
        given: For which `yields_batches` holds.
        shuffle: Whether a `PyDataset` is visited in a new order each pass.
        limit: Batches that are wanted of a pass; `None`: all.

    Attributes:
        what: What it is, for messages.
        again: Whether there may be another pass.
        per_pass: Batches of a pass, where it says so.
    """

    def __init__(self, given: Any, shuffle: bool = False, limit: int | None = None) -> None:
        self._given, self._limit = given, limit
        self._shuffle = shuffle and not getattr(given, "in_order", False)
        self.again = not hasattr(given, "__next__")
        self.what = type(given).__name__
        self.per_pass: int | None = None
        if isinstance(given, PyDataset):
            self.per_pass = given.num_batches
        elif self.again and hasattr(given, "__len__"):
            try:
                self.per_pass = len(given)
            except TypeError:  # a tf.data.Dataset of unknown length
                self.per_pass = None
        if self.per_pass == 0:
            raise ValueError(f"x: expected at least one batch. Received: an empty {self.what}")
        if self.per_pass is not None and limit is not None:
            self.per_pass = min(self.per_pass, limit)

    def one_pass(self, number: int) -> Iterator[Any]:
        """The batches of a pass, counted from 0."""
        if not isinstance(self._given, PyDataset):
            return itertools.islice(self._given, self._limit)
        order: Iterable[int] = itertools.count()
        if (n := self._given.num_batches) is not None:
            order = permutation(n, 0, _ORDER, number).tolist() if self._shuffle else range(n)
        return batches_of(self._given, itertools.islice(order, self._limit))

    def begin_epoch(self) -> None:
        """Tells a `PyDataset`."""
        if isinstance(self._given, PyDataset):
            self._given.on_epoch_begin()

    def end_epoch(self) -> None:
        """Tells a `PyDataset`."""
        if isinstance(self._given, PyDataset):
            self._given.on_epoch_end()


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of a batch, `None` for what it does not have; all of it copies.

    Copies, because many generators fill the same array again and again, and are read ahead.

    Raises:
        ValueError: A tuple of another length.
    """
    parts = batch if isinstance(batch, tuple | list) else (batch,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"expected (x,), (x, y) or (x, y, sample_weight). Received: {len(parts)} entries. "
            "Hint: several inputs or targets are a list or dict of their own: ([x1, x2], y)"
        )
    x, y, weight = (*map(_copied, parts), None, None)[:3]
    return x, y, weight


def _copied(data: Any) -> Any:
    if _tree.is_dict(data):
        return {key: _copied(part) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return _tree.like(data, [_copied(part) for part in data])
    if isinstance(data, np.ndarray) or not hasattr(data, "__array__"):
        return data.copy() if hasattr(data, "copy") else data
    if hasattr(data, "iloc"):  # a frame or a series
        return data.copy()
    return np.array(data)
