# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Recurrent cells: the loop over time, for a chunk of samples.

    op        p                                       n                       items: samples
    rnn_fwd   hc gates x u b h0 c0 mask               kind steps units f g
    rnn_bwd   dx di|dc0 dh0 dhc u gates hc mask       kind steps units f g

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

f and g are activations whose gradient needs their result alone. The gradient of u is one product, of all
states before their steps and all di, in the parameter phase. The worker's scratch holds the f(c') of a sample.
"""
from libc.string cimport memcpy, memset

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

cdef enum:
    SIMPLE, GRU, LSTM

cdef enum:                   # flags of gemm
    ACCUMULATE = 1
    PANELS = 4

KINDS = ("simple", "gru", "lstm")


cdef inline void gemm(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t lda, const real *b, ptrdiff_t m, ptrdiff_t n,
                      ptrdiff_t k, const real *bias, int flags) noexcept nogil:
    if real is float:
        kernels32().gemm(c, ldc, a, lda, 1, b, n, m, n, k, bias, flags | PANELS)
    else:
        kernels64().gemm(c, ldc, a, lda, 1, b, n, m, n, k, bias, flags | PANELS)


cdef inline void act(real *y, const real *x, ptrdiff_t n, ptrdiff_t index) noexcept nogil:
    cdef real[4] h
    h[0], h[1], h[2], h[3] = 0, 0, 0, 0
    if real is float:
        kernels32().act_fwd[index](y, x, n, h)
    else:
        kernels64().act_fwd[index](y, x, n, h)


cdef inline void act_bwd(real *dx, const real *dy, const real *y, ptrdiff_t n, ptrdiff_t index) noexcept nogil:
    cdef real[4] h
    h[0], h[1], h[2], h[3] = 0, 0, 0, 0
    if real is float:
        kernels32().act_bwd[index](dx, dy, y, n, h)
    else:
        kernels64().act_bwd[index](dx, dy, y, n, h)


cdef inline void simple_step(real *h, ptrdiff_t u, ptrdiff_t f) noexcept nogil:
    act(h, h, u, f)


cdef inline void gru_step(real *h, real *s, const real *x, const real *before, ptrdiff_t u, ptrdiff_t f,
                          ptrdiff_t g) noexcept nogil:
    """s holds h·u + b behind its first u elements; it becomes z r n i2."""
    cdef ptrdiff_t j
    for j in range(2 * u):
        s[j] = x[j] + s[u + j]
    act(s, s, 2 * u, g)
    for j in range(u):
        s[2 * u + j] = x[2 * u + j] + s[u + j] * s[3 * u + j]
    act(s + 2 * u, s + 2 * u, u, f)
    for j in range(u):
        h[j] = s[j] * before[j] + (1 - s[j]) * s[2 * u + j]


cdef inline void lstm_step(real *h, real *c, real *s, const real *before, ptrdiff_t u, ptrdiff_t f,
                           ptrdiff_t g) noexcept nogil:
    cdef ptrdiff_t j
    act(s, s, 2 * u, g)
    act(s + 2 * u, s + 2 * u, u, f)
    act(s + 3 * u, s + 3 * u, u, g)
    for j in range(u):
        c[j] = s[u + j] * before[j] + s[j] * s[2 * u + j]
    act(h, c, u, f)
    for j in range(u):
        h[j] *= s[3 * u + j]


cdef inline void start(real *h, const real *h0, ptrdiff_t i, ptrdiff_t u) noexcept nogil:
    if h0 == NULL:
        memset(h, 0, u * sizeof(real))
    else:
        memcpy(h, h0 + i * u, u * sizeof(real))


cdef inline void run_rnn_fwd(real *hc, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t kind = op.n[0], T = op.n[1], u = op.n[2], f = op.n[3], g = op.n[4]
    cdef ptrdiff_t w = u * (1 if kind == SIMPLE else (3 if kind == GRU else 4))
    cdef ptrdiff_t row = (T + 1) * u * (2 if kind == LSTM else 1), half = (T + 1) * u
    cdef const real *panels = <const real *>op.p[3]
    cdef const real *mask = <const real *>op.p[7]
    cdef real *h
    cdef real *s
    cdef const real *x
    cdef ptrdiff_t i, t
    for i in range(i0, i1):
        start(hc + i * row, <const real *>op.p[5], i, u)
        if kind == LSTM:
            start(hc + i * row + half, <const real *>op.p[6], i, u)
    for t in range(T):
        if kind == SIMPLE:
            for i in range(i0, i1):
                memcpy(hc + i * row + (t + 1) * u, <const real *>op.p[2] + (i * T + t) * w, w * sizeof(real))
            gemm(hc + i0 * row + (t + 1) * u, row, hc + i0 * row + t * u, row, panels, i1 - i0, w, u,
                 <const real *>NULL, ACCUMULATE)
        elif kind == GRU:
            s = <real *>op.p[1] + (i0 * T + t) * 4 * u + u
            gemm(s, T * 4 * u, hc + i0 * row + t * u, row, panels, i1 - i0, w, u, <const real *>op.p[4], 0)
        else:
            for i in range(i0, i1):
                memcpy(<real *>op.p[1] + (i * T + t) * w, <const real *>op.p[2] + (i * T + t) * w, w * sizeof(real))
            gemm(<real *>op.p[1] + (i0 * T + t) * w, T * w, hc + i0 * row + t * u, row, panels, i1 - i0, w, u,
                 <const real *>NULL, ACCUMULATE)
        for i in range(i0, i1):
            h = hc + i * row + (t + 1) * u
            if mask != NULL and mask[i * T + t] == 0:
                memcpy(h, h - u, u * sizeof(real))
                if kind == LSTM:
                    memcpy(h + half, h + half - u, u * sizeof(real))
                continue
            if kind == SIMPLE:
                simple_step(h, u, f)
                continue
            s = <real *>op.p[1] + (i * T + t) * 4 * u
            if kind == GRU:
                x = <const real *>op.p[2] + (i * T + t) * w
                gru_step(h, s, x, <const real *>(h - u), u, f, g)
            else:
                lstm_step(h, h + half, s, <const real *>(h + half - u), u, f, g)


cdef inline void gru_step_bwd(real *dx, real *di, real *dh, const real *s, const real *before, ptrdiff_t u,
                              ptrdiff_t f, ptrdiff_t g) noexcept nogil:
    """dh, the gradient of the state after the step, becomes that of the state before, but for h·u."""
    cdef ptrdiff_t j
    for j in range(u):
        dx[2 * u + j] = dh[j] * (1 - s[j])
        dx[j] = dh[j] * (before[j] - s[2 * u + j])
        dh[j] *= s[j]
    act_bwd(dx + 2 * u, <const real *>(dx + 2 * u), s + 2 * u, u, f)
    for j in range(u):
        dx[u + j] = dx[2 * u + j] * s[3 * u + j]
    act_bwd(dx, <const real *>dx, s, 2 * u, g)
    memcpy(di, dx, 2 * u * sizeof(real))
    for j in range(u):
        di[2 * u + j] = dx[2 * u + j] * s[u + j]


cdef inline void lstm_step_bwd(real *dx, real *dh, real *dc, real *fc, const real *s, const real *c,
                               const real *before, ptrdiff_t u, ptrdiff_t f, ptrdiff_t g) noexcept nogil:
    """dh becomes zero: all of it goes through the gates; dc that of the cell before."""
    cdef ptrdiff_t j
    act(fc, c, u, f)
    for j in range(u):
        dx[3 * u + j] = dh[j] * fc[j]
        dh[j] *= s[3 * u + j]
    act_bwd(dh, <const real *>dh, <const real *>fc, u, f)
    for j in range(u):
        dc[j] += dh[j]
        dx[j] = dc[j] * s[2 * u + j]
        dx[u + j] = dc[j] * before[j]
        dx[2 * u + j] = dc[j] * s[j]
        dc[j] *= s[u + j]
        dh[j] = 0
    act_bwd(dx, <const real *>dx, s, 2 * u, g)
    act_bwd(dx + 2 * u, <const real *>(dx + 2 * u), s + 2 * u, u, f)
    act_bwd(dx + 3 * u, <const real *>(dx + 3 * u), s + 3 * u, u, g)


cdef inline void run_rnn_bwd(real *dx, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t kind = op.n[0], T = op.n[1], u = op.n[2], f = op.n[3], g = op.n[4]
    cdef ptrdiff_t w = u * (1 if kind == SIMPLE else (3 if kind == GRU else 4))
    cdef ptrdiff_t row = (T + 1) * u * (2 if kind == LSTM else 1), half = (T + 1) * u
    cdef real *di = <real *>op.p[1] if kind == GRU else dx
    cdef real *dh0 = <real *>op.p[2]
    cdef const real *panels = <const real *>op.p[4]
    cdef const real *hc = <const real *>op.p[6]
    cdef const real *mask = <const real *>op.p[7]
    cdef real *dh
    cdef real *dc
    cdef const real *dy
    cdef const real *h
    cdef const real *s
    cdef ptrdiff_t i, j, t
    memset(dh0 + i0 * u, 0, (i1 - i0) * u * sizeof(real))
    if kind == LSTM:
        memset(<real *>op.p[1] + i0 * u, 0, (i1 - i0) * u * sizeof(real))
    for t in range(T - 1, -1, -1):
        for i in range(i0, i1):
            dh, dc = dh0 + i * u, <real *>op.p[1] + i * u
            dy = <const real *>op.p[3] + i * row + (t + 1) * u
            h = hc + i * row + (t + 1) * u
            s = <const real *>op.p[5] + (i * T + t) * 4 * u
            for j in range(u):
                dh[j] += dy[j]
            if kind == LSTM:
                for j in range(u):
                    dc[j] += dy[half + j]
            if mask != NULL and mask[i * T + t] == 0:
                memset(dx + (i * T + t) * w, 0, w * sizeof(real))
                memset(di + (i * T + t) * w, 0, w * sizeof(real))
            elif kind == SIMPLE:
                act_bwd(dx + (i * T + t) * w, <const real *>dh, h, u, f)
                memset(dh, 0, u * sizeof(real))
            elif kind == GRU:
                gru_step_bwd(dx + (i * T + t) * w, di + (i * T + t) * w, dh, s, h - u, u, f, g)
            else:
                lstm_step_bwd(dx + (i * T + t) * w, dh, dc, <real *>worker.scratch, s, h + half, h + half - u, u, f,
                              g)
        gemm(dh0 + i0 * u, u, <const real *>(di + (i0 * T + t) * w), T * w, panels, i1 - i0, u, w,
             <const real *>NULL, ACCUMULATE)
    for i in range(i0, i1):  # hc begins with h0 and c0 themselves
        dy = <const real *>op.p[3] + i * row
        for j in range(u):
            dh0[i * u + j] += dy[j]
            if kind == LSTM:
                (<real *>op.p[1])[i * u + j] += dy[half + j]


cdef void rnn_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_fwd(<float *>op.p[0], op, w, i0, i1)

cdef void rnn_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_fwd(<double *>op.p[0], op, w, i0, i1)

cdef void rnn_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_bwd(<float *>op.p[0], op, w, i0, i1)

cdef void rnn_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_rnn_bwd(<double *>op.p[0], op, w, i0, i1)


OPS = {
    "rnn_fwd": (<size_t>&rnn_fwd_f32, <size_t>&rnn_fwd_f64),
    "rnn_bwd": (<size_t>&rnn_bwd_f32, <size_t>&rnn_bwd_f64),
}
