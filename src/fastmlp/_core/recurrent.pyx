# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Recurrent cells: the loop over time, for a chunk of samples.

    op        p                                       n                       items: samples
    rnn_fwd   hc gates x u b h0 c0 mask               kind steps units f g
    rnn_bwd   dx di|dc0 dh0 dy u gates hc mask        kind steps units f g first given

    kind      x, one step                  one step
    simple    z                            h' = f(z + h·u)
    gru       z r n                        i = h·u + b    z = g(z + i0)    r = g(r + i1)
                                           n = f(n + r i2)    h' = z h + (1 - z) n
    lstm      i f n o                      i f n o += h·u    i f o = g(i f o)    n = f(n)
                                           c' = f c + i n    h' = o f(c')

x (m, T, G u): products of inputs and kernel, G = 1, 3, 4        u (u, G u)        b (3 u): gru's
hc (m, S, T + 1, u): states before the first step and after each; S = 2, h and c, for lstm, else 1
gates (m, T, 4 u): z r n i2 of gru, i f n o of lstm; no buffer for simple
h0, c0 (m, u): NULL: zeros        mask (m, T): where it is 0 the states stay; NULL: nowhere
di (m, T, 3 u): gru's gradient of h·u + b; of the others it is dx
u lies in the micro-kernel's panels (plan/panels.py), for rnn_bwd uᵀ
x and gates, gates and dx of lstm may be one buffer: a step then needs no copy
first: whether the gradient of h0 or c0 is asked for; if not, dh0 is unfinished
given: what dy is the gradient of: all of hc, h after each step (m, T, u), or the last h (m, u)

f and g are activations whose gradient needs their result alone. All of a step but its product is one kernel
(csrc/kernels/recurrent.inc.c). The gradient of u is one product, of all states before their steps and all di,
in the parameter phase.
"""
from libc.string cimport memcpy, memset

import numpy as np

from fastmlp._core import _native
from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

cdef enum:
    SIMPLE, GRU, LSTM

cdef enum:                   # flags of gemm
    ACCUMULATE = 1
    PANELS = 4

cdef enum:                   # given
    ALL, EACH, LAST

KINDS = ("simple", "gru", "lstm")
GIVEN = ("all", "each", "last")


cdef inline void gemm(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t lda, const real *b, ptrdiff_t m, ptrdiff_t n,
                      ptrdiff_t k, const real *bias, int flags) noexcept nogil:
    if real is float:
        kernels32().gemm(c, ldc, a, lda, 1, b, n, m, n, k, bias, NULL, flags | PANELS)
    else:
        kernels64().gemm(c, ldc, a, lda, 1, b, n, m, n, k, bias, NULL, flags | PANELS)


cdef inline void act(real *y, ptrdiff_t n, ptrdiff_t index) noexcept nogil:
    if real is float:
        kernels32().act_fwd[index](y, y, n, NULL)
    else:
        kernels64().act_fwd[index](y, y, n, NULL)


cdef inline void act_bwd(real *dx, const real *dy, const real *y, ptrdiff_t n, ptrdiff_t index) noexcept nogil:
    if real is float:
        kernels32().act_bwd[index](dx, dy, y, n, NULL)
    else:
        kernels64().act_bwd[index](dx, dy, y, n, NULL)


cdef inline void add_rows(real *y, const real *x, ptrdiff_t ldx, ptrdiff_t i0, ptrdiff_t i1,
                          ptrdiff_t u) noexcept nogil:
    """Rows i0 .. i1 of y (m, u) += those of x, ldx apart."""
    cdef ptrdiff_t i
    for i in range(i0, i1):
        if real is float:
            kernels32().add(y + i * u, y + i * u, x + i * ldx, u)
        else:
            kernels64().add(y + i * u, y + i * u, x + i * ldx, u)


cdef inline void lstm_fwd(real *h, real *c, real *s, const real *before, ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh,
                          ptrdiff_t lds, int f, int g) noexcept nogil:
    if real is float:
        kernels32().lstm_fwd(h, c, s, before, m, u, ldh, lds, f, g)
    else:
        kernels64().lstm_fwd(h, c, s, before, m, u, ldh, lds, f, g)


cdef inline void lstm_bwd(real *dx, real *dc, const real *dh, const real *s, const real *c, const real *before,
                          ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh, ptrdiff_t lds, int f, int g) noexcept nogil:
    if real is float:
        kernels32().lstm_bwd(dx, dc, dh, s, c, before, m, u, ldh, lds, f, g)
    else:
        kernels64().lstm_bwd(dx, dc, dh, s, c, before, m, u, ldh, lds, f, g)


cdef inline void gru_fwd(real *h, real *s, const real *x, const real *before, ptrdiff_t m, ptrdiff_t u,
                         ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f, int g) noexcept nogil:
    if real is float:
        kernels32().gru_fwd(h, s, x, before, m, u, ldh, lds, ldx, f, g)
    else:
        kernels64().gru_fwd(h, s, x, before, m, u, ldh, lds, ldx, f, g)


cdef inline void gru_bwd(real *dx, real *di, real *dh, const real *s, const real *before, ptrdiff_t m, ptrdiff_t u,
                         ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f, int g) noexcept nogil:
    if real is float:
        kernels32().gru_bwd(dx, di, dh, s, before, m, u, ldh, lds, ldx, f, g)
    else:
        kernels64().gru_bwd(dx, di, dh, s, before, m, u, ldh, lds, ldx, f, g)


cdef inline void start(real *h, const real *h0, ptrdiff_t i, ptrdiff_t u) noexcept nogil:
    if h0 == NULL:
        memset(h, 0, u * sizeof(real))
    else:
        memcpy(h, h0 + i * u, u * sizeof(real))


cdef inline ptrdiff_t run_end(const real *mask, ptrdiff_t T, ptrdiff_t i, ptrdiff_t i1, bint on) noexcept nogil:
    """The first sample from i on that a step's mask does not tell to be on, or off."""
    while i < i1 and (mask == NULL or mask[i * T] != 0) == on:
        i = i1 if mask == NULL else i + 1
    return i


cdef inline void run_rnn_fwd(real *hc, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t kind = op.n[0], T = op.n[1], u = op.n[2], f = op.n[3], g = op.n[4]
    cdef ptrdiff_t w = u * (1 if kind == SIMPLE else (3 if kind == GRU else 4))
    cdef ptrdiff_t row = (T + 1) * u * (2 if kind == LSTM else 1), half = (T + 1) * u
    cdef const real *panels = <const real *>op.p[3]
    cdef const real *h0 = <const real *>op.p[5]
    cdef real *h
    cdef real *s
    cdef real *to           # where the product goes: row after row `ld` apart
    cdef const real *x
    cdef const real *mask
    cdef ptrdiff_t i, j, t, ld
    for i in range(i0, i1):
        start(hc + i * row, h0, i, u)
        if kind == LSTM:
            start(hc + i * row + half, <const real *>op.p[6], i, u)
    for t in range(T):
        h = hc + (t + 1) * u
        s = <real *>op.p[1] + t * 4 * u
        x = <const real *>op.p[2] + t * w
        mask = <const real *>op.p[7] + t if op.p[7] != NULL else NULL
        to = h if kind == SIMPLE else (s + u if kind == GRU else s)
        ld = row if kind == SIMPLE else T * 4 * u
        if kind != GRU and <const real *>to != x:
            for i in range(i0, i1):
                memcpy(to + i * ld, x + i * T * w, w * sizeof(real))
        if t == 0 and h0 == NULL:  # a product with zeros
            if kind == GRU:
                for i in range(i0, i1):
                    start(to + i * ld, <const real *>op.p[4], 0, w)
        else:
            gemm(to + i0 * ld, ld, <const real *>(h - u) + i0 * row, row, panels, i1 - i0, w, u,
                 <const real *>op.p[4] if kind == GRU else NULL, 0 if kind == GRU else ACCUMULATE)
        i = i0
        while i < i1:
            j = run_end(mask, T, i, i1, True)
            if kind == LSTM:
                lstm_fwd(h + i * row, h + i * row + half, s + i * ld, h + i * row + half - u, j - i, u, row, ld, f, g)
            elif kind == GRU:
                gru_fwd(h + i * row, s + i * ld, x + i * T * w, h + i * row - u, j - i, u, row, ld, T * w, f, g)
            else:
                for i in range(i, j):
                    act(h + i * row, u, f)
            i = run_end(mask, T, j, i1, False)
            for j in range(j, i):
                memcpy(h + j * row, h + j * row - u, u * sizeof(real))
                if kind == LSTM:
                    memcpy(h + j * row + half, h + j * row + half - u, u * sizeof(real))


cdef inline void run_rnn_bwd(real *dx, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t kind = op.n[0], T = op.n[1], u = op.n[2], f = op.n[3], g = op.n[4]
    cdef ptrdiff_t w = u * (1 if kind == SIMPLE else (3 if kind == GRU else 4))
    cdef ptrdiff_t row = (T + 1) * u * (2 if kind == LSTM else 1), half = (T + 1) * u
    cdef real *di = <real *>op.p[1] if kind == GRU else dx
    cdef real *dc = <real *>op.p[1]
    cdef real *dh = <real *>op.p[2]
    cdef const real *dy = <const real *>op.p[3]
    cdef ptrdiff_t given = op.n[6], ldy = row if given == ALL else (T * u if given == EACH else u)
    cdef const real *panels = <const real *>op.p[4]
    cdef const real *s
    cdef const real *h
    cdef const real *mask
    cdef ptrdiff_t i, j, k, t, lds = T * 4 * u, ldx = T * w
    # Where a step takes all of dh, the product behind it assigns; with a mask some samples keep theirs.
    cdef bint assigns = kind != GRU and op.p[7] == NULL
    memset(dh + i0 * u, 0, (i1 - i0) * u * sizeof(real))
    if kind == LSTM:
        memset(dc + i0 * u, 0, (i1 - i0) * u * sizeof(real))
    for t in range(T - 1, -1, -1):
        if given != LAST:
            add_rows(dh, dy + (t + (given == ALL)) * u, ldy, i0, i1, u)
        elif t == T - 1:
            add_rows(dh, dy, ldy, i0, i1, u)
        if kind == LSTM and given == ALL:
            add_rows(dc, dy + (t + 1) * u + half, ldy, i0, i1, u)
        s = <const real *>op.p[5] + t * 4 * u
        h = <const real *>op.p[6] + (t + 1) * u
        mask = <const real *>op.p[7] + t if op.p[7] != NULL else NULL
        i = i0
        while i < i1:
            j = run_end(mask, T, i, i1, True)
            if kind == LSTM:
                lstm_bwd(dx + t * w + i * ldx, dc + i * u, dh + i * u, s + i * lds, h + i * row + half,
                         h + i * row + half - u, j - i, u, row, lds, f, g)
            elif kind == GRU:
                gru_bwd(dx + t * w + i * ldx, di + t * w + i * ldx, dh + i * u, s + i * lds, h + i * row - u,
                        j - i, u, row, lds, ldx, f, g)
            else:
                for k in range(i, j):
                    act_bwd(dx + t * w + k * ldx, dh + k * u, h + k * row, u, f)
            if kind != GRU and not assigns:
                memset(dh + i * u, 0, (j - i) * u * sizeof(real))
            i = run_end(mask, T, j, i1, False)
            for j in range(j, i):
                memset(dx + t * w + j * ldx, 0, w * sizeof(real))
                memset(di + t * w + j * ldx, 0, w * sizeof(real))
        if t > 0 or op.n[5]:
            gemm(dh + i0 * u, u, <const real *>(di + t * w) + i0 * ldx, ldx, panels, i1 - i0, u, w,
                 <const real *>NULL, 0 if assigns else ACCUMULATE)
    if op.n[5] and given == ALL:  # hc begins with h0 and c0 themselves
        add_rows(dh, dy, ldy, i0, i1, u)
        if kind == LSTM:
            add_rows(dc, dy + half, ldy, i0, i1, u)


cdef void rnn_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_fwd(<float *>op.p[0], op, i0, i1)

cdef void rnn_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_fwd(<double *>op.p[0], op, i0, i1)

cdef void rnn_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_bwd(<float *>op.p[0], op, i0, i1)

cdef void rnn_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_bwd(<double *>op.p[0], op, i0, i1)


OPS = {
    "rnn_fwd": (<size_t>&rnn_fwd_f32, <size_t>&rnn_fwd_f64),
    "rnn_bwd": (<size_t>&rnn_bwd_f32, <size_t>&rnn_bwd_f64),
}


# On arrays, for tests and benchmarks.

# Of each kernel, in the order of its arguments: which distance between rows they have, and their units.
LAYOUT = {
    "lstm_fwd": "h1 h1 s4 h1",
    "lstm_bwd": "s4 u1 u1 s4 h1 h1",
    "gru_fwd": "h1 s4 x3 h1",
    "gru_bwd": "x3 x3 u1 s4 h1",
}


cdef void run_cell(real *tag, ptrdiff_t kernel, const size_t *p, ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh,
                   ptrdiff_t lds, ptrdiff_t ldx, int f, int g) noexcept nogil:
    if kernel == 0:
        lstm_fwd(<real *>p[0], <real *>p[1], <real *>p[2], <const real *>p[3], m, u, ldh, lds, f, g)
    elif kernel == 1:
        lstm_bwd(<real *>p[0], <real *>p[1], <const real *>p[2], <const real *>p[3], <const real *>p[4],
                 <const real *>p[5], m, u, ldh, lds, f, g)
    elif kernel == 2:
        gru_fwd(<real *>p[0], <real *>p[1], <const real *>p[2], <const real *>p[3], m, u, ldh, lds, ldx, f, g)
    else:
        gru_bwd(<real *>p[0], <real *>p[1], <real *>p[2], <const real *>p[3], <const real *>p[4], m, u, ldh, lds,
                ldx, f, g)


def cell(str kernel, arrays, str activation, str recurrent_activation):
    """Runs a kernel of csrc/kernels/recurrent.inc.c on matrices, its arguments in their order.

    Rows are contiguous; those of dh and dc, and of all of one kind, are equally far apart.
    """
    cdef size_t[6] p
    cdef ptrdiff_t number = list(LAYOUT).index(kernel), m = arrays[0].shape[0], u, ldh, lds, ldx
    cdef int f, g
    u = arrays[len(arrays) - 1].shape[1]
    f, g = (list(_native.ACTIVATIONS).index(name) for name in (activation, recurrent_activation))
    apart, dtype = {"u": u, "s": 0, "x": 0}, arrays[0].dtype
    for i, (a, kind) in enumerate(zip(arrays, LAYOUT[kernel].split(), strict=True)):
        size = dtype.itemsize
        distance = apart.setdefault(kind[0], 0) or a.strides[0] // size
        apart[kind[0]] = distance
        if (a.dtype != dtype or a.shape != (m, u * int(kind[1])) or a.strides[1] != size
                or a.strides[0] != distance * size):
            raise ValueError(f"{kernel}: expected ({m}, {u * int(kind[1])}) {dtype}, rows {distance} apart, as "
                             f"number {i}. Received: shape={a.shape}, dtype={a.dtype}, strides={a.strides}")
        p[i] = a.ctypes.data
    ldh, lds, ldx = apart["h"], apart["s"], apart["x"]
    if dtype == np.float32:
        run_cell(<float *>NULL, number, &p[0], m, u, ldh, lds, ldx, f, g)
    else:
        run_cell(<double *>NULL, number, &p[0], m, u, ldh, lds, ldx, f, g)
