# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Order along one axis, elements taken by computed indices, and averages that a step leaves behind.

    op              p           n                                    f         items
    argsort         y x         outer n inner k descending                     samples   places of the first k
    take_along      y x index   outer n inner k wx wi                          samples   y (outer, k, inner)
    take_along_bwd  dx dy index outer n inner k wx wi                          samples   dx at index += dy
    average         w x         width                                momentum  one       w = momentum·w + (1-m.)·x

x is (outer, n, inner) an item, index (outer, k, inner) or shared by all items (wi = 0), as x may be
(wx = 0). Sorting is stable, NaN above all numbers. argsort needs 2 n elements of scratch. An index
below 0 counts from the end; one beyond both ends takes NaN, and takes part in no gradient.
"""
from libc.math cimport NAN
from libc.stdint cimport int32_t
from libc.string cimport memset

from fastmlp._core._native cimport real
from fastmlp._core.op cimport Op, Step, Worker


cdef inline bint goes_first(real a, real b, bint descending) noexcept nogil:
    """Whether a must stand before b; NaN is above all."""
    if descending:
        return a > b or (a != a and b == b)
    return a < b or (b != b and a == a)


cdef inline void merge_sort(int32_t *order, int32_t *other, const real *x, ptrdiff_t n, ptrdiff_t inner,
                            bint descending) noexcept nogil:
    """order (n) = places of the elements of x, `inner` apart, sorted; other (n) is scratch."""
    cdef ptrdiff_t size = 1, start, middle, end, i, j, at
    for i in range(n):
        order[i] = <int32_t>i
    while size < n:
        start = 0
        while start < n:
            middle, end = min(start + size, n), min(start + 2 * size, n)
            i, j = start, middle
            for at in range(start, end):
                if j >= end or (i < middle and not goes_first(x[order[j] * inner], x[order[i] * inner],
                                                              descending)):
                    other[at] = order[i]
                    i += 1
                else:
                    other[at] = order[j]
                    j += 1
            start = end
        for i in range(n):
            order[i] = other[i]
        size *= 2


cdef inline void run_argsort(real *y, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t outer = op.n[0], n = op.n[1], inner = op.n[2], k = op.n[3], o, j, i
    cdef const real *x = <const real *>op.p[1] + i0 * outer * n * inner
    cdef int32_t *order = <int32_t *>worker.scratch
    y += i0 * outer * k * inner
    for o in range(outer * (i1 - i0)):
        for j in range(inner):
            merge_sort(order, order + n, x + o * n * inner + j, n, inner, op.n[4])
            for i in range(k):
                y[(o * k + i) * inner + j] = <real>order[i]


cdef inline ptrdiff_t place(real index, ptrdiff_t n) noexcept nogil:
    """A place in [0, n), or -1. Cut to a whole number first: -0.5 is place 0, not n."""
    if not (index >= -n and index < n):  # NaN too
        return -1
    cdef ptrdiff_t at = <ptrdiff_t>index
    return at if at >= 0 else at + n


cdef inline void run_take_along(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t outer = op.n[0], n = op.n[1], inner = op.n[2], k = op.n[3], o, i, j, at
    cdef const real *x = <const real *>op.p[1] + i0 * op.n[4]
    cdef const real *index = <const real *>op.p[2] + i0 * op.n[5]
    y += i0 * outer * k * inner
    for _ in range(i1 - i0):
        for o in range(outer):
            for i in range(k):
                for j in range(inner):
                    at = place(index[(o * k + i) * inner + j], n)
                    y[(o * k + i) * inner + j] = x[(o * n + at) * inner + j] if at >= 0 else <real>NAN
        y += outer * k * inner
        x += op.n[4]
        index += op.n[5]


cdef inline void run_take_along_bwd(real *dx, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t outer = op.n[0], n = op.n[1], inner = op.n[2], k = op.n[3], o, i, j, at
    cdef const real *dy = <const real *>op.p[1] + i0 * outer * k * inner
    cdef const real *index = <const real *>op.p[2] + i0 * op.n[5]
    dx += i0 * outer * n * inner
    memset(dx, 0, (i1 - i0) * outer * n * inner * sizeof(real))
    for _ in range(i1 - i0):
        for o in range(outer):
            for i in range(k):
                for j in range(inner):
                    at = place(index[(o * k + i) * inner + j], n)
                    if at >= 0:
                        dx[(o * n + at) * inner + j] += dy[(o * k + i) * inner + j]
        dx += outer * n * inner
        dy += outer * k * inner
        index += op.n[5]


cdef inline void run_average(real *w, const Op *op) noexcept nogil:
    cdef const real *x = <const real *>op.p[1]
    cdef real momentum = <real>op.f[0]
    cdef real rest = <real>(1 - op.f[0])
    cdef ptrdiff_t i
    for i in range(op.n[0]):
        w[i] = w[i] * momentum + x[i] * rest if momentum != 0 else x[i]  # whatever w was


cdef void argsort_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_argsort(<float *>op.p[0], op, w, i0, i1)

cdef void argsort_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_argsort(<double *>op.p[0], op, w, i0, i1)

cdef void take_along_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_take_along(<float *>op.p[0], op, i0, i1)

cdef void take_along_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_take_along(<double *>op.p[0], op, i0, i1)

cdef void take_along_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_take_along_bwd(<float *>op.p[0], op, i0, i1)

cdef void take_along_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_take_along_bwd(<double *>op.p[0], op, i0, i1)

cdef void average_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_average(<float *>op.p[0], op)

cdef void average_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_average(<double *>op.p[0], op)


OPS = {
    "argsort": (<size_t>&argsort_f32, <size_t>&argsort_f64),
    "take_along": (<size_t>&take_along_f32, <size_t>&take_along_f64),
    "take_along_bwd": (<size_t>&take_along_bwd_f32, <size_t>&take_along_bwd_f64),
    "average": (<size_t>&average_f32, <size_t>&average_f64),
}
