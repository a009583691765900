"""The global sequence of seeds."""

from __future__ import annotations

import os

import pytest

from fastmlp import _seed


@pytest.fixture(autouse=True)
def _unseeded_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_seed, "_state", _seed._state)
    monkeypatch.setattr(_seed, "_user_seed", _seed._user_seed)


def test_the_same_seed_repeats_the_sequence() -> None:
    _seed.set_seed(3)
    first = [_seed.next_seed() for _ in range(5)]
    _seed.set_seed(3)
    assert [_seed.next_seed() for _ in range(5)] == first
    assert len(set(first)) == 5
    assert all(0 <= seed < 2**63 for seed in first)


def test_the_sequence_does_not_change_between_versions() -> None:
    _seed.set_seed(0)
    assert _seed.next_seed() == 4334430513956379144


def test_other_seeds_give_other_sequences() -> None:
    _seed.set_seed(3)
    first = _seed.next_seed()
    _seed.set_seed(4)
    assert _seed.next_seed() != first


def test_get_seed_returns_what_was_set() -> None:
    _seed.set_seed(5)
    assert _seed.get_seed() == 5


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_bad_seeds_are_refused_and_change_nothing(seed: object) -> None:
    _seed.set_seed(5)
    with pytest.raises(ValueError, match="expected an integer seed >= 0"):
        _seed.set_seed(seed)  # type: ignore[arg-type]
    assert _seed.get_seed() == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("seeded", [False, True])
def test_a_forked_child_repeats_its_parent_only_if_seeded(seeded: bool) -> None:
    _seed._state, _seed._user_seed = _seed._fresh(None), None
    if seeded:
        _seed.set_seed(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(_seed.next_seed()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    drawn = int(os.read(reader, 100))
    os.close(reader)
    os.close(writer)
    assert (drawn == _seed.next_seed()) is seeded
