"""What Keras's FeatureSpace gives: it needs TensorFlow, which the tests do without.

Written by `KERAS_BACKEND=tensorflow python tests/utils/reference_feature_space.py`, with Keras 3.15.1
and TensorFlow 2.21, into `reference_feature_space.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

DATA = {
    "plain": [0.5, 1.0, -2.0, 3.25, 0.0, 8.0],
    "scaled": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "normal": [10.0, 20.0, 20.0, 30.0, 45.0, 7.5],
    "binned": [0.1, 0.9, 0.5, 0.7, 0.2, 0.3],
    "rooms": [1, 2, 2, 3, 2, 7],
    "city": ["rome", "oslo", "rome", "kyiv", "oslo", "rome"],
    "street": [17, 4, 9, 17, 4, 120],
    "owner": ["ann", "bob", "cem", "dörte", "eve", "ann"],
}
NEW = {
    "plain": [1.5, 2.0],
    "scaled": [0.0, 10.0],
    "normal": [22.0, -4.0],
    "binned": [0.55, 9.0],
    "rooms": [2, 11],
    "city": ["oslo", "lima"],
    "street": [4, 5],
    "owner": ["zoe", "ann"],
}
BY_NAME = {
    "plain": "float",
    "scaled": "float_rescaled",
    "normal": "float_normalized",
    "binned": "float_discretized",
    "rooms": "integer_categorical",
    "city": "string_categorical",
    "street": "integer_hashed",
    "owner": "string_hashed",
}


def by_makers(space):
    """The same features with other arguments."""
    return {
        "plain": space.float(),
        "scaled": space.float_rescaled(scale=0.5, offset=-1.0),
        "normal": space.float_normalized(),
        "binned": space.float_discretized(num_bins=3),
        "rooms": space.integer_categorical(max_tokens=3, num_oov_indices=1),
        "city": space.string_categorical(num_oov_indices=2),
        "street": space.integer_hashed(num_bins=5),
        "owner": space.string_hashed(num_bins=4),
    }


def integers(space):
    """Features that stay whole numbers."""
    return {
        "plain": "float",
        "binned": space.float_discretized(num_bins=3, output_mode="int"),
        "rooms": space.integer_categorical(output_mode="int"),
        "city": space.string_categorical(output_mode="int"),
        "owner": space.string_hashed(num_bins=4, output_mode="int"),
    }


def spaces(space):
    """Name and FeatureSpace, made by a class that is one."""
    yield "by name", space(BY_NAME, crosses=[("city", "rooms"), ("owner", "binned")])
    crosses = [space.cross(("city", "rooms"), crossing_dim=7), ("rooms", "street")]
    yield (
        "by makers",
        space(by_makers(space), crosses=crosses, crossing_dim=5, output_mode="concat"),
    )
    yield "dict", space(by_makers(space), crosses=crosses, crossing_dim=5, output_mode="dict")
    crosses = [space.cross(("city", "rooms"), crossing_dim=7, output_mode="int")]
    yield "integers", space(integers(space), crosses=crosses, output_mode="dict")
    dims = {"num_discretization_bins": 4, "hashing_dim": 6}
    yield "dimensions", space({k: BY_NAME[k] for k in ("binned", "street", "owner")}, **dims)


def main():
    import keras

    found = {}
    for name, space in spaces(keras.utils.FeatureSpace):
        space.adapt({key: np.array(column) for key, column in DATA.items()})
        names = list(space.features)
        y = [space({key: np.array(x[key]) for key in names}) for x in (DATA, NEW)]
        found[name] = [
            {key: np.array(v).tolist() for key, v in one.items()}
            if isinstance(one, dict)
            else np.array(one).tolist()
            for one in y
        ]
    text = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
    Path(__file__).with_suffix(".json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
