# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Reductions along one axis, running sums, and their gradients.

    op          p          n                            items
    reduce      y  x       kind outer n inner over      samples        y (outer, inner) = Σ … of x (outer, n, inner)
    reduce_bwd  dx dy x y  kind outer n inner over      samples        dx (outer, n, inner) from dy (outer, inner)
    cumsum      y  x       outer n inner reverse        samples        running sums along n

Items are samples, or one batch-free value. With `over`, the reduced axis is the batch itself: x is
(m, inner), y is (inner) and batch-free, and the op is called once for all samples; but the gradients
of sum and mean may be computed in any chunks. A mean over the batch divides by the samples at hand.
"""
from libc.math cimport exp, log

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

KINDS = ("sum", "mean", "max", "min", "prod", "argmax", "argmin", "logsumexp")

cdef enum:
    SUM, MEAN, MAX, MIN, PROD, ARGMAX, ARGMIN, LOGSUMEXP


cdef inline void sums(real *y, const real *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner) noexcept nogil:
    cdef ptrdiff_t o
    if real is float:
        if inner == 1:
            kernels32().rowsum(y, x, outer, n)
        else:
            for o in range(outer):
                kernels32().colsum(y + o * inner, x + o * n * inner, inner, n, inner, 0)
    else:
        if inner == 1:
            kernels64().rowsum(y, x, outer, n)
        else:
            for o in range(outer):
                kernels64().colsum(y + o * inner, x + o * n * inner, inner, n, inner, 0)


cdef inline ptrdiff_t best(const real *x, ptrdiff_t n, ptrdiff_t inner, bint largest) noexcept nogil:
    """Index of the first largest or smallest element; of the first NaN if there is one."""
    cdef ptrdiff_t i, at = 0
    cdef real v, top = x[0]
    for i in range(n):
        v = x[i * inner]
        if v != v:
            return i
        if (v > top) if largest else (v < top):
            top = v
            at = i
    return at


cdef inline real one(const real *x, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t kind) noexcept nogil:
    """The reduction of n elements, `inner` apart."""
    cdef ptrdiff_t i
    cdef double total
    cdef real top
    if kind == PROD:
        total = 1
        for i in range(n):
            total *= x[i * inner]
        return <real>total
    if kind == ARGMAX or kind == ARGMIN:
        return <real>best(x, n, inner, kind == ARGMAX)
    if kind == MAX or kind == MIN:
        return x[best(x, n, inner, kind == MAX) * inner]
    top = x[best(x, n, inner, True) * inner]
    if top != top or top - top != 0:  # NaN; or infinite, and so is the result
        return top
    total = 0
    for i in range(n):
        total += exp(<double>(x[i * inner] - top))
    return <real>(top + log(total))


cdef inline void run_reduce(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef const real *x = <const real *>op.p[1]
    cdef ptrdiff_t kind = op.n[0], n = op.n[2], inner = op.n[3], outer = op.n[1] * (i1 - i0), o, j
    cdef real factor
    if op.n[4]:
        outer, n = 1, step.m
    else:
        x += i0 * op.n[1] * n * inner
        y += i0 * op.n[1] * inner
    if kind == SUM or kind == MEAN:
        sums(y, x, outer, n, inner)
        if kind == MEAN:
            factor = <real>1 / <real>n
            for j in range(outer * inner):
                y[j] *= factor
        return
    for o in range(outer):
        for j in range(inner):
            y[o * inner + j] = one(x + o * n * inner + j, n, inner, kind)


cdef inline void one_bwd(real *dx, real dy, const real *x, real y, ptrdiff_t n, ptrdiff_t inner,
                         ptrdiff_t kind) noexcept nogil:
    """max, min: shared by all that equal y; prod: the product of the others; logsumexp: e^(x - y)."""
    cdef ptrdiff_t i, ties = 0, zeros = 0
    cdef double others = 1
    if kind == LOGSUMEXP:
        for i in range(n):
            dx[i * inner] = <real>(dy * exp(<double>(x[i * inner] - y)))
    elif kind == PROD:
        for i in range(n):
            if x[i * inner] == 0:
                zeros += 1
            else:
                others *= x[i * inner]
        for i in range(n):
            if zeros == 0:
                dx[i * inner] = <real>(dy * (others / x[i * inner]))
            else:
                dx[i * inner] = <real>(dy * others) if zeros == 1 and x[i * inner] == 0 else <real>0
    else:
        for i in range(n):
            ties += x[i * inner] == y
        for i in range(n):
            dx[i * inner] = dy / <real>ties if x[i * inner] == y else <real>0


cdef inline void run_reduce_bwd(real *dx, const Op *op, const Step *step, ptrdiff_t i0,
                                ptrdiff_t i1) noexcept nogil:
    cdef const real *dy = <const real *>op.p[1]
    cdef const real *x = <const real *>op.p[2]
    cdef const real *y = <const real *>op.p[3]
    cdef ptrdiff_t kind = op.n[0], n = op.n[2], inner = op.n[3], outer = op.n[1] * (i1 - i0), o, i, j
    cdef real factor = 1
    if op.n[4]:
        outer, n = 1, i1 - i0
        dx += i0 * inner
        if kind == MEAN:
            factor = <real>1 / <real>step.m
    else:
        dx += i0 * op.n[1] * n * inner
        dy += i0 * op.n[1] * inner
        if kind == MEAN:
            factor = <real>1 / <real>n
    if kind == SUM or kind == MEAN:
        for o in range(outer):
            for i in range(n):
                for j in range(inner):
                    dx[(o * n + i) * inner + j] = dy[o * inner + j] * factor
        return
    if not op.n[4]:
        x += i0 * op.n[1] * n * inner
        y += i0 * op.n[1] * inner
    for o in range(outer):
        for j in range(inner):
            one_bwd(dx + o * n * inner + j, dy[o * inner + j], x + o * n * inner + j, y[o * inner + j],
                    n, inner, kind)


cdef inline void run_cumsum(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t n = op.n[1], inner = op.n[2], size = op.n[0] * n * inner, o, i, j, at
    cdef const real *x = <const real *>op.p[1] + i0 * size
    cdef double total
    y += i0 * size
    for o in range(op.n[0] * (i1 - i0)):
        for j in range(inner):
            total = 0
            for i in range(n):
                at = (o * n + (n - 1 - i if op.n[3] else i)) * inner + j
                total += x[at]
                y[at] = <real>total


cdef void reduce_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_reduce(<float *>op.p[0], op, s, i0, i1)

cdef void reduce_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_reduce(<double *>op.p[0], op, s, i0, i1)

cdef void reduce_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_reduce_bwd(<float *>op.p[0], op, s, i0, i1)

cdef void reduce_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_reduce_bwd(<double *>op.p[0], op, s, i0, i1)

cdef void cumsum_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_cumsum(<float *>op.p[0], op, i0, i1)

cdef void cumsum_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_cumsum(<double *>op.p[0], op, i0, i1)


OPS = {
    "reduce": (<size_t>&reduce_f32, <size_t>&reduce_f64),
    "reduce_bwd": (<size_t>&reduce_bwd_f32, <size_t>&reduce_bwd_f64),
    "cumsum": (<size_t>&cumsum_f32, <size_t>&cumsum_f64),
}
