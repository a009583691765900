"""Types of the extension module plan.pyx."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmlp._core.logs import Logs
from fastmlp._core.program import Program
from fastmlp._core.turns import Turns

class Run:
    watched: bool
    def __init__(
        self,
        main: Program,
        samples: int,
        batch: int,
        after: Program | None = None,
        after_samples: int = 0,
        after_batch: int = 1,
        epochs: int = 1,
        first_epoch: int = 0,
        seed: int = 0,
        iterations: int = 0,
        shuffle: bool = False,
        threads: int = 1,
        steps_per_check: int = 1,
        log_rows: int = 1,
        window: int = 0,
        turns: Turns | None = None,
    ) -> None: ...
    @property
    def iterations(self) -> int: ...
    @iterations.setter
    def iterations(self, value: int) -> None: ...
    @property
    def epoch(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def validating(self) -> bool: ...
    def take_log(self) -> NDArray[np.float64]: ...
    def peek_log(self) -> NDArray[np.float64]: ...
    def resume(self, position: int, sums: np.ndarray) -> None: ...
    def feed(self, samples: int) -> None: ...
    def follow(self, wanted: bool) -> None: ...
    def end_pass(self) -> None: ...
    def step(self, optimizer: Any = None, steps: int = 1) -> int: ...
    def logs(self, logs: Logs) -> dict[str, float]: ...
    def go(self, steps: int = -1, epochs: int = -1, passes: int = -1) -> bool: ...
