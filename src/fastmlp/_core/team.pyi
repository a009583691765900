import numpy as np
from numpy.typing import NDArray

def stop() -> None: ...
def self_test(
    n_workers: int,
    n_phases: int,
    n_tasks: int,
    spin_ns: int = 0,
    vary: bool = False,
    both_ends: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.int64], int]: ...
