"""A table of numbers and words: who takes out a subscription? Simulated data.

    python examples/structured_data.py

Shows how a pandas frame goes through `FeatureSpace` into a model, and that the saved model takes rows
as they are: words, identifiers and all.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from fastmlp import Model, layers, utils
from fastmlp.models import load_model
from fastmlp.utils import FeatureSpace


def simulate(people: int, seed: int) -> pd.DataFrame:
    """Visitors of a shop, and whether they subscribed."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(16, 85, people),
            "visits": rng.poisson(6, people),
            "spent": rng.gamma(2, 40, people).round(2),
            "city": rng.choice(["Oslo", "Rome", "Paris", "Lagos", "Lima"], people),
            "device": rng.choice(["phone", "laptop", "tablet"], people, p=[0.6, 0.3, 0.1]),
            "store": rng.choice([1_000_000_007, 1_000_000_009, 1_000_000_021], people),
        }
    )
    score = 0.03 * (frame["spent"] - 80) + 0.3 * (frame["visits"] - 6)
    score += np.where(frame["city"].isin(["Oslo", "Lima"]), 1.5, -1.0)
    # The young buy on phones, the old on laptops: neither age nor device tells alone.
    score += np.where((frame["age"] < 40) == (frame["device"] == "phone"), 2.0, -2.0)
    score += np.where(frame["store"] == 1_000_000_009, 1.5, -0.75)
    frame["subscribed"] = (score + rng.logistic(0, 0.3, people) > 0).astype(int)
    return frame


def make_space() -> FeatureSpace:
    """What each column holds; age and device are also looked at together."""
    return FeatureSpace(
        features={
            "age": FeatureSpace.float_discretized(num_bins=8),
            "visits": "float_normalized",
            "spent": "float_normalized",
            "city": "string_categorical",
            "device": "string_categorical",
            "store": "integer_categorical",
        },
        crosses=[FeatureSpace.cross(("age", "device"), crossing_dim=64)],
        output_mode="concat",
    )


def main(epochs: int = 40, verbose: int = 2) -> dict[str, float]:
    """Trains, and returns how many of 2,000 new visitors are told right, and how many subscribe."""
    utils.set_random_seed(1)
    train, test = simulate(6000, seed=1), simulate(2000, seed=2)
    space = make_space()
    space.adapt(train)
    print(f"A visitor is {space.get_encoded_features().shape[-1]} numbers.")

    hidden = layers.Dense(32, activation="relu")(space.get_encoded_features())
    outputs = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.2)(hidden))
    model = Model(space.get_inputs(), outputs)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(train, train["subscribed"], epochs=epochs, verbose=verbose, validation_split=0.1)
    _, accuracy = model.evaluate(test, test["subscribed"], verbose=0)

    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "shop.fastmlp")
        loaded = load_model(Path(folder) / "shop.fastmlp")
    someone = test.drop(columns="subscribed").head(1)
    print(someone.to_string(index=False))
    print(f"subscribes with a probability of {float(loaded.predict(someone, verbose=0)[0, 0]):.0%}")
    print(f"{accuracy:.1%} of new visitors right")
    return {"accuracy": float(accuracy), "subscribed": float(test["subscribed"].mean())}


if __name__ == "__main__":
    main()
