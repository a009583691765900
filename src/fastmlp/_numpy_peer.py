"""The same training in plain NumPy: what fastmlp is compared with, by the demo and by `bench/`.

Written the way an experienced NumPy user would: everything vectorised over the batch, float32,
all weights views of one flat vector so that the optimizer is one pass, results of large operations
written in place. No part of fastmlp is used, and fastmlp never uses this.

    h_0 = x        h_i = act_i(h_{i-1} · W_i + b_i)        dz_i = dh_i * act_i'        dW_i = h_{i-1}ᵀ · dz_i
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def _linear(z: Array) -> Array:
    return z


def _relu(z: Array) -> Array:
    return np.maximum(z, 0, out=z)


def _sigmoid(z: Array) -> Array:
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    return np.reciprocal(z, out=z)


def _tanh(z: Array) -> Array:
    return np.tanh(z, out=z)


def _softmax(z: Array) -> Array:
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


# Each works in place on its argument; the derivative is written in terms of the activation's result.
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": _linear,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softmax": _softmax,
}
DERIVATIVES: dict[str, Callable[[Array], Array]] = {
    "relu": lambda h: (h > 0).astype(np.float32),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
}


def _mean_squared_error(y: Array, p: Array) -> tuple[float, Array]:
    error = p - y
    loss = float(np.vdot(error, error)) / error.size
    error *= 2 / error.size
    return loss, error


def _binary_crossentropy(y: Array, p: Array) -> tuple[float, Array]:
    right = np.where(y > 0.5, p, 1 - p)
    loss = -float(np.log(np.maximum(right, 1e-7, out=right), out=right).sum()) / right.size
    dz = p - y
    dz /= dz.size
    return loss, dz


def _sparse_categorical_crossentropy(y: NDArray[np.int64], p: Array) -> tuple[float, Array]:
    rows = np.arange(len(p))
    loss = -float(np.log(np.maximum(p[rows, y], 1e-7)).sum()) / len(p)
    dz = p.copy()
    dz[rows, y] -= 1
    dz /= len(p)
    return loss, dz


# name: (loss and its gradient with respect to the last layer's z, the last activation it belongs to)
LOSSES: dict[str, tuple[Callable[..., tuple[float, Array]], str]] = {
    "mean_squared_error": (_mean_squared_error, "linear"),
    "binary_crossentropy": (_binary_crossentropy, "sigmoid"),
    "sparse_categorical_crossentropy": (_sparse_categorical_crossentropy, "softmax"),
}


class NumpyMLP:
    """A multilayer perceptron trained with mini-batches in plain NumPy.

    Args:
        sizes: units per layer, inputs first: `(1, 20, 1)`.
        hidden: activation of the hidden layers: `"relu"`, `"sigmoid"` or `"tanh"`.
        loss: `"mean_squared_error"` (linear output), `"binary_crossentropy"` (sigmoid output) or
            `"sparse_categorical_crossentropy"` (softmax output).
        optimizer: `"sgd"` or `"adam"`.
        learning_rate: step size.
        dropout: rate of the dropout after every hidden layer.
        seed: of the initial weights (Glorot uniform), the shuffles and the dropout.
        epsilon: Adam's, added to √v.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: str = "relu",
        loss: str = "mean_squared_error",
        optimizer: str = "sgd",
        learning_rate: float = 0.01,
        dropout: float = 0.0,
        seed: int | None = None,
        epsilon: float = 1e-7,
    ) -> None:
        self.epsilon = epsilon
        self.optimizer, self.learning_rate, self.dropout = optimizer, learning_rate, dropout
        self._loss, last = LOSSES[loss]
        self._activations = [ACTIVATIONS[hidden]] * (len(sizes) - 2) + [ACTIVATIONS[last]]
        self._derivative = DERIVATIVES[hidden]
        self._random = np.random.default_rng(seed)
        pairs = list(pairwise(sizes))
        count = sum(k * n + n for k, n in pairs)
        self._w, self._g, self._m, self._v, self._t = np.zeros((5, count), np.float32)
        self._steps = 0
        self.weights, self._gradients = _views(self._w, pairs), _views(self._g, pairs)
        for (k, n), w in zip(pairs, self.weights[::2], strict=True):
            limit = math.sqrt(6 / (k + n))
            w[:] = self._random.uniform(-limit, limit, (k, n))

    def set_weights(self, weights: Sequence[NDArray[np.floating]]) -> None:
        """Copy kernels and biases, in the order of Keras's `get_weights()`."""
        for own, given in zip(self.weights, weights, strict=True):
            own[:] = given

    def fit(
        self,
        x: Array,
        y: NDArray[np.generic],
        batch_size: int = 32,
        epochs: int = 1,
        shuffle: bool = True,
        validation_data: tuple[Array, NDArray[np.generic]] | None = None,
    ) -> dict[str, list[float]]:
        """Train, and return the losses of every epoch: `{"loss": […], "val_loss": […]}`."""
        history: dict[str, list[float]] = {"loss": []}
        step = self._step_adam if self.optimizer == "adam" else self._step_sgd
        order = np.arange(len(x))
        with np.errstate(over="ignore"):  # exp(-z) of a saturated sigmoid: 1 / inf is right
            for _ in range(epochs):
                total = 0.0
                if shuffle:
                    self._random.shuffle(order)
                for start in range(0, len(x), batch_size):
                    rows = slice(start, start + batch_size)
                    batch = order[rows] if shuffle else rows
                    xb = x[batch]
                    total += self._gradient(xb, y[batch]) * len(xb)
                    step()
                history["loss"].append(total / len(x))
                if validation_data is not None:
                    loss, _ = self._loss(validation_data[1], self.predict(validation_data[0]))
                    history.setdefault("val_loss", []).append(loss)
        return history

    def predict(self, x: Array) -> Array:
        """Outputs for the rows of `x`, all at once."""
        h = x
        with np.errstate(over="ignore"):
            for i, activation in enumerate(self._activations):
                z = h @ self.weights[2 * i]
                z += self.weights[2 * i + 1]
                h = activation(z)
        return h

    def _gradient(self, x: Array, y: NDArray[np.generic]) -> float:
        """The loss of one batch; leaves its gradient in `_gradients`."""
        last = len(self._activations) - 1
        inputs, hidden, masks = [x], [x], [x]
        for i, activation in enumerate(self._activations):
            z = inputs[i] @ self.weights[2 * i]
            z += self.weights[2 * i + 1]
            h = activation(z)
            hidden.append(h)
            if self.dropout and i < last:
                mask = self._random.random(h.shape, np.float32) >= self.dropout
                masks.append(mask * np.float32(1 / (1 - self.dropout)))
                h = h * masks[-1]
            inputs.append(h)
        loss, dz = self._loss(y, h)
        for i in range(last, -1, -1):
            np.matmul(inputs[i].T, dz, out=self._gradients[2 * i])
            np.add.reduce(dz, axis=0, out=self._gradients[2 * i + 1])
            if i > 0:
                dz = dz @ self.weights[2 * i].T
                if self.dropout:
                    dz *= masks[i]
                dz *= self._derivative(hidden[i])
        return loss

    def _step_sgd(self) -> None:
        np.multiply(self._g, self.learning_rate, out=self._t)
        self._w -= self._t

    def _step_adam(self) -> None:
        g, m, v, t = self._g, self._m, self._v, self._t
        self._steps += 1
        corrected = math.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps)
        np.subtract(g, m, out=t)  # m += (1 - beta_1) (g - m)
        t *= 1 - 0.9
        m += t
        np.square(g, out=t)  # v += (1 - beta_2) (g² - v)
        t -= v
        t *= 1 - 0.999
        v += t
        np.sqrt(v, out=t)  # w -= lr · corrected · m / (√v + epsilon)
        t += self.epsilon
        np.divide(m, t, out=t)
        t *= self.learning_rate * corrected
        self._w -= t


def _views(flat: Array, pairs: list[tuple[int, int]]) -> list[Array]:
    """Kernel (k, n) and bias (n) of every layer as views of one vector."""
    views, at = [], 0
    for k, n in pairs:
        views += [flat[at : at + k * n].reshape(k, n), flat[at + k * n : at + k * n + n]]
        at += k * n + n
    return views
