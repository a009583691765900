# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The dense layer's three products, on the micro-kernel or on BLAS.

    op            p                n                                     items [i0, i1)
    dense_fwd     y  x  w  bias    rep k n relu blas packed              samples
    dense_bwd     dx dy w  y  v  b rep k n flags blas own panels         samples     (factor)
    grad_matmul   g  x  dy         rep k n accumulate g_stride blas packed   rows of w (k)
    descend       w  x  dy h       rep k n                               rows of w (k)
    grad_bias     g  dy            rep n accumulate g_stride             elements of bias
    share_matmul  s  x  dy         rep k n blas stride                   samples
    share_bias    s  dy            rep n stride                          samples
    grad_shares   g  s             width stride chunk accumulate g_stride   rows of w
    pack          b  w             n k transposed panels                 rows of w (k)
    unpack        w  b             n k                                   rows of w (k)
    pack_samples  b  dy            rep n skip                            samples

    y (m, n) = x (m, k) · w (k, n) + bias (n)      dx = dy · wᵀ      dw = xᵀ · dy      dbias = Σ dy

`rep` rows a sample. With `packed`, w is a copy in the micro-kernel's panels (csrc/kernels/gemm.inc.c),
for dense_bwd of wᵀ, unless it is turned, and dy one made by pack_samples, without the first `skip` of each
sample's rows, which are not among its `rep`; BLAS needs no such copy. With `panels`, pack reads such a copy of
w. `flags` are gemm's. With y, what an activation made, dense_bwd also takes the gradient of that, and of dropout
behind relu: dx = factor · dy · wᵀ where y > 0, or dy · wᵀ (1 - y²); then it runs on the micro-kernel. With `own`,
each worker has its own copy of wᵀ, so many elements from one to the next, and makes it in its first task of a step, if
v is there: w, or a copy of it in `panels`. b, if it is there, gets dx, too, as pack_samples would make it.
A gradient tile lies in the worker's scratch when g_stride is 0. s holds what each task of the row phase
adds to a gradient: `stride` elements of each `chunk` samples. descend is a gradient and plain descent along
it: w, in panels, -= h[0] · xᵀ · dy, with dy `packed`.
"""
from fastmlp._core._native cimport few32, kernels32, kernels64, real
from fastmlp._core.kernels cimport FM_FEW_PRODUCTS, FM_FEW_ROWS, fm_after, fm_kernels_f32
from fastmlp._core.op cimport Op, Step, Worker
from fastmlp._core cimport blas
from fastmlp._core import _native, blas as _blas

import numpy as np

cdef enum:
    ACCUMULATE = 1
    RELU = 2
    PANELS = 4
    TURNED = 16
    DESCEND = 32
    AGAIN = 128


cdef inline void native_gemm(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                             const real *b, ptrdiff_t ldb, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                             const real *bias, int flags, const fm_after *after) noexcept nogil:
    cdef const fm_kernels_f32 *kernels
    if real is float:
        kernels = kernels32()
        if (m * n * k <= FM_FEW_PRODUCTS and m <= FM_FEW_ROWS and n <= kernels.panel
                and not flags & (TURNED | DESCEND | AGAIN)):
            if flags & PANELS:
                ldb, flags = kernels.panel, flags - PANELS  # one panel is a matrix, too
            kernels = kernels.few
        kernels.gemm(c, ldc, a, a_rs, a_cs, b, ldb, m, n, k, bias, after, flags)
    else:
        kernels64().gemm(c, ldc, a, a_rs, a_cs, b, ldb, m, n, k, bias, after, flags)


cdef void add_bias_relu(real *y, const real *bias, ptrdiff_t m, ptrdiff_t n, bint relu) noexcept nogil:
    """y (m, n) = y + bias (n), then max(y, 0); NaN stays."""
    cdef ptrdiff_t i, j
    cdef real v
    for i in range(m):
        if bias != NULL:
            for j in range(n):
                y[i * n + j] += bias[j]
        if relu:
            for j in range(n):
                v = y[i * n + j]
                y[i * n + j] = <real>0 if v < 0 else v


cdef inline void dense_fwd(real *y, const real *x, const real *w, const real *bias,
                           ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int flags, bint on_blas) noexcept nogil:
    if on_blas:
        blas.gemm(y, n, x, k, False, w, n, False, m, n, k, <real>1, <real>0)
        add_bias_relu(y, bias, m, n, flags & RELU)
    else:
        native_gemm(y, n, x, k, 1, w, n, m, n, k, bias, flags, NULL)


cdef inline void dense_bwd(real *dx, const real *dy, const real *w, const real *y,
                           ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int flags, const fm_after *after,
                           bint on_blas) noexcept nogil:
    """w is wᵀ (n, k) on the micro-kernel, w (k, n) on BLAS and with TURNED."""
    if on_blas:
        blas.gemm(dx, k, dy, n, False, w, n, True, m, k, n, <real>1, <real>0)
    else:
        native_gemm(dx, k, dy, n, 1, w, k, m, k, n, y, flags, after)


cdef void grad_matmul(real *g, const real *x, const real *dy, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                      ptrdiff_t i0, ptrdiff_t i1, int flags, bint on_blas) noexcept nogil:
    """Rows i0 .. i1 of dw (k, n) = xᵀ · dy, summed over m rows; g holds just those rows."""
    if on_blas:
        blas.gemm(g, n, x + i0, k, True, dy, n, False, i1 - i0, n, m,
                  <real>1, <real>1 if flags & ACCUMULATE else <real>0)
    else:
        native_gemm(g, n, x + i0, 1, k, dy, n, i1 - i0, n, m, <const real *>NULL, flags, NULL)


cdef inline void pack(real *b, const real *w, ptrdiff_t n, ptrdiff_t k, ptrdiff_t i0, ptrdiff_t i1,
                      bint transposed, bint panels) noexcept nogil:
    """Rows i0 .. i1 of w (k, n), which may be in panels, into those of w or of wᵀ."""
    cdef ptrdiff_t panel = kernels32().panel if real is float else kernels64().panel
    cdef ptrdiff_t w_rows = k if panels else 0
    w = w + i0 * (panel if panels else n)
    if real is float:
        if transposed:
            kernels32().pack_columns(b, n, w, n, w_rows, i0, i1 - i0)
        else:
            kernels32().pack_rows(b, k, w, n, i0, i1 - i0, n)
    else:
        if transposed:
            kernels64().pack_columns(b, n, w, n, w_rows, i0, i1 - i0)
        else:
            kernels64().pack_rows(b, k, w, n, i0, i1 - i0, n)


cdef inline void run_dense_fwd(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], k = op.n[1], n = op.n[2]
    dense_fwd(y + i0 * rep * n, <const real *>op.p[1] + i0 * rep * k, <const real *>op.p[2],
              <const real *>op.p[3], (i1 - i0) * rep, n, k,
              (RELU if op.n[3] else 0) | (PANELS if op.n[5] else 0), op.n[4])


cdef inline void run_dense_bwd(real *dx, const Op *op, const Step *step, Worker *worker,
                               ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], k = op.n[1], n = op.n[2]
    cdef ptrdiff_t panel = kernels32().panel if real is float else kernels64().panel
    cdef fm_after after = fm_after(op.f[0], <real *>op.p[5] + i0 * rep * panel, step.m * rep)
    cdef real *w = <real *>op.p[2] + worker.id * op.n[5]
    cdef const real *y = <const real *>op.p[3]
    if op.p[4] != NULL and worker.fresh:
        pack(w, <const real *>op.p[4], n, k, 0, k, True, op.n[6])
    dense_bwd(dx + i0 * rep * k, <const real *>op.p[1] + i0 * rep * n, w,
              y + i0 * rep * k if y != NULL else NULL, (i1 - i0) * rep, n, k,
              <int>op.n[3], &after, op.n[4])


cdef inline void run_grad_matmul(real *g, const Op *op, const Step *step, Worker *worker,
                                 ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    g = g + i0 * op.n[4] if op.n[4] else <real *>worker.scratch
    grad_matmul(g, <const real *>op.p[1], <const real *>op.p[2], step.m * op.n[0], op.n[2], op.n[1],
                i0, i1, (ACCUMULATE if op.n[3] else 0) | (PANELS if op.n[6] else 0), op.n[5])


cdef inline void run_descend(real *w, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t k = op.n[1], n = op.n[2], panel = kernels32().panel if real is float else kernels64().panel
    cdef fm_after after = fm_after((<const real *>op.p[3])[0], NULL, 0)
    native_gemm(w + i0 * panel, k, <const real *>op.p[1] + i0, 1, k, <const real *>op.p[2], n, i1 - i0, n,
                step.m * op.n[0], NULL, PANELS | DESCEND, &after)


cdef inline void run_grad_bias(real *g, const Op *op, const Step *step, Worker *worker,
                               ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef const real *dy = <const real *>op.p[1] + i0
    g = g + i0 * op.n[3] if op.n[3] else <real *>worker.scratch
    if real is float:
        few32(step.m * op.n[1]).colsum(g, dy, op.n[1], step.m * op.n[0], i1 - i0, op.n[2])
    else:
        kernels64().colsum(g, dy, op.n[1], step.m * op.n[0], i1 - i0, op.n[2])


cdef inline void run_share_matmul(real *s, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], k = op.n[1], n = op.n[2]
    grad_matmul(s + worker.task * op.n[4], <const real *>op.p[1] + i0 * rep * k,
                <const real *>op.p[2] + i0 * rep * n, (i1 - i0) * rep, n, k, 0, k, 0, op.n[3])


cdef inline void run_share_bias(real *s, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], n = op.n[1]
    cdef const real *dy = <const real *>op.p[1] + i0 * rep * n
    s = s + worker.task * op.n[2]
    if real is float:
        kernels32().colsum(s, dy, n, (i1 - i0) * rep, n, 0)
    else:
        kernels64().colsum(s, dy, n, (i1 - i0) * rep, n, 0)


cdef inline void run_grad_shares(real *g, const Op *op, const Step *step, Worker *worker,
                                 ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t width = op.n[0], tasks = (step.m + op.n[2] - 1) // op.n[2]
    cdef const real *s = <const real *>op.p[1] + i0 * width
    g = g + i0 * op.n[4] if op.n[4] else <real *>worker.scratch
    if real is float:
        kernels32().colsum(g, s, op.n[1], tasks, (i1 - i0) * width, op.n[3])
    else:
        kernels64().colsum(g, s, op.n[1], tasks, (i1 - i0) * width, op.n[3])


cdef inline void run_pack(real *b, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    pack(b, <const real *>op.p[1], op.n[0], op.n[1], i0, i1, op.n[2], op.n[3])


cdef inline void run_unpack(real *w, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t n = op.n[0], k = op.n[1]
    cdef const real *b = <const real *>op.p[1]
    if real is float:
        kernels32().unpack_rows(w + i0 * n, n, b, k, i0, i1 - i0, n)
    else:
        kernels64().unpack_rows(w + i0 * n, n, b, k, i0, i1 - i0, n)


cdef inline void pack_rows(real *b, ptrdiff_t k, const real *a, ptrdiff_t first, ptrdiff_t m,
                           ptrdiff_t n) noexcept nogil:
    if real is float:
        kernels32().pack_rows(b, k, a, n, first, m, n)
    else:
        kernels64().pack_rows(b, k, a, n, first, m, n)


cdef inline void run_pack_samples(real *b, const Op *op, const Step *step,
                                  ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], n = op.n[1], skip = op.n[2], i
    cdef const real *dy = <const real *>op.p[1]
    if not skip:
        pack_rows(b, step.m * rep, dy + i0 * rep * n, i0 * rep, (i1 - i0) * rep, n)
    else:
        for i in range(i0, i1):
            pack_rows(b, step.m * rep, dy + (i * (rep + skip) + skip) * n, i * rep, rep, n)


# What the executor calls, for each element type.
cdef void dense_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dense_fwd(<float *>op.p[0], op, i0, i1)

cdef void dense_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dense_fwd(<double *>op.p[0], op, i0, i1)

cdef void dense_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dense_bwd(<float *>op.p[0], op, s, w, i0, i1)

cdef void dense_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dense_bwd(<double *>op.p[0], op, s, w, i0, i1)

cdef void grad_matmul_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_matmul(<float *>op.p[0], op, s, w, i0, i1)

cdef void grad_matmul_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_matmul(<double *>op.p[0], op, s, w, i0, i1)

cdef void descend_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_descend(<float *>op.p[0], op, s, i0, i1)

cdef void descend_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_descend(<double *>op.p[0], op, s, i0, i1)

cdef void grad_bias_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_bias(<float *>op.p[0], op, s, w, i0, i1)

cdef void grad_bias_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_bias(<double *>op.p[0], op, s, w, i0, i1)

cdef void share_matmul_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_share_matmul(<float *>op.p[0], op, w, i0, i1)

cdef void share_matmul_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_share_matmul(<double *>op.p[0], op, w, i0, i1)

cdef void share_bias_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_share_bias(<float *>op.p[0], op, w, i0, i1)

cdef void share_bias_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_share_bias(<double *>op.p[0], op, w, i0, i1)

cdef void grad_shares_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_shares(<float *>op.p[0], op, s, w, i0, i1)

cdef void grad_shares_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_shares(<double *>op.p[0], op, s, w, i0, i1)

cdef void pack_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_pack(<float *>op.p[0], op, i0, i1)

cdef void pack_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_pack(<double *>op.p[0], op, i0, i1)

cdef void unpack_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_unpack(<float *>op.p[0], op, i0, i1)

cdef void unpack_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_unpack(<double *>op.p[0], op, i0, i1)

cdef void pack_samples_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_pack_samples(<float *>op.p[0], op, s, i0, i1)

cdef void pack_samples_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_pack_samples(<double *>op.p[0], op, s, i0, i1)


OPS = {
    "dense_fwd": (<size_t>&dense_fwd_f32, <size_t>&dense_fwd_f64),
    "dense_bwd": (<size_t>&dense_bwd_f32, <size_t>&dense_bwd_f64),
    "grad_matmul": (<size_t>&grad_matmul_f32, <size_t>&grad_matmul_f64),
    "descend": (<size_t>&descend_f32, <size_t>&descend_f64),
    "grad_bias": (<size_t>&grad_bias_f32, <size_t>&grad_bias_f64),
    "share_matmul": (<size_t>&share_matmul_f32, <size_t>&share_matmul_f64),
    "share_bias": (<size_t>&share_bias_f32, <size_t>&share_bias_f64),
    "grad_shares": (<size_t>&grad_shares_f32, <size_t>&grad_shares_f64),
    "pack": (<size_t>&pack_f32, <size_t>&pack_f64),
    "unpack": (<size_t>&unpack_f32, <size_t>&unpack_f64),
    "pack_samples": (<size_t>&pack_samples_f32, <size_t>&pack_samples_f64),
}


# On arrays, for tests and benchmarks.

def _check(what, condition, *arrays):
    if not condition:
        shapes = ", ".join(str((a.shape[0], a.shape[1])) for a in arrays)
        raise ValueError(f"{what}: the shapes do not fit. Received: {shapes}")


def forward(const real[:, ::1] x, const real[:, ::1] w, bias=None, bint relu=False,
            bint on_blas=False):
    """y (m, n) = x (m, k) · w (k, n) + bias (n), then max(y, 0) with relu."""
    cdef ptrdiff_t m = x.shape[0], k = x.shape[1], n = w.shape[1]
    _check("dense.forward", w.shape[0] == k and (bias is None or bias.shape == (n,)), x, w)
    if on_blas:
        _blas.load()
    cdef const real[::1] b = bias
    y = np.empty((m, n), np.asarray(x).dtype)
    cdef real[:, ::1] out = y
    if m and n:
        dense_fwd(&out[0, 0], &x[0, 0] if k else NULL, &w[0, 0] if k else NULL,
                  &b[0] if bias is not None else NULL, m, n, k, RELU if relu else 0, on_blas)
    return y


def backward(const real[:, ::1] dy, const real[:, ::1] w, bint on_blas=False):
    """dx (m, k) = dy (m, n) · wᵀ, with w (k, n)."""
    cdef ptrdiff_t m = dy.shape[0], n = dy.shape[1], k = w.shape[0]
    _check("dense.backward", w.shape[1] == n, dy, w)
    if on_blas:
        _blas.load()
    factor = np.asarray(w) if on_blas else np.ascontiguousarray(np.asarray(w).T)
    cdef const real[:, ::1] right = factor
    dx = np.empty((m, k), np.asarray(dy).dtype)
    cdef real[:, ::1] out = dx
    if m and k:
        dense_bwd(&out[0, 0], &dy[0, 0] if n else NULL, &right[0, 0] if n else NULL, NULL, m, n, k, 0, NULL, on_blas)
    return dx


def weight_gradient(const real[:, ::1] x, const real[:, ::1] dy, bint on_blas=False):
    """dw (k, n) = x (m, k)ᵀ · dy (m, n)"""
    cdef ptrdiff_t m = x.shape[0], k = x.shape[1], n = dy.shape[1]
    _check("dense.weight_gradient", dy.shape[0] == m, x, dy)
    if on_blas:
        _blas.load()
    g = np.zeros((k, n), np.asarray(x).dtype)
    cdef real[:, ::1] out = g
    if m and n and k:
        grad_matmul(&out[0, 0], &x[0, 0], &dy[0, 0], m, n, k, 0, k, 0, on_blas)
    return g


def descend(real[::1] w, const real[:, ::1] x, dy, double rate, ptrdiff_t first=0, ptrdiff_t last=-1):
    """w (k, n), in panels, -= rate · x (m, k)ᵀ · dy (m, n), m <= 256; only rows first .. last - 1, if given."""
    cdef ptrdiff_t m = x.shape[0], k = x.shape[1], n = dy.shape[1]
    cdef ptrdiff_t panel = kernels32().panel if real is float else kernels64().panel
    last = k if last < 0 else last
    _check("dense.descend", len(dy) == m <= 256 and 0 <= first <= last <= k
           and len(w) == _native.panels_size(k, n), x, dy)
    packed = np.empty(_native.panels_size(m, n), dy.dtype)
    _native.pack(packed, dy)
    cdef const real[::1] right = packed
    cdef fm_after after = fm_after(rate, NULL, 0)
    if m and n and first < last:
        native_gemm(&w[first * panel], k, &x[0, first], 1, k, &right[0], n, last - first, n, m, NULL,
                    PANELS | DESCEND, &after)
