"""Types of the extension module losses.pyx."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fastmlp._core.loss_rows import PARAMS as PARAMS
from fastmlp._core.loss_rows import ROWS as ROWS
from fastmlp._core.loss_rows import TARGETS as TARGETS

_Real = TypeVar("_Real", np.float32, np.float64)

OPS: dict[str, tuple[int, int]]

def check(kind: str, m: int, tn: int, rows: int, n: int, params: Sequence[float]) -> None: ...
def rows(
    kind: str,
    y_true: npt.NDArray[_Real],
    y_pred: npt.NDArray[_Real],
    params: Sequence[float] = (),
) -> npt.NDArray[_Real]: ...
def rows_grad(
    kind: str,
    y_true: npt.NDArray[_Real],
    y_pred: npt.NDArray[_Real],
    params: Sequence[float] = (),
    gradient: bool = True,
) -> tuple[npt.NDArray[_Real], npt.NDArray[_Real] | None]: ...
def run_op(
    run: int,
    buffers: Sequence[np.ndarray | None],
    sizes: Sequence[int],
    scalars: Sequence[float],
    acc: npt.NDArray[np.float64] | None,
    ranges: Sequence[tuple[int, int, int, int]],
    m: int,
) -> None: ...
