"""On real data fastmlp is as accurate as Keras: the same lines of code, over several seeds.

Keras's figures are stored in bench/results/keras-mnist.json, with the command that made them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import fastmlp
from bench import keras_mnist


@pytest.fixture(scope="module")
def keras(root: Path) -> dict[str, Any]:
    return json.loads((root / "bench" / "results" / "keras-mnist.json").read_text())


@pytest.fixture(autouse=True)
def _data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMLP_DATA", str(data_dir))


def test_stored_figures_tell_the_command_that_made_them(keras):
    assert keras["command"].startswith("KERAS_BACKEND=jax python ")
    assert "keras_mnist" in keras["command"]
    assert len(keras["mnist"]["runs"]) >= 3


def test_mnist_within_ten_epochs_is_as_accurate_as_keras(keras):
    ours = keras_mnist.over_seeds(keras_mnist.mnist, fastmlp, 3)["mean"]
    assert ours["accuracy"] >= 0.98
    assert abs(ours["accuracy"] - keras["mnist"]["mean"]["accuracy"]) <= 0.003


def test_pima_is_as_accurate_as_keras_within_noise(keras):
    seeds = len(keras["pima"]["runs"])
    ours = keras_mnist.over_seeds(keras_mnist.pima, fastmlp, seeds)
    # Raw columns: now and then all units of a layer die, in Keras too. Means differ by chance with
    # a deviation of sqrt(2 / seeds) of one run's; three of those are noise.
    noise = 3 * math.sqrt(2 / seeds) * keras["pima"]["stdev"]["accuracy"]
    assert abs(ours["mean"]["accuracy"] - keras["pima"]["mean"]["accuracy"]) <= noise
    assert abs(ours["median"]["accuracy"] - keras["pima"]["median"]["accuracy"]) <= 0.03
