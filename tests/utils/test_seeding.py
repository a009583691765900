"""One call that makes a program repeatable."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from fastmlp import _seed, utils


def draw() -> tuple[Any, ...]:
    return random.random(), np.random.rand(), _seed.next_seed()  # noqa: NPY002


def test_everything_repeats() -> None:
    utils.set_random_seed(7)
    first = draw()
    utils.set_random_seed(7)
    assert draw() == first
    utils.set_random_seed(8)
    assert not set(draw()) & set(first)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", None, True])
def test_bad_seeds_are_refused_and_seed_nothing(seed: Any) -> None:
    utils.set_random_seed(7)
    first = draw()
    utils.set_random_seed(7)
    with pytest.raises(ValueError, match="set_random_seed: expected an integer 0 <= seed <= 42949"):
        utils.set_random_seed(seed)
    assert draw() == first
