"""Two real trainings with the same lines of code in Keras and in fastmlp, over several seeds.

    KERAS_BACKEND=jax python -m bench.keras_mnist                    # stores results/keras-mnist.json
    python -m bench.keras_mnist --library fastmlp                    # the same, results/fastmlp-mnist.json

The first file is what the accuracy test compares fastmlp with. Data come from the folder that
`FASTMLP_DATA` names (`mnist.npz` in Keras's layout, `pima/pima-indians-diabetes.csv`).
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import machine


def data_dir() -> Path:
    """`FASTMLP_DATA`, or `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("FASTMLP_DATA", beside))
    if not path.is_dir():
        raise SystemExit(f"No data at {path}. Set FASTMLP_DATA to the folder that has mnist.npz.")
    return path


def mnist(library: Any, seed: int) -> dict[str, float]:
    """784-512-512-10 relu, dropout 0.2, Adam, batch 128, 10 epochs; judged on the 10,000 test images."""
    with np.load(data_dir() / "mnist.npz", allow_pickle=False) as data:
        x_train, y_train = data["x_train"].reshape(-1, 784), data["y_train"].astype("int32")
        x_test, y_test = data["x_test"].reshape(-1, 784), data["y_test"].astype("int32")
    x_train, x_test = x_train.astype("float32") / 255, x_test.astype("float32") / 255
    layers = library.layers
    library.utils.set_random_seed(seed)
    model = library.Sequential(
        [
            library.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    history = model.fit(x_train, y_train, batch_size=128, epochs=10, verbose=0)
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)
    return {
        "train_loss": history.history["loss"][-1],
        "train_accuracy": history.history["accuracy"][-1],
        "loss": loss,
        "accuracy": accuracy,
        "fit_seconds": round(seconds, 2),
    }


def pima(library: Any, seed: int) -> dict[str, float]:
    """8-12-8-1 relu, Adam, batch 10, 150 epochs on all 768 raw rows, judged on them, as the tutorial does."""
    table = np.loadtxt(data_dir() / "pima" / "pima-indians-diabetes.csv", delimiter=",")
    x, y = table[:, :8].astype("float32"), table[:, 8].astype("float32")
    layers = library.layers
    library.utils.set_random_seed(seed)
    model = library.Sequential(
        [
            library.Input((8,)),
            layers.Dense(12, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    model.fit(x, y, batch_size=10, epochs=150, verbose=0)
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x, y, verbose=0)
    return {"loss": loss, "accuracy": accuracy, "fit_seconds": round(seconds, 2)}


def over_seeds(
    train: Callable[[Any, int], dict[str, float]], library: Any, seeds: int
) -> dict[str, Any]:
    """Every run, and mean, median and standard deviation over the seeds 1 … n."""
    runs = []
    for seed in range(1, seeds + 1):
        runs.append({"seed": seed, **train(library, seed)})
        print(f"{train.__name__} {runs[-1]}", flush=True)
    names = [name for name in runs[0] if name != "seed"]
    columns = {name: [float(run[name]) for run in runs] for name in names}
    return {
        "what": (train.__doc__ or "").strip(),
        "runs": runs,
        "mean": {name: statistics.fmean(column) for name, column in columns.items()},
        "median": {name: statistics.median(column) for name, column in columns.items()},
        "stdev": {
            name: statistics.stdev(column) if len(column) > 1 else 0.0
            for name, column in columns.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--library", choices=["keras", "fastmlp"], default="keras")
    parser.add_argument("--mnist-seeds", type=int, default=3)
    parser.add_argument("--pima-seeds", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.library == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    library = importlib.import_module(arguments.library)
    backend = f"KERAS_BACKEND={os.environ['KERAS_BACKEND']} " if library.__name__ == "keras" else ""
    content = {
        "command": f"{backend}python -m bench.keras_mnist --library {arguments.library} "
        f"--mnist-seeds {arguments.mnist_seeds} --pima-seeds {arguments.pima_seeds}",
        "machine": machine.describe(("numpy", "keras", "jax", "fastmlp")),
        "pima": over_seeds(pima, library, arguments.pima_seeds),
        "mnist": over_seeds(mnist, library, arguments.mnist_seeds),
    }
    print(machine.store(f"{arguments.library}-mnist", content))


if __name__ == "__main__":
    main()
