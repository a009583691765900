# cython: language_level=3, boundscheck=False, wraparound=False
# cython: cdivision=True, initializedcheck=False
"""The ops that add up metrics while a plan runs.

    op                  p                              n               f              items
    metric_mean         y_true  y_pred  w              row rep n tn wrep    h0 h1 h2 h3    samples
    metric_confusion    y_true  y_pred  w  thresholds  T rep n tn wrep columns             samples

    y_true (m · rep, tn)   y_pred (m · rep, n)
    w (m · wrep): weights, each of rep / wrep neighbouring rows, or NULL
    thresholds (T), double, ascending

metric_mean, on row function `row` of ROWS:    acc[0] += Σ_r w_r f_r     acc[1] += Σ_r w_r
metric_confusion counts predictions in T + 1 buckets; bucket b has those above exactly b thresholds:

    acc[b] += Σ w of predictions of positive targets (not 0)
    acc[T + 1 + b] += Σ w of those of negative targets

and, with columns > 1, a divisor of n, 2 (T + 1) numbers for each column of predictions,
so a prediction is positive at threshold k where b > k. NaN is above no threshold. Thresholds are
rounded to the element type first, as in Keras: 0.1f is not above 0.1.
"""
from fastmlp._core.op cimport Op, Step, Worker
from fastmlp._core.loss_rows cimport call, real

import numpy as np

from fastmlp._core.losses import check
from fastmlp._core.loss_rows import ROWS

cdef enum:
    BLOCK = 64  # rows whose values are on the stack at a time
    MAX_PARAMS = 4


