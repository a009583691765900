"""Activations, softmax and dropout: native = NumPy twin, on every tier, at awkward sizes and places."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fastmlp._core import _native
from fastmlp._core import activations as native
from fastmlp._reference import activations as reference
from fastmlp._reference import dropout as dropout_reference

ELEMENTWISE = [name for name in native.ACTIVATIONS if "softmax" not in name]
ROWS = ["softmax", "log_softmax"]
SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 97]  # around every tier's number of lanes
DTYPES = [np.float32, np.float64]
PARAMS = {
    "relu_general": [
        (),
        (0.3,),
        (0.0, 2.0),
        (0.25, 1.5, 0.5),
        (0.1, np.inf, -0.5),
        (0.0, 1.0, -0.5),
    ],
    "leaky_relu": [(), (0.05,)],
    "elu": [(), (0.6,)],
    "celu": [(), (0.6,)],
    "squareplus": [(), (0.25,)],
    "soft_shrink": [(), (1.25,)],
    "hard_shrink": [(), (1.25,)],
    "threshold": [(), (0.5, -2.0)],
}
CASES = [(name, params) for name in ELEMENTWISE for params in PARAMS.get(name, [()])]

# float32: a few ULP of the functions (test_math.py holds them tighter), plus the products' roundings;
# absolute where a derivative is the difference of numbers near 1, times a dy of up to ten.
TOLERANCE = {np.float32: {"rtol": 3e-6, "atol": 1e-6}, np.float64: {"rtol": 1e-12, "atol": 1e-14}}


def numbers(shape: int | tuple[int, ...], dtype: type, seed: int = 0) -> np.ndarray:
    """Random values of a few units, with the points where a function bends among them."""
    x = np.random.default_rng(seed).normal(size=shape) * 3
    bends = np.array([0.0, -3.0, 3.0, 6.0, 0.5, -0.5, 1.0, -1.0])[: x.size]
    x.reshape(-1)[-len(bends) :] = bends if x.size else []
    return x.astype(dtype)


def defaults(name: str, params: tuple[float, ...]) -> tuple[float, ...]:
    return (*params, *tuple(native.PARAMETERS.get(name, {}).values())[len(params) :])


def guarded(n: int, dtype: type, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """A vector of n elements inside a larger one that must not change, off any vector's alignment."""
    whole = np.full(n + 64, 77, dtype)
    return whole, whole[32 + offset : 32 + offset + n]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_forward_is_the_formula(tier: str, name: str, params: tuple, dtype: type) -> None:
    for n in SIZES:
        x = numbers(n, dtype, n)
        x.flags.writeable = False
        for offset in (0, 1, 3):
            whole, y = guarded(n, dtype, offset)
            assert native.forward(name, x, params, out=y) is y
            expected = reference.forward(name, x, defaults(name, params))
            np.testing.assert_allclose(y, expected, **TOLERANCE[dtype])
            whole[32 + offset : 32 + offset + n] = 77
            assert (whole == 77).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_backward_is_the_formula(tier: str, name: str, params: tuple, dtype: type) -> None:
    for n in SIZES:
        x, dy = numbers(n, dtype, n), numbers(n, dtype, n + 1)
        saved = native.forward(name, x, params) if native.ACTIVATIONS[name] == "y" else x
        saved.flags.writeable = dy.flags.writeable = False
        for offset in (0, 1, 3):
            whole, dx = guarded(n, dtype, offset)
            native.backward(name, dy, saved, params, out=dx)
            expected = reference.backward(name, dy, saved, defaults(name, params))
            np.testing.assert_allclose(dx, expected, **TOLERANCE[dtype])
            whole[32 + offset : 32 + offset + n] = 77
            assert (whole == 77).all()


@pytest.mark.parametrize(("name", "params"), [c for c in CASES if c[0] != "step"])
def test_gradient_is_the_central_difference(name: str, params: tuple) -> None:
    x = np.linspace(-7.03, 7.01, 301)  # no point next to a bend
    h = 1e-5
    slope = (native.forward(name, x + h, params) - native.forward(name, x - h, params)) / (2 * h)
    saved = native.forward(name, x, params) if native.ACTIVATIONS[name] == "y" else x
    dx = native.backward(name, np.ones_like(x), saved, params)
    np.testing.assert_allclose(dx, slope, rtol=1e-7, atol=1e-9)  # h² f''' / 6 and eps / h


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*ELEMENTWISE, *ROWS])
def test_results_may_replace_inputs(tier: str, name: str, dtype: type) -> None:
    x, dy = numbers((5, 21), dtype), numbers((5, 21), dtype, 1)
    y = native.forward(name, x)
    saved = y if native.ACTIVATIONS[name] == "y" else x
    dx = native.backward(name, dy, saved)
    z = x.copy()
    assert native.forward(name, z, out=z) is z
    np.testing.assert_array_equal(z, y)
    dz = dy.copy()
    native.backward(name, dz, saved, out=dz)
    np.testing.assert_array_equal(dz, dx)


