"""The five networks that every comparison runs: their sizes, data and training settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One network and how it is trained. Losses belong to the last activation, as in the demo."""

    name: str
    sizes: tuple[int, ...]
    hidden: str
    loss: str
    optimizer: str
    learning_rate: float
    batch_size: int
    rows: int
    epochs: int
    dropout: float = 0.0

    @property
    def title(self) -> str:
        """A row of the table: `784-128-128-10 relu, dropout 0.2, SGD, batch 128`."""
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        optimizer = {"sgd": "SGD", "adam": "Adam"}[self.optimizer]
        sizes = "-".join(map(str, self.sizes))
        return f"{sizes} {self.hidden}{dropout}, {optimizer}, batch {self.batch_size}"

    @property
    def steps(self) -> int:
        """Steps of one whole `fit`."""
        return -(-self.rows // self.batch_size) * self.epochs

    @property
    def output(self) -> str:
        """The last layer's activation."""
        return {
            "mean_squared_error": "linear",
            "binary_crossentropy": "sigmoid",
            "sparse_categorical_crossentropy": "softmax",
        }[self.loss]

    def without_dropout(self) -> Case:
        """For checks: two libraries draw different masks."""
        return replace(self, dropout=0.0)

    def data(self, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.generic]]:
        """Inputs in [0, 1) and targets that depend on them; float32, labels int64."""
        random = np.random.default_rng(seed)
        x = random.random((self.rows, self.sizes[0]), np.float32)
        z = np.sin(3 * x @ random.standard_normal((self.sizes[0], self.sizes[-1]), np.float32))
        if self.loss == "mean_squared_error":
            return x, z
        if self.loss == "binary_crossentropy":
            return x, (z > 0).astype(np.float32)
        return x, z.argmax(axis=1)


# Rows and epochs are chosen so that one fit in NumPy takes about half a second.
CASES = (
    Case("sine", (1, 20, 1), "sigmoid", "mean_squared_error", "sgd", 0.1, 8, 1000, 100),
    Case("pima", (8, 12, 8, 1), "relu", "binary_crossentropy", "adam", 0.001, 10, 768, 75),
    Case("small", (16, 64, 64, 1), "relu", "mean_squared_error", "adam", 0.001, 256, 8192, 30),
    Case(
        "mnist-128",
        (784, 128, 128, 10),
        "relu",
        "sparse_categorical_crossentropy",
        "sgd",
        0.01,
        128,
        12800,
        4,
        0.2,
    ),
    Case(
        "mnist-512",
        (784, 512, 512, 10),
        "relu",
        "sparse_categorical_crossentropy",
        "adam",
        0.001,
        128,
        12800,
        1,
        0.2,
    ),
)
