"""The kernels without mathematics, on every tier, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp._core import _native
from tests.core.guards import Guarded, guarded, read_only

DTYPES = [np.float32, np.float64]
LENGTHS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 101]
SIDES = [0, 1, 3, 7, 8, 9, 16, 17, 23, 40]


def make(shape, dtype, seed=0):
    return np.random.default_rng([seed, *np.atleast_1d(shape)]).normal(0, 3, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIDES)
@pytest.mark.parametrize("m", SIDES)
def test_transpose_is_exact(m, n, dtype, tier):
    a = make((m, n), dtype)
    b = Guarded((n, m), dtype)
    _native.transpose(b.array, read_only(a))
    b.check()
    np.testing.assert_array_equal(b.array, a.T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("m", [0, 1, 2, 37])
@pytest.mark.parametrize("n", [*LENGTHS, 64, 65])
def test_colsum_adds_rows_in_order(n, m, accumulate, dtype, tier):
    x, start = make((m, n), dtype), make(n, dtype)
    want = start.copy() if accumulate else np.zeros(n, dtype)
    for row in x:
        want += row  # the very order: the same bits
    g = guarded(start)
    _native.colsum(g.array, read_only(x), accumulate=accumulate)
    g.check()
    np.testing.assert_array_equal(g.array, want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_rowsum_adds_columns_in_double(n, dtype, tier):
    x = make((5, n), dtype)
    y = Guarded((5,), dtype)
    _native.rowsum(y.array, x)
    y.check()
    want = x.sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(y.array, want, rtol=np.finfo(dtype).eps, atol=n * 1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_add_is_exact_and_in_place(n, dtype, tier):
    a, b = make(n, dtype), make(n, dtype, 1)
    y = Guarded((n,), dtype)
    _native.add(y.array, read_only(a), read_only(b))
    y.check()
    np.testing.assert_array_equal(y.array, a + b)
    for first in (True, False):
        y = guarded(a if first else b)
        _native.add(y.array, *((y.array, b) if first else (a, y.array)))
        y.check()
        np.testing.assert_array_equal(y.array, a + b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_affine_rounds_as_numpy(n, dtype, tier):
    x = make(n, dtype)
    y = Guarded((n,), dtype)
    _native.affine(y.array, read_only(x), 1 / 127.5, -1)
    y.check()
    np.testing.assert_array_equal(y.array, x * dtype(1 / 127.5) + dtype(-1))
    y = guarded(x)
    _native.affine(y.array, y.array, 3, 0.5)
    y.check()
    np.testing.assert_array_equal(y.array, x * dtype(3) + dtype(0.5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_penalty_is_the_gradient_of_l1_and_l2(n, dtype, tier):
    g, w = make(n, dtype), make(n, dtype, 1)
    w[::3] = 0
    y = guarded(g)
    _native.penalty(y.array, read_only(w), 0.01, 0.02)
    y.check()
    want = g + (dtype(0.01) * np.sign(w) + (2 * dtype(0.02)) * w)
    np.testing.assert_array_equal(y.array, want)


def test_penalty_of_a_signed_zero_and_of_nan(tier):
    g = np.zeros(9, np.float32)
    w = np.array([0, -0.0, np.nan, np.inf, -np.inf, 1, -1, 1e-40, -1e-40], np.float32)
    _native.penalty(g, w, 0.5, 0)
    np.testing.assert_array_equal(g[[0, 1, 5, 6, 7, 8]], [0, 0, 0.5, -0.5, 0.5, -0.5])
    assert np.isnan(g[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_clip_keeps_nan(n, dtype, tier):
    g = make(n, dtype)
    g[1::5] = np.nan
    g[2::7] = -np.inf
    y = guarded(g)
    _native.clip(y.array, 0.75)
    y.check()
    np.testing.assert_array_equal(y.array, np.clip(g, -0.75, 0.75))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [*LENGTHS, 1000])
def test_sums_of_squares_and_sizes(n, dtype, tier):
    x = make(n, dtype)
    wide = x.astype(np.float64)
    # n sums of positive terms, each rounding once in double
    tolerance = (n + 1) * np.finfo(np.float64).eps
    np.testing.assert_allclose(_native.sumsq(read_only(x)), np.sum(wide**2), rtol=tolerance)
    np.testing.assert_allclose(_native.sumabs(read_only(x)), np.sum(abs(wide)), rtol=tolerance)


def test_sums_of_float32_neither_overflow_nor_hide_nan(tier):
    x = np.full(40, 1e30, np.float32)
    assert _native.sumsq(x) == pytest.approx(40e60, rel=1e-6)
    x[33] = np.nan
    assert np.isnan(_native.sumsq(x))
    assert np.isnan(_native.sumabs(x))


@pytest.mark.parametrize("name", ["sumsq", "sumabs"])
def test_sums_have_the_same_bits_on_every_tier(name):
    x = make(997, np.float32)
    before, results = _native.tier(), set()
    for other in _native.tiers():
        _native.set_tier(other)
        results.add(getattr(_native, name)(x))
    _native.set_tier(before)
    assert len(results) == 1


def test_wrong_arguments_are_refused():
    f = np.float32
    with pytest.raises(ValueError, match="transpose"):
        _native.transpose(np.zeros((2, 3), f), np.zeros((2, 3), f))
    with pytest.raises(ValueError, match="colsum"):
        _native.colsum(np.zeros(2, f), np.zeros((2, 3), f))
    with pytest.raises(ValueError, match="add: expected equal lengths"):
        _native.add(np.zeros(3, f), np.zeros(3, f), np.zeros(2, f))
    with pytest.raises(ValueError, match="affine x: expected a contiguous vector"):
        _native.affine(np.zeros(3, f), np.zeros(6, f)[::2], 1, 0)
    with pytest.raises(ValueError, match="penalty"):
        _native.penalty(np.zeros(3, f), np.zeros(2, f), 1, 1)
    with pytest.raises(TypeError, match="clip"):
        _native.clip(np.zeros(3, int), 1)
    with pytest.raises(ValueError, match="sumsq x"):
        _native.sumsq(np.zeros((2, 2), f))