def test_fma_tiers_agree_to_the_bit_and_scalar_nearly() -> None:
    x, dy = numbers(1009, np.float32), numbers(1009, np.float32, 1)
    before = _native.tier()
    results: dict[str, list[np.ndarray]] = {}
    for name in _native.tiers():
        _native.set_tier(name)
        results[name] = [f for act in native.ACTIVATIONS for f in _both(act, x, dy)]
    _native.set_tier(before)
    fma = [r for name, r in results.items() if name != "scalar"]
    for other in fma[1:]:
        for a, b in zip(fma[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    for other in fma:
        for a, b in zip(results["scalar"], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def _both(name: str, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = native.forward(name, x)
    saved = reference.forward(name, x, defaults(name, ())).astype(np.float32)
    return y, native.backward(name, dy, saved if native.ACTIVATIONS[name] == "y" else x)


@pytest.mark.parametrize(
    ("name", "x", "slope"),
    [
        ("relu", 0.0, 0.0),
        ("relu6", 0.0, 0.0),
        ("relu6", 6.0, 0.0),
        ("leaky_relu", 0.0, 1.0),
        ("elu", 0.0, 1.0),
        ("selu", 0.0, 1.0507009873554805 * 1.6732632423543772),
        ("hard_sigmoid", -3.0, 0.0),
        ("hard_sigmoid", 3.0, 0.0),
        ("softsign", 0.0, 1.0),
        ("relu_general", 0.0, 0.0),
        ("celu", 0.0, 1.0),
        ("sparse_plus", -1.0, 0.0),
        ("sparse_plus", 1.0, 1.0),
        ("sparse_sigmoid", -1.0, 0.25),
        ("sparse_sigmoid", 1.0, 0.25),
        ("soft_shrink", 0.5, 0.0),
        ("hard_shrink", -0.5, 0.0),
        ("hard_tanh", 1.0, 1.0),
        ("hard_tanh", -1.0, 1.0),
        ("hard_silu", -3.0, 0.0),
        ("hard_silu", 3.0, 1.0),
        ("threshold", 0.0, 0.0),
    ],
)
def test_gradient_at_a_bend_is_that_of_keras(tier: str, name: str, x: float, slope: float) -> None:
    for dtype in DTYPES:
        array = np.full(9, x, dtype)
        saved = native.forward(name, array) if native.ACTIVATIONS[name] == "y" else array
        dx = native.backward(name, np.ones(9, dtype), saved)
        np.testing.assert_allclose(dx, slope, rtol=1e-6)


def test_step_counts_zero_as_the_class_and_trains_straight_through(tier: str) -> None:
    x = np.array([-1.0, -1e-30, -0.0, 0.0, 1e-30, 2.0], np.float32)
    np.testing.assert_array_equal(native.forward("step", x), [0, 0, 1, 1, 1, 1])
    dy = numbers(6, np.float32)
    np.testing.assert_array_equal(native.backward("step", dy, x), dy)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_softmax_is_the_formula(tier: str, name: str, dtype: type) -> None:
    for m in (0, 1, 3):
        for n in (1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 1000):
            x, dy = numbers((m, n), dtype, n), numbers((m, n), dtype, n + 1)
            whole, flat = guarded(m * n, dtype, 1)
            y = native.forward(name, x, out=flat.reshape(m, n))
            np.testing.assert_allclose(y, reference.forward(name, x), **TOLERANCE[dtype])
            dx = native.backward(name, dy, y)
            # float32: the sum over the row, of up to a thousand products, is rounded as well
            tolerance = dict(TOLERANCE[dtype], atol=2e-5 if dtype == np.float32 else 1e-12)
            np.testing.assert_allclose(dx, reference.backward(name, dy, y), **tolerance)
            flat[:] = 77
            assert (whole == 77).all()


@pytest.mark.parametrize("name", ROWS)
def test_softmax_gradient_is_the_central_difference(name: str) -> None:
    x, dy = numbers((2, 5), np.float64), numbers((2, 5), np.float64, 1)
    dx = native.backward(name, dy, native.forward(name, x))
    for i in np.ndindex(x.shape):
        h = np.zeros_like(x)
        h[i] = 1e-6
        difference = native.forward(name, x + h) - native.forward(name, x - h)
        np.testing.assert_allclose(dx[i], (dy * difference).sum() / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_neither_overflows_nor_spreads_nan(tier: str, dtype: type) -> None:
    x = np.array([[1e30, 0, -1e30], [-1e30, -1e30, -1e30], [1, np.nan, 2], [0, 0, -np.inf]], dtype)
    expected = np.array([[1, 0, 0], [1 / 3] * 3, [np.nan] * 3, [0.5, 0.5, 0]])
    np.testing.assert_allclose(native.forward("softmax", x), expected, rtol=1e-6)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(
            native.forward("log_softmax", x[1:]), np.log(expected[1:]), rtol=1e-6
        )
    bad = np.array([[np.inf, 0], [-np.inf, -np.inf]], dtype)
    assert np.isnan(native.forward("softmax", bad)).all()


def test_softmax_rows_sum_to_one_and_ignore_a_shift(tier: str) -> None:
    x = numbers((50, 10), np.float32)
    y = native.forward("softmax", x)
    np.testing.assert_allclose(y.sum(1), 1, rtol=3e-7)
    np.testing.assert_allclose(native.forward("softmax", x + 64), y, rtol=3e-5)


# Dropout

DRAW = {"seed": 0x123456789ABCDEF0, "stream": 3, "step": 17}


@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout_keeps_what_philox_decides(tier: str, dtype: type) -> None:
    for n in (*SIZES, 63, 64, 65, 127, 128, 129, 1009):
        for first in (0, 1, 7, 8, 63, 64, 2**33 + 5):
            x = numbers(n, dtype, n)
            x.flags.writeable = False
            whole, y = guarded(n, dtype, 1)
            bytes_, mask = guarded(n, np.uint8, 3)
            native.dropout(x, 0.3, first=first, out=y, mask=mask, **DRAW)
            keep = dropout_reference.keep(n, 0.3, first=first, **DRAW)
            np.testing.assert_array_equal(mask, keep)
            scale = dtype(1 / 0.7)
            np.testing.assert_array_equal(y, np.where(keep, x * scale, 0))
            dx = native.dropout_backward(x, mask, 0.3)
            np.testing.assert_array_equal(dx, y)
            y[:] = mask[:] = 77
            assert (whole == 77).all() and (bytes_ == 77).all()


def test_dropout_does_not_depend_on_where_a_chunk_begins(tier: str) -> None:
    x = np.ones(1000, np.float32)
    _, whole = native.dropout(x, 0.5, **DRAW)
    rng = np.random.default_rng(0)
    for _ in range(20):
        cuts = [0, *sorted(rng.integers(0, 1001, 5)), 1000]
        parts = [native.dropout(x[a:b], 0.5, first=int(a), **DRAW)[1] for a, b in pairwise(cuts)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_dropout_works_in_place(tier: str) -> None:
    x = numbers(100, np.float32)
    y, mask = native.dropout(x, 0.4, **DRAW)
    z = x.copy()
    native.dropout(z, 0.4, out=z, **DRAW)
    np.testing.assert_array_equal(z, y)
    native.dropout_backward(x, mask, 0.4, out=x)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(rate: float) -> None:
    n = 1_000_000
    y, mask = native.dropout(np.ones(n, np.float32), rate, **DRAW)
    deviation = np.sqrt(rate * (1 - rate) / n)
    assert abs(mask.mean() - (1 - rate)) < 4 * deviation + 2**-17  # and the rate's own rounding
    assert abs(y.mean(dtype=np.float64) - 1) < (4 * deviation + 2**-17) / (1 - rate)


@pytest.mark.parametrize("change", [{"seed": 1}, {"stream": 4}, {"step": 18}, {"step": 17 + 2**32}])
def test_dropout_masks_of_other_draws_are_independent(change: dict[str, int]) -> None:
    x = np.ones(100_000, np.float32)
    _, a = native.dropout(x, 0.5, **DRAW)
    _, b = native.dropout(x, 0.5, **(DRAW | change))
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(len(x))
    assert abs(np.corrcoef(a[:-1], b[1:])[0, 1]) < 4 / np.sqrt(len(x))


def test_dropout_at_rate_zero_is_the_identity_and_at_one_all_zero(tier: str) -> None:
    x = np.array([1, -2, np.inf, np.nan, 5, 6, 7, 8, 9], np.float32)
    y, mask = native.dropout(x, 0.0, **DRAW)
    np.testing.assert_array_equal(y, x)
    assert mask.all()
    y, mask = native.dropout(x, 1.0, **DRAW)
    np.testing.assert_array_equal(y, 0)
    assert not mask.any()


# Bad input


def test_bad_arguments_raise() -> None:
    x = np.ones(4, np.float32)
    with pytest.raises(ValueError, match="Unknown activation kernel 'rellu'"):
        native.forward("rellu", x)
    with pytest.raises(TypeError, match="float32 or float64"):
        native.forward("relu", np.ones(4, np.int64))
    with pytest.raises(ValueError, match="at most 1 parameters"):
        native.forward("elu", x, (1.0, 2.0))
    with pytest.raises(ValueError, match="expected shape"):
        native.backward("relu", x, np.ones(5, np.float32))
    read_only = np.empty(4, np.float32)
    read_only.flags.writeable = False
    for out in (np.empty(5, np.float32), np.empty(4), np.empty(8, np.float32)[::2], read_only):
        with pytest.raises(ValueError, match="expected out"):
            native.forward("relu", x, out=out)
    with pytest.raises(ValueError, match="at least one axis"):
        native.forward("softmax", np.float32(1))
    with pytest.raises(ValueError, match="rate in"):
        native.dropout(x, 1.5, **DRAW)
    with pytest.raises(ValueError, match="uint8 mask"):
        native.dropout_backward(x, np.ones(3, np.uint8), 0.5)


def test_strided_inputs_are_read_as_they_are() -> None:
    x = numbers((6, 8), np.float32)
    np.testing.assert_array_equal(native.forward("tanh", x.T), native.forward("tanh", x).T)
    np.testing.assert_array_equal(
        native.forward("softmax", x[::-1, ::2]), native.forward("softmax", x[::-1, ::2].copy())
    )
