"""Types of the extension module optimizers.pyx."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", np.float32, np.float64)

UPDATES: dict[str, int]
HYPER: dict[str, tuple[str, ...]]
OPS: dict[str, tuple[int, int]]

def scalars(
    kind: str, hyper: Sequence[float], t: int, state: NDArray[np.float64] | None = None
) -> NDArray[np.float64]: ...
def update(
    kind: str,
    w: NDArray[_Real],
    g: NDArray[_Real],
    slots: Sequence[NDArray[_Real]],
    hyper: Sequence[float],
    t: int,
    panels: NDArray[_Real] | None = None,
) -> None: ...
def update_all(
    kind: str,
    weights: list[NDArray[_Real]],
    gradients: list[NDArray[_Real]],
    slots: list[list[NDArray[_Real]]],
    hyper: Sequence[float],
    t: int,
) -> None: ...
