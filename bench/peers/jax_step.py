"""JAX: one jitted step, called for each batch; weights and state are donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench.cases import Array, Case
from bench.peers.base import Peer as Base
from bench.peers.base import orders

HIDDEN: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}
OUTPUT: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "sigmoid": jax.nn.sigmoid,
    "softmax": jax.nn.softmax,
}


def _squared(z: Any, y: Any) -> Any:
    return jnp.mean((z - y) ** 2)


def _binary(z: Any, y: Any) -> Any:
    return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))


def _sparse(z: Any, y: Any) -> Any:
    picked = jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)
    return -jnp.mean(picked)


LOSSES = {
    "mean_squared_error": _squared,
    "binary_crossentropy": _binary,
    "sparse_categorical_crossentropy": _sparse,
}


def lstm(x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The last h of sequences (m, steps, k): a `lax.scan` over time."""

    def step(state: Any, z: Any) -> Any:
        h, c = state
        i, f, n, o = jnp.split(z + h @ recurrent, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(n)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    state, _ = jax.lax.scan(step, (zero, zero), jnp.swapaxes(x @ kernel + bias, 0, 1))
    return state[0]


def forward(case: Case, weights: Any, x: Any, key: Any) -> Any:
    """The last layer's z. Dropout if there is a `key`."""
    last = len(weights) - 1
    for layer, arrays in enumerate(weights):
        if len(arrays) > 2:
            x = lstm(x, *arrays)
            continue
        x = x @ arrays[0] + arrays[1]
        if layer < last:
            x = HIDDEN[case.hidden](x)
            if case.dropout and key is not None:
                kept = jax.random.bernoulli(
                    jax.random.fold_in(key, layer), 1 - case.dropout, x.shape
                )
                x = jnp.where(kept, x / (1 - case.dropout), 0)
    return x


def train_step(case: Case, state: Any, x: Any, y: Any) -> Any:
    """One batch: state (weights, m, v, t, key) → new state and the loss times its rows."""
    weights, m, v, t, key = state
    key, own = jax.random.split(key) if case.dropout else (key, None)

    def loss_of(weights: Any) -> Any:
        return LOSSES[case.loss](forward(case, weights, x, own), y)

    loss, gradient = jax.value_and_grad(loss_of)(weights)
    tree, rate = jax.tree_util.tree_map, case.learning_rate
    if case.optimizer == "sgd":
        weights = tree(lambda w, g: w - rate * g, weights, gradient)
    else:
        t = t + 1
        rate = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m = tree(lambda m, g: m + (1 - 0.9) * (g - m), m, gradient)
        v = tree(lambda v, g: v + (1 - 0.999) * (g * g - v), v, gradient)
        weights = tree(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + case.epsilon), weights, m, v)
    return (weights, m, v, t, key), loss * len(x)


class Peer(Base):
    """One network in JAX; the batch is gathered inside the jitted function."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        self.case = case
        self.x = jnp.asarray(x)
        self.y = jnp.asarray(y.astype(np.int32) if y.dtype == np.int64 else y)
        arrays = iter(weights)
        counts = [3 if case.sequence and not layer else 2 for layer in range(len(case.sizes) - 1)]
        layers = [tuple(jnp.array(next(arrays)) for _ in range(count)) for count in counts]
        zeros = [[tuple(map(jnp.zeros_like, layer)) for layer in layers] for _ in range(2)]
        if case.optimizer == "sgd":
            zeros = [[], []]
        self.state: Any = (layers, *zeros, jnp.float32(0), jax.random.key(0, impl="rbg"))
        self.batches = orders(case.rows, case.batch_size)

        def step(state: Any, total: Any, x: Any, y: Any, rows: Any) -> Any:
            state, loss = train_step(case, state, x[rows], y[rows])
            return state, total + loss

        self.step = jax.jit(step, donate_argnums=(0, 1))

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """A call for each batch; the host waits once an epoch, for the loss."""
        losses = []
        for _ in range(epochs):
            total = jnp.float32(0)
            for rows in self.batches(shuffle):
                self.state, total = self.step(self.state, total, self.x, self.y, rows)
            losses.append(float(total) / self.case.rows)
        return losses

    def weights(self) -> list[Array]:
        """As arrays of NumPy."""
        return [np.asarray(array) for layer in self.state[0] for array in layer]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """A jitted forward."""
        case, weights = self.case, self.state[0]
        jitted = jax.jit(lambda w, x: OUTPUT[case.output](forward(case, w, x, None)))
        return {"jit": lambda x: np.asarray(jitted(weights, x))}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """A jitted step, and the loss as a number."""
        step = jax.jit(lambda state, x, y: train_step(self.case, state, x, y), donate_argnums=0)

        def call(x: Array, y: Any) -> float:
            self.state, total = step(self.state, x, y)
            return float(total) / len(x)

        return {"jit": call}
