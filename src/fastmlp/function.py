"""A piece of graph as a Python function on arrays: what calling a layer or a model runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp._core.call import Call
from fastmlp.graph import Tensor
from fastmlp.runtime import Executable, compile_plan

_SMALLEST = 8  # rows that a first call makes room for


class Function:
    """Computes outputs from inputs through a plan of its own, compiled for the largest batch seen.

    Args:
        inputs: Symbolic inputs.
        outputs: What to compute.
        training: Whether layers behave as in training, dropout included.
    """

    def __init__(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], training: bool = False
    ) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.training = training
        self.dtype = self.outputs[0].dtype
        self._call: Call | None = None
        self._lock = threading.Lock()

    def on_array(self, x: Any) -> np.ndarray | None:
        """What `self([x])[0]` gives, for a plain array of a size seen before; else `None`."""
        return None if self._call is None else self._call.on_array(x)

    def not_finite(self) -> bool:
        """Whether the first array of the last call held a NaN or an infinity."""
        return self._call is not None and self._call.not_finite(0)

    def __call__(self, arrays: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
        """Runs on one batch.

        Args:
            arrays: One for each input, `(batch, …)`; converted to the function's type.
            seed: Of dropout.

        Returns:
            One new array for each output.
        """
        arrays = [np.ascontiguousarray(a, self.dtype) for a in arrays]
        m = len(arrays[0])
        if not m:
            return [np.empty((0, *_row_shape(t)), self.dtype) for t in self.outputs]
        found = None if self._call is None else self._call.on_arrays(arrays, seed)
        while found is None:
            found = self._room_for(m).on_arrays(arrays, seed)
        return found[0]

    def _room_for(self, m: int) -> Call:
        """Compiles for as many rows, and where the weights lie now."""
        with self._lock:
            capacity = max(_SMALLEST, m, self._call.capacity if self._call is not None else 0)
            plan = compile_plan(
                self.inputs, self.outputs, self.dtype, capacity, self.training, fetch=True
            )
            self._call = call = Executable(plan).as_call(
                [_row_shape(t) for t in self.inputs], [_row_shape(t) for t in self.outputs]
            )
        return call


def _row_shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(int(d or 0) for d in tensor.shape[1:])
