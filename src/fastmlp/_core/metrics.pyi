"""Types of the extension module metrics.pyx."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fastmlp._core.loss_rows import ROWS as ROWS

_Real = TypeVar("_Real", np.float32, np.float64)

OPS: dict[str, tuple[int, int]]

def accumulate_mean(
    acc: npt.NDArray[np.float64],
    kind: str,
    y_true: npt.NDArray[_Real],
    y_pred: npt.NDArray[_Real],
    weights: npt.NDArray[_Real] | None = None,
    params: Sequence[float] = (),
) -> None: ...
def accumulate_confusion(
    acc: npt.NDArray[np.float64],
    y_true: npt.NDArray[_Real],
    y_pred: npt.NDArray[_Real],
    thresholds: npt.NDArray[np.float64],
    weights: npt.NDArray[_Real] | None = None,
    columns: int = 1,
) -> None: ...
