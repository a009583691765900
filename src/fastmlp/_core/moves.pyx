# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Elements that change place within a sample, and products of samples.

    op         p             n                                   items
    take       y  x  start   width x_width run blocks            samples   y = blocks of x, one after the other
    put        y  x  start   width x_width run blocks zero add   samples   y at these places = (or +=) x
    bmm        y  a  b       batch m n k transposed wa wb        samples   y (m, n) = a (m, k) · b (k, n)

`start` (int32) tells where each block of `run` elements begins in the other array; in `take`, -1 is a
block of zeros. Items are samples, or one batch-free value. bmm makes `batch` products an item;
transposed: a is (k, m); an operand's w is its elements an item, 0 where all items share it.
"""
from libc.stdint cimport int32_t
from libc.string cimport memcpy, memset

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker


cdef inline void run_take(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef const real *x = <const real *>op.p[1] + i0 * op.n[1]
    cdef const int32_t *start = <const int32_t *>op.p[2]
    cdef ptrdiff_t width = op.n[0], x_width = op.n[1], run = op.n[2], blocks = op.n[3], j
    y += i0 * width
    for _ in range(i1 - i0):
        if run == 1:
            for j in range(blocks):
                y[j] = x[start[j]] if start[j] >= 0 else <real>0
        else:
            for j in range(blocks):
                if start[j] >= 0:
                    memcpy(y + j * run, x + start[j], run * sizeof(real))
                else:
                    memset(y + j * run, 0, run * sizeof(real))
        y += width
        x += x_width


cdef inline void run_put(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef const real *x = <const real *>op.p[1] + i0 * op.n[1]
    cdef const int32_t *start = <const int32_t *>op.p[2]
    cdef ptrdiff_t width = op.n[0], x_width = op.n[1], run = op.n[2], blocks = op.n[3], j, k
    y += i0 * width
    for _ in range(i1 - i0):
        if op.n[4]:
            memset(y, 0, width * sizeof(real))
        for j in range(blocks):
            if start[j] < 0:
                continue
            if op.n[5]:
                for k in range(run):
                    y[start[j] + k] += x[j * run + k]
            else:
                memcpy(y + start[j], x + j * run, run * sizeof(real))
        y += width
        x += x_width


cdef inline void run_bmm(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t batch = op.n[0], m = op.n[1], n = op.n[2], k = op.n[3], wa = op.n[5], wb = op.n[6]
    cdef const real *a = <const real *>op.p[1] + i0 * wa
    cdef const real *b = <const real *>op.p[2] + i0 * wb
    cdef ptrdiff_t a_rs = 1 if op.n[4] else k, a_cs = m if op.n[4] else 1, j
    y += i0 * batch * m * n
    for _ in range(i1 - i0):
        for j in range(batch):
            if real is float:
                kernels32().gemm(y, n, a + j * m * k, a_rs, a_cs, b + j * k * n, n, m, n, k, NULL, NULL, 0)
            else:
                kernels64().gemm(y, n, a + j * m * k, a_rs, a_cs, b + j * k * n, n, m, n, k, NULL, NULL, 0)
            y += m * n
        a += wa
        b += wb


cdef void take_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_take(<float *>op.p[0], op, i0, i1)

cdef void take_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_take(<double *>op.p[0], op, i0, i1)

cdef void put_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_put(<float *>op.p[0], op, i0, i1)

cdef void put_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_put(<double *>op.p[0], op, i0, i1)

cdef void bmm_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_bmm(<float *>op.p[0], op, i0, i1)

cdef void bmm_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_bmm(<double *>op.p[0], op, i0, i1)

OPS = {
    "take": (<size_t>&take_f32, <size_t>&take_f64),
    "put": (<size_t>&put_f32, <size_t>&put_f64),
    "bmm": (<size_t>&bmm_f32, <size_t>&bmm_f64),
}
