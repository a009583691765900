"""How low a training loss gets, and when: Adam, L-BFGS and Levenberg-Marquardt on one network.

    python -m bench second_order --resume --minutes 20

Every contestant starts from the same weights. Adam takes batches, in float32 as usual, with a constant
rate or one that falls to 0 along a cosine over the whole time; the others take all data, in float64.
`kin8nm` (DELVE: 8 inputs and the target in each line) is read from `FASTMLP_DATA/kin8nm/data.txt`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastmlp
from bench.keras_mnist import data_dir
from fastmlp import callbacks, layers, optimizers

MOMENTS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)  # seconds at which the lowest loss so far is kept


@dataclass(frozen=True)
class Problem:
    """Data, a network and how long each contestant may take.

    Attributes:
        data: Makes inputs and targets, both with mean 0 and variance 1 but for the sine's.
        units: Of the hidden layers.
        activation: Of the same.
        batch: Samples a step of Adam's.
        seconds: For Adam.
        whole: Seconds for the optimizers of the whole data.
    """

    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    units: tuple[int, ...]
    activation: str
    batch: int
    seconds: float = 60.0
    whole: float = 20.0


def sine() -> tuple[np.ndarray, np.ndarray]:
    """45 points of a sine over one period, inputs from -1 to 1."""
    x = np.linspace(-1, 1, 45)[:, None]
    return x, np.sin(np.pi * x)


def kin8nm() -> tuple[np.ndarray, np.ndarray]:
    """8192 positions of a robot arm's hand, from the angles of its joints."""
    table = np.loadtxt(data_dir() / "kin8nm" / "data.txt")
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    return table[:, :8], table[:, 8:]


PROBLEMS = {
    "sine": Problem(sine, (20,), "sigmoid", 8),
    "kin8nm": Problem(kin8nm, (20, 20), "tanh", 32, whole=60.0),
}
CONTESTANTS = ("adam 0.001", "adam 0.01", "adam 0.01, cosine", "lbfgs", "levenberg_marquardt")


def network(problem: Problem, inputs: int, dtype: str) -> Any:
    """The network, with the same weights for every type."""
    fastmlp.utils.set_random_seed(1)
    hidden = [layers.Dense(n, problem.activation, dtype=dtype) for n in problem.units]
    return fastmlp.Sequential(
        [fastmlp.Input((inputs,), dtype=dtype), *hidden, layers.Dense(1, dtype=dtype)]
    )


def measure(problem: Problem, contestant: str, share: float = 1.0) -> dict[str, Any]:
    """One training: the lowest loss of all data by the clock.

    Args:
        problem: What is learned.
        contestant: One of `CONTESTANTS`.
        share: Of the problem's seconds, for a look.
    """
    x, y = problem.data()
    whole = not contestant.startswith("adam")
    model = network(problem, x.shape[1], "float64" if whole else "float32")
    model.compile(contestant if whole else "adam", "mse")
    model.fit(x[:8], y[:8], epochs=1, verbose=0)  # whatever is imported and made once
    model = network(problem, x.shape[1], "float64" if whole else "float32")
    seconds = share * (problem.whole if whole else problem.seconds)
    found = list((_whole if whole else _adam)(model, x, y, problem, contestant, seconds))
    lowest = np.minimum.accumulate([loss for _, _, loss in found])
    at = [
        max((i for i, (when, *_) in enumerate(found) if when <= moment), default=None)
        for moment in MOMENTS
    ]
    return {
        "network": [x.shape[1], *problem.units, y.shape[1]],
        "activation": problem.activation,
        "samples": len(x),
        "batch": len(x) if whole else problem.batch,
        "dtype": model.dtype,
        "seconds": round(found[-1][0], 2),
        "epochs": found[-1][1],
        "loss": float(lowest[-1]),
        "lowest": {
            f"{moment:g}": None if i is None or moment > seconds else float(lowest[i])
            for moment, i in zip(MOMENTS, at, strict=True)
        },
        "curve": _thinned(
            [(when, float(low)) for (when, *_), low in zip(found, lowest, strict=True)],
            0.98 if whole else 0.9,
        ),
    }


def _thinned(curve: list[tuple[float, float]], share: float) -> list[list[float]]:
    """Where the lowest loss has fallen below a share of what it was, and the end."""
    kept = [curve[0]]
    for point in curve[1:]:
        if point[1] < share * kept[-1][1]:
            kept.append(point)
    kept.append(curve[-1])
    return [[round(when, 4), float(f"{loss:.4g}")] for when, loss in kept]


Found = Iterator[tuple[float, int, float]]  # seconds, epochs, loss of all data


def _whole(
    model: Any, x: np.ndarray, y: np.ndarray, problem: Problem, contestant: str, seconds: float
) -> Found:
    model.compile(contestant, "mse")
    found: list[tuple[float, int, float]] = []
    start = time.perf_counter()

    def told(epoch: int, logs: dict[str, float]) -> None:
        passed = time.perf_counter() - start
        found.append((passed, epoch + 1, logs["loss"]))
        model.stop_training = passed > seconds

    model.fit(
        x, y, epochs=10**9, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=told)]
    )
    yield from found


def _adam(
    model: Any, x: np.ndarray, y: np.ndarray, problem: Problem, contestant: str, seconds: float
) -> Found:
    """Short fits without callbacks, one behind the other; the clock stops while they are judged."""
    rate: Any = float(contestant.split()[1].rstrip(","))
    pace = _pace(problem, x, y)  # epochs a second
    if contestant.endswith("cosine"):
        steps = int(pace * seconds) * -(-len(x) // problem.batch)
        rate = optimizers.schedules.CosineDecay(rate, steps)
    model.compile(optimizers.Adam(rate), "mse")
    at_once = max(1, int(pace * min(0.05, seconds / 20)))
    passed, epoch = 0.0, 0
    while passed < seconds:
        start = time.perf_counter()
        model.fit(x, y, problem.batch, epoch + at_once, verbose=0, initial_epoch=epoch)
        passed, epoch = passed + time.perf_counter() - start, epoch + at_once
        yield passed, epoch, float(model.evaluate(x, y, verbose=0))


def _pace(problem: Problem, x: np.ndarray, y: np.ndarray) -> float:
    """Epochs that Adam does in a second."""
    model = network(problem, x.shape[1], "float32")
    model.compile("adam", "mse")
    epochs = 1
    while True:
        start = time.perf_counter()
        model.fit(x, y, problem.batch, epochs, verbose=0)
        passed = time.perf_counter() - start
        if passed > 0.2:
            return epochs / passed
        epochs *= 4
