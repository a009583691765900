"""The row functions of losses, and the op on top of them."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import pytest

from fastmlp._core import _native
from fastmlp._core import losses as native
from fastmlp._reference import losses as reference
from tests.core.guards import Guarded, read_only

SIZES = [0, 1, 2, 63, 64, 65, 131]  # of rows: around the op's block of 64
WIDTHS = [1, 2, 3, 10, 17]
PARAMS = {"delta": 0.7, "label_smoothing": 0.2, "threshold": 0.4}
DIFFERENTIABLE = [kind for kind in native.ROWS if not kind.endswith("accuracy")]
FUSED = [kind for kind in native.ROWS if kind.endswith(("_sigmoid", "_softmax"))]


def params_of(kind):
    return tuple(PARAMS[name] for name in native.PARAMS[kind])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def probabilities_of(kind):
    """What turns logits into the predictions that a fused row function is given."""
    return sigmoid if kind.endswith("_sigmoid") else softmax


def make(kind, m, n, dtype=np.float64, seed=0, tn=None):
    """Targets and predictions that a loss of this kind is meant for."""
    rng = np.random.default_rng([seed, m, n, zlib.crc32(kind.encode())])
    rule = native.TARGETS[kind]
    if kind.endswith("_logits") or "hinge" in kind or "error" in kind:
        p = rng.normal(size=(m, n)) * 2
    elif kind in ("huber", "log_cosh", "cosine_similarity"):
        p = rng.normal(size=(m, n))
    else:
        p = rng.uniform(0.02, 0.98, (m, n))
    if kind.endswith("_softmax"):
        p = p / p.sum(axis=1, keepdims=True)
    if kind == "mean_squared_logarithmic_error":
        p = np.abs(p)
    width = tn or (1 if rule == "class" else n)
    if rule == "class":
        t = rng.integers(0, n, (m, 1))
    elif "categorical" in kind:
        t = np.eye(width)[rng.integers(0, width, m)]
    elif "binary" in kind or "hinge" in kind:
        t = rng.integers(0, 2, (m, width))
    elif kind == "accuracy":
        t = rng.integers(0, 2, (m, width))
        p = rng.integers(0, 2, (m, n))
    elif kind in ("poisson", "kl_divergence") or "logarithmic" in kind:
        t = rng.uniform(0.02, 0.98, (m, width))
    else:
        t = rng.normal(size=(m, width))
    return t.astype(dtype), np.ascontiguousarray(p, dtype)


def tolerance(dtype):
    """Sums are in double, so only the rounding of single terms differs: a few ulp of them."""
    return {"rtol": 2e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-13}


def test_names_of_row_functions_differ_and_say_what_targets_are():
    assert len(set(native.ROWS)) == len(native.ROWS)
    assert set(native.TARGETS.values()) == {"each", "same", "class", "any"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("kind", native.ROWS)
def test_rows_equal_their_twin(kind, n, dtype):
    for m in SIZES:
        t, p = make(kind, m, n, dtype)
        value, dp = native.rows_grad(kind, t, p, params_of(kind))
        expected, expected_dp = reference.rows(kind, t, p, params_of(kind))
        assert value.dtype == dp.dtype == dtype
        np.testing.assert_allclose(value, expected, **tolerance(dtype))
        near = tolerance(dtype)
        if kind == "cosine_similarity" and m:  # (t̂ - p̂ cos) / |p| cancels
            near["atol"] += 4 * np.finfo(dtype).eps / np.linalg.norm(p, axis=1).min()
        np.testing.assert_allclose(dp, expected_dp, **near)
        np.testing.assert_array_equal(native.rows(kind, t, p, params_of(kind)), value)


@pytest.mark.parametrize("kind", [k for k in native.ROWS if native.TARGETS[k] == "each"])
def test_one_target_may_stand_for_a_whole_row(kind):
    t, p = make(kind, 7, 5, tn=1)
    whole = np.ascontiguousarray(np.broadcast_to(t, p.shape))
    for got, expected in zip(
        native.rows_grad(kind, t, p, params_of(kind)),
        native.rows_grad(kind, whole, p, params_of(kind)),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("kind", DIFFERENTIABLE)
def test_gradient_is_the_central_difference(kind, n, smoothing):
    params = tuple(
        smoothing if name == "label_smoothing" else PARAMS[name] for name in native.PARAMS[kind]
    )
    t, x = make(kind, 11, n, seed=3)
    if kind in FUSED:
        x = np.random.default_rng(5).normal(size=x.shape)
        predict = probabilities_of(kind)
    else:
        predict = np.ascontiguousarray
    _, dp = native.rows_grad(kind, t, predict(x), params)
    step = 1e-6
    for j in range(n):
        above, below = x.copy(), x.copy()
        above[:, j] += step
        below[:, j] -= step
        difference = native.rows(kind, t, predict(above), params) - native.rows(
            kind, t, predict(below), params
        )
        # The difference is exact to step² · f''' / 6 and to rounding / step, about 1e-9 of 1.
        np.testing.assert_allclose(dp[:, j], difference / (2 * step), rtol=1e-6, atol=2e-8)


HAND_VALUES = [
    ("mean_squared_error", [1, 2], [2, 4], (), 2.5, [1, 2]),
    ("mean_absolute_error", [1, 2], [2, 0], (), 1.5, [0.5, -0.5]),
    ("mean_absolute_percentage_error", [2, 4], [1, 5], (), 37.5, [-25, 12.5]),
    ("mean_squared_logarithmic_error", [1], [3], (), np.log(2) ** 2, [np.log(2) / 2]),
    ("huber", [0, 0], [0.5, 3], (1.0,), (0.125 + 2.5) / 2, [0.25, 0.5]),
    ("log_cosh", [0], [1], (), np.log(np.cosh(1)), [np.tanh(1)]),
    ("poisson", [2], [1], (), 1, [-1]),
    ("kl_divergence", [0.5, 0.5], [0.25, 0.75], (), 0.5 * np.log(4 / 3), [-2, -2 / 3]),
    ("cosine_similarity", [0, 1], [1, 1], (), -np.sqrt(0.5), [np.sqrt(0.125), -np.sqrt(0.125)]),
    ("hinge", [0, 1], [0.5, 2], (), 0.75, [0.5, 0]),
    ("hinge", [-1, 1], [0.5, 2], (), 0.75, [0.5, 0]),
    ("squared_hinge", [0, 1], [0.5, 2], (), 1.125, [1.5, 0]),
    ("categorical_hinge", [0, 1, 0], [0.5, 0.25, 0], (), 1.25, [1, -1, 0]),
    ("categorical_hinge", [0.3, 0.1], [0.7, 0.9], (), 1.51, [-0.3, 0.8]),
    ("binary_crossentropy", [1, 0], [0.5, 0.75], (0.0,), np.log(8) / 2, [-1, 2]),
    ("binary_crossentropy", [1], [0.5], (0.5,), np.log(2), [-1]),
    ("binary_crossentropy_sigmoid", [1, 0], [0.5, 0.75], (0.0,), np.log(8) / 2, [-0.25, 0.375]),
    ("binary_crossentropy_logits", [1], [0], (0.0,), np.log(2), [-0.5]),
    ("categorical_crossentropy", [0, 1], [1, 3], (0.0,), np.log(4 / 3), [0.25, -1 / 12]),
    (
        "categorical_crossentropy_softmax",
        [0, 1],
        [0.25, 0.75],
        (0.0,),
        np.log(4 / 3),
        [0.25, -0.25],
    ),
    ("categorical_crossentropy_logits", [0, 1], [5, 5], (0.0,), np.log(2), [0.5, -0.5]),
    ("sparse_categorical_crossentropy", [1], [1, 3], (), np.log(4 / 3), [0.25, -1 / 12]),
    (
        "sparse_categorical_crossentropy_softmax",
        [1],
        [0.25, 0.75],
        (),
        np.log(4 / 3),
        [0.25, -0.25],
    ),
    ("sparse_categorical_crossentropy_logits", [1], [5, 5], (), np.log(2), [0.5, -0.5]),
    ("accuracy", [1, 2, 3, 4], [1, 2, 3, 0], (), 0.75, [0, 0, 0, 0]),
    ("binary_accuracy", [1, 0, 1, 0.5], [0.6, 0.5, 0.4, 0.5], (0.5,), 0.5, [0, 0, 0, 0]),
    ("categorical_accuracy", [0, 1, 0], [3, 3, 1], (), 0, [0, 0, 0]),
    ("sparse_categorical_accuracy", [0], [3, 3, 1], (), 1, [0, 0, 0]),
]


@pytest.mark.parametrize(("kind", "t", "p", "params", "value", "dp"), HAND_VALUES)
def test_hand_values(kind, t, p, params, value, dp):
    got, got_dp = native.rows_grad(kind, np.array([t], float), np.array([p], float), params)
    np.testing.assert_allclose(got, [value], atol=3e-7)  # 3e-7: Keras's epsilons
    np.testing.assert_allclose(got_dp, [dp], atol=3e-7)


def test_hand_values_cover_every_row_function():
    assert {row[0] for row in HAND_VALUES} == set(native.ROWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", [-1, 3, np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("kind", [k for k in DIFFERENTIABLE if native.TARGETS[k] == "class"])
def test_a_label_that_is_no_class_gives_nan_in_its_row_only(kind, label, dtype):
    t, p = make(kind, 3, 3, dtype)
    t[1] = label
    value, dp = native.rows_grad(kind, t, p)
    np.testing.assert_array_equal(np.isnan(value), [False, True, False])
    np.testing.assert_array_equal(np.isnan(dp).all(axis=1), [False, True, False])
    assert np.isfinite(dp[[0, 2]]).all()


@pytest.mark.parametrize("kind", DIFFERENTIABLE)
def test_nan_in_predictions_gives_nan(kind):
    t, p = make(kind, 2, 3)
    p[0] = np.nan
    value = native.rows(kind, t, p, params_of(kind))
    np.testing.assert_array_equal(np.isnan(value), [True, False])


@pytest.mark.parametrize("kind", [k for k in native.ROWS if k.endswith("_logits")])
def test_logits_of_any_size_give_finite_values(kind):
    t, p = make(kind, 4, 2, np.float32)
    value, dp = native.rows_grad(kind, t, p * np.float32(1e4), params_of(kind))
    assert np.isfinite(value).all()
    assert np.isfinite(dp).all()


def test_log_cosh_keeps_small_differences_in_float32():
    d = np.float32([[1e-3]])
    np.testing.assert_allclose(native.rows("log_cosh", np.zeros_like(d), d), 5e-7, rtol=1e-5)


def test_read_only_arrays_are_read():
    t, p = make("mean_squared_error", 3, 2)
    t.flags.writeable = p.flags.writeable = False
    np.testing.assert_allclose(native.rows("mean_squared_error", t, p), ((t - p) ** 2).mean(axis=1))


@pytest.mark.parametrize(
    ("kind", "t", "p", "params"),
    [
        ("mean_squared_error", (3, 2), (4, 2), ()),
        ("mean_squared_error", (4, 3), (4, 2), ()),
        ("categorical_crossentropy", (4, 1), (4, 2), (0.0,)),
        ("sparse_categorical_crossentropy", (4, 2), (4, 2), ()),
        ("huber", (4, 2), (4, 2), ()),
        ("unknown", (4, 2), (4, 2), ()),
    ],
)
def test_what_does_not_fit_is_refused(kind, t, p, params):
    with pytest.raises(ValueError, match=kind):
        native.rows(kind, np.zeros(t), np.zeros(p), params)


GUARD = 7.25


def run(kind, t, p, w=None, *, rep=1, mean=True, factor=1.0, ranges=None, gradient=True, tasks=1):
    """The op on ranges of samples: its gradient, between guards, and its accumulators."""
    rows, n = p.shape
    m = rows // rep
    dp = np.full((rows + 2, n), GUARD, p.dtype)
    acc = np.zeros(2 * tasks)
    native.run_op(
        native.OPS["loss"][p.dtype == np.float64],
        [dp[1:] if gradient else None, t, p, w],
        [native.ROWS.index(kind), rep, n, t.shape[1], mean, 1],
        [factor, *params_of(kind)],
        acc,
        [(0, 1, 0, m)] if ranges is None else ranges,
        m,
    )
    assert (dp[0] == GUARD).all()
    assert (dp[-1] == GUARD).all()
    return dp[1:-1], acc


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("rep", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", DIFFERENTIABLE)
def test_op_weights_and_scales_the_rows(kind, weighted, rep, mean, dtype):
    m = 67
    t, p = make(kind, m * rep, 4, dtype)
    w = np.random.default_rng(1).uniform(0, 2, m).astype(dtype) if weighted else None
    dp, acc = run(kind, t, p, w, rep=rep, mean=mean, factor=0.5)
    value, slope = native.rows_grad(kind, t, p, params_of(kind))
    row_weights = np.repeat(np.ones(m) if w is None else w, rep).astype(np.float64)
    scale = 1 / (m * rep) if mean else 1.0
    np.testing.assert_allclose(acc, [scale * m * (row_weights * value).sum(), m], rtol=1e-12)
    expected = 0.5 * (scale * row_weights)[:, None] * slope
    np.testing.assert_allclose(dp, expected, rtol=1e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_op_on_chunks_of_any_size_equals_the_op_on_all(dtype):
    t, p = make("binary_crossentropy", 131 * 2, 3, dtype)
    w = np.random.default_rng(1).uniform(0, 2, 131).astype(dtype)
    whole, total = run("binary_crossentropy", t, p, w, rep=2)
    edges = [0, 1, 1, 6, 70, 71, 128, 131]
    ranges = [(k % 3, 3, a, b) for k, (a, b) in enumerate(itertools.pairwise(edges))]
    chunks, acc = run("binary_crossentropy", t, p, w, rep=2, ranges=ranges, tasks=3)
    np.testing.assert_array_equal(chunks, whole)  # no element depends on its chunk
    np.testing.assert_allclose(acc.reshape(3, 2).sum(axis=0), total, rtol=1e-14)


def test_op_on_part_of_the_samples_leaves_the_others_alone():
    t, p = make("mean_squared_error", 10, 2)
    dp, acc = run("mean_squared_error", t, p, ranges=[(0, 1, 3, 7)])
    assert (dp[:3] == GUARD).all()
    assert (dp[7:] == GUARD).all()
    assert (dp[3:7] != GUARD).all()
    assert acc[1] == 4


def test_op_without_gradient_writes_accumulators_only():
    t, p = make("mean_squared_error", 10, 2)
    dp, acc = run("mean_squared_error", t, p, gradient=False)
    assert (dp == GUARD).all()
    np.testing.assert_allclose(acc, [10 * ((p - t) ** 2).mean(), 10], rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 16, 33])
def test_cross_entropy_of_certain_labels_is_one_logarithm_each(n, dtype, tier):
    rng = np.random.default_rng(n)
    t, p = rng.integers(0, 2, n).astype(dtype), rng.uniform(0, 1, n).astype(dtype)
    p[: n // 3] = np.round(p[: n // 3])  # certain, too, and clipped
    loss = Guarded((n,), dtype)
    low, high = dtype(1e-7), dtype(1 - 1e-7)
    assert _native.binary_xent(loss.array, read_only(t), read_only(p), low, high)
    loss.check()
    q = np.clip(p, low, high)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        loss.array, -np.log(np.where(t == 1, q, 1 - q)), rtol=2 * eps, atol=eps / 2
    )
    for i, label in itertools.product(range(n), [0.5, -1, 2, np.nan]):
        doubtful = t.copy()
        doubtful[i] = label
        assert not _native.binary_xent(loss.array, doubtful, p, low, high)
