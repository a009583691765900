"""The counting generator and the orders drawn from it."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from fastmlp._core import _native
from fastmlp._core import random as native
from fastmlp._reference import dropout as reference


def test_philox_gives_its_authors_known_answers() -> None:
    # Random123, kat_vectors: philox4x32 10; counter and key are cut into our four arguments.
    ones = 2**64 - 1
    assert native.philox(0, 0, 0, 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    answer = native.philox(ones, seed=ones, stream=2**32 - 1, step=2**32 - 1)
    assert answer == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    answer = native.philox(
        0x85A308D3243F6A88, seed=0x299F31D0A4093822, stream=0x03707344, step=0x13198A2E
    )
    assert answer == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


@pytest.mark.parametrize("bit", [0, 31, 32, 63])
def test_every_bit_of_every_argument_matters(bit: int) -> None:
    base = {"block": 5, "seed": 6, "stream": 7, "step": 8}
    for name in base:
        changed = base | {name: base[name] ^ 1 << bit}
        assert native.philox(**changed) != native.philox(**base)
        twin = reference.philox(
            np.array([changed["block"]], np.uint64),
            changed["seed"],
            changed["stream"],
            changed["step"],
        )
        assert native.philox(**changed) == tuple(twin[0].tolist())


@pytest.mark.parametrize("blocks", [0, 1, 7, 8, 9, 16, 17, 35])
def test_blocks_drawn_together_are_those_drawn_one_by_one(blocks: int, tier: str) -> None:
    first = 2**32 - 5  # both words of the counter
    numbers = np.arange(first, first + blocks, dtype=np.uint64)
    words = _native.philox(blocks, first, seed=6, stream=7, step=8)
    np.testing.assert_array_equal(words, reference.philox(numbers, 6, 7, 8))


def slow_permutation(n: int, seed: int, stream: int, epoch: int) -> list[int]:
    """Twin of `permutation`."""
    words = reference.philox(np.arange(n // 4 + 1), seed, stream, epoch).reshape(-1).tolist()
    order: list[int] = []
    for i in range(n):
        product = words[i] * (i + 1)
        assert product % 2**32 >= 2**32 % (i + 1), "no number here is drawn twice"
        j = product >> 32
        order.append(i)
        order[i], order[j] = order[j], order[i]
    return order


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 17, 1000, 65537])
def test_permutation_holds_each_number_once(n: int) -> None:
    order = native.permutation(n, seed=1, stream=2, epoch=3)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_permutation_is_its_twin() -> None:
    for n in (0, 1, 2, 5, 16, 257):
        assert native.permutation(n, 2**63 - 5, 9, 4).tolist() == slow_permutation(
            n, 2**63 - 5, 9, 4
        )


def test_permutation_is_a_function_of_its_arguments() -> None:
    base = {"seed": 1, "stream": 2, "epoch": 3}
    order = native.permutation(100, **base)
    np.testing.assert_array_equal(native.permutation(100, **base), order)
    for name in base:
        other = native.permutation(100, **(base | {name: 7}))
        assert (other != order).sum() > 90


def test_small_permutations_are_equally_likely() -> None:
    draws = 24_000
    counts = dict.fromkeys(permutations(range(4)), 0)
    for epoch in range(draws):
        counts[tuple(native.permutation(4, seed=11, stream=0, epoch=epoch).tolist())] += 1
    expected = draws / len(counts)
    chi_squared = sum((c - expected) ** 2 / expected for c in counts.values())
    assert chi_squared < 49.7  # 23 degrees of freedom: one in a thousand


def test_every_place_is_equally_likely_in_long_permutations() -> None:
    n, draws = 50, 4000
    at = np.zeros((n, n))
    for epoch in range(draws):
        at[np.arange(n), native.permutation(n, seed=5, stream=1, epoch=epoch)] += 1
    expected = draws / n
    chi_squared = ((at - expected) ** 2 / expected).sum()
    freedom = (n - 1) ** 2
    assert abs(chi_squared - freedom) < 4 * np.sqrt(2 * freedom)


def test_consecutive_epochs_are_uncorrelated() -> None:
    orders = [native.permutation(2000, seed=3, stream=0, epoch=e) for e in range(8)]
    for a, b in pairwise(orders):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(2000)


def test_bad_arguments_raise() -> None:
    with pytest.raises(ValueError, match="n >= 0"):
        native.permutation(-1, 0, 0, 0)
    with pytest.raises(OverflowError):
        native.permutation(3, -1, 0, 0)


def slow_shuffle(n: int, seed: int, stream: int, epoch: int) -> list[int]:
    """Twin of `shuffle`."""
    keys = reference.philox(np.arange(2), seed, stream, epoch).reshape(-1).tolist()
    b = int(np.ceil(np.sqrt(n)))
    a = -(-n // b)

    def mixed(size: int, value: int, key: int) -> int:
        h = (value ^ key) % 2**32
        h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
        h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
        return (h ^ h >> 16) * size >> 32

    order = []
    for i in range(n):
        v = i
        while True:
            x, y = divmod(v, b)
            for r in (0, 2, 4):
                x = (x + mixed(a, y, keys[r])) % a
                y = (y + mixed(b, x, keys[r + 1])) % b
            v = x * b + y
            if v < n:
                break
        order.append(v)
    return order


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 17, 997, 1024, 1025])
def test_shuffle_is_what_its_twin_says(n: int) -> None:
    assert native.shuffle(n, seed=1, stream=2, epoch=3).tolist() == slow_shuffle(n, 1, 2, 3)


@pytest.mark.parametrize("n", [2**18 + 1, 600**2, 600**2 + 1, 1_000_003])
def test_shuffle_holds_each_number_once_wherever_it_is_cut(n: int) -> None:
    whole = native.shuffle(n, seed=1, stream=2, epoch=3)
    np.testing.assert_array_equal(np.sort(whole), np.arange(n))
    cuts = [0, 1, 10, n // 3, n - 1, n]
    pieces = [native.shuffle(n, 1, 2, 3, first, last - first) for first, last in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_shuffle_of_more_samples_than_memory_holds() -> None:
    rows = native.shuffle(2**61, seed=1, stream=2, epoch=3, first=2**60, m=1000)
    assert len(set(rows.tolist())) == 1000
    assert rows.min() >= 0
    assert rows.max() < 2**61
    assert abs(float(rows.mean()) / 2**60 - 1) < 0.1  # 5 standard deviations


def chi_square(counts: np.ndarray) -> float:
    """Deviations from equal counts, in standard deviations of the sum of their squares."""
    mean = counts.mean()
    freedom = counts.size - 1
    return float((((counts - mean) ** 2).sum() / mean - freedom) / np.sqrt(2 * freedom))


def table(a: np.ndarray, b: np.ndarray, cells: int) -> np.ndarray:
    """How often each pair of cells goes together."""
    return np.bincount(a * cells + b, minlength=cells**2).reshape(cells, cells)


def test_shuffle_sends_every_place_everywhere_and_neighbours_apart() -> None:
    n, epochs, cells = 2**18 + 12345, 12, 64
    ends = np.zeros((cells, cells))
    steps = np.zeros(cells)
    pairs = np.zeros((cells, cells))
    before = None
    for epoch in range(epochs):
        order = native.shuffle(n, seed=5, stream=7, epoch=epoch)
        cell = order * cells // n
        ends += table(np.arange(n) * cells // n, cell, cells)
        steps += np.bincount((np.diff(order) % n) * cells // n, minlength=cells)
        if before is not None:
            pairs += table(before, cell, cells)
        before = cell
    for counts in (ends, steps, pairs):  # place to number, to the next one, to the next epoch
        assert abs(chi_square(counts)) < 6


@pytest.mark.parametrize(("n", "first", "m"), [(0, 0, None), (5, -1, 2), (5, 4, 2), (5, 0, -1)])
def test_shuffle_refuses_places_that_there_are_not(n: int, first: int, m: int | None) -> None:
    with pytest.raises(ValueError, match="expected places within 0 and n"):
        native.shuffle(n, 1, 2, 3, first, m)
