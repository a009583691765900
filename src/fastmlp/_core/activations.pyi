"""Types of the extension module activations.pyx."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", np.float32, np.float64)

ACTIVATIONS: dict[str, str]
PARAMETERS: dict[str, dict[str, float]]
OPS: dict[str, tuple[int, int]]

def forward(
    name: str, x: Any, params: Sequence[float] = (), out: NDArray[_Real] | None = None
) -> NDArray[Any]: ...
def backward(
    name: str,
    dy: NDArray[_Real],
    saved: NDArray[_Real],
    params: Sequence[float] = (),
    out: NDArray[_Real] | None = None,
) -> NDArray[_Real]: ...
def dropout(
    x: NDArray[_Real],
    rate: float,
    seed: int,
    stream: int,
    step: int,
    first: int = 0,
    out: NDArray[_Real] | None = None,
    mask: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[_Real], NDArray[np.uint8]]: ...
def dropout_backward(
    dy: NDArray[_Real],
    mask: NDArray[np.uint8],
    rate: float,
    out: NDArray[_Real] | None = None,
) -> NDArray[_Real]: ...
