"""Types of the extension module random.pyx."""

import numpy as np
from numpy.typing import NDArray

def permutation(n: int, seed: int, stream: int, epoch: int) -> NDArray[np.int64]: ...
def shuffle(
    n: int, seed: int, stream: int, epoch: int, first: int = 0, m: int | None = None
) -> NDArray[np.int64]: ...
def philox(block: int, seed: int, stream: int, step: int) -> tuple[int, int, int, int]: ...
