"""Optimizer updates: native = NumPy twin over many steps, on every tier."""

from __future__ import annotations

import numpy as np
import pytest

from bench.hyper import HYPER, hyper_of
from fastmlp._core import _native
from fastmlp._core import optimizers as native
from fastmlp._core.losses import run_op
from fastmlp._reference import updates as reference

SIZES = [0, 1, 3, 7, 8, 9, 15, 16, 17, 61]
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", native.UPDATES)
def test_twenty_steps_are_those_of_the_formula(tier: str, kind: str, dtype: type) -> None:
    hyper = hyper_of(kind)
    for n in SIZES:
        rng = np.random.default_rng(n)
        whole = [np.full(n + 16, 77, dtype) for _ in range(1 + native.UPDATES[kind])]
        w, *slots = (a[5 : 5 + n] for a in whole)
        w[:] = rng.normal(size=n)
        for s in slots:
            s[:] = 0.1 if kind in ("adagrad", "ftrl", "ftrl_power") else 0
        w_exact, slots_exact = w.astype(np.float64), [s.astype(np.float64) for s in slots]
        for t in range(20):
            g = rng.normal(size=n).astype(dtype)
            g.flags.writeable = False
            native.update(kind, w, g, slots, hyper, t)
            w_exact, slots_exact = reference.update(kind, w_exact, g, slots_exact, hyper, t)
        # float32: twenty roundings; centered rmsprop subtracts two near numbers under its root
        tolerance = {"rtol": 2e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-12}
        np.testing.assert_allclose(w, w_exact, **tolerance)
        for s, exact in zip(slots, slots_exact, strict=True):
            np.testing.assert_allclose(s, exact, **tolerance)
        for a in whole:
            a[5 : 5 + n] = 77
            assert (a == 77).all()


