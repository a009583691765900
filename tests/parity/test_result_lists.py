"""What `evaluate` lists for several outputs, in Keras's order."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6)).astype("float32")
Y, CLASSES = X[:, :1], RNG.integers(0, 3, 20)
CE = "sparse_categorical_crossentropy"


def _listed(lib: Any, named: bool, told: dict[str, Any]) -> list[str]:
    entry = lib.Input((6,))
    outputs = {
        "reg": lib.layers.Dense(1, name="reg")(entry),
        "cls": lib.layers.Dense(3, "softmax", name="cls")(entry),
    }
    model = lib.Model(entry, outputs if named else list(outputs.values()))
    model.compile("sgd", **told)
    y = {"reg": Y, "cls": CLASSES} if named else [Y, CLASSES]
    values = model.evaluate(X, y, verbose=0)
    by_name = model.evaluate(X, y, verbose=0, return_dict=True)
    return [min(by_name, key=lambda name: abs(by_name[name] - value)) for value in values]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    "told",
    [
        {"loss": {"reg": "mse", "cls": CE}},
        {"loss": {"cls": CE, "reg": "mse"}},
        {"loss": {"reg": "mse", "cls": CE}, "metrics": {"reg": ["mae"], "cls": ["accuracy"]}},
        {
            "loss": {"cls": CE, "reg": "mse"},
            "metrics": {"reg": ["mean_squared_logarithmic_error", "mae"]},
            "weighted_metrics": {"cls": ["accuracy"]},
        },
    ],
)
def test_several_outputs_are_listed_as_in_keras(named: bool, told: dict[str, Any]) -> None:
    assert _listed(fastmlp, named, told) == _listed(keras, named, told)
