# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Projections of a weight after its update, in place. NumPy twins: fastmlp/constraints.py.

    op          p    n                           f                         items
    constrain   w    kind outer reduced inner    low high rate epsilon     outer * inner slices

w is seen as (outer, reduced, inner); a slice w[i, :, j] is independent of the others. kind is an
index into KINDS:

    non_neg    w = max(w, 0)                                               NaN stays; f is not read
    norm       w = w * (rate * clip(norm, low, high) + (1 - rate) * norm) / (epsilon + norm)
               norm = sqrt(sum of w^2 over the slice), summed in double in index order
"""
from libc.math cimport sqrt

from fastmlp._core._native cimport real
from fastmlp._core.op cimport Op, Step, Worker

KINDS = ("non_neg", "norm")

cdef enum:
    NON_NEG = 0
    BLOCK = 64  # neighbouring slices handled together, so that w is read along its rows


cdef inline void non_neg(real *w, ptrdiff_t reduced, ptrdiff_t inner,
                         ptrdiff_t width) noexcept nogil:
    # w: (reduced, width) with rows inner apart
    cdef ptrdiff_t r, j
    for r in range(reduced):
        for j in range(width):
            w[r * inner + j] = 0 if w[r * inner + j] < 0 else w[r * inner + j]


cdef inline void norm(real *w, ptrdiff_t reduced, ptrdiff_t inner, ptrdiff_t width,
                      const double *f) noexcept nogil:
    # w: (reduced, width) with rows inner apart; width <= BLOCK
    cdef double[BLOCK] factor
    cdef double low = f[0], high = f[1], rate = f[2], epsilon = f[3], length, desired
    cdef ptrdiff_t r, j
    for j in range(width):
        factor[j] = 0
    for r in range(reduced):
        for j in range(width):
            factor[j] += <double>w[r * inner + j] * <double>w[r * inner + j]
    for j in range(width):
        length = sqrt(factor[j])
        desired = low if length < low else high if length > high else length
        if rate != 1:
            desired = rate * desired + (1 - rate) * length
        factor[j] = desired / (epsilon + length)
    for r in range(reduced):
        for j in range(width):
            w[r * inner + j] = <real>(w[r * inner + j] * factor[j])


cdef inline void run_constrain(real *w, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t reduced = op.n[2], inner = op.n[3], i = i0, width
    cdef real *block
    while i < i1:
        width = min(<ptrdiff_t>BLOCK, i1 - i, inner - i % inner)
        block = w + i // inner * reduced * inner + i % inner
        if op.n[0] == NON_NEG:
            non_neg(block, reduced, inner, width)
        else:
            norm(block, reduced, inner, width, op.f)
        i += width


cdef void constrain_f32(const Op *op, const Step *step, Worker *worker,
                        ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_constrain(<float *>op.p[0], op, i0, i1)


cdef void constrain_f64(const Op *op, const Step *step, Worker *worker,
                        ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_constrain(<double *>op.p[0], op, i0, i1)


OPS = {"constrain": (<size_t>&constrain_f32, <size_t>&constrain_f64)}


def constrain(str kind not None, real[:, :, ::1] w not None, params=()):
    """Projects w (outer, reduced, inner) in place, as the op of the same name does.

    Args:
        kind: One of KINDS.
        w: C-contiguous float32 or float64 array; written.
        params: (low, high, rate, epsilon) for "norm".

    Raises:
        ValueError: If kind is not one of KINDS, or "norm" is not given 4 params.
    """
    cdef Op op
    cdef ptrdiff_t slices = w.shape[0] * w.shape[2]
    if kind not in KINDS:
        raise ValueError(f"constrain: expected kind in {KINDS}. Received: kind={kind!r}.")
    if kind == "norm" and len(params) != 4:
        expected = "(low, high, rate, epsilon)"
        raise ValueError(f"constrain: expected {expected}. Received: params={params!r}.")
    if slices == 0 or w.shape[1] == 0:
        return
    op.n[0], op.n[1], op.n[2], op.n[3] = KINDS.index(kind), w.shape[0], w.shape[1], w.shape[2]
    for i, value in enumerate(params):
        op.f[i] = value
    with nogil:
        run_constrain(&w[0, 0, 0], &op, 0, slices)
