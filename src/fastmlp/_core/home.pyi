"""Types of the extension module home.pyx."""

import numpy as np

class Home:
    value: np.ndarray

def address(array: np.ndarray) -> int: ...
