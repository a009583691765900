# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where what each sample has meets what the batch has: sums over samples, copies for each.

    op             p       n                              items
    sum_samples    y x     width                          samples, all at once    y (width) = Σ_samples x
    repeat_samples y x     width                          samples                 each row of y = x (width)
    copy_rows      y x     width                          samples                 rows of y = rows of x
    state_read     s w     width                          samples                 rows of s = rows of w
    state_write    w x     width                          rows of w               rows of w = rows of x
    grad_samples   g x     width size accumulate g_stride rows of w               g (= or +=) Σ_samples x
    grad_value     g x     width accumulate g_stride      rows of w               g (= or +=) x

w of state_read and state_write is (samples, width): it has a row for each sample of every batch.
x of grad_samples is (m, size), its size that of the weight; x of grad_value is (size). `width` is that
of a row of the weight. A gradient tile lies in the worker's scratch when g_stride is 0.
"""
from libc.string cimport memcpy

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker


cdef inline void colsum(real *g, const real *x, ptrdiff_t ldx, ptrdiff_t m, ptrdiff_t n,
                        bint accumulate) noexcept nogil:
    if real is float:
        kernels32().colsum(g, x, ldx, m, n, accumulate)
    else:
        kernels64().colsum(g, x, ldx, m, n, accumulate)


cdef inline void run_sum_samples(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    colsum(y, <const real *>op.p[1] + i0 * op.n[0], op.n[0], i1 - i0, op.n[0], False)


cdef inline void run_repeat_samples(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t i
    for i in range(i0, i1):
        memcpy(y + i * op.n[0], op.p[1], op.n[0] * sizeof(real))


cdef inline void run_state(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t width = op.n[0], n = min(i1, step.m) - i0
    if n > 0:
        memcpy(y + i0 * width, <const real *>op.p[1] + i0 * width, n * width * sizeof(real))


cdef inline void run_grad_samples(real *g, const Op *op, const Step *step, Worker *worker,
                                  ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t width = op.n[0]
    g = g + i0 * op.n[3] if op.n[3] else <real *>worker.scratch
    colsum(g, <const real *>op.p[1] + i0 * width, op.n[1], step.m, (i1 - i0) * width, op.n[2])


cdef inline void run_grad_value(real *g, const Op *op, Worker *worker, ptrdiff_t i0,
                                ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t n = (i1 - i0) * op.n[0]
    cdef const real *x = <const real *>op.p[1] + i0 * op.n[0]
    g = g + i0 * op.n[2] if op.n[2] else <real *>worker.scratch
    if not op.n[1]:
        memcpy(g, x, n * sizeof(real))
    elif real is float:
        kernels32().add(g, g, x, n)
    else:
        kernels64().add(g, g, x, n)


cdef void sum_samples_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_sum_samples(<float *>op.p[0], op, i0, i1)

cdef void sum_samples_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_sum_samples(<double *>op.p[0], op, i0, i1)

cdef void repeat_samples_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_repeat_samples(<float *>op.p[0], op, i0, i1)

cdef void repeat_samples_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_repeat_samples(<double *>op.p[0], op, i0, i1)

cdef void state_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_state(<float *>op.p[0], op, s, i0, i1)

cdef void state_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_state(<double *>op.p[0], op, s, i0, i1)

cdef void grad_samples_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_samples(<float *>op.p[0], op, s, w, i0, i1)

cdef void grad_samples_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_samples(<double *>op.p[0], op, s, w, i0, i1)

cdef void grad_value_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_value(<float *>op.p[0], op, w, i0, i1)

cdef void grad_value_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_value(<double *>op.p[0], op, w, i0, i1)


OPS = {
    "sum_samples": (<size_t>&sum_samples_f32, <size_t>&sum_samples_f64),
    "repeat_samples": (<size_t>&repeat_samples_f32, <size_t>&repeat_samples_f64),
    "copy_rows": (<size_t>&state_f32, <size_t>&state_f64),
    "state_read": (<size_t>&state_f32, <size_t>&state_f64),
    "state_write": (<size_t>&state_f32, <size_t>&state_f64),
    "grad_samples": (<size_t>&grad_samples_f32, <size_t>&grad_samples_f64),
    "grad_value": (<size_t>&grad_value_f32, <size_t>&grad_value_f64),
}
