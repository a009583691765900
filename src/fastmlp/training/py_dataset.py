"""Data in batches that the user's own class makes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastmlp.errors import check_int

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


class PyDataset:
    """Base of data sets that make their batches one by one; also known as `Sequence`.

    A subclass gives `__len__`, the number of batches, and `__getitem__`, which returns a whole batch:
    `(x,)`, `(x, y)` or `(x, y, sample_weight)`. `fit` visits the batches in a new order each epoch
    unless `shuffle=False`. A property `num_batches` that is `None` means that there is no end.

    Args:
        workers: Threads or processes that make batches at the same time.
        use_multiprocessing: Whether they are processes; then the data set must be picklable, and
            each has a copy of it as it is at the beginning of the epoch. A script that asks for
            them stands under `if __name__ == "__main__":` (Python 3.14, macOS and Windows need it).
        max_queue_size: Batches that may wait for their turn.

    Example:

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.arange(4.0) + 4 * index
    ...         return x, x**2
    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(Squares(), epochs=2, verbose=0)
    >>> len(history.history["loss"])
    2
    """

    in_order = False  # whether `fit` keeps the order of the batches, whatever its `shuffle`

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = check_int("PyDataset", "workers", workers, 0)
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = check_int("PyDataset", "max_queue_size", max_queue_size, 1)

    def __getitem__(self, index: int) -> Any:
        """The batch of this number."""
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__(self, index)")

    @property
    def num_batches(self) -> int | None:
        """Number of batches; `None`: no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__}: define __len__(self)")

    def __iter__(self) -> Iterator[Any]:
        n = self.num_batches
        index = 0
        while n is None or index < n:
            yield self[index]
            index += 1

    def on_epoch_begin(self) -> None:
        """Called before the batches of an epoch are made."""

    def on_epoch_end(self) -> None:
        """Called when the batches of an epoch have been used."""


def batches_of(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """The batches in this order, made by as many workers as the data set wants.

    Args:
        dataset: Whose `__init__` may not have been called by a subclass.
        order: Numbers of batches; may have no end.
    """
    workers = getattr(dataset, "workers", 1)
    processes = workers > 0 and getattr(dataset, "use_multiprocessing", False)
    if workers <= 1 and not processes:
        for index in order:
            yield dataset[index]
        return
    from concurrent import futures  # imports much, multiprocessing among it

    pool: Executor
    if processes:
        pool = futures.ProcessPoolExecutor(workers, initializer=_remember, initargs=(dataset,))
        make: Callable[[int], Any] = _remembered
    else:
        pool, make = futures.ThreadPoolExecutor(workers, "fastmlp dataset"), dataset.__getitem__
    waiting: deque[Future[Any]] = deque()
    try:
        for index in order:
            waiting.append(pool.submit(make, index))
            if len(waiting) >= getattr(dataset, "max_queue_size", 10):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


_dataset: list[PyDataset] = []  # of a worker process


def _remember(dataset: PyDataset) -> None:
    _dataset[:] = [dataset]


def _remembered(index: int) -> Any:
    return _dataset[0][index]


Sequence = PyDataset
