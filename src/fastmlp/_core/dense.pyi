"""Types of the extension module dense.pyx."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", np.float32, np.float64)

OPS: dict[str, tuple[int, int]]

def forward(
    x: NDArray[_Real],
    w: NDArray[_Real],
    bias: NDArray[_Real] | None = None,
    relu: bool = False,
    on_blas: bool = False,
) -> NDArray[_Real]: ...
def backward(dy: NDArray[_Real], w: NDArray[_Real], on_blas: bool = False) -> NDArray[_Real]: ...
def weight_gradient(
    x: NDArray[_Real], dy: NDArray[_Real], on_blas: bool = False
) -> NDArray[_Real]: ...
def descend(
    w: NDArray[_Real],
    x: NDArray[_Real],
    dy: NDArray[_Real],
    rate: float,
    first: int = 0,
    last: int = -1,
) -> None: ...
