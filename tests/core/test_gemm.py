"""The matrix product on every tier, against NumPy in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastmlp._core import _native, dense, optimizers
from tests.core.guards import Guarded, guarded, read_only

DTYPES = [np.float32, np.float64]
ROWS = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    13,
]  # every height of a tile, and one row more than two of them
COLUMNS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 33, 47, 48, 49, 67]
DEPTHS = [0, 1, 2, 5, 15, 16, 17, 37]
LARGE = [  # ways through blocks of k and of rows, with packing of a and without, and their edges
    (13, 8, 32),
    (14, 9, 33),
    (31, 50, 255),
    (32, 48, 256),
    (50, 17, 257),
    (97, 131, 300),
    (193, 16, 40),
    (61, 193, 129),
    (128, 10, 128),
    (200, 400, 33),
    (385, 576, 130),
]


def make(m, n, k, dtype, seed=0):
    rng = np.random.default_rng([seed, m, n, k])
    a, b = rng.uniform(-1, 1, (m, k)), rng.uniform(-1, 1, (k, n))
    bias, c = rng.uniform(-1, 1, n), rng.uniform(-1, 1, (m, n))
    return [x.astype(dtype) for x in (a, b, bias, c)]


def expected(a, b, bias=None, relu=False, start=None):
    """The product in float64, and a bound of the error of summing in another order and precision."""
    eps = float(np.finfo(a.dtype).eps)
    a, b = a.astype(np.float64), b.astype(np.float64)
    value, size = a @ b, abs(a) @ abs(b)
    for term in (bias, start):
        if term is not None:
            value, size = value + term, size + abs(term)
    # k products and sums, the bias and the start: each rounds once at most
    return np.maximum(value, 0) if relu else value, (a.shape[1] + 3) * eps * size


def layouts(a):
    """The same matrix by rows, by columns, and strided both ways; read-only, among NaNs."""
    yield "rows", read_only(a)
    yield "columns", read_only(a.T.copy()).T
    _m, _k = a.shape
    yield "strided", read_only(np.repeat(np.repeat(a, 2, 0), 3, 1))[::2, ::3]
    yield "backwards", read_only(a[::-1, ::-1].copy())[::-1, ::-1]
    yield "columns backwards", read_only(a.T[::-1].copy())[::-1].T


def assert_close(got, value, bound):
    assert got.shape == value.shape
    assert np.all(abs(got - value) <= bound), np.max(abs(got - value) - bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", COLUMNS)
def test_small_products(n, dtype, tier):
    for m, k in itertools.product(ROWS, DEPTHS):
        a, b, _, _ = make(m, n, k, dtype)
        value, bound = expected(a, b)
        for _, x in layouts(a):
            c = Guarded((m, n), dtype)
            _native.gemm(c.array, x, read_only(b))
            c.check()
            assert_close(c.array, value, bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", LARGE, ids=str)
def test_large_products(size, dtype, tier):
    m, n, k = size
    a, b, bias, start = make(m, n, k, dtype)
    value, bound = expected(a, b, bias, relu=True)
    more, more_bound = expected(a, b, start=start)
    for _, x in layouts(a):
        c = Guarded((m, n), dtype)
        _native.gemm(c.array, x, read_only(b), read_only(bias), relu=True)
        c.check()
        assert_close(c.array, value, bound)
        c = guarded(start)
        _native.gemm(c.array, x, read_only(b), accumulate=True)
        c.check()
        assert_close(c.array, more, more_bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_bias_relu_and_accumulation_in_every_combination(with_bias, relu, accumulate, dtype, tier):
    for m, n, k in itertools.product([1, 6, 8, 14], [1, 3, 8, 12, 20, 33], [0, 1, 20, 40]):
        a, b, bias, start = make(m, n, k, dtype)
        bias = bias if with_bias else None
        value, bound = expected(a, b, bias, relu, start if accumulate else None)
        for _, x in layouts(a):
            c = guarded(start)
            _native.gemm(c.array, x, b, bias, relu=relu, accumulate=accumulate)
            c.check()
            assert_close(c.array, value, bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 5, 16, 20, 50, 70, 200])
def test_a_gate_lets_pass_what_relu_let_pass(n, dtype, tier):
    for m, k in itertools.product([1, 9, 40], [0, 1, 8, 40, 256, 600]):
        a, b, _, y = make(m, n, k, dtype)
        y[y < 0] = 0
        y[0, 0], y[-1, -1] = -0.0, np.nan
        whole = guarded(y)
        _native.gemm(whole.array, a, read_only(b))
        want = np.where(y <= 0, 0, whole.array)
        panels = np.zeros(_native.panels_size(k, n), dtype)
        _native.pack(panels, b)
        factor = dtype(1 / 0.7)
        for packed, factors in itertools.product([None, panels], [(), (factor,)]):
            options = {"panels": packed, **dict.fromkeys(["factor"] * len(factors), factor)}
            expected = want * factor if factors else want
            c = Guarded((m, n), dtype)
            _native.gemm(c.array, read_only(a), read_only(b), gate=read_only(y), **options)
            c.check()
            np.testing.assert_array_equal(c.array, expected)
            if k <= 256:
                c = guarded(y)
                _native.gemm(c.array, read_only(a), read_only(b), gate=c.array, **options)
                c.check()
                np.testing.assert_array_equal(c.array, expected)
    with pytest.raises(ValueError, match="a gate like c"):
        _native.gemm(c.array, a, b, relu=True, gate=c.array)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 5, 16, 20, 50, 70, 200])
def test_a_curve_is_the_gradient_of_tanh(n, dtype, tier):
    for m, k in itertools.product([1, 9, 40], [0, 1, 8, 40, 256, 600]):
        a, b, _, y = make(m, n, k, dtype)
        y = np.tanh(y)
        y[0, 0] = 1
        whole = guarded(y)
        _native.gemm(whole.array, a, read_only(b))
        want = whole.array * (1 - y.astype(np.float64) ** 2)
        bound = 2 * np.finfo(dtype).eps * np.abs(whole.array)  # 1 - y² rounded, and its product
        panels = np.zeros(_native.panels_size(k, n), dtype)
        _native.pack(panels, b)
        for packed, a_of in itertools.product([None, panels], [a, np.asfortranarray(a)]):
            c = Guarded((m, n), dtype)
            _native.gemm(c.array, a_of, read_only(b), panels=packed, curve=read_only(y))
            c.check()
            assert_close(c.array, want, bound)
            if k <= 256:
                c = guarded(y)
                _native.gemm(c.array, a_of, read_only(b), panels=packed, curve=c.array)
                c.check()
                assert_close(c.array, want, bound)
    with pytest.raises(ValueError, match="a gate like c"):
        _native.gemm(c.array, a, b, curve=c.array, gate=c.array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_column_with_c_contiguous_as_in_gradients(dtype, tier):
    for m, k in itertools.product([0, 1, 7, 20, 32, 64, 129], [0, 1, 8, 33, 300]):
        a, b, bias, start = make(m, 1, k, dtype)
        for with_bias, more, (_, x) in itertools.product([False, True], [False, True], layouts(a)):
            c = guarded(start, gap=0)
            extra = bias if with_bias else None
            _native.gemm(c.array, x, b, extra, relu=True, accumulate=more)
            c.check()
            assert_close(c.array, *expected(a, b, extra, relu=True, start=start if more else None))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_how_c_is_cut(dtype, tier):
    for m, n, k in [(10, 12, 8), (37, 50, 40), (64, 40, 300), (200, 400, 130), (9, 3, 70)]:
        a, b, bias, _ = make(m, n, k, dtype)
        for name, x in layouts(a):
            whole = np.empty((m, n), dtype)
            _native.gemm(whole, x, b, bias)
            for step in (2, 5, 7, 8, 16, 31):
                rows = np.empty((m, n), dtype)
                for i in range(0, m, step):
                    _native.gemm(rows[i : i + step], x[i : i + step], b, bias)
                np.testing.assert_array_equal(rows, whole, name)
                columns = np.empty((m, n), dtype)
                for j in range(0, n, step):
                    # never one column alone: one column of a matrix by rows has an order of its own
                    to = n if n - (j + step) == 1 else j + step
                    _native.gemm(columns[:, j:to], x, b[:, j:to], bias[j:to])
                    if to == n:
                        break
                np.testing.assert_array_equal(columns, whole, name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_the_strides_of_a(dtype, tier):
    for m, n, k in [(10, 12, 8), (37, 50, 40), (64, 40, 300), (200, 400, 130)]:
        a, b, bias, _ = make(m, n, k, dtype)
        results = []
        for _, x in layouts(a):
            results.append(np.empty((m, n), dtype))
            _native.gemm(results[-1], x, b, bias)
        for other in results[1:]:
            np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_accumulation_in_two_calls_are_those_of_one(dtype, tier):
    a, b, _, _ = make(30, 21, 90, dtype)
    whole, parts = np.empty((30, 21), dtype), np.empty((30, 21), dtype)
    _native.gemm(whole, a, b)
    _native.gemm(parts, a[:, :37], b[:37])
    _native.gemm(parts, a[:, 37:], b[37:], accumulate=True)
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("dtype", DTYPES)
def test_descent_in_one_gets_the_bits_of_a_gradient_and_an_update(dtype, tier):
    for m, (k, n) in itertools.product(
        (1, 3, 4, 31, 32, 100, 256),
        ((1, 60), (2, 1), (3, 7), (9, 16), (40, 48), (70, 108), (30, 600)),
    ):
        rng = np.random.default_rng([m, k, n])
        x, dy, w = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (m, n), (k, n)))
        x[0, 0] = np.nan if m == 3 else x[0, 0]
        g = dense.weight_gradient(x, dy)
        panels = Guarded((_native.panels_size(k, n),), dtype)
        panels.array[:] = 77
        _native.pack(panels.array, w)
        for first, last in ((0, k // 3), (k // 3, k)):  # as two tasks
            dense.descend(panels.array, x, dy, 0.1, first, last)
        panels.check()
        found = np.empty_like(w)
        _native.unpack(found, panels.array)
        optimizers.update("sgd", w, g, [], (0.1,), 0)
        np.testing.assert_array_equal(found, w)
        _native.pack(panels.array, np.full_like(w, 77))
        assert (panels.array == 77).all()  # what fills up the panels was left alone


def test_tiers_with_fma_agree_to_the_bit():
    fma = [name for name in _native.tiers() if name != "scalar"]
    before = _native.tier()
    try:
        for m, n, k in [(10, 12, 8), (8, 1, 20), (20, 1, 300), (64, 40, 300), (5, 3, 7)]:
            a, b, bias, _ = make(m, n, k, np.float32)
            results = []
            for name in fma:
                _native.set_tier(name)
                results.append(np.empty((m, n), np.float32))
                _native.gemm(results[-1], a, b, bias)
            for other in results[1:]:
                np.testing.assert_array_equal(other, results[0])
    finally:
        _native.set_tier(before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_reach_their_row_only(value, dtype, tier):
    for m, n, k in [(9, 1, 20), (9, 5, 20), (9, 20, 20), (40, 33, 64)]:
        for order in "CF":
            a, b, bias, _ = make(m, n, k, dtype)
            a, b = np.array(a, order=order), abs(b) + dtype(0.5)
            a[4, 3] = value
            c = np.empty((m, n), dtype)
            _native.gemm(c, a, b, bias, relu=True)
            want = 0 if value == -np.inf else value
            np.testing.assert_array_equal(c[4], np.full(n, want, dtype))
            assert np.isfinite(np.delete(c, 4, axis=0)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_keeps_nan_of_b_and_of_the_bias(dtype, tier):
    for n in (1, 5, 20):
        a, b, bias, _ = make(8, n, 20, dtype)
        c = np.empty((8, n), dtype)
        _native.gemm(c, a, b, np.full(n, np.nan, dtype), relu=True)
        assert np.isnan(c).all()
        b[7, n // 2] = np.nan
        _native.gemm(c, a, b, bias, relu=True)
        assert np.isnan(c[:, n // 2]).all()
        assert np.isfinite(np.delete(c, n // 2, axis=1)).all()


def test_wrong_arguments_are_refused():
    f = np.float32
    c, a, b = np.zeros((2, 3), f), np.zeros((2, 4), f), np.zeros((4, 3), f)
    with pytest.raises(ValueError, match=r"gemm: expected c \(m, n\).*\(2, 3\), \(4, 2\)"):
        _native.gemm(c, a.T, b)
    with pytest.raises(ValueError, match="bias"):
        _native.gemm(c, a, b, np.zeros(2, f))
    with pytest.raises(ValueError, match="gemm b: expected contiguous rows"):
        _native.gemm(c, a, np.zeros((3, 4), f).T)
    with pytest.raises(ValueError, match="gemm c: expected contiguous rows"):
        _native.gemm(np.zeros((3, 2), f).T, a, b)
    with pytest.raises(TypeError, match="one dtype"):
        _native.gemm(c, a.astype(np.float64), b)
    with pytest.raises(TypeError, match="float32 or float64"):
        _native.gemm(c.astype(int), a, b)
    with pytest.raises(TypeError, match=r"float32 or float64.*list"):
        _native.gemm(c, a.tolist(), b)
    c.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _native.gemm(c, a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("m", [1, 2, 6, 13, 29])
@pytest.mark.parametrize("n", [1, 3, 8, 10, 16, 24, 47, 48, 50, 100])
@pytest.mark.parametrize("k", [1, 5, 16, 40, 300])
def test_panels_give_the_bits_of_rows(k, n, m, transposed, dtype, tier):
    random = np.random.default_rng([k, n, m])
    a, b = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, n)).astype(dtype)
    bias = random.normal(size=n).astype(dtype)
    source = read_only(b.T if transposed else b)
    panels = Guarded((_native.panels_size(k, n),), dtype)
    panels.array[:] = np.nan  # what fills up the last panel must not be read into c
    cut = len(source) // 3
    _native.pack(panels.array, source, transposed, 0, cut)
    _native.pack(panels.array, source, transposed, cut)
    panels.check()
    c, want = Guarded((m, n), dtype), np.zeros((m, n), dtype)
    _native.gemm(c.array, a, b, bias, relu=True, panels=panels.array)
    c.check()
    _native.gemm(want, a, np.ascontiguousarray(b), bias, relu=True)
    if transposed:
        turned, again = np.full(_native.panels_size(n, k), np.nan, dtype), Guarded((m, n), dtype)
        _native.pack(turned, source)
        _native.gemm(again.array, a, b, bias, relu=True, turned=read_only(turned))
        again.check()
        np.testing.assert_array_equal(again.array, c.array)
    if n == 1:  # without panels a sum of 16 lanes
        np.testing.assert_allclose(c.array, want, rtol=1e-4, atol=1e-4)
    else:
        np.testing.assert_array_equal(c.array, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 3, 8, 10, 16, 24, 47, 48, 50, 100])
@pytest.mark.parametrize("k", [1, 5, 16, 40, 300])
def test_panels_give_the_matrix_back_and_panels_of_its_transpose(k, n, dtype, tier):
    b = np.random.default_rng([k, n]).normal(size=(k, n)).astype(dtype)
    panels = np.full(_native.panels_size(k, n), np.nan, dtype)
    _native.pack(panels, b)
    panels.flags.writeable = False
    cut = k // 3
    back = Guarded((k, n), dtype)
    _native.unpack(back.array, panels, 0, cut)
    _native.unpack(back.array, panels, cut)
    back.check()
    np.testing.assert_array_equal(back.array, b)
    turned, want = (Guarded((_native.panels_size(n, k),), dtype) for _ in range(2))
    turned.array[:] = want.array[:] = np.nan
    _native.pack(want.array, b, True)
    _native.pack(turned.array, b, True, 0, cut, panels=panels)
    _native.pack(turned.array, b, True, cut, panels=panels)
    turned.check()
    np.testing.assert_array_equal(turned.array, want.array)


def test_wrong_panels_are_refused():
    b, panels = np.zeros((5, 7), np.float32), np.zeros(_native.panels_size(5, 7), np.float32)
    with pytest.raises(ValueError, match="unpack: expected panels that hold a"):
        _native.unpack(b, panels[:-1])
    with pytest.raises(ValueError, match="pack: expected panels that hold a, for its transpose"):
        _native.pack(np.zeros(_native.panels_size(7, 5), np.float32), b, True, panels=panels[:-1])
    with pytest.raises(ValueError, match="pack: expected panels that hold a, for its transpose"):
        _native.pack(panels.copy(), b, panels=panels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 5, 16, 20, 50, 70, 200])
def test_a_product_may_be_stored_once_more_in_panels(n, dtype, tier):
    for m, k, gated in itertools.product([1, 9, 40, 200], [0, 1, 8, 40, 256, 600], [False, True]):
        a, b, _, y = make(m, n, k, dtype)
        options = {"gate": read_only(y), "factor": 1.25} if gated else {}
        want = Guarded((m, n), dtype)
        in_panels = np.zeros(_native.panels_size(k, n), dtype)
        _native.pack(in_panels, b)
        across = np.zeros(_native.panels_size(n, k), dtype)
        _native.pack(across, b.T.copy())
        for how in [{"panels": in_panels}] + [{"turned": across}] * (k > 0):
            _native.gemm(want.array, a, read_only(b), **how, **options)
            c, again = Guarded((m, n), dtype), Guarded((_native.panels_size(m, n),), dtype)
            _native.gemm(c.array, a, read_only(b), **how, **options, again=again.array)
            c.check()
            again.check()
            np.testing.assert_array_equal(c.array, want.array)
            unpacked = np.empty((m, n), dtype)
            _native.unpack(unpacked, again.array)
            np.testing.assert_array_equal(unpacked, want.array)
    with pytest.raises(ValueError, match="panels that hold c"):
        _native.gemm(c.array, a, b, panels=in_panels, again=again.array[:1])
