from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS: tuple[str, ...]
OPS: dict[str, tuple[int, int]]

def constrain(kind: str, w: NDArray[np.floating[Any]], params: Sequence[float] = ()) -> None: ...
