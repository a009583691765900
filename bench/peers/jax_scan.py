"""JAX: a whole epoch as one jitted `lax.scan` over its batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench.cases import Array, Case
from bench.peers.jax_step import Peer as Step
from bench.peers.jax_step import train_step


class Peer(Step):
    """One network in JAX; the order is drawn by NumPy, the rest of the epoch is one call."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        super().__init__(case, x, y, weights, form)
        whole = case.rows // case.batch_size * case.batch_size

        def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:

            def step(state: Any, rows: Any) -> Any:
                return train_step(case, state, x[rows], y[rows])

            state, losses = jax.lax.scan(step, state, order[:whole].reshape(-1, case.batch_size))
            total = jnp.sum(losses)
            if whole < case.rows:
                state, loss = step(state, order[whole:])
                total = total + loss
            return state, total

        self.epoch = jax.jit(epoch, donate_argnums=0)

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """One call an epoch."""
        losses = []
        for _ in range(epochs):
            order = np.concatenate(self.batches(shuffle))
            self.state, total = self.epoch(self.state, self.x, self.y, order)
            losses.append(total)
        return [float(total) / self.case.rows for total in losses]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """As `jax-step`'s: nothing to add."""
        return {}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """The same."""
        return {}
