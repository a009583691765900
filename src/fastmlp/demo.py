"""`python -m fastmlp demo`: two trainings, each beside the same training in plain NumPy.

The first is the sine of the beginners' tutorial, the second a classifier of handwritten digits:
the 1,797 that scikit-learn bundles, or the images of an npz file in Keras's layout.
"""

from __future__ import annotations

import importlib
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmlp import Input, Sequential, layers, optimizers, utils
from fastmlp._numpy_peer import NumpyMLP

Curves = dict[str, list[float]]


class DemoError(Exception):
    """Something the user can put right: a missing package, a bad data file."""


@dataclass(frozen=True)
class Images:
    """Images and their labels, those to learn from and those held out."""

    title: str
    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_test: NDArray[Any]
    y_test: NDArray[np.int64]
    scale: float  # brings the pixels to [0, 1]
    batch_size: int
    epochs: int

    @property
    def classes(self) -> int:
        """How many there are, counted from 0."""
        return int(max(self.y_train.max(), self.y_test.max())) + 1

    def rows(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Flattened and scaled, as NumPy needs them; fastmlp reads the images as they are."""
        return x.reshape(len(x), -1).astype(np.float32) * np.float32(self.scale)


def run(data: str | None = None, output: str = "fastmlp-demo.png", seed: int = 1) -> None:
    """Trains both networks, prints what came out, and draws the curves to `output`.

    Args:
        data: an npz file with `x_train`, `y_train`, `x_test`, `y_test`; None: the bundled digits.
        output: the picture to write.
        seed: of the initial weights, the shuffles and the dropout.

    Raises:
        DemoError: a package of the extra `demo` is missing, or a file cannot be used.
    """
    figure = _require("matplotlib.figure").Figure(figsize=(13, 4), layout="constrained")
    images = _digits() if data is None else _load(Path(data))
    if not Path(output).resolve().parent.is_dir():
        raise DemoError(f"--output {output}: there is no folder {Path(output).parent}.")
    left, middle, right = figure.subplots(1, 3)

    x, y, prediction, curves = _sine(seed)
    left.semilogy(curves["loss"], linewidth=0.5, label="training")
    left.semilogy(curves["val_loss"], linewidth=0.5, label="validation")
    left.set(title="Sine: 1-20-1", xlabel="epoch", ylabel="mean squared error")
    middle.plot(x, y, ".", markersize=3, color="silver", label="data")
    middle.plot(np.sort(x, axis=0), prediction, label="network")
    middle.set(title="The fitted sine", xlabel="x", ylabel="sin x")

    curves = _classifier(images, seed)
    right.plot(curves["accuracy"], label="training")
    right.plot(curves["val_accuracy"], label="validation")
    right.set(title=images.title, xlabel="epoch", ylabel="accuracy")

    for axes in (left, middle, right):
        axes.legend()
    figure.savefig(output, dpi=120)
    print(f"\nLearning curves and fitted sine: {output}")


def _sine(
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], Curves]:
    """Trains 1-20-1; returns the data, the network's sine over the sorted x, and the curves."""
    print("\nThe sine: 1-20-1 sigmoid, SGD, batch 8, 2,000 epochs, 10 % validation\n")
    random = np.random.default_rng(seed)
    x = random.uniform(0, 2 * np.pi, (1000, 1)).astype(np.float32)
    y = np.sin(x)

    utils.set_random_seed(seed)
    model = Sequential(
        [Input((1,)), layers.Dense(20, activation="sigmoid"), layers.Dense(1)], name="sine"
    )
    model.compile(optimizer=optimizers.SGD(learning_rate=0.1), loss="mse")
    model.summary()
    weights = model.get_weights()

    start = time.perf_counter()
    fitted = model.fit(x, y, batch_size=8, epochs=2000, validation_split=0.1)
    ours = time.perf_counter() - start

    peer = NumpyMLP((1, 20, 1), "sigmoid", "mean_squared_error", "sgd", 0.1, seed=seed)
    peer.set_weights(weights)
    start = time.perf_counter()
    theirs = peer.fit(x[:900], y[:900], 8, 2000, validation_data=(x[900:], y[900:]))
    numpy_seconds = time.perf_counter() - start

    _report("fastmlp", ours, f"validation error {fitted.history['val_loss'][-1]:.2e}")
    _report("NumPy", numpy_seconds, f"validation error {theirs['val_loss'][-1]:.2e}", ours)
    return x, y, model.predict(np.sort(x, axis=0), verbose=0), fitted.history


def _classifier(images: Images, seed: int) -> Curves:
    """Trains on `images`, judges on the held-out ones; returns the curves."""
    sizes = (int(np.prod(images.x_train.shape[1:])), 128, 128, images.classes)
    print(
        f"\n{images.title}: {'-'.join(map(str, sizes))} relu, dropout 0.2, Adam, "
        f"batch {images.batch_size}, {images.epochs} epochs\n"
    )
    utils.set_random_seed(seed)
    model = Sequential(
        [
            Input(images.x_train.shape[1:]),
            layers.Flatten(),
            layers.Rescaling(images.scale),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(images.classes, activation="softmax"),
        ],
        name="classifier",
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    weights = model.get_weights()

    start = time.perf_counter()
    history: Curves = model.fit(
        images.x_train,
        images.y_train,
        batch_size=images.batch_size,
        epochs=images.epochs,
        validation_split=0.1,
    ).history
    ours = time.perf_counter() - start
    _, accuracy = model.evaluate(images.x_test, images.y_test, verbose=0)

    x, x_test = images.rows(images.x_train), images.rows(images.x_test)
    peer = NumpyMLP(
        sizes, "relu", "sparse_categorical_crossentropy", "adam", 0.001, dropout=0.2, seed=seed
    )
    peer.set_weights(weights)
    split = int(len(x) * (1 - 0.1))
    validation = x[split:], images.y_train[split:]
    start = time.perf_counter()
    peer.fit(
        x[:split],
        images.y_train[:split],
        images.batch_size,
        images.epochs,
        validation_data=validation,
    )
    numpy_seconds = time.perf_counter() - start
    numpy_accuracy = float(np.mean(peer.predict(x_test).argmax(axis=1) == images.y_test))

    held_out = f"of {len(x_test):,} held-out images"
    _report("fastmlp", ours, f"{accuracy:.2%} {held_out} right")
    _report("NumPy", numpy_seconds, f"{numpy_accuracy:.2%} {held_out} right", ours)
    return history


def _report(who: str, seconds: float, result: str, ours: float | None = None) -> None:
    ratio = f"   fastmlp was {seconds / ours:.1f} times as fast" if ours is not None else ""
    print(f"  {who:<8}{seconds:8.2f} s   {result}{ratio}")


def _require(module: str) -> Any:
    """Imports what belongs to the extra `demo`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DemoError(
            f"needs {module.partition('.')[0]}, which is not installed. "
            f'Hint: pip install "fastmlp[demo]" (in a checkout: pip install ".[demo]")'
        ) from error


def _digits() -> Images:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn bundles; a random fifth is held out."""
    bunch = _require("sklearn.datasets").load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.images))
    x, y = bunch.images[order], bunch.target[order].astype(np.int64)
    k = len(x) * 4 // 5
    return Images("Handwritten digits (8 x 8)", x[:k], y[:k], x[k:], y[k:], 1 / 16, 32, 30)


