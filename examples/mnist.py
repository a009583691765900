"""Handwritten digits: 60,000 images of 28 x 28 pixels to learn from, 10,000 to be judged by.

    python examples/mnist.py [mnist.npz]

Without a path the file is looked for where `FASTMLP_DATA` points and in Keras's cache folder, then
downloaded. The images stay uint8: scaling is part of the model, conversion happens row by row.
"""

from __future__ import annotations

import sys
import time

from fastmlp import Input, Sequential, datasets, layers, utils


def main(path: str | None = None, epochs: int = 10, verbose: int = 1) -> float:
    """Trains and returns the accuracy on the test images."""
    utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data(path)
    model = Sequential(
        [
            Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    start = time.perf_counter()
    model.fit(
        x_train, y_train, batch_size=128, epochs=epochs, validation_split=1 / 12, verbose=verbose
    )
    seconds = time.perf_counter() - start
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{accuracy:.2%} of the test images right, after {seconds:.1f} s of training")
    return float(accuracy)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
