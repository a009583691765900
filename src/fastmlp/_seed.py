"""The global seed: one sequence of 63-bit seeds, from which all unseeded randomness is drawn.

The k-th seed since `set_seed(s)` is a function of (s, k) alone: NumPy's `SeedSequence` mixes both.
Without `set_seed`, s is entropy of the operating system.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastmlp.errors import check_int


def _fresh(entropy: int | None) -> tuple[int, Iterator[int]]:
    return _entropy() if entropy is None else entropy, itertools.count()


def _entropy() -> int:
    return int.from_bytes(os.urandom(16), "little")


# (entropy, counter), replaced as a whole: next() on a counter is atomic, so no lock is needed.
_state = _fresh(None)
_user_seed: int | None = None


def set_seed(seed: int) -> None:
    """Restarts the sequence of seeds.

    Args:
        seed: Any integer >= 0.

    Raises:
        ValueError: If `seed` is not an integer >= 0.
    """
    global _state, _user_seed
    seed = check_int("set_seed", "seed", seed, low=0)
    _user_seed, _state = seed, _fresh(seed)


def get_seed() -> int | None:
    """Returns the seed that `set_seed` got last, or `None`."""
    return _user_seed


def next_seed() -> int:
    """Draws the next seed, 0 <= seed < 2**63, of the global sequence.

    Returns:
        A Python int, different at every call.

    Example:

    >>> set_seed(7)
    >>> first = next_seed()
    >>> set_seed(7)
    >>> first == next_seed(), first == next_seed()
    (True, False)
    """
    entropy, counter = _state
    return derive(entropy, next(counter))


def derive(seed: int, k: int) -> int:
    """The k-th of the seeds that come from one: 0 <= result < 2**63, a function of (seed, k)."""
    sequence = np.random.SeedSequence(seed, spawn_key=(k,))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


class SeedGenerator:
    """A sequence of seeds: each draw with it as `seed` gives other numbers.

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        name: Accepted and not needed.

    Raises:
        ValueError: `seed` is no integer >= 0.

    Example:

    >>> from fastmlp.random import SeedGenerator, normal
    >>> seeds = SeedGenerator(7)
    >>> first, second = normal((3,), seed=seeds), normal((3,), seed=seeds)
    >>> bool((first == second).any()), bool((first == normal((3,), seed=SeedGenerator(7))).all())
    (False, True)

    Source: Keras 3's class of that name.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = next_seed() if seed is None else check_int("SeedGenerator", "seed", seed, 0)
        self.name = name
        self._drawn = 0

    def next(self, ordered: bool = True) -> int:
        """The next seed, 0 <= seed < 2**63; `ordered` is accepted and not needed."""
        self._drawn += 1
        return derive(self.seed, self._drawn)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SeedGenerator:
        """Makes one from what `get_config` returned."""
        return cls(**config)


def source() -> object:
    """What `next_seed` draws from: another object after each `set_seed`."""
    return _state[1]


def _reseed_child() -> None:
    """Forked processes that share no seed on purpose must not share one by accident."""
    global _state
    if _user_seed is None:
        _state = _fresh(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed_child)
