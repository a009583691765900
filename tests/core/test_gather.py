"""Rows of the user's data, of every type and layout, as float32 and float64."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp._core import _native
from tests.core.guards import Guarded

DTYPES = [np.float32, np.float64]
WIDTHS = [1, 2, 3, 7, 8, 9, 16, 31, 33, 100]


def make(rows, n, name, seed=0):
    """The whole range of an integer type; for floats, numbers that need their whole mantissa."""
    rng = np.random.default_rng([seed, rows, n])
    dtype = np.dtype(name)
    if dtype.kind == "f":
        return rng.normal(0, 1e3, (rows, n)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, (rows, n)).astype(bool)
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max, (rows, n), dtype, endpoint=True)
    x.flat[:2] = [limits.min, limits.max][: x.size]
    return x


def layouts(x):
    """The same values in rows, columns, strided, backwards, among others, broadcast, unaligned."""
    yield x
    yield np.asfortranarray(x)
    yield np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3]
    yield x[::-1, ::-1].copy()[::-1, ::-1]
    record = np.zeros(x.shape, [("byte", "u1"), ("value", x.dtype)])  # packed: at odd addresses
    record["value"] = x
    yield record["value"]
    memory = np.zeros(x.nbytes + 1, np.uint8)[1:]
    memory[:] = np.frombuffer(x.tobytes(), np.uint8)
    yield np.ndarray(x.shape, x.dtype, memory.data)
    if x.shape[1] == 1:
        yield x[:, 0][:, None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", _native.GATHERS)
@pytest.mark.parametrize("n", WIDTHS)
def test_gather_converts_as_numpy(n, name, dtype, tier):
    source = make(13, n, name)
    rows = np.array([12, 0, 5, 5, 3, 11, 7], np.int64)
    for x in layouts(source):
        x.flags.writeable = False
        y = Guarded((4, n), dtype)
        assert _native.gather(y.array, x, rows, first=2) is False
        y.check()
        np.testing.assert_array_equal(y.array, source[[5, 5, 3, 11]].astype(dtype))
        y = Guarded((6, n), dtype)
        assert _native.gather(y.array, x, first=7) is False
        y.check()
        np.testing.assert_array_equal(y.array, source[7:].astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", _native.GATHERS)
def test_a_contiguous_block_is_one_copy(name, dtype, tier):
    source = make(20, 12, name)
    y = Guarded((17, 12), dtype, gap=0)
    assert _native.gather(y.array, source, first=3) is False
    y.check()
    np.testing.assert_array_equal(y.array, source[3:].astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", _native.GATHERS)
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_nothing_to_gather(shape, name, dtype, tier):
    y = Guarded(shape, dtype)
    assert _native.gather(y.array, make(5, shape[1], name)) is False
    y.check()


def test_one_row_broadcast_to_all(tier):
    source = np.broadcast_to(make(1, 9, "int16"), (6, 9))
    y = np.empty((6, 9), np.float32)
    _native.gather(y, source)
    np.testing.assert_array_equal(y, source)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", WIDTHS)
def test_a_single_value_that_is_not_finite_is_reported(n, value, name, dtype, tier):
    for column in {0, n // 2, n - 1}:
        source = make(5, n, name)
        source[3, column] = value
        for x in layouts(source):
            y = np.empty((5, n), dtype)
            assert _native.gather(y, x) is True
            np.testing.assert_array_equal(y, source.astype(dtype))
            assert _native.gather(y[:3], x) is False
            assert _native.gather(y[:2], x, np.array([1, 4])) is False


def test_what_overflows_in_the_conversion_is_reported(tier):
    source = np.full((3, 9), 1e300)
    with np.errstate(over="ignore"):
        want = source.astype(np.float32)
    y = np.empty((3, 9), np.float32)
    assert _native.gather(y, source) is True
    np.testing.assert_array_equal(y, want)
    assert _native.gather(np.empty((3, 9)), source) is False


def test_wrong_arguments_are_refused():
    y, x = np.zeros((2, 3), np.float32), np.zeros((5, 3))
    with pytest.raises(ValueError, match=r"x \(m, n\), src \(samples, n\)"):
        _native.gather(y, x[:, :2])
    with pytest.raises(ValueError, match="2 rows from row 4"):
        _native.gather(y, x, first=4)
    with pytest.raises(ValueError, match="2 rows from position 1"):
        _native.gather(y, x, np.array([1, 2]), first=1)
    with pytest.raises(ValueError, match=r"rows in \[0, 5\)"):
        _native.gather(y, x, np.array([1, 5]))
    with pytest.raises(ValueError, match=r"rows in \[0, 5\)"):
        _native.gather(y, x, np.array([-1, 0]))
    for dtype in (np.complex64, np.float16, ">f8", object):
        with pytest.raises(TypeError, match="gather: expected src of bool, uint8"):
            _native.gather(y, x.astype(dtype))
