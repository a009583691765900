# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What is measured of weights and gradients: penalties and norms.

    op             p          n                   f       items
    penalty_loss   w          width               l1 l2   rows of w     acc += m (l1 Σ|w| + l2 Σ w²)
    sumsq          cell g     size accumulate             the whole     cell[0] = (or +=) Σ g²
    clip_factor    cell       all                 limit   the whole     cell[1] = limit / max(norm, limit)
    scale          g  cell    width g_stride              rows of w     g = g · cell[1]

penalty_loss is a sum over the samples of the batch (m times the penalty), like every loss.
"""
from libc.float cimport DBL_MAX
from libc.math cimport sqrt

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker


cdef inline void run_penalty_loss(const real *w, const Op *op, const Step *step, Worker *worker,
                                  ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t n = (i1 - i0) * op.n[0]
    cdef double *acc = op.acc + worker.task * op.n_acc
    cdef double value = 0
    w = w + i0 * op.n[0]
    if real is float:
        if op.f[0] != 0:
            value += op.f[0] * kernels32().sumabs(w, n)
        if op.f[1] != 0:
            value += op.f[1] * kernels32().sumsq(w, n)
    else:
        if op.f[0] != 0:
            value += op.f[0] * kernels64().sumabs(w, n)
        if op.f[1] != 0:
            value += op.f[1] * kernels64().sumsq(w, n)
    acc[0] += step.m * value


cdef inline void run_sumsq(const real *g, const Op *op) noexcept nogil:
    cdef double *cell = <double *>op.p[0]
    cdef double value
    if real is float:
        value = kernels32().sumsq(g, op.n[0])
    else:
        value = kernels64().sumsq(g, op.n[0])
    cell[0] = cell[0] + value if op.n[1] else value


cdef void clip_factor(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef double *cell = <double *>op.p[0]
    cdef double norm = sqrt(cell[0])
    cell[1] = op.f[0] / (norm if norm > op.f[0] else op.f[0])
    if norm != norm or (op.n[0] and norm > DBL_MAX):
        cell[1] = norm - norm  # a NaN is a NaN, not a step of full length; an infinite norm of all is one, too


cdef inline void run_scale(real *g, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef double factor = (<const double *>op.p[1])[1]
    cdef ptrdiff_t n = (i1 - i0) * op.n[0]
    if factor == 1:
        return
    g = g + i0 * op.n[1] if op.n[1] else <real *>worker.scratch
    if real is float:
        kernels32().affine(g, g, n, <float>factor, 0)
    else:
        kernels64().affine(g, g, n, factor, 0)


cdef void penalty_loss_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_penalty_loss(<const float *>op.p[0], op, s, w, i0, i1)

cdef void penalty_loss_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_penalty_loss(<const double *>op.p[0], op, s, w, i0, i1)

cdef void sumsq_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_sumsq(<const float *>op.p[1], op)

cdef void sumsq_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_sumsq(<const double *>op.p[1], op)

cdef void scale_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_scale(<float *>op.p[0], op, w, i0, i1)

cdef void scale_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_scale(<double *>op.p[0], op, w, i0, i1)


OPS = {
    "penalty_loss": (<size_t>&penalty_loss_f32, <size_t>&penalty_loss_f64),
    "sumsq": (<size_t>&sumsq_f32, <size_t>&sumsq_f64),
    "clip_factor": (<size_t>&clip_factor, <size_t>&clip_factor),
    "scale": (<size_t>&scale_f32, <size_t>&scale_f64),
}
