"""Arrays with guard values around them, to see that a kernel writes where it should and only there."""

from __future__ import annotations

import numpy as np

GUARD = -77.25  # exact in every float type
EDGE = 19  # elements before and after: more than a vector of any tier, and unaligned


class Guarded:
    """`.array`, (m, n) or (n,): rows further apart than they need be, guards between and around.

    `.check()` fails if anything but the array changed.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type, gap: int = 3):
        rows, cols = (1, *shape) if len(shape) == 1 else shape
        self._memory = np.full(EDGE + rows * (cols + gap) + EDGE, GUARD, dtype)
        inner = self._memory[EDGE : EDGE + rows * (cols + gap)].reshape(rows, cols + gap)
        matrix = inner[:, :cols]
        self._outside = np.ones(self._memory.shape, bool)
        outside = self._outside[EDGE : EDGE + rows * (cols + gap)].reshape(rows, cols + gap)
        outside[:, :cols] = False
        self.array = matrix[0] if len(shape) == 1 else matrix

    def check(self) -> None:
        np.testing.assert_array_equal(self._memory[self._outside], GUARD)


def guarded(values: np.ndarray, gap: int = 3) -> Guarded:
    """The same with these values."""
    result = Guarded(values.shape, values.dtype.type, gap)
    result.array[...] = values
    return result


def read_only(values: np.ndarray, gap: int = 3) -> np.ndarray:
    """A copy among NaNs, at an address that is a multiple of its item size only, and not writable.

    NaNs show in the result if a kernel reads what is not its own.
    """
    copy = Guarded(values.shape, values.dtype.type, gap)
    copy._memory[...] = np.nan
    copy.array[...] = values
    copy.array.flags.writeable = False
    return copy.array
