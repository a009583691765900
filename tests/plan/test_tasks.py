"""Into which tasks a step is cut, on every tier."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Sequential, config, layers, optimizers
from fastmlp.plan import schedule


def sizes(capacity: int, chunk: int) -> list[int]:
    """Samples of each task."""
    return [min(chunk, capacity - first) for first in range(0, capacity, chunk)]


@pytest.mark.parametrize("capacity", [32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 4096])
def test_two_cores_share_the_tasks_of_a_batch(tier: str, capacity: int) -> None:
    tasks = sizes(capacity, schedule.row_chunk(capacity))
    assert sum(tasks) == capacity
    assert max(tasks) <= 96
    assert sum(tasks[::2]) <= 0.54 * capacity


def test_tasks_are_larger_where_tiles_are_tall(tier: str) -> None:
    few = {capacity: len(sizes(capacity, schedule.row_chunk(capacity))) for capacity in (100, 128)}
    assert few == ({100: 2, 128: 4} if tier == "avx512" else {100: 5, 128: 6})


def trained(gemm: str, activation: str, batch: int) -> list[np.ndarray]:
    """Weights after four steps on wide and narrow layers, and one of two samples."""
    random = np.random.default_rng(batch)
    samples = 4 * batch + 2
    x, y = random.normal(size=(samples, 40)), random.normal(size=(samples, 3))
    widths = (200, 330, 90, 20, 10)
    model = Sequential(
        [layers.Input((40,)), *(layers.Dense(n, activation) for n in widths), layers.Dense(3)]
    )
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).normal(size=weight.shape) * 0.08)
    config.set_gemm(gemm)
    try:
        model.compile(optimizers.SGD(0.05), "mse")
        model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)
    finally:
        config.set_gemm("auto")
    return model.get_weights()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("batch", [40, 100, 128, 300])
def test_weights_that_tasks_turn_train_as_those_of_blas(tier, activation, batch) -> None:
    for native, blas in zip(
        trained("native", activation, batch), trained("blas", activation, batch), strict=True
    ):
        np.testing.assert_allclose(native, blas, rtol=1e-4, atol=1e-5)
