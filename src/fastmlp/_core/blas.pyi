from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_SIZE: int

def load() -> None: ...
def info() -> dict[str, str | int | None]: ...
def warm_up(n_workers: int = 1) -> None: ...

class single_threaded:
    def __enter__(self) -> single_threaded: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

def matmul(
    a: ArrayLike,
    b: ArrayLike,
    out: NDArray[np.floating[Any]] | None = None,
    ta: bool = False,
    tb: bool = False,
    alpha: float = 1.0,
    beta: float = 0.0,
    block: int = ...,
) -> NDArray[np.floating[Any]]: ...
def matvec(
    a: ArrayLike,
    x: ArrayLike,
    out: NDArray[np.floating[Any]] | None = None,
    ta: bool = False,
    alpha: float = 1.0,
    beta: float = 0.0,
    block: int = ...,
) -> NDArray[np.floating[Any]]: ...
