"""The ops that add up metrics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastmlp._core import losses, metrics


def data(m, n, dtype, seed=0):
    rng = np.random.default_rng([seed, m, n])
    t = rng.integers(0, 2, (m, n)).astype(dtype)
    return t, rng.uniform(0, 1, (m, n)).astype(dtype), rng.uniform(0, 2, m).astype(dtype)


def run(name, buffers, sizes, acc, m, ranges=None):
    address = metrics.OPS[name][buffers[1].dtype == np.float64]
    losses.run_op(address, buffers, sizes, [], acc, ranges or [(0, 1, 0, m)], m)
    return acc


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [0, 1, 63, 64, 65, 131])
@pytest.mark.parametrize("rep", [1, 3])
@pytest.mark.parametrize("kind", ["mean_squared_error", "accuracy", "categorical_accuracy"])
def test_mean_adds_weighted_values_and_weights(kind, rep, m, dtype):
    t, p, _ = data(m * rep, 4, dtype)
    w = data(m, 4, dtype)[2]
    number = losses.ROWS.index(kind)
    values = losses.rows(kind, t, p).astype(np.float64)
    got = run("metric_mean", [t, p, None], [number, rep, 4, 4, 1], np.zeros(2), m)
    np.testing.assert_allclose(got, [values.sum(), m * rep], rtol=1e-13)
    per_row = np.repeat(w, rep).astype(np.float64)
    got = run("metric_mean", [t, p, w], [number, rep, 4, 4, 1], np.zeros(2), m)
    np.testing.assert_allclose(got, [(values * per_row).sum(), per_row.sum()], rtol=1e-13)
    again = np.zeros(2)
    metrics.accumulate_mean(again, kind, t, p, np.repeat(w, rep))
    np.testing.assert_allclose(again, got, rtol=1e-13)


def test_mean_passes_the_scalars_on():
    t, p = np.ones((1, 2)), np.array([[0.3, 0.6]])
    acc = np.zeros(2)
    metrics.accumulate_mean(acc, "binary_accuracy", t, p, None, (0.25,))
    assert acc.tolist() == [1, 1]
    losses.run_op(
        metrics.OPS["metric_mean"][1],
        [t, p, None],
        [losses.ROWS.index("binary_accuracy"), 1, 2, 2, 1],
        [0.5],
        acc,
        [(0, 1, 0, 1)],
        1,
    )
    assert acc.tolist() == [1.5, 2]


def buckets(t, p, w, thresholds):
    """What metric_confusion adds, one prediction at a time."""
    count = len(thresholds)
    acc = np.zeros((2, count + 1))
    for i, j in np.ndindex(p.shape):
        bucket = sum(p[i, j] > p.dtype.type(threshold) for threshold in thresholds)
        acc[0 if t[i, j if t.shape[1] > 1 else 0] else 1, bucket] += w[i]
    return acc.ravel()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 200])
@pytest.mark.parametrize(("m", "rep", "n"), [(0, 1, 1), (1, 1, 1), (37, 1, 1), (13, 2, 3)])
def test_confusion_counts_predictions_between_thresholds(m, rep, n, count, dtype):
    t, p, _ = data(m * rep, n, dtype)
    w = data(m, n, dtype)[2]
    thresholds = np.linspace(0, 1, count)
    sizes = [count, rep, n, n, 1]
    zeros = np.zeros(2 * (count + 1))
    got = run("metric_confusion", [t, p, w, thresholds], sizes, zeros.copy(), m)
    expected = buckets(t, p, np.repeat(w, rep).astype(np.float64), thresholds)
    np.testing.assert_allclose(got, expected, rtol=1e-13)
    got = run("metric_confusion", [t, p, None, thresholds], sizes, zeros.copy(), m)
    np.testing.assert_array_equal(got, buckets(t, p, np.ones(m * rep), thresholds))
    again = zeros.copy()
    metrics.accumulate_confusion(again, t, p, thresholds)
    np.testing.assert_array_equal(again, got)
    sizes, ones = [*sizes, n], np.ones(m * rep)
    apart = run("metric_confusion", [t, p, None, thresholds], sizes, np.zeros(n * len(zeros)), m)
    each = [buckets(t[:, [j]], p[:, [j]], ones, thresholds) for j in range(n)]
    np.testing.assert_array_equal(apart, np.concatenate(each))
    metrics.accumulate_confusion(apart, t, p, thresholds, columns=n)
    np.testing.assert_array_equal(apart, 2 * np.concatenate(each))


def test_confusion_repeats_one_target_over_its_row():
    t, p, _ = data(5, 3, np.float64)
    t = np.ascontiguousarray(t[:, :1])
    acc = np.zeros(4)
    metrics.accumulate_confusion(acc, t, p, np.array([0.5]))
    np.testing.assert_array_equal(acc, buckets(t, p, np.ones(5), [0.5]))


def test_a_prediction_at_a_threshold_is_not_above_it():
    acc = np.zeros(6)
    thresholds = np.array([0.1, 0.7])
    p = np.float32([[0.1], [0.7], [np.nan], [np.inf], [-np.inf]])
    metrics.accumulate_confusion(acc, np.ones_like(p), p, thresholds)
    assert acc.tolist() == [3, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("name", ["metric_mean", "metric_confusion"])
def test_chunks_of_any_size_add_up_to_the_whole(name):
    t, p, w = data(131, 2, np.float32)
    thresholds = np.linspace(0, 1, 5)
    number = 5 if name == "metric_confusion" else losses.ROWS.index("mean_absolute_error")
    n_acc = 12 if name == "metric_confusion" else 2
    sizes = [number, 1, 2, 2, 1]
    whole = run(name, [t, p, w, thresholds], sizes, np.zeros(n_acc), 131)
    edges = [0, 1, 1, 6, 70, 71, 128, 131]
    ranges = [(k % 3, 3, a, b) for k, (a, b) in enumerate(itertools.pairwise(edges))]
    acc = run(name, [t, p, w, thresholds], sizes, np.zeros(3 * n_acc), 131, ranges)
    np.testing.assert_allclose(acc.reshape(3, n_acc).sum(axis=0), whole, rtol=1e-13)


@pytest.mark.parametrize("name", ["metric_mean", "metric_confusion"])
def test_ops_write_nothing_but_their_accumulators(name):
    t, p, w = data(9, 1, np.float64)
    thresholds = np.array([0.5])
    n_acc = 4 if name == "metric_confusion" else 2
    guarded = np.full(n_acc + 2, 7.25)
    number = 1 if name == "metric_confusion" else losses.ROWS.index("mean_absolute_error")
    before = [a.copy() for a in (t, p, w, thresholds)]
    run(name, [t, p, w, thresholds], [number, 1, 1, 1, 1], guarded[1:-1], 9)
    assert guarded[0] == guarded[-1] == 7.25
    for array, old in zip((t, p, w, thresholds), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("acc", "thresholds", "weights"),
    [(3, [0.5], None), (4, [0.5], np.ones(2)), (6, [0.5, 0.4], None)],
)
def test_confusion_refuses_what_does_not_fit(acc, thresholds, weights):
    t, p, _ = data(3, 1, np.float64)
    with pytest.raises(ValueError, match="confusion"):
        metrics.accumulate_confusion(np.zeros(acc), t, p, np.array(thresholds), weights)
    with pytest.raises(ValueError, match="confusion"):
        metrics.accumulate_confusion(np.zeros(4), t[:2], p, np.array([0.5]))


def test_mean_refuses_what_does_not_fit():
    t, p, w = data(3, 1, np.float64)
    with pytest.raises(ValueError, match="accumulate_mean"):
        metrics.accumulate_mean(np.zeros(3), "mean_squared_error", t, p)
    with pytest.raises(ValueError, match="accumulate_mean"):
        metrics.accumulate_mean(np.zeros(2), "mean_squared_error", t, p, w[:2])
    with pytest.raises(ValueError, match="mean_squared_error"):
        metrics.accumulate_mean(np.zeros(2), "mean_squared_error", t[:2], p)
