"""What the process of a contestant asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.cases import Array, Case


class Unsupported(Exception):
    """The library cannot express this network; the message says why."""


class Peer(ABC):
    """One network in one library.

    Args:
        case: The network.
        x: Inputs, (rows, features).
        y: Targets.
        weights: Initial kernel and bias of each layer, in Keras's layout.
        form: One of `forms(case)`: how the library is used.
    """

    trains: ClassVar[bool] = True
    compares_loss: ClassVar[bool] = True  # whether `fit` returns the mean that Keras does

    @abstractmethod
    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None: ...

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """Documented ways to use the library; each is tried, the fastest is measured."""
        return [{}]

    def activate(self) -> None:  # noqa: B027 - most have none
        """Applies settings of the whole process, as threads, before the next work."""

    @abstractmethod
    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """Trains; returns the mean loss of each epoch."""

    @abstractmethod
    def weights(self) -> list[Array]:
        """Kernels and biases, in Keras's layout."""

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """Ways to predict, by the name of the call; each takes a NumPy array, gives results."""
        return {}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """Ways to do one step on a batch, by the name of the call; each takes NumPy arrays."""
        return {}


def orders(rows: int, batch_size: int, seed: int = 0) -> Callable[[bool], list[NDArray[np.int64]]]:
    """A function that draws the batches of an epoch: lists of row numbers."""
    random = np.random.default_rng(seed)
    order = np.arange(rows)
    cuts = range(batch_size, rows, batch_size)

    def draw(shuffle: bool) -> list[NDArray[np.int64]]:
        return np.split(random.permutation(rows) if shuffle else order, cuts)

    return draw