def test_roots_are_rounded_as_the_processor_does(tier: str) -> None:
    """rmsprop with rho = 1, epsilon = 0 and a gradient of 1 is w = 0 - 1 / sqrt(v)."""
    v = np.arange(0, 0x7FC00000, 509, dtype=np.uint32).view(np.float32)
    v = np.concatenate([v, np.array([0, np.inf, np.nan, -1], np.float32)])
    w = np.zeros_like(v)
    native.update("rmsprop", w, np.ones_like(v), [v.copy()], (1.0, 1.0, 0.0, 0.0), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = -1 / np.sqrt(v)
    large = ~(v < 2**-100) | (v == 0)
    np.testing.assert_array_equal(w[large], exact[large])
    np.testing.assert_allclose(w[~large], exact[~large], rtol=3e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", native.UPDATES)
def test_weights_in_panels_get_the_bits_of_weights_in_rows(
    tier: str, kind: str, dtype: type
) -> None:
    hyper = hyper_of(kind)
    for k, n in ((1, 1), (3, 5), (4, 16), (2, 24), (5, 61), (6, 100)):
        rng = np.random.default_rng([k, n])
        w = rng.normal(size=(k, n)).astype(dtype)
        slots = [np.full((k, n), 0.1, dtype) for _ in range(native.UPDATES[kind])]
        panels = np.full(_native.panels_size(k, n) + 8, 77, dtype)
        _native.pack(panels[:-8], w)
        before, same_slots = w.copy(), [s.copy() for s in slots]
        for t in range(3):
            g = rng.normal(size=(k, n)).astype(dtype)
            native.update(kind, before, g, same_slots, hyper, t, panels[:-8])
            native.update(kind, w, g, slots, hyper, t)
        found = np.empty_like(w)
        _native.unpack(found, panels[:-8])
        np.testing.assert_array_equal(found, w)
        np.testing.assert_array_equal(same_slots, slots)
        assert not np.array_equal(before, w)  # it was not touched
        _native.pack(panels[:-8], np.full_like(w, 77))
        assert (panels == 77).all()


@pytest.mark.parametrize("kind", native.UPDATES)
def test_several_weights_at_once_get_the_bits_of_one_by_one(kind: str) -> None:
    rng = np.random.default_rng(4)
    shapes: list[tuple[tuple[int, ...], type]] = [
        ((3, 5), np.float32),
        ((), np.float64),
        ((7,), np.float32),
    ]
    weights = [np.asarray(rng.normal(size=shape), dtype) for shape, dtype in shapes]
    gradients = [np.asarray(rng.normal(size=shape), dtype) for shape, dtype in shapes]
    slots = [[np.full_like(w, 0.1) for _ in range(native.UPDATES[kind])] for w in weights]
    twins = [(w.copy(), [s.copy() for s in own]) for w, own in zip(weights, slots, strict=True)]
    native.update_all(kind, weights, gradients, slots, hyper_of(kind), 3)
    for (w, own), g in zip(twins, gradients, strict=True):
        native.update(kind, w, g, own, hyper_of(kind), 3)
    for found, own_found, (w, own) in zip(weights, slots, twins, strict=True):
        np.testing.assert_array_equal(found, w)
        np.testing.assert_array_equal(own_found, own)


def test_several_weights_are_looked_at_before_one_changes() -> None:
    w = [np.ones(3, np.float32), np.ones(3, np.float32)]
    for bad in (
        np.ones(4, np.float32),
        np.ones(3),
        np.ones((3, 1), np.float32),
        np.ones(6, np.float32)[::2],
    ):
        with pytest.raises(ValueError, match="sgd: expected contiguous arrays"):
            native.update_all("sgd", w, [np.ones(3, np.float32), bad], [[], []], (0.1,), 0)
    assert (np.array(w) == 1).all()


@pytest.mark.parametrize("kind", native.UPDATES)
def test_nan_in_the_gradient_reaches_the_weight_and_only_it(tier: str, kind: str) -> None:
    w = np.ones(19, np.float32)
    g = np.ones(19, np.float32)
    g[[2, 17]] = np.nan
    slots = [np.full(19, 0.1, np.float32) for _ in range(native.UPDATES[kind])]
    native.update(kind, w, g, slots, hyper_of(kind), 0)
    np.testing.assert_array_equal(np.isnan(w), np.isnan(g))


def test_first_step_of_adam_moves_by_the_learning_rate(tier: str) -> None:
    w, g = np.zeros(3, np.float32), np.array([5.0, -0.01, 0.0], np.float32)
    native.update("adam", w, g, [np.zeros(3, np.float32) for _ in range(2)], hyper_of("adam"), 0)
    np.testing.assert_allclose(w, [-0.01, 0.01, 0.0], rtol=1e-3)


@pytest.mark.parametrize("kind", ["adam", "adamax", "nadam", "schedule_free"])
def test_scalars_do_not_depend_on_how_they_were_reached(kind) -> None:
    hyper = hyper_of(kind)
    state = np.zeros(8)
    for t in range(1200):
        h = native.scalars(kind, hyper, t, state)
        if t % 97 == 0 or t > 1180:
            np.testing.assert_array_equal(native.scalars(kind, hyper, t), h)
    # a step that is prepared twice, one that is gone back to, and another beta from there on
    np.testing.assert_array_equal(native.scalars(kind, hyper, 1199, state), h)
    np.testing.assert_array_equal(
        native.scalars(kind, hyper, 3, state), native.scalars(kind, hyper, 3)
    )
    other = (hyper[0], 0.7, 0.98, *hyper[3:])
    for t in (4, 5, 5 + 16):
        if kind != "nadam":  # whose product is that of the betas of each step
            np.testing.assert_array_equal(
                native.scalars(kind, other, t, state), native.scalars(kind, other, t)
            )


@pytest.mark.parametrize("kind", native.UPDATES)
def test_scalars_stay_finite_and_end_with_the_learning_rate(kind: str) -> None:
    for t in (0, 1, 1000, 10**6, 10**12):
        h = native.scalars(kind, hyper_of(kind), t)
        assert np.isfinite(h).all()
        assert h[7] == HYPER["learning_rate"]


@pytest.mark.parametrize("kind", ["adam", "adamax", "nadam"])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 1 - 1e-6])
def test_bias_corrections_are_left_out_only_where_they_change_no_bit(kind, beta) -> None:
    def expected(t: int) -> float:
        first, second = 1 - beta ** (t + 1.0), 1 - beta ** (t + 1.0)
        return {"adam": 0.1 * np.sqrt(second) / first, "adamax": 0.1 / first, "nadam": 1 / second}[
            kind
        ]

    hyper = (0.1, beta, beta, 1e-7)
    end = int(40 / (1 - beta))
    for t in {0, 1, 7, 40, *range(max(0, end - 3), end + 3), 2 * end, 10**12}:
        came = native.scalars(kind, hyper, t)[5 if kind == "nadam" else 0]
        if t + 1 < end:  # beta^t by multiplications: their rounding counts as beta's own would
            assert came == pytest.approx(expected(t), rel=16 * 2.0**-53 / (1 - beta), abs=0)
        else:
            assert came == expected(t)


