"""Tabular data: is a tumour malignant? 569 patients, 30 measured features (bundled with scikit-learn).

    python examples/breast_cancer.py

Shows standardised columns, early stopping on held-out rows, precision, recall and AUC.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from fastmlp import Input, Sequential, callbacks, layers, metrics, utils


def main(epochs: int = 200, verbose: int = 2) -> dict[str, float]:
    """Trains and returns loss, accuracy, precision, recall and AUC of the held-out patients."""
    utils.set_random_seed(7)
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=7)
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation

    model = Sequential(
        [
            Input((30,)),
            layers.Dense(16, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=["accuracy", metrics.Precision(), metrics.Recall(), metrics.AUC()],
    )
    model.fit(
        x_train,
        y_train,
        batch_size=16,
        epochs=epochs,
        validation_split=0.2,
        callbacks=[callbacks.EarlyStopping(patience=20, restore_best_weights=True)],
        verbose=verbose,
    )
    names = ("loss", "accuracy", "precision", "recall", "auc")
    values = model.evaluate(x_test, y_test, verbose=0)
    share = np.mean(y_test)
    print(f"held out: {len(y_test)} patients, {share:.0%} of them benign")
    for name, value in zip(names, values, strict=True):
        print(f"  {name:<10}{value:.4f}")
    return dict(zip(names, values, strict=True))


if __name__ == "__main__":
    main()
