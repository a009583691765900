"""Types of the extension module sparsemax.pyx."""

import numpy as np

OPS: dict[str, tuple[int, int]]

def forward(x: np.ndarray) -> np.ndarray: ...