def test_learning_rate_of_zero_leaves_the_weights() -> None:
    for kind, slots in native.UPDATES.items():
        if kind in ("ftrl", "ftrl_power", "schedule_free"):
            continue  # ftrl divides by it; schedule_free moves between its two sequences
        w = np.arange(9, dtype=np.float32)
        hyper = (0.0, *hyper_of(kind)[1:])
        native.update(kind, w, w + 1, [np.zeros(9, np.float32) for _ in range(slots)], hyper, 0)
        np.testing.assert_array_equal(w, np.arange(9))


# The ops, as the executor calls them: rows 1 … 3 of a weight with four rows.


@pytest.mark.parametrize("dtype", DTYPES)
def test_update_op_touches_its_rows_only(dtype: type) -> None:
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=(4, 5)).astype(dtype), rng.normal(size=(4, 5)).astype(dtype)
    slots = [np.zeros((4, 5), dtype), np.zeros((4, 5), dtype)]
    h = native.scalars("adam", hyper_of("adam"), 6).astype(dtype)
    expected, other = w.copy(), [s.copy() for s in slots]
    native.update("adam", expected, g, other, hyper_of("adam"), 6)
    before = w.copy()
    index = list(native.UPDATES).index("adam")
    run = native.OPS["update"][dtype == np.float64]
    run_op(run, [w, g, *slots, None, h], [index, 5, 5], [], None, [(0, 1, 1, 3)], 1)
    np.testing.assert_array_equal(w[1:3], expected[1:3])
    np.testing.assert_array_equal(w[[0, 3]], before[[0, 3]])
    np.testing.assert_array_equal(slots[1][[0, 3]], 0)
    np.testing.assert_array_equal(slots[1][1:3], other[1][1:3])


@pytest.mark.parametrize("dtype", DTYPES)
def test_penalty_clip_and_decay_ops(dtype: type) -> None:
    rng = np.random.default_rng(1)
    w, g = rng.normal(size=(4, 5)).astype(dtype), rng.normal(size=(4, 5)).astype(dtype)
    w[2, 2] = 0
    rows = [(0, 1, 1, 3)]
    double = dtype == np.float64
    tolerance = {"rtol": 1e-6 if dtype == np.float32 else 1e-13}

    expected = g.copy()
    expected[1:3] += 0.3 * np.sign(w[1:3]) + 2 * 0.2 * w[1:3]
    run_op(native.OPS["penalty"][double], [g, w], [5, 5], [0.3, 0.2], None, rows, 1)
    np.testing.assert_allclose(g, expected, **tolerance)

    expected[1:3] = np.clip(expected[1:3], -0.5, 0.5)
    run_op(native.OPS["clip"][double], [g], [5, 5], [0.5], None, rows, 1)
    np.testing.assert_allclose(g, expected, **tolerance)

    expected = w.copy()
    expected[1:3] -= expected[1:3] * 0.004 * 0.01
    h = native.scalars("adam", hyper_of("adam"), 0).astype(dtype)
    run_op(native.OPS["decay"][double], [w, h], [5], [0.004], None, rows, 1)
    np.testing.assert_allclose(w, expected, **tolerance)


def test_weight_decay_is_not_biased_by_rounding() -> None:
    rng = np.random.default_rng(2)
    w = rng.uniform(0.5, 1, 10_000).astype(np.float32)
    before = w.astype(np.float64)
    h = np.zeros(8, np.float32)
    h[7] = 0.001
    for _ in range(100):
        run_op(native.OPS["decay"][0], [w, h], [1], [0.004], None, [(0, 1, 0, len(w))], 1)
    lost = (before - w).mean()
    exact = (before * (1 - (1 - 4e-6) ** 100)).mean()
    assert abs(lost - exact) < 0.01 * exact


def test_bad_arguments_raise() -> None:
    w = np.ones(4, np.float32)
    with pytest.raises(ValueError, match="Unknown update 'adan'"):
        native.update("adan", w, w, [], (0.1,), 0)
    with pytest.raises(ValueError, match="expected 2 slots"):
        native.update("adam", w, w, [w], hyper_of("adam"), 0)
    with pytest.raises(ValueError, match="learning_rate, beta_1, beta_2, epsilon"):
        native.update("adam", w, w, [w, w], (0.1,), 0)
    with pytest.raises(ValueError, match="contiguous arrays"):
        native.update("sgd", w, np.ones(5, np.float32), [], (0.1,), 0)
    with pytest.raises(ValueError, match="contiguous arrays"):
        native.update("sgd", w, np.ones(4), [], (0.1,), 0)
    read_only = np.ones(4, np.float32)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        native.update("sgd", read_only, w, [], (0.1,), 0)
    with pytest.raises(ValueError, match="t >= 0"):
        native.scalars("sgd", (0.1,), -1)
