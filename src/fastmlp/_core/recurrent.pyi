"""Types of the extension module recurrent.pyx."""

from collections.abc import Sequence
from typing import Any

import numpy as np

KINDS: tuple[str, ...]
GIVEN: tuple[str, ...]
LAYOUT: dict[str, str]
OPS: dict[str, tuple[int, int]]

def cell(
    kernel: str,
    arrays: Sequence[np.ndarray[Any, np.dtype[Any]]],
    activation: str,
    recurrent_activation: str,
) -> None: ...
