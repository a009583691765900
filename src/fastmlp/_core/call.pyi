"""Types of the extension module call.pyx."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp._core.program import Program

MOST_AXES: int

class Call:
    capacity: int
    more: Call | None
    def __init__(
        self,
        program: Program,
        inputs: list[tuple[int, ...]],
        outputs: list[tuple[int, ...]],
        dtype: str,
        capacity: int,
        least: int,
        limit: int,
        work: float,
        parallel_work: float,
        threads: Callable[[], int],
        weights: dict[Any, np.ndarray],
        steps_per_check: int,
    ) -> None: ...
    def on_array(self, x: object) -> np.ndarray | None: ...
    def on_finite(self, x: object) -> np.ndarray | None: ...
    def on_arrays(
        self, xs: list[Any], seed: int = 0, iterations: int = 0
    ) -> tuple[list[np.ndarray], list[float]] | None: ...
    def not_finite(self) -> tuple[int, ...]: ...
