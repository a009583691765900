"""The networks that every comparison runs: sizes, data, training settings, and what is to be reached."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

OUTPUTS = {
    "mean_squared_error": "linear",
    "binary_crossentropy": "sigmoid",
    "sparse_categorical_crossentropy": "softmax",
}


@dataclass(frozen=True)
class Target:
    """What a row is to reach.

    Args:
        ratio: times as fast as the fastest other library.
        share: of the machine's FMA peak, all cores; `None`: too small to ask.
    """

    ratio: float
    share: float | None = None


@dataclass(frozen=True)
class Case:
    """One network and how it is trained. The last activation belongs to the loss.

    With `sequence` the first layer is an LSTM over so many steps of time, whose last state the next
    layer reads; its `hidden` is tanh.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    loss: str
    optimizer: str
    learning_rate: float
    batch_size: int
    rows: int
    dropout: float = 0.0
    target: Target = field(default=Target(1.0))
    epsilon: float = 1e-7
    sequence: int = 0

    @property
    def title(self) -> str:
        """A row of the table: `784-128-128-10 relu, dropout 0.3, SGD, batch 128`."""
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        optimizer = {"sgd": "SGD", "adam": "Adam"}[self.optimizer]
        sizes = list(map(str, self.sizes))
        if len(sizes) > 5:  # 28-300×4-1
            sizes = [sizes[0], f"{sizes[1]}×{len(sizes) - 2}", sizes[-1]]
        if self.sequence:
            layers = f"LSTM {'-'.join(sizes)}, {self.sequence} steps of time"
            return f"{layers}, {optimizer}, batch {self.batch_size}"
        return f"{'-'.join(sizes)} {self.hidden}{dropout}, {optimizer}, batch {self.batch_size}"

    @property
    def output(self) -> str:
        """The last layer's activation."""
        return OUTPUTS[self.loss]

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-self.rows // self.batch_size)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of kernels and biases, in Keras's order; an LSTM has two kernels, of inputs and of states."""
        shapes: list[tuple[int, ...]] = []
        for k, n in pairwise(self.sizes):
            if self.sequence and not shapes:
                shapes += [(k, 4 * n), (n, 4 * n), (4 * n,)]
            else:
                shapes += [(k, n), (n,)]
        return shapes

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def slots(self) -> int:
        """Arrays as large as the weights that the optimizer keeps."""
        return {"sgd": 0, "adam": 2}[self.optimizer]

    @property
    def flops(self) -> float:
        """Multiplications and additions of an average step: 2 · (3 · Σ in·out − in₀·out₀) · rows.

        Those of an LSTM count for each step of time.
        """
        kernels = [math.prod(shape) for shape in self.shapes if len(shape) == 2]
        often = max(1, self.sequence)
        first = kernels[0] + (kernels[1] if self.sequence else 0)
        products = 3 * (often * first + sum(kernels) - first) - often * kernels[0]
        return 2.0 * products * self.rows / self.steps

    @property
    def bytes(self) -> float:
        """What a step must move at the least: its rows once, weights and slots there and back."""
        row = self.sizes[0] * max(1, self.sequence)
        return 4.0 * (row * self.rows / self.steps + 2 * (1 + self.slots) * self.parameters)

    @property
    def working_set(self) -> float:
        """Bytes that one step touches: weights, slots, activations and gradients of a batch."""
        row = sum(self.sizes) + self.sequence * (self.sizes[0] + 6 * self.sizes[1])
        return 4.0 * ((1 + self.slots) * self.parameters + 2 * row * self.batch_size)

    def for_check(self, steps: int) -> Case:
        """The same network, trained so that all libraries compute the same: a few full batches.

        No dropout, since they draw different masks; hardly an epsilon, which some add to √v before
        they correct its bias, others after.
        """
        return replace(self, dropout=0.0, rows=steps * self.batch_size, epsilon=1e-12)

    def data(self, seed: int = 0) -> tuple[Array, NDArray[np.generic]]:
        """Inputs in [0, 1) and targets that depend on them; float32, labels int64."""
        random = np.random.default_rng(seed)
        times = (self.sequence,) if self.sequence else ()
        x = random.random((self.rows, *times, self.sizes[0]), np.float32)
        seen = x.mean(axis=1) if self.sequence else x
        z = np.sin(3 * seen @ random.standard_normal((self.sizes[0], self.sizes[-1]), np.float32))
        if self.loss == "mean_squared_error":
            return x, z
        if self.loss == "binary_crossentropy":
            return x, (z > 0).astype(np.float32)
        return x, z.argmax(axis=1)

    def weights(self, seed: int = 0) -> list[Array]:
        """Initial kernels (Glorot uniform) and biases (zero), the same for every contestant."""
        random = np.random.default_rng(seed)
        weights: list[Array] = []
        for shape in self.shapes:
            limit = np.sqrt(6 / sum(shape)) if len(shape) == 2 else 0
            weights.append(random.uniform(-limit, limit, shape).astype(np.float32))
        return weights

    def to_json(self) -> dict[str, Any]:
        """As a child process receives it."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Case:
        """The inverse of `to_json`."""
        return cls(
            **{
                **content,
                "sizes": tuple(content["sizes"]),
                "target": Target(**content["target"]),
            }
        )


_MSE, _BCE, _SPARSE = OUTPUTS

CASES = (
    Case("sin", (1, 20, 1), "sigmoid", _MSE, "sgd", 0.1, 8, 45, target=Target(40)),
    Case("pima", (8, 12, 8, 1), "relu", _BCE, "adam", 0.001, 10, 768, target=Target(12)),
    Case("tab64", (16, 64, 64, 1), "relu", _MSE, "adam", 0.001, 256, 8192, target=Target(3, 0.45)),
    Case(
        "mnist128",
        (784, 128, 128, 10),
        "relu",
        _SPARSE,
        "sgd",
        0.01,
        128,
        6400,
        0.3,
        Target(2.5, 0.7),
    ),
    Case(
        "mnist512",
        (784, 512, 512, 10),
        "relu",
        _SPARSE,
        "adam",
        0.001,
        128,
        6400,
        0.2,
        Target(2, 0.7),
    ),
    Case(
        "higgs300",
        (28, 300, 300, 300, 300, 1),
        "tanh",
        _BCE,
        "sgd",
        0.05,
        100,
        5000,
        target=Target(1.8, 0.7),
    ),
    Case(
        "wide2048",
        (1024, 2048, 2048, 1000),
        "relu",
        _SPARSE,
        "adam",
        0.001,
        512,
        2048,
        target=Target(1.12, 0.88),
    ),
    *(
        Case(name, sizes, "tanh", _MSE, "adam", 0.001, batch, 640, target=Target(2), sequence=steps)
        for name, sizes, batch, steps in (
            ("lstm300", (1, 300, 1), 32, 10),
            ("lstm64", (32, 64, 1), 64, 50),
        )
    ),
)
