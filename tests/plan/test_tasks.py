"""Into which tasks a step is cut, on every tier."""

from __future__ import annotations

import pytest

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
