"""A piece of graph as a Python function on arrays: what calling a layer or a model runs.

It has two plans: one for few rows, which begins at once, and one that first copies weights into
panels, for many rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastmlp import graph, ops
from fastmlp._core.call import Call
from fastmlp._lock import Lock
from fastmlp._seed import next_seed
from fastmlp.boundary import Boundary
from fastmlp.graph import Tensor, layer_scope
from fastmlp.ops import states
from fastmlp.plan.schedule import MANY_ROWS
from fastmlp.runtime import Executable, compile_long, compile_plan

_SMALLEST = 8  # rows that a first call makes room for
_compiling = Lock()


class Function:
    """Computes outputs from inputs through plans of its own.

    Args:
        inputs: Symbolic inputs.
        outputs: What to compute.
        training: Whether layers behave as in training, dropout included.
        samples: The only number of rows that it takes; `None`: any.

    Attributes:
        on_array: What `self([x])[0]` gives, for a plain array of a size seen before; else `None`.
        on_finite: The same; `None` also if the array holds a NaN or an infinity.
        is_simple: Whether it has plans whose results are what it returns.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        training: bool = False,
        samples: int | None = None,
    ) -> None:
        self._boundary = Boundary(inputs, outputs)
        self.inputs = self._boundary.feeds
        with graph.batch_of(samples):
            self.outputs = [_by_sample(t, self.inputs) for t in outputs]
        self._whole = [not t.per_sample for t in outputs]  # one value for all samples
        self._kinds = [graph.kind_of(t, training) for t in outputs]
        self.training, self._samples = training, samples
        self.dtype = self.outputs[0].dtype
        self.on_array: Callable[[Any], np.ndarray | None] = _not_ready
        self.on_finite = self.on_array
        self._few: Call | None = None  # up to the largest batch seen
        self._many: Call | None = None
        self._is_random = False
        self.is_simple = False  # known with its first plan
        self._bytes = {True: 0, False: 0}  # of plans for many rows, and for few

    @property
    def arena_bytes(self) -> int:
        """Memory of its plans."""
        return sum(self._bytes.values())

    def not_finite(self, m: int) -> bool:
        """Whether the first array of the last call, of so many rows, held a NaN or an infinity."""
        call = self._few if m < MANY_ROWS else self._many
        return call is not None and 0 in call.not_finite()

    def on_plain(self, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
        """What `self(arrays)` gives, for plain arrays of a size seen before; else `None`."""
        call = self._few if len(arrays[0]) < MANY_ROWS else self._many
        found = call.on_arrays(arrays) if call is not None and self.is_simple else None
        return None if found is None else found[0]

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Runs on one batch, with a seed of its own for dropout.

        Args:
            arrays: One for each input, `(batch, …)`; converted to the function's type.

        Returns:
            One new array for each output, `(batch, …)` unless it is one value for all samples.
        """
        arrays = [np.ascontiguousarray(a, self.dtype) for a in self._boundary.arrays(arrays)]
        m, rows = len(arrays[0]), self._boundary.rows
        if any(len(a) != m for a in arrays):
            raise ValueError(
                f"'{self.outputs[0].node.layer}': expected inputs of one number of samples. "
                f"Received: {[len(a) for a in arrays]}"
            )
        if rows is not None:
            states.check_rows(f"'{self.outputs[0].node.layer}'", rows, m)
        if not m:
            return [
                np.full(_row_shape(t), np.nan, self.dtype)
                if whole
                else np.empty((0, *_row_shape(t)), kind or self.dtype)
                for t, whole, kind in zip(self.outputs, self._whole, self._kinds, strict=True)
            ]
        call = (self._few if m < MANY_ROWS else self._many) or self._room_for(m)
        seed = next_seed() if self.training or self._is_random else 0
        found = call.on_arrays(arrays, seed)
        while found is None:
            found = self._room_for(m).on_arrays(arrays, seed)
        results: list[np.ndarray] = found[0]
        if any(self._kinds):
            results = list(map(graph.of_kind, results, self._kinds))
        if any(self._whole):
            both = zip(results, self._whole, strict=True)
            return [np.array(y[0]) if whole else y for y, whole in both]
        return results

    def _room_for(self, m: int) -> Call:
        """Compiles for as many rows, and where the weights lie now."""
        many, boundary = m >= MANY_ROWS, self._boundary
        with _compiling:
            known = self._many if many else self._few
            capacity = boundary.rows or self._samples
            capacity = capacity or max(_SMALLEST, m, known.capacity if known else 0)
            if many and not (self.training or self._samples):
                plan = compile_long(self.inputs, self.outputs, self.dtype, capacity)
            else:
                plan = compile_plan(
                    self.inputs, self.outputs, self.dtype, capacity, self.training, fetch=True
                )
            call = Executable(plan).as_call(
                [_row_shape(t) for t in self.inputs],
                [_row_shape(t) for t in self.outputs],
                MANY_ROWS if many else 1,
                many and plan.private > 0,
            )
            self._few, self._many = (self._few, call) if many else (call, self._many)
            self._is_random = plan.is_random
            self._bytes[many] = plan.arena_bytes
            limited = boundary.states or self._samples or any(self._whole) or self._is_random
            self.is_simple = boundary.plain and not limited and not any(self._kinds)
            if self.is_simple:
                first = self._few or call
                first.more = self._many if self._few else None
                self.on_array, self.on_finite = first.on_array, first.on_finite
        return call


def _not_ready(x: Any) -> np.ndarray | None:
    return None


def _by_sample(tensor: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """The tensor; if it has no batch axis, the same values for every sample."""
    if tensor.per_sample:
        return tensor
    with layer_scope("output"):
        first = ops.reshape(inputs[0], (-1, math.prod(_row_shape(inputs[0]))))[:, :1]
        column = ops.reshape(first, (-1, *[1] * tensor.ndim))
        y: Tensor = ops.where(ops.equal(column, column), tensor, tensor)  # also of a NaN
    return y


def _row_shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(int(d or 0) for d in tensor.shape[1:])
