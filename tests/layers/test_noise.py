"""Normal noise: its distribution, its bits, and that gradients pass it."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import layers
from fastmlp._reference.dropout import normal


def test_noise_is_normal_and_a_function_of_seed_stream_and_step():
    found = normal(200_000, 3, 5, 7)
    assert abs(found.mean()) < 0.01
    assert found.std() == pytest.approx(1, abs=0.01)
    assert (found**4).mean() == pytest.approx(3, abs=0.1)
    np.testing.assert_array_equal(normal(10, 3, 5, 7), found[:10])
    assert not np.array_equal(normal(10, 3, 5, 8), found[:10])


def fitted(layer, threads: int = 1, **kwargs):
    fastmlp.utils.set_random_seed(4)
    before = fastmlp.config.num_threads()
    fastmlp.config.set_num_threads(threads)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 32)).astype("float32"), rng.normal(size=(300, 1)).astype("float32")
    model = fastmlp.Sequential(
        [fastmlp.Input((32,)), layers.Dense(128, activation="tanh"), layer, layers.Dense(1)]
    )
    model.compile("adam", "mse", **kwargs)
    try:
        model.fit(x, y, epochs=2, batch_size=130, verbose=0)
    finally:
        fastmlp.config.set_num_threads(before)
    return model.get_weights()


@pytest.mark.parametrize(
    "make", [lambda: layers.GaussianNoise(0.3), lambda: layers.GaussianDropout(0.3)]
)
def test_training_is_that_of_the_twins_for_any_number_of_threads(make):
    one, two, eager = fitted(make()), fitted(make(), 3), fitted(make(), run_eagerly=True)
    other = fitted(layers.Dropout(0))
    for a, b, c, d in zip(one, two, eager, other, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-5)  # float32, in another order
        assert not np.array_equal(a, d)


def test_gradients_pass_noise():
    model = fastmlp.Sequential(
        [
            fastmlp.Input((4,), dtype="float64"),
            layers.Dense(5, dtype="float64"),
            layers.GaussianDropout(0.4, seed=2, dtype="float64"),
            layers.GaussianNoise(0.4, seed=3, dtype="float64"),
            layers.Dense(1, dtype="float64"),
        ]
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(1)
    errors = fastmlp.check_gradients(model, rng.normal(size=(9, 4)), rng.normal(size=(9, 1)))
    assert max(errors.values()) < 1e-5


@pytest.mark.parametrize("layer", [layers.GaussianNoise(0.3, 4), layers.GaussianDropout(0.3, 4)])
def test_outside_training_nothing_changes_and_configs_go_round(layer):
    x = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(layer(x), x)
    assert layers.deserialize(layers.serialize(layer)).get_config() == layer.get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GaussianNoise(-1),
        lambda: layers.GaussianDropout(1),
        lambda: layers.GaussianDropout(30),
        lambda: layers.GaussianNoise(1, seed="a"),
    ],
)
def test_bad_arguments_are_told(make):
    with pytest.raises((ValueError, TypeError), match="Gaussian"):
        make()
