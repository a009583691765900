"""Data cut in two: to train with, and to test with."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import _tree
from fastmlp.errors import bad_argument


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Cuts data in two.

    Args:
        dataset: An array, or a list, tuple or dict of arrays of one length.
        left_size: Samples of the left part: a number, or a share as a float. Default: the rest.
        right_size: The same for the right part, which ends with the last sample.
        shuffle: Whether to put the samples in a random order first.
        seed: Of that order.

    Returns:
        Left and right part, each of the form of `dataset`.

    Raises:
        TypeError: If `dataset` is something else, or a size is no number.
        ValueError: If lengths differ, no size is given, or a part would be empty.

    Example:

    >>> left, right = split_dataset((np.arange(10), np.arange(10) % 2), left_size=0.8)
    >>> right
    (array([8, 9]), array([0, 1]))
    """
    where = "split_dataset"
    arrays = _tree.flatten(dataset)
    if not arrays or not all(isinstance(array, np.ndarray) and array.ndim for array in arrays):
        raise TypeError(
            f"{where}: expected an array, or a list, tuple or dict of arrays. "
            f"Received: dataset={dataset!r:.60} of {type(dataset)}"
        )
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        raise bad_argument(where, "arrays of one length", "lengths", [len(a) for a in arrays])
    n = lengths.pop()
    left, right = _sizes(left_size, right_size, n)
    order = list(range(n))
    if shuffle:
        import random

        random.Random(seed).shuffle(order)

    def take(rows: list[int]) -> Any:
        return _tree.apply(lambda array: array[rows], dataset)

    return take(order[:left]), take(order[n - right :])


def _sizes(left: float | None, right: float | None, n: int) -> tuple[int, int]:
    """Samples of both parts."""
    if left is None and right is None:
        raise ValueError(
            "split_dataset: expected left_size or right_size. Received: neither of them"
        )
    found = [_size(name, size, n) for name, size in (("left_size", left), ("right_size", right))]
    sizes = [n - sum(s or 0 for s in found) if size is None else size for size in found]
    if sum(sizes) > n or min(sizes) < 1:
        raise ValueError(
            f"split_dataset: expected two parts of at least one sample each, of {n} in all. "
            f"Received: left_size={left}, right_size={right}, which makes {sizes[0]} and {sizes[1]}"
        )
    return sizes[0], sizes[1]


def _size(name: str, size: Any, n: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, (int, float, np.integer, np.floating)):
        raise TypeError(
            f"split_dataset: expected {name} to be a number of samples, or a share. Received: "
            f"{name}={size!r:.60} of {type(size)}"
        )
    if isinstance(size, (float, np.floating)):
        if not 0 < size < 1:
            raise bad_argument("split_dataset", "a share between 0 and 1", name, size)
        return round(float(size) * n)
    if not 0 < size < n:
        raise bad_argument("split_dataset", f"a number from 1 to {n - 1}", name, size)
    return int(size)
