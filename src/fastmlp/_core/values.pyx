# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Losses, penalties and metrics whose values other ops have computed: how they are added up.

    op              p           n                         f            items
    loss_values     dv v w n    rep wrep mean             loss_weight  samples
    loss_scalar     dv v w      size wrep mean by_batch   loss_weight  the batch, at once
    metric_values   v w         rep wrep                               samples
    metric_scalar   v                                                  the batch, at once
    metric_sums     v           n                                      samples, or once

    v (m · rep), or (size) of the batch: values; of metric_sums (items, n)
    w (m · wrep): weights, each of rep / wrep neighbouring values; NULL: all 1
    s and n, the sum of weights, are as in losses.pyx, rows being values

loss_values     dv = loss_weight s w    acc[0] += s m Σ w v         acc[1] += samples
loss_scalar     dv = loss_weight S      acc[0] += m S Σ v           acc[1] += samples
                S = Σ w (without w: 1), divided by m · wrep with `mean`, by m with by_batch
metric_values   acc[0] += Σ w v / rep                               acc[1] += Σ w / wrep
metric_scalar   acc[0] += v                                         acc[1] += 1
metric_sums     acc[j] += Σ v_j                                     acc[n] += items

dv may be NULL: no gradient. acc as in losses.pyx. python_metric, which is Python code, has an op here
that does nothing, for its accumulators.
"""
from fastmlp._core._native cimport real
from fastmlp._core.loss_rows cimport loss_scale
from fastmlp._core.op cimport Op, Step, Worker


cdef inline void run_loss_values(real *dv, const Op *op, const Step *step, Worker *worker,
                                 ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], each = op.n[0] // op.n[1], i
    cdef const real *v = <const real *>op.p[1]
    cdef const real *w = <const real *>op.p[2]
    cdef double *acc = op.acc + worker.task * op.n_acc
    cdef double s = loss_scale(<const real *>op.p[3], op.n[1], step.m * rep, op.n[2])
    cdef double slope = op.f[0] * s
    cdef double weight = 1, total = 0
    for i in range(i0 * rep, i1 * rep):
        if w != NULL:
            weight = w[i // each]
        total += weight * v[i]
        if dv != NULL:
            dv[i] = <real>(slope * weight)
    acc[0] += s * step.m * total
    acc[1] += i1 - i0


cdef inline void run_loss_scalar(real *dv, const Op *op, const Step *step) noexcept nogil:
    cdef ptrdiff_t n = step.m * op.n[1], i
    cdef const real *v = <const real *>op.p[1]
    cdef const real *w = <const real *>op.p[2]
    cdef double s = 1, weights = 0, total = 0
    if w != NULL:
        for i in range(n):
            weights += w[i]
        s *= weights / n if op.n[2] else weights
    if op.n[3]:
        s /= step.m
    for i in range(op.n[0]):
        total += v[i]
        if dv != NULL:
            dv[i] = <real>(op.f[0] * s)
    op.acc[0] += step.m * s * total
    op.acc[1] += step.m


cdef inline void run_metric_values(const real *v, const Op *op, Worker *worker, ptrdiff_t i0,
                                   ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], wrep = op.n[1], each = op.n[0] // op.n[1], i
    cdef const real *w = <const real *>op.p[1]
    cdef double *acc = op.acc + worker.task * op.n_acc
    cdef double total = 0, weights = 0
    for i in range(i0 * rep, i1 * rep):
        total += v[i] if w == NULL else w[i // each] * v[i]
    if w != NULL:
        for i in range(i0 * wrep, i1 * wrep):
            weights += w[i]
    acc[0] += total / rep
    acc[1] += i1 - i0 if w == NULL else weights / wrep


cdef inline void run_metric_sums(const real *v, const Op *op, Worker *worker, ptrdiff_t i0,
                                 ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t n = op.n[0], i, j
    cdef double *acc = op.acc + worker.task * op.n_acc
    for i in range(i0, i1):
        for j in range(n):
            acc[j] += v[i * n + j]
    acc[n] += i1 - i0


cdef void loss_values_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_loss_values(<float *>op.p[0], op, s, w, i0, i1)

cdef void loss_values_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_loss_values(<double *>op.p[0], op, s, w, i0, i1)

cdef void loss_scalar_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_loss_scalar(<float *>op.p[0], op, s)

cdef void loss_scalar_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_loss_scalar(<double *>op.p[0], op, s)

cdef void metric_values_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_metric_values(<const float *>op.p[0], op, w, i0, i1)

cdef void metric_values_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_metric_values(<const double *>op.p[0], op, w, i0, i1)

cdef void metric_scalar_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    op.acc[0] += (<const float *>op.p[0])[0]
    op.acc[1] += 1

cdef void metric_scalar_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    op.acc[0] += (<const double *>op.p[0])[0]
    op.acc[1] += 1


cdef void metric_sums_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_metric_sums(<const float *>op.p[0], op, w, i0, i1)

cdef void metric_sums_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_metric_sums(<const double *>op.p[0], op, w, i0, i1)


cdef void nothing(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    pass


OPS = {
    "loss_values": (<size_t>&loss_values_f32, <size_t>&loss_values_f64),
    "loss_scalar": (<size_t>&loss_scalar_f32, <size_t>&loss_scalar_f64),
    "metric_values": (<size_t>&metric_values_f32, <size_t>&metric_values_f64),
    "python_metric": (<size_t>&nothing, <size_t>&nothing),
    "metric_sums": (<size_t>&metric_sums_f32, <size_t>&metric_sums_f64),
    "metric_scalar": (<size_t>&metric_scalar_f32, <size_t>&metric_scalar_f64),
}
