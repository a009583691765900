"""A siamese network: do two pictures show the same digit? 8 x 8 pixels (bundled with scikit-learn).

    python examples/siamese.py

Shows one layer, and one model, used twice in a graph: both pictures go through the same weights, and
the gradients of both uses add up.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from fastmlp import Input, Model, Sequential, layers, ops, utils


def pairs(digits: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the left and right picture of each pair, and whether they show one digit."""
    rng = np.random.default_rng(seed)
    left = rng.integers(len(digits), size=number)
    same = rng.random(number) < 0.5
    right = np.array(
        [
            rng.choice(np.flatnonzero((digits == digits[i]) == s))
            for i, s in zip(left, same, strict=True)
        ]
    )
    return left, right, same.astype("float32")[:, None]


def make_model() -> Model:
    """Distance of what one encoder makes of both pictures, and what it says of their being one digit."""
    encoder = Sequential([Input((64,)), layers.Dense(64, "relu"), layers.Dense(16)], name="encoder")
    left, right = Input((64,), name="left"), Input((64,), name="right")
    difference = encoder(left) - encoder(right)
    distance = ops.sum(ops.square(difference), axis=1, keepdims=True)
    same = layers.Dense(1, activation="sigmoid", name="same")(ops.sqrt(distance + 1e-6))
    model = Model([left, right], same)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def main(epochs: int = 20, verbose: int = 2) -> float:
    """Trains, and returns the share of right answers for pictures it has not seen."""
    utils.set_random_seed(3)
    pictures, digits = load_digits(return_X_y=True)
    pictures = pictures / 16
    seen, new = slice(0, 1400), slice(1400, None)
    left, right, same = pairs(digits[seen], 10_000, seed=1)
    model = make_model()
    model.summary(expand_nested=True)
    x = [pictures[seen][left], pictures[seen][right]]
    model.fit(x, same, batch_size=64, epochs=epochs, verbose=verbose)
    left, right, same = pairs(digits[new], 2000, seed=2)
    x = [pictures[new][left], pictures[new][right]]
    accuracy: float = model.evaluate(x, same, verbose=0)[1]
    print(f"{accuracy:.1%} of 2000 pairs of new pictures right")
    return accuracy


if __name__ == "__main__":
    main()
