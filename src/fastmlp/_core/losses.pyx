# cython: language_level=3, boundscheck=False, wraparound=False
# cython: cdivision=True, initializedcheck=False
"""The op that computes losses and starts the backward pass, on the row functions of loss_rows.pyx.

    op      p                             n                        f                          items
    loss    dp  y_true  y_pred  w  norm   row rep n tn mean wrep   loss_weight h0 h1 h2 h3    samples

    y_true (m · rep, tn)   y_pred (m · rep, n)   dp (m · rep, n)
    w (m · wrep): weights, each of rep / wrep neighbouring rows     norm (wrep): their sum over samples
    s = 1 / (m · rep) with `mean`, else 1; divided by Σ norm unless that is NULL
    dp_r = loss_weight s w_r f'(y_true_r, y_pred_r)    acc[0] += s m Σ_r w_r f_r    acc[1] += samples

`row` is the row function's place in ROWS. dp and w may be NULL: no gradient, weights of 1.
acc[0] / acc[1], added up over batches, is the mean of the batches' losses weighted by their sizes,
which is what Keras reports, before its weight among the losses.
"""
from fastmlp._core.op cimport Op, Step, Worker
from fastmlp._core.loss_rows cimport call, loss_scale, real

import numpy as np

from fastmlp._core import loss_classes, loss_points  # no-cython-lint: they fill the table
from fastmlp._core.loss_rows import PARAMS, ROWS, TARGETS

cdef enum:
    BLOCK = 64  # rows whose losses are on the stack at a time
    MAX_PARAMS = 4


cdef inline void run_loss(real *dp, const Op *op, const Step *step, Worker *worker,
                          ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t row = op.n[0], rep = op.n[1], n = op.n[2], tn = op.n[3], each = 0
    cdef ptrdiff_t r, k, j, size, end = i1 * rep
    cdef const real *t = <const real *>op.p[1]
    cdef const real *p = <const real *>op.p[2]
    cdef const real *w = <const real *>op.p[3]
    cdef double *acc = op.acc + worker.task * op.n_acc
    cdef double s = loss_scale(<const real *>op.p[4], op.n[5], step.m * rep, op.n[4])
    cdef double slope = op.f[0] * s
    cdef double weight, total = 0
    cdef real loss[BLOCK]
    cdef real c
    cdef real *d
    if w != NULL:
        each = rep // op.n[5]  # a division takes as long as a row
    r = i0 * rep
    while r < end:
        size = BLOCK if end - r > BLOCK else end - r
        d = dp + r * n if dp != NULL else dp
        call(row, loss, d, t + r * tn, p + r * n, size, n, tn, &op.f[1])
        if w == NULL:
            for k in range(size):
                total += loss[k]
            if d != NULL:
                c = <real>slope
                for k in range(size * n):
                    d[k] *= c
        else:
            for k in range(size):
                weight = w[(r + k) // each]
                total += weight * loss[k]
                if d != NULL:
                    c = <real>(slope * weight)
                    for j in range(n):
                        d[k * n + j] *= c
        r += BLOCK
    acc[0] += s * step.m * total
    acc[1] += i1 - i0


# What the executor calls, for each element type.

cdef void loss_f32(const Op *op, const Step *step, Worker *worker,
                   ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_loss(<float *>op.p[0], op, step, worker, i0, i1)


cdef void loss_f64(const Op *op, const Step *step, Worker *worker,
                   ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_loss(<double *>op.p[0], op, step, worker, i0, i1)


OPS = {"loss": (<size_t>&loss_f32, <size_t>&loss_f64)}


# On arrays, for eager code, tests and benchmarks.

def check(str kind, Py_ssize_t m, Py_ssize_t tn, Py_ssize_t rows, Py_ssize_t n, params):
    """Raises ValueError unless y_true (m, tn) fits y_pred (rows, n)."""
    if kind not in TARGETS:
        raise ValueError(f"Unknown row function {kind!r}. Known: {', '.join(ROWS)}.")
    widths = {"each": (n, 1), "same": (n,), "class": (1,), "any": (max(tn, 1),)}[TARGETS[kind]]
    if m != rows or tn not in widths:
        expected = " or ".join(str((rows, width)) for width in dict.fromkeys(widths))
        raise ValueError(f"{kind}: expected y_true of shape {expected}. Received: {(m, tn)}.")
    if len(params) != len(PARAMS[kind]):
        raise ValueError(f"{kind}: expected params {PARAMS[kind]}. Received: {tuple(params)}.")


def rows(str kind, const real[:, ::1] y_true, const real[:, ::1] y_pred, params=()):
    """The loss of each row: y_true (m, tn), y_pred (m, n) -> (m,)"""
    return rows_grad(kind, y_true, y_pred, params, False)[0]


def rows_grad(str kind, const real[:, ::1] y_true, const real[:, ::1] y_pred, params=(),
              bint gradient=True):
    """The loss of each row (m,), and its gradient (m, n) or None."""
    cdef ptrdiff_t m = y_pred.shape[0], n = y_pred.shape[1], tn = y_true.shape[1], number
    check(kind, y_true.shape[0], tn, m, n, params)
    number = ROWS.index(kind)
    dtype = np.asarray(y_pred).dtype
    values = np.empty(m, dtype)
    slopes = np.empty((m, n), dtype) if gradient else None
    cdef real[::1] loss = values
    cdef real[:, ::1] dp = slopes
    cdef double h[MAX_PARAMS]
    cdef ptrdiff_t k
    for k in range(MAX_PARAMS):
        h[k] = params[k] if k < len(params) else 0
    cdef const real *t = &y_true[0, 0] if m > 0 and tn > 0 else NULL
    cdef const real *p = &y_pred[0, 0] if m > 0 and n > 0 else NULL
    cdef real *d = &dp[0, 0] if gradient and m > 0 and n > 0 else NULL
    if m > 0:
        with nogil:
            call(number, &loss[0], d, t, p, m, n, tn, h)
    return values, slopes


def run_op(size_t run, buffers, sizes, scalars, double[::1] acc, ranges, ptrdiff_t m):
    """Runs an op as the executor does.

    Args:
        run: Address of the op's function, from a table OPS.
        buffers: Arrays, or None for NULL: `p`.
        sizes: Integers: `n`.
        scalars: Numbers: `f`.
        acc: Accumulators of all tasks, one task after the other; None if the op has none.
        ranges: Tuples (task, tasks, i0, i1): task number `task` of `tasks` handles [i0, i1).
        m: Samples of the batch.
    """
    cdef Op op
    cdef Step step
    cdef Worker worker
    cdef ptrdiff_t k, i0, i1
    for k in range(8):
        buffer = buffers[k] if k < len(buffers) else None
        op.p[k] = NULL if buffer is None else <void *><size_t>buffer.ctypes.data
        op.n[k] = sizes[k] if k < len(sizes) else 0
        op.f[k] = scalars[k] if k < len(scalars) else 0
    op.run = <void (*)(const Op *, const Step *, Worker *, ptrdiff_t, ptrdiff_t) noexcept nogil>run
    op.acc = NULL if acc is None else &acc[0]
    op.n_acc = 0
    step.m = m
    step.first = 0
    step.rows = NULL
    step.origin = 0
    step.t = 0
    step.seed = 0
    worker.id = 0
    worker.scratch = NULL
    for task, tasks, i0, i1 in ranges:
        worker.task = task
        if acc is not None:
            op.n_acc = acc.shape[0] // tasks
        with nogil:
            op.run(&op, &step, &worker, i0, i1)
