"""An LSTM and a dense layer in plain NumPy: the reference of the recurrent networks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.cases import Array, Case
from fastmlp._numpy_peer import NumpyMLP


def _sigmoid(z: Array) -> Array:
    y: Array = np.reciprocal(1 + np.exp(-z))
    return y


class NumpyLSTM(NumpyMLP):
    """One network in NumPy: the products of inputs, and weights' gradients, of all steps of time at once.

    Args:
        case: A network with `sequence`.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(
            case.sizes,
            case.hidden,
            case.loss,
            case.optimizer,
            case.learning_rate,
            seed=1,
            epsilon=case.epsilon,
        )
        self._w, self._g, self._m, self._v, self._t = np.zeros((5, case.parameters), np.float32)
        cuts = np.cumsum([math.prod(shape) for shape in case.shapes])[:-1]
        self.weights, self._gradients = (
            [v.reshape(shape) for v, shape in zip(np.split(flat, cuts), case.shapes, strict=True)]
            for flat in (self._w, self._g)
        )

    def predict(self, x: Array) -> Array:
        """Outputs for the sequences of `x`, all at once."""
        y: Array = self._states(x)[0][-1] @ self.weights[3] + self.weights[4]
        return y

    def _states(self, x: Array) -> tuple[Array, Array, Array]:
        """h and c (steps + 1, m, u) before the first step and after each, gates (steps, m, 4, u)."""
        kernel, recurrent, bias = self.weights[:3]
        m, steps, _ = x.shape
        u = len(recurrent)
        z = (x @ kernel + bias).swapaxes(0, 1)
        gates = np.empty((steps, m, 4, u), np.float32)
        h, c = np.zeros((2, steps + 1, m, u), np.float32)
        for t in range(steps):
            i, f, n, o = (z[t] + h[t] @ recurrent).reshape(m, 4, u).swapaxes(0, 1)
            i, f, n, o = _sigmoid(i), _sigmoid(f), np.tanh(n), _sigmoid(o)
            gates[t] = np.stack([i, f, n, o], axis=1)
            c[t + 1] = f * c[t] + i * n
            h[t + 1] = o * np.tanh(c[t + 1])
        return h, c, gates

    def _gradient(self, x: Array, y: NDArray[np.generic]) -> float:
        """The loss of one batch; leaves its gradient in `_gradients`."""
        recurrent, kernel = self.weights[1], self.weights[3]
        h, c, gates = self._states(x)
        loss, dy = self._loss(y, h[-1] @ kernel + self.weights[4])
        np.matmul(h[-1].T, dy, out=self._gradients[3])
        np.add.reduce(dy, axis=0, out=self._gradients[4])
        dh: Array = dy @ kernel.T
        dc = np.zeros_like(dh)
        dz = np.empty_like(gates)
        for t in reversed(range(len(gates))):
            i, f, n, o = gates[t].swapaxes(0, 1)
            tanh = np.tanh(c[t + 1])
            dc = dc + dh * o * (1 - tanh * tanh)
            parts = dc * n * i * (1 - i), dc * c[t] * f * (1 - f)
            dz[t] = np.stack([*parts, dc * i * (1 - n * n), dh * tanh * o * (1 - o)], axis=1)
            dh, dc = dz[t].reshape(len(dh), -1) @ recurrent.T, dc * f
        flat = dz.reshape(-1, 4 * len(recurrent))
        inputs = np.ascontiguousarray(x.swapaxes(0, 1)).reshape(len(flat), -1)
        np.matmul(inputs.T, flat, out=self._gradients[0])
        np.matmul(h[:-1].reshape(len(flat), -1).T, flat, out=self._gradients[1])
        np.add.reduce(flat, axis=0, out=self._gradients[2])
        return float(loss)
