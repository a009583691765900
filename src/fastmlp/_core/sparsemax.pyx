# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sparsemax: the nearest probabilities.

    op              p          n        items: samples
    sparsemax_fwd   y  x       rep n    y = max(x - tau, 0), with tau such that each of rep rows of n sums to 1
    sparsemax_bwd   dx dy y    rep n    dx = dy - mean of dy where y > 0; 0 elsewhere

tau is (Σ x - 1) / count over the elements above it. From all elements on, those that are not above it
are left out until none is: each round leaves out only what does not belong (Michelot 1986), and needs
no sorting; two to four rounds, most often. A NaN in a row makes all of it NaN.
"""
from fastmlp._core._native cimport real
from fastmlp._core.op cimport Op, Step, Worker

import numpy as np


cdef void rows_fwd(real *y, const real *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil:
    """y (m, n) from x (m, n); y == x allowed."""
    cdef ptrdiff_t _row, j, count, above
    cdef double tau, total
    for _row in range(m):
        tau, count = 0, n + 1
        total = 0
        for j in range(n):
            total += x[j]
        above, tau = n, (total - 1) / n
        while 0 < above < count:
            count, above, total = above, 0, 0.0
            for j in range(n):
                if x[j] > tau:
                    above += 1
                    total += x[j]
            if 0 < above < count:
                tau = (total - 1) / above
        for j in range(n):
            y[j] = 0 if x[j] < tau else <real>(x[j] - tau)
        y += n
        x += n


cdef void rows_bwd(real *dx, const real *dy, const real *y, ptrdiff_t m, ptrdiff_t n) noexcept nogil:
    """dx (m, n) from dy, y (m, n); dx == dy allowed."""
    cdef ptrdiff_t _row, j, count
    cdef double mean
    for _row in range(m):
        mean, count = 0, 0
        for j in range(n):
            if not y[j] <= 0:
                mean += dy[j]
                count += 1
        mean /= max(count, 1)
        for j in range(n):
            dx[j] = 0 if y[j] <= 0 else <real>(dy[j] - mean)
        dx += n
        dy += n
        y += n


cdef inline void run_fwd(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0] * op.n[1]
    rows_fwd(y + start, <const real *>op.p[1] + start, (i1 - i0) * op.n[0], op.n[1])


cdef inline void run_bwd(real *dx, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0] * op.n[1]
    rows_bwd(dx + start, <const real *>op.p[1] + start, <const real *>op.p[2] + start, (i1 - i0) * op.n[0], op.n[1])


cdef void fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_fwd(<float *>op.p[0], op, i0, i1)

cdef void fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_fwd(<double *>op.p[0], op, i0, i1)

cdef void bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_bwd(<float *>op.p[0], op, i0, i1)

cdef void bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_bwd(<double *>op.p[0], op, i0, i1)


OPS = {
    "sparsemax_fwd": (<size_t>&fwd_f32, <size_t>&fwd_f64),
    "sparsemax_bwd": (<size_t>&bwd_f32, <size_t>&bwd_f64),
}


def forward(x):
    """Sparsemax along the last axis of an array of float32 or float64."""
    x = np.require(x, requirements=("C", "A"))
    if x.dtype != np.float32 and x.dtype != np.float64 or x.ndim == 0:
        raise TypeError(f"sparsemax: expected an array of floats with an axis. Received: {x.dtype} of shape {x.shape}")
    y = np.empty_like(x)
    cdef size_t py = y.__array_interface__["data"][0], px = x.__array_interface__["data"][0]
    cdef ptrdiff_t n = max(1, x.shape[x.ndim - 1]), m = x.size // n
    if x.dtype == np.float32:
        rows_fwd(<float *>py, <const float *>px, m, n)
    else:
        rows_fwd(<double *>py, <const double *>px, m, n)
    return y