def _load(path: Path) -> Images:
    """The images of an npz file in Keras's layout, checked."""
    names = ("x_train", "y_train", "x_test", "y_test")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [name for name in names if name not in file.files]
            if missing:
                raise DemoError(
                    f"--data {path}: expected the arrays {', '.join(names)}. "
                    f"Received: {', '.join(file.files) or 'none'}"
                )
            x_train, y_train, x_test, y_test = (file[name] for name in names)
    except FileNotFoundError:
        raise DemoError(f"--data {path}: no such file.") from None
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DemoError(
            f"--data {path}: expected an npz file of plain arrays. Received: {error}"
        ) from error
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        _check(path, part, x, y)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DemoError(
            f"--data {path}: expected x_train and x_test of one image size. "
            f"Received: {x_train.shape[1:]} and {x_test.shape[1:]}"
        )
    largest = 255.0 if x_train.dtype == np.uint8 else float(np.abs(x_train).max()) or 1.0
    y_train, y_test = y_train.reshape(-1).astype(np.int64), y_test.reshape(-1).astype(np.int64)
    return Images(path.name, x_train, y_train, x_test, y_test, 1 / largest, 128, 5)


def _check(path: Path, part: str, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Raises DemoError unless x is numbers, one row a sample, and y one class number for each."""
    where = f"--data {path}: "
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "buif" or not np.isfinite(x).all():
        raise DemoError(
            f"{where}expected x_{part} to hold finite numbers, one row or image a sample. "
            f"Received: shape={x.shape}, dtype={x.dtype}"
        )
    if y.shape not in ((len(x),), (len(x), 1)):
        raise DemoError(
            f"{where}expected y_{part} to hold one class number for each of the {len(x)} samples. "
            f"Received: shape={y.shape}"
        )
    if y.dtype.kind not in "buif" or not (np.isfinite(y) & (y >= 0) & (y == np.floor(y))).all():
        raise DemoError(
            f"{where}expected y_{part} to hold class numbers: whole and not negative. "
            f"Received: dtype={y.dtype}, e.g. {y.reshape(-1)[0]!r}"
        )
    if y.max() >= len(x):
        raise DemoError(
            f"{where}expected y_{part} to hold class numbers below the number of samples, {len(x)}. "
            f"Received: {y.max()}"
        )
