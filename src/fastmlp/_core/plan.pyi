"""Types of the extension module plan.pyx."""

import numpy as np
from numpy.typing import NDArray

OPS: dict[str, tuple[int, int]]

class Program:
    n_out: int
    scratch_bytes: int
    uses_blas: bool
    def __init__(self, n_feeds: int, n_fetches: int) -> None: ...
    def feed_address(self, index: int) -> int: ...
    def fetch_address(self, index: int) -> int: ...
    def freeze(
        self,
        dtype: str,
        ops: list[tuple[str, list[int], list[int], list[float], int]],
        phases: list[list[tuple[list[int], int, int, int]]],
        prologue: list[tuple[list[int], int, int, int]],
        scratch_bytes: int,
        uses_blas: bool,
        alive: object,
    ) -> None: ...
    def set_update(self, kind: int, hyper: tuple[float, ...], scalars: int) -> None: ...
    def bind_feed(
        self,
        index: int,
        parts: list[tuple[int, int, int, int, int, int]],
        first_row: int,
        alive: object,
    ) -> None: ...
    def bind_fetch(self, index: int, address: int, alive: object) -> None: ...
    def release(self) -> None: ...
    def not_finite(self, index: int) -> bool: ...
    def read_sums(self) -> NDArray[np.float64]: ...
    def clear_sums(self) -> None: ...

class Run:
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
    ) -> None: ...
    @property
    def iterations(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def validating(self) -> bool: ...
    def take_log(self) -> NDArray[np.float64]: ...
    def peek_log(self) -> NDArray[np.float64]: ...
    def end_pass(self) -> None: ...
    def go(self, steps: int = -1, budget_ns: int = 50_000_000, epochs: int = -1) -> bool: ...
