"""Plain NumPy: `fastmlp._numpy_peer`, which is the reference of the checks, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.cases import Array, Case
from bench.lstm import NumpyLSTM
from bench.peers.base import Peer as Base
from fastmlp._numpy_peer import NumpyMLP


def build(case: Case, weights: list[Array]) -> NumpyMLP:
    """The network in NumPy."""
    if case.sequence:
        network: NumpyMLP = NumpyLSTM(case)
        network.set_weights(weights)
        return network
    network = NumpyMLP(
        case.sizes,
        case.hidden,
        case.loss,
        case.optimizer,
        case.learning_rate,
        case.dropout,
        seed=1,
        epsilon=case.epsilon,
    )
    network.set_weights(weights)
    return network


class Peer(Base):
    """One network in NumPy, with one BLAS thread or all of them."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        self.case, self.x, self.y = case, x, y
        self.network = build(case, weights)
        self.threads = form.get("threads")

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """BLAS with one thread and with all."""
        return [{"threads": threads} for threads in sorted({1, cores})]

    def activate(self) -> None:
        """BLAS's threads."""
        threadpool_limits(self.threads)

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """As a NumPy program would."""
        return self.network.fit(self.x, self.y, self.case.batch_size, epochs, shuffle)["loss"]

    def weights(self) -> list[Array]:
        """Copies."""
        return [w.copy() for w in self.network.weights]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """Forward in NumPy."""
        return {"predict": self.network.predict}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """An epoch of one batch."""
        return {"fit": lambda x, y: self.network.fit(x, y, len(x), 1, False)}
