# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Dropout whose elements share decisions: `Dropout(rate, noise_shape=...)`; normal noise.

    op                  p               n                                       f       items: samples
    dropout_noise_fwd   y mask x map    width stream threshold decisions shared  scale   y = x · mask · scale
    normal              y             width stream                                    y normal, mean 0, variance 1

A sample makes `decisions` random decisions, or all samples make the same ones (shared); element j
follows decision map[j] (int32). Decision i of sample s is element s · decisions + i of the stream
that `dropout_fwd` draws from. The gradient is that of `dropout_bwd`.

Normal numbers are those of Box & Muller 1958, "A note on the generation of random normal deviates": elements
4 b … 4 b + 3 of a stream, counted over the batch, are made from the words of block b, in double.
"""
from libc.math cimport M_PI, cos, log, sin, sqrt
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

cdef extern from "philox.h" nogil:
    ctypedef struct fm_philox:
        uint32_t step
    fm_philox fm_philox_of(uint64_t seed, uint64_t stream, uint64_t step)
    void fm_philox_block(uint32_t *words, fm_philox p, uint64_t block)


cdef inline void draw(real *out, uint8_t *keep, const real *ones, ptrdiff_t first, ptrdiff_t n,
                      const Op *op, const Step *step) noexcept nogil:
    if real is float:
        kernels32().dropout_fwd(out, keep, ones, first, n, 1, <uint32_t>op.n[2], step.seed, op.n[1], step.t)
    else:
        kernels64().dropout_fwd(out, keep, ones, first, n, 1, <uint32_t>op.n[2], step.seed, op.n[1], step.t)


cdef inline void run_dropout_noise_fwd(real *y, const Op *op, const Step *step, Worker *worker,
                                       ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef uint8_t *mask = <uint8_t *>op.p[1]
    cdef const real *x = <const real *>op.p[2]
    cdef const int32_t *source = <const int32_t *>op.p[3]
    cdef ptrdiff_t width = op.n[0], n = op.n[3], i, j
    cdef real *ones = <real *>worker.scratch
    cdef real *unused = ones + n
    cdef uint8_t *keep = <uint8_t *>(unused + n)
    cdef real scale = <real>op.f[0]
    for j in range(n):
        ones[j] = 1
    for i in range(i0, i1):
        draw(unused, keep, ones, 0 if op.n[4] else i * n, n, op, step)
        for j in range(width):
            mask[i * width + j] = keep[source[j]]
            y[i * width + j] = x[i * width + j] * scale if keep[source[j]] else <real>0


cdef inline void run_normal(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef fm_philox philox = fm_philox_of(step.seed, op.n[1], step.t)
    cdef ptrdiff_t first = i0 * op.n[0], end = i1 * op.n[0], block = first >> 2, i, k
    cdef uint32_t[4] words
    cdef double[4] values
    cdef double size, angle
    while block << 2 < end:
        fm_philox_block(words, philox, block)
        for k in range(0, 4, 2):
            size = sqrt(-2 * log((words[k] + 0.5) * 2.0 ** -32))
            angle = 2 * M_PI * (words[k + 1] + 0.5) * 2.0 ** -32
            values[k] = size * cos(angle)
            values[k + 1] = size * sin(angle)
        for k in range(4):
            i = (block << 2) + k
            if first <= i < end:
                y[i] = <real>values[k]
        block += 1


cdef void normal_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_normal(<float *>op.p[0], op, s, i0, i1)

cdef void normal_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_normal(<double *>op.p[0], op, s, i0, i1)

cdef void dropout_noise_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dropout_noise_fwd(<float *>op.p[0], op, s, w, i0, i1)

cdef void dropout_noise_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dropout_noise_fwd(<double *>op.p[0], op, s, w, i0, i1)


OPS = {
    "dropout_noise_fwd": (<size_t>&dropout_noise_fwd_f32, <size_t>&dropout_noise_fwd_f64),
    "normal": (<size_t>&normal_f32, <size_t>&normal_f64),
}
