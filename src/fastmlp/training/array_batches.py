"""Batches as arrays, for steps of the user's own: what Python code gets to see of the data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _tree
from fastmlp._core.random import permutation
from fastmlp._sparse import is_sparse
from fastmlp.training.batches import Batches, unpack, yields_batches
from fastmlp.training.data import as_source, check_lengths, split_rows
from fastmlp.training.data_tuples import pack_x_y_sample_weight
from fastmlp.training.steps import batch_of, check_alone, limited

if TYPE_CHECKING:
    from fastmlp.training.step_methods import StepMethods

_ORDER = 0xF00D  # as in executor.pxd: epochs have their order without a step of one's own

Data = tuple[Any, Any, Any]
"""Inputs, targets and sample weights; `None` for what there is not."""


class ArrayBatches:
    """Data of the user as batches: `x`, `(x, y)` or `(x, y, sample_weight)`, as Keras gives them.

    Args:
        model: Whose step gets them.
        method: Who asks, for errors.
        data: Arrays; what yields batches has no targets and weights.
        batch_size: Samples a step, or `None`.
        steps: Of an epoch, or `None`.
        shuffle: Whether each epoch visits the samples in a new order.
        split: Share of the samples to validate with.
        class_weight: Weight of each class, or `None`.

    Attributes:
        per_epoch: Batches of an epoch, if known.
        seed: Of the shuffles.
        held_out: The samples to validate with, if there are some.
    """

    def __init__(
        self,
        model: StepMethods,
        method: str,
        data: Data,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool = False,
        split: float | None = 0.0,
        class_weight: Any = None,
    ) -> None:
        x, y, weight = data
        self._model, self._class_weight = model, class_weight
        self._steps, self._shuffle = steps, shuffle
        self.seed = 0
        self.held_out: Data | None = None
        self._given: Batches | None = None
        if yields_batches(x):
            check_alone(method, x, y=y, sample_weight=weight, validation_split=split or None)
            self._given = Batches(x, shuffle)
            self._endless = None if self._given.again else self._given.one_pass(0)
            self.per_epoch = steps if steps is not None else self._given.per_pass
            return
        with model._built_for(x) if model._has_call else nullcontext() as rows:
            self._data = weighted(model, method, as_arrays(model, data), class_weight)
            if rows is not None:
                self.n = check_lengths({source.name: source for source in rows.inputs})
            else:
                self.n = _tree.flatten(self._data[0])[0].shape[0]
            for name, part in zip(("x", "y", "sample_weight"), self._data, strict=True):
                lengths = {leaf.shape[0] for leaf in _tree.flatten(part) if leaf is not None}
                if part is not None and lengths != {self.n}:
                    raise ValueError(f"{name}: expected {self.n} rows, as x. Received: {lengths}")
        if method == "fit":
            n, self.n = self.n, split_rows(self.n, split)
            if self.n < n:
                self.held_out = rows_of(self._data, slice(self.n, n))
            self.batch_size = batch_of(self.n, batch_size, steps)
        else:
            self.n, self.batch_size = limited(method, self.n, batch_size, steps)
        self.per_epoch = -(-self.n // self.batch_size)
        if steps is not None:
            self.per_epoch = min(steps, self.per_epoch)

    def epoch(self, number: int = 0) -> Iterator[Any]:
        """The batches of an epoch."""
        if self._given is None:
            window = min(self.n, (self.per_epoch or 0) * self.batch_size)
            turn = number % -(-self.n // window)  # with fewer steps the next epoch goes on behind
            order = np.arange(self.n)
            if self._shuffle:
                order = permutation(self.n, self.seed, _ORDER, number - turn)
            order = order[turn * window : (turn + 1) * window]
            for first in range(0, len(order), self.batch_size):
                rows = order[first : first + self.batch_size]
                yield as_batch(self._model, rows_of(self._data, rows))
            return
        self._given.begin_epoch()
        batches = self._endless or self._given.one_pass(number)
        for given in itertools.islice(batches, self._steps):
            data = as_arrays(self._model, unpack(given))
            data = weighted(self._model, "fit", data, self._class_weight)
            batch = as_batch(self._model, data)
            yield batch if isinstance(batch, tuple) else (batch,)
        self._given.end_epoch()


class Epochs:
    """Arrays as what yields batches, for plans of one number of samples: the last batch has another.

    Args:
        batches: Of arrays.
        seed: Of the shuffles.
        first: Number of the first epoch.
    """

    def __init__(self, batches: ArrayBatches, seed: int = 0, first: int = 0) -> None:
        self._batches, self._next = batches, first
        batches.seed = seed

    def __len__(self) -> int:
        return self._batches.per_epoch or 0

    def __iter__(self) -> Iterator[Any]:
        number, self._next = self._next, self._next + 1
        for batch in self._batches.epoch(number):
            yield batch if isinstance(batch, tuple) else (batch,)


def as_arrays(model: StepMethods, data: Data) -> Data:
    """The user's data with arrays in place of lists and frames; builds the model, if need be."""
    x, y, weight = data
    if not model.outputs and model._has_call:
        with model._built_for(x):
            pass
    return _arrays(x, len(model.inputs)), _arrays(y, 1), _arrays(weight, 1)


def _arrays(data: Any, n: int) -> Any:
    if data is None:
        return None
    several = isinstance(data, (list, tuple)) and (
        n > 1 or any(hasattr(part, "__array__") for part in data)
    )
    return _tree.apply(_array, data) if several or _tree.is_dict(data) else _array(data)


def _array(leaf: Any) -> Any:
    return leaf.tocsr() if is_sparse(leaf) else np.asarray(leaf)


def weighted(model: StepMethods, method: str, data: Data, class_weight: Any) -> Data:
    """The data with the weights of their classes."""
    x, y, weight = data
    if class_weight is None:
        return data
    targets = [None if y is None else as_source(y, "y")]
    (found,) = model._class_weights(method, targets, weight, class_weight)
    assert found is not None
    return x, y, found.block(0, found.n).reshape(-1)


def one_batch(model: StepMethods, method: str, data: Data, class_weight: Any = None) -> Any:
    """Data that are one batch, as a step gets them."""
    return as_batch(model, weighted(model, method, as_arrays(model, data), class_weight))


def rows_after(model: StepMethods, data: Data, first: int) -> Data:
    """The samples from one on, as arrays."""
    return rows_of(as_arrays(model, data), slice(first, None))


def rows_of(data: Data, rows: Any) -> Data:
    """Some of the samples."""
    x, y, weight = (_tree.apply(lambda leaf: leaf[rows], part) for part in data)
    return x, y, weight


def as_batch(model: StepMethods, data: Data) -> Any:
    """What a step gets: dense arrays, those of floats in the model's type."""

    def typed(leaf: Any) -> np.ndarray:
        dense: np.ndarray = leaf.toarray() if is_sparse(leaf) else leaf
        return dense.astype(model.dtype, copy=False) if dense.dtype.kind == "f" else dense

    return pack_x_y_sample_weight(*(_tree.apply(typed, part) for part in data))