cdef void mean(double *acc, const real *t, const real *p, const real *w, ptrdiff_t row,
               ptrdiff_t each, ptrdiff_t first, ptrdiff_t end, ptrdiff_t n, ptrdiff_t tn,
               const double *h) noexcept nogil:
    cdef ptrdiff_t r, k, size
    cdef double weight = 1, total = 0, weights = 0
    cdef real value[BLOCK]
    r = first
    while r < end:
        size = BLOCK if end - r > BLOCK else end - r
        call(row, value, <real *>NULL, t + r * tn, p + r * n, size, n, tn, h)
        for k in range(size):
            if w != NULL:
                weight = w[(r + k) // each]
            total += weight * value[k]
            weights += weight
        r += BLOCK
    acc[0] += total
    acc[1] += weights


cdef inline ptrdiff_t bucket(real p, const double *thresholds, ptrdiff_t count) noexcept nogil:
    """How many of the ascending thresholds are below p."""
    cdef ptrdiff_t low = 0, high = count, middle
    while low < high:
        middle = (low + high) // 2
        if <real>thresholds[middle] < p:
            low = middle + 1
        else:
            high = middle
    return low


cdef void confusion(double *acc, const real *t, const real *p, const real *w,
                    const double *thresholds, ptrdiff_t count, ptrdiff_t each_w, ptrdiff_t first,
                    ptrdiff_t end, ptrdiff_t n, ptrdiff_t tn, ptrdiff_t columns) noexcept nogil:
    cdef ptrdiff_t r, j, each = tn > 1
    cdef double weight = 1
    cdef double *side
    for r in range(first, end):
        if w != NULL:
            weight = w[r // each_w]
        for j in range(n):
            side = acc if t[r * tn + j * each] != 0 else acc + count + 1
            if columns > 1:
                side += (r * n + j) % columns * 2 * (count + 1)
            side[bucket(p[r * n + j], thresholds, count)] += weight


cdef inline void run_mean(const real *t, const Op *op, Worker *worker,
                          ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    mean(op.acc + worker.task * op.n_acc, t, <const real *>op.p[1], <const real *>op.p[2], op.n[0],
         op.n[1] // op.n[4], i0 * op.n[1], i1 * op.n[1], op.n[2], op.n[3], op.f)


cdef inline void run_confusion(const real *t, const Op *op, Worker *worker,
                               ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    confusion(op.acc + worker.task * op.n_acc, t, <const real *>op.p[1], <const real *>op.p[2],
              <const double *>op.p[3], op.n[0], op.n[1] // op.n[4], i0 * op.n[1], i1 * op.n[1],
              op.n[2], op.n[3], op.n[5])


# What the executor calls, for each element type.

cdef void mean_f32(const Op *op, const Step *step, Worker *worker,
                   ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_mean(<const float *>op.p[0], op, worker, i0, i1)


cdef void mean_f64(const Op *op, const Step *step, Worker *worker,
                   ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_mean(<const double *>op.p[0], op, worker, i0, i1)


cdef void confusion_f32(const Op *op, const Step *step, Worker *worker,
                        ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_confusion(<const float *>op.p[0], op, worker, i0, i1)


cdef void confusion_f64(const Op *op, const Step *step, Worker *worker,
                        ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_confusion(<const double *>op.p[0], op, worker, i0, i1)


OPS = {
    "metric_mean": (<size_t>&mean_f32, <size_t>&mean_f64),
    "metric_confusion": (<size_t>&confusion_f32, <size_t>&confusion_f64),
}


# On arrays, for eager code, tests and benchmarks.

def accumulate_mean(double[::1] acc, str kind, const real[:, ::1] y_true,
                    const real[:, ::1] y_pred, weights=None, params=()):
    """acc (2) += (Σ w f, Σ w) over rows: y_true (m, tn), y_pred (m, n), weights (m,) or None."""
    cdef ptrdiff_t m = y_pred.shape[0], n = y_pred.shape[1], tn = y_true.shape[1], k
    check(kind, y_true.shape[0], tn, m, n, params)
    if acc.shape[0] != 2 or (weights is not None and weights.shape != (m,)):
        raise ValueError("accumulate_mean: expected acc of shape (2,) and a weight for each row.")
    cdef const real[::1] w = weights
    cdef double h[MAX_PARAMS]
    for k in range(MAX_PARAMS):
        h[k] = params[k] if k < len(params) else 0
    cdef const real *t = &y_true[0, 0] if m > 0 and tn > 0 else NULL
    cdef const real *p = &y_pred[0, 0] if m > 0 and n > 0 else NULL
    cdef const real *per_row = &w[0] if weights is not None and m > 0 else NULL
    cdef ptrdiff_t row = ROWS.index(kind)
    mean(&acc[0], t, p, per_row, row, 1, 0, m, n, tn, h)


def accumulate_confusion(double[::1] acc, const real[:, ::1] y_true, const real[:, ::1] y_pred,
                         const double[::1] thresholds, weights=None, ptrdiff_t columns=1):
    """acc (columns · 2 (T + 1)) += weights by bucket; y_true (m, tn), y_pred (m, n), weights (m,)."""
    cdef ptrdiff_t m = y_pred.shape[0], n = y_pred.shape[1], tn = y_true.shape[1]
    cdef ptrdiff_t count = thresholds.shape[0]
    if y_true.shape[0] != m or tn not in (n, 1):
        raise ValueError(f"confusion: expected y_true of shape {(m, n)}. "
                         f"Received: {(y_true.shape[0], tn)}.")
    if columns < 1 or m * n % columns or acc.shape[0] != columns * 2 * (count + 1) or (
            weights is not None and weights.shape != (m,)):
        raise ValueError("accumulate_confusion: expected acc of shape (columns · 2 (T + 1),) for T "
                         "thresholds, whole rows of columns, and a weight for each row.")
    if np.any(np.diff(np.asarray(thresholds)) < 0):
        raise ValueError("accumulate_confusion: expected ascending thresholds.")
    cdef const real[::1] w = weights
    cdef const real *t = &y_true[0, 0] if m > 0 and tn > 0 else NULL
    cdef const real *p = &y_pred[0, 0] if m > 0 and n > 0 else NULL
    cdef const real *per_row = &w[0] if weights is not None and m > 0 else NULL
    confusion(&acc[0], t, p, per_row, &thresholds[0] if count > 0 else NULL, count, 1, 0, m, n, tn,
              columns)
