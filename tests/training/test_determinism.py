"""The same seed gives the same bits, for any number of threads and however a run is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers
from fastmlp.plan.schedule import PARALLEL_STEP


@pytest.fixture(autouse=True)
def _settings():
    threads, gemm = fastmlp.config.num_threads(), fastmlp.config.gemm()
    yield
    fastmlp.config.set_num_threads(threads)
    fastmlp.config.set_gemm(gemm)


def small() -> Sequential:
    return Sequential([Input((20,)), layers.Dense(12, activation="relu"), layers.Dense(10)])


def wide() -> Sequential:
    return Sequential(
        [
            Input((20,)),
            layers.Dense(256, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.2),
            layers.Dense(192, activation="gelu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def deep() -> Sequential:
    names = ["tanh", "sigmoid", "elu", "softplus", "selu", "mish"]
    return Sequential(
        [Input((20,)), *(layers.Dense(131, activation=a) for a in names), layers.Dense(10)]
    )


def normed() -> Sequential:
    """Norms of gradients and of columns: sums over whole weights."""
    return Sequential(
        [
            Input((20,)),
            layers.Dense(300, activation="relu", kernel_constraint="max_norm"),
            layers.Dense(200, activation="relu", activity_regularizer="l1"),
            layers.Dense(10, activation="softmax"),
        ]
    )


CASES: dict[str, tuple[Callable[[], Sequential], dict[str, Any]]] = {
    "small": (small, {"optimizer": "sgd", "loss": "mse"}),
    "wide": (
        wide,
        {"optimizer": "adam", "loss": "categorical_crossentropy", "metrics": ["accuracy", "auc"]},
    ),
    "deep": (deep, {"optimizer": "nadam", "loss": "mse"}),
    "normed": (
        normed,
        {
            "optimizer": fastmlp.optimizers.AdamW(0.01, global_clipnorm=0.5),
            "loss": "categorical_crossentropy",
        },
    ),
    "clipped": (
        normed,
        {
            "optimizer": fastmlp.optimizers.SGD(0.01, momentum=0.9, clipnorm=0.5),
            "loss": "categorical_crossentropy",
        },
    ),
}


def train(case: str, seed: int = 3, **fit: Any) -> tuple[list[bytes], dict[str, list[float]]]:
    """Weights and history after 3 epochs of batches of 250, the last one of 100."""
    make, arguments = CASES[case]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(850, 20))
    y = np.eye(10)[rng.integers(0, 10, 850)]
    fastmlp.utils.set_random_seed(seed)
    model = make()
    arguments = dict(arguments)
    if not isinstance(arguments["optimizer"], str):
        arguments["optimizer"] = type(arguments["optimizer"]).from_config(
            arguments["optimizer"].get_config()
        )
    model.compile(**arguments)
    options = {"batch_size": 250, "epochs": 3, "validation_data": (x[:333], y[:333]), **fit}
    history = model.fit(x, y, verbose=0, **options).history
    outputs = model.predict(x, verbose=0).tobytes()
    return [*(w.tobytes() for w in model.get_weights()), outputs], history


@pytest.mark.parametrize("gemm", ["auto", "native", "blas"])
@pytest.mark.parametrize("case", CASES)
def test_same_seed_gives_the_same_bits_for_one_to_four_threads(case, gemm):
    fastmlp.config.set_gemm(gemm)
    found = []
    for threads in (1, 2, 3, 4, 2):
        fastmlp.config.set_num_threads(threads)
        found.append(train(case))
    assert all(entry == found[0] for entry in found)


@pytest.mark.parametrize("case", ["wide", "deep", "normed"])
def test_networks_of_these_tests_are_large_enough_for_several_threads(case):
    model = CASES[case][0]()
    multiplications = sum(w.size for w in model.weights if w.ndim == 2)
    assert 2 * 250 * multiplications > 2 * PARALLEL_STEP


def test_same_bits_for_any_number_of_threads_in_float64():
    fastmlp.config.set_floatx("float64")
    try:
        found = []
        for threads in (1, 2, 4):
            fastmlp.config.set_num_threads(threads)
            found.append(train("wide"))
    finally:
        fastmlp.config.set_floatx("float32")
    assert all(entry == found[0] for entry in found)


def test_other_seeds_give_other_weights():
    assert train("wide", seed=3) != train("wide", seed=4)


def test_without_a_seed_runs_differ():
    models = [small() for _ in range(2)]
    assert (models[0].get_weights()[0] != models[1].get_weights()[0]).any()


def test_steps_one_by_one_give_the_bits_of_whole_epochs():
    fastmlp.config.set_num_threads(2)
    hook = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    assert train("wide") == train("wide", callbacks=[hook])


def test_setting_the_seed_repeats_initial_weights_shuffles_and_dropout():
    one, two = train("wide"), train("wide")
    assert one == two


@pytest.mark.parametrize("threads", [1, 2])
def test_numbers_below_the_smallest_normal_one_are_zeros_in_a_plan_and_nowhere_else(threads):
    fastmlp.config.set_num_threads(threads)
    model = Sequential([Input((64,)), layers.Dense(64, use_bias=False)])
    model.set_weights([np.full((64, 64), 1e-12, "float32")])
    x = np.full((4096, 64), 1e-30, "float32")
    assert PARALLEL_STEP < 2 * 4096 * 64 * 64
    assert not model.predict(x, batch_size=4096, verbose=0).any()
    assert not model.predict_on_batch(x[:1]).any()
    assert (x * np.float32(1e-12)).all()


def test_momentum_of_a_unit_that_has_died_leaves_no_number_below_the_smallest_normal_one():
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False)])
    model.compile("adam", "mse")
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), verbose=0)
    model.fit(np.zeros((8, 1)), np.zeros((8, 1)), batch_size=1, epochs=150, verbose=0)
    momentum = next(v for v in model.optimizer.variables if v.path.endswith("momentum"))
    last = np.asarray(momentum.value).item()
    # without FMA the tenth that is taken away is flushed first, and the rest stays
    assert last == 0 or abs(last) >= np.finfo("float32").tiny
