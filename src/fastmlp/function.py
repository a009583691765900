"""A piece of graph as a Python function on arrays: what calling a layer or a model runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

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
        self._executable: Executable | None = None
        self._lock = threading.Lock()

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
        results = [
            np.empty((m, *(int(d or 0) for d in t.shape[1:])), self.dtype) for t in self.outputs
        ]
        if m:
            with self._lock:
                executable = self._room_for(m)
                for index, array in enumerate(arrays):
                    executable.bind_array(index, array)
                for index, result in enumerate(results):
                    executable.bind_output(index, result)
                executable.run_once(m, seed)
        return results

    def _room_for(self, m: int) -> Executable:
        executable = self._executable
        if executable is None or executable.plan.capacity < m or not executable.is_current():
            capacity = max(_SMALLEST, m)
            plan = compile_plan(
                self.inputs, self.outputs, self.dtype, capacity, self.training, fetch=True
            )
            self._executable = executable = Executable(plan)
        return executable
