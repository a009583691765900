"""An autoencoder, and its encoder put to use: 8 x 8 pixel digits (bundled with scikit-learn).

    python examples/autoencoder.py

Shows models inside models, a part of a trained model as a model of its own, `trainable = False`, and
training on with few labels: the encoder has learnt from all pictures, a classifier on top of it
learns from 100.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from fastmlp import Input, Model, layers, utils


def make_autoencoder() -> tuple[Model, Model]:
    """The whole, and its first half."""
    picture = Input((64,), name="picture")
    hidden = layers.Dense(48, "relu")(picture)
    code = layers.Dense(12, name="code")(hidden)
    encoder = Model(picture, code, name="encoder")

    entry = Input((12,))
    drawn = layers.Dense(64, "sigmoid")(layers.Dense(48, "relu")(entry))
    decoder = Model(entry, drawn, name="decoder")

    whole = Model(picture, decoder(encoder(picture)), name="autoencoder")
    whole.compile("adam", "mse")
    return whole, encoder


def make_classifier(encoder: Model) -> Model:
    """Ten classes from the codes; the encoder stays as it is."""
    encoder.trainable = False
    picture = Input((64,))
    digit = layers.Dense(10, "softmax")(layers.Dense(32, "relu")(encoder(picture)))
    model = Model(picture, digit, name="classifier")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(epochs: int = 60, verbose: int = 2) -> dict[str, float]:
    """Trains both; returns the error of the drawn pictures, and the share of digits told right."""
    utils.set_random_seed(5)
    pictures, digits = load_digits(return_X_y=True)
    pictures = pictures / 16
    seen, labelled, new = slice(0, 1400), slice(0, 100), slice(1400, None)

    autoencoder, encoder = make_autoencoder()
    autoencoder.fit(pictures[seen], pictures[seen], epochs=epochs, verbose=verbose)
    error = autoencoder.evaluate(pictures[new], pictures[new], verbose=0)

    before = encoder.get_weights()
    classifier = make_classifier(encoder)
    classifier.summary()
    classifier.fit(pictures[labelled], digits[labelled], epochs=2 * epochs, verbose=verbose)
    same = all(np.array_equal(a, b) for a, b in zip(before, encoder.get_weights(), strict=True))
    accuracy = classifier.evaluate(pictures[new], digits[new], verbose=0)[1]
    print(f"pictures drawn again: mean squared error {error:.4f}")
    print(f"digits told from 100 labels: {accuracy:.1%}; the encoder is as it was: {same}")
    return {"error": error, "accuracy": accuracy}


if __name__ == "__main__":
    main()
