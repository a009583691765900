"""Windows over a series, as samples to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.errors import bad_argument, check_int
from fastmlp.training.py_dataset import PyDataset


class Windows(PyDataset):
    """Batches of windows; what `timeseries_dataset_from_array` returns.

    Args:
        data: Series `(steps, …)`.
        targets: For the window that starts at each step, or `None`.
        starts: Where the windows start.
        offsets: The steps of a window, from its start.
        batch_size: Windows a batch; `None`: none, but one window after the other.
        shuffle: Whether the windows come in a new order each time.
        seed: Of these orders.
    """

    in_order = True  # they are shuffled here

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        offsets: np.ndarray,
        batch_size: int | None,
        shuffle: bool = False,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self._data, self._targets = data, targets
        self._starts, self._offsets, self._batch_size = starts, offsets, batch_size
        self._order = np.random.default_rng(seed) if shuffle else None
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._starts) // (self._batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffles the windows, if they are to be."""
        if self._order is not None:
            self._starts = self._order.permutation(self._starts)

    def __getitem__(self, index: int) -> Any:
        size = self._batch_size or 1
        first = check_int("Windows", "index", index, 0, len(self) - 1) * size
        starts = self._starts[first : first + size]
        if self._batch_size is None:
            starts = starts[0]
        windows = self._data[starts[..., None] + self._offsets]
        return windows if self._targets is None else (windows, self._targets[starts])


def timeseries_dataset_from_array(
    data: npt.ArrayLike,
    targets: npt.ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Windows:
    """Cuts a series into windows, for `fit`.

    Args:
        data: Series `(steps, …)`.
        targets: `targets[i]` belongs to the window that starts at step `i`; `None`: no targets.
        sequence_length: Steps in a window.
        sequence_stride: Steps from the start of a window to that of the next.
        sampling_rate: Steps from one step of a window to the next.
        batch_size: Windows a batch; the last may have fewer. `None`: one window after the other, with
            no axis of samples.
        shuffle: Whether the windows come in a random order, a new one each epoch.
        seed: Of these orders.
        start_index: First step of the series to use.
        end_index: Step of the series to end before.
        format: Accepted as in Keras, `'tf'` or `'grain'`; what comes is for `fit`, with NumPy arrays.

    Returns:
        A data set of batches `(windows, targets)`, or `windows`.

    Raises:
        ValueError: If an argument makes no sense, or there is no whole window.

    Example:

    >>> series = np.arange(10)
    >>> batches = timeseries_dataset_from_array(series[:-3], series[3:], 3)
    >>> windows, targets = batches[0]
    >>> windows[0], targets[0]
    (array([0, 1, 2]), np.int64(3))
    """
    where = "timeseries_dataset_from_array"
    if format not in ("tf", "grain"):
        raise bad_argument(where, "format='tf' or 'grain'", "format", format)
    series = np.asarray(data)
    n = len(series) if series.ndim else 0
    sequence_length = check_int(where, "sequence_length", sequence_length, 1)
    if batch_size is not None:
        batch_size = check_int(where, "batch_size", batch_size, 1)
    most = max(1, n - 1)
    sequence_stride = check_int(where, "sequence_stride", sequence_stride, 1, most)
    sampling_rate = check_int(where, "sampling_rate", sampling_rate, 1, most)
    start = check_int(where, "start_index", start_index or 0, 0, max(0, n - 1))
    end = n if end_index is None else check_int(where, "end_index", end_index, start + 1, n)
    known = None if targets is None else np.asarray(targets)[start:]
    count = end - start - (sequence_length - 1) * sampling_rate
    if known is not None:
        count = min(count, len(known))
    if count < 1:
        expected = f"at least one window of {sequence_length} steps in {end - start}"
        raise bad_argument(where, expected, "sampling_rate", sampling_rate)
    starts = np.arange(0, count, sequence_stride)
    offsets = np.arange(sequence_length) * sampling_rate
    return Windows(series[start:end], known, starts, offsets, batch_size, shuffle, seed)
