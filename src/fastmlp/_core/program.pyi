"""Types of the extension module program.pyx."""

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
