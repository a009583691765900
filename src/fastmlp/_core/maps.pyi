"""Types of the extension module maps.pyx."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

MAPS: dict[str, int]

OPS: dict[str, tuple[int, int]]

def apply(
    name: str, operands: Sequence[NDArray[Any]], out: NDArray[Any] | None = None
) -> NDArray[Any]: ...
