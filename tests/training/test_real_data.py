"""Real data are learned as well as by Keras."""

from __future__ import annotations

import csv

import numpy as np

import fastmlp
from fastmlp import Input, Sequential, layers


def test_pima_diabetes_reaches_what_keras_reaches(data_dir):
    """Keras's tutorials report 76 to 78 % on the training data for 8-12-8-1 after 150 epochs."""
    path = data_dir / "pima" / "pima-indians-diabetes.csv"
    with path.open() as file:
        table = np.array([row for row in csv.reader(file) if row], "float64")
    x, y = table[:, :8], table[:, 8]
    scores = []
    for seed in range(3):
        fastmlp.utils.set_random_seed(seed)
        model = Sequential(
            [
                Input((8,)),
                layers.Dense(12, activation="relu"),
                layers.Dense(8, activation="relu"),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=150, batch_size=10, verbose=0)
        scores.append(model.evaluate(x, y, verbose=0)[1])
    # Raw columns: now and then the units of a layer die, in Keras too; the median does not care.
    assert np.median(scores) >= 0.72, scores


def test_mnist_is_learned_in_an_epoch(data_dir):
    (x, y), (x_test, y_test) = fastmlp.datasets.mnist.load_data(data_dir / "mnist.npz")
    model = Sequential(
        [
            Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:20_000], y[:20_000], batch_size=32, epochs=1, verbose=0)
    assert model.evaluate(x_test, y_test, verbose=0)[1] >= 0.90
