# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Element-wise functions of broadcast operands.

    op    p                n                           items: samples, or one batch-free value
    map   y a b c axes     kind axes width wa wb wc    y = f(a, b, c)

An operand's w is its elements an item, 0 where all items share it. `axes` (int64) holds the sizes of
an item's axes, then their strides in a, in b and in c, in elements: 0 along a broadcast axis. The
plan has merged axes as far as it can; the innermost stride of an operand is 1 or 0. One axis of one
item that goes on in the next item's is marked by axes = 0: all items are one run.
"""
from libc.stdint cimport int64_t

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

import numpy as np

from fastmlp._core import _native

MAPS = _native.MAPS  # operands of each function, by name

cdef dict _INDEX = {name: i for i, name in enumerate(MAPS)}

cdef enum:
    MAX_AXES = 16


cdef inline void run_of(real *y, const real *a, ptrdiff_t sa, const real *b, ptrdiff_t sb,
                        const real *c, ptrdiff_t sc, ptrdiff_t n, ptrdiff_t kind) noexcept nogil:
    if real is float:
        kernels32().map[kind](y, a, sa, b, sb, c, sc, n)
    else:
        kernels64().map[kind](y, a, sa, b, sb, c, sc, n)


cdef void item(real *y, const real *a, const real *b, const real *c, const int64_t *size,
               ptrdiff_t axes, ptrdiff_t kind) noexcept nogil:
    """One item: a run along the last axis for each place along the others."""
    cdef const int64_t *sa = size + axes
    cdef const int64_t *sb = sa + axes
    cdef const int64_t *sc = sb + axes
    cdef ptrdiff_t last = axes - 1, n = size[last], axis
    cdef ptrdiff_t[MAX_AXES] at
    for axis in range(last):
        at[axis] = 0
    while True:
        run_of(y, a, sa[last], b, sb[last], c, sc[last], n, kind)
        y += n
        axis = last - 1
        while axis >= 0:
            at[axis] += 1
            a += sa[axis]
            b += sb[axis]
            c += sc[axis]
            if at[axis] < size[axis]:
                break
            a -= sa[axis] * size[axis]
            b -= sb[axis] * size[axis]
            c -= sc[axis] * size[axis]
            at[axis] = 0
            axis -= 1
        if axis < 0:
            return


cdef inline void run_map(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t kind = op.n[0], axes = op.n[1], width = op.n[2]
    cdef ptrdiff_t wa = op.n[3], wb = op.n[4], wc = op.n[5]
    cdef const real *a = <const real *>op.p[1] + i0 * wa
    cdef const real *b = <const real *>op.p[2] + i0 * wb
    cdef const real *c = <const real *>op.p[3] + i0 * wc
    cdef const int64_t *size = <const int64_t *>op.p[4]
    y += i0 * width
    if axes == 0:
        run_of(y, a, wa != 0, b, wb != 0, c, wc != 0, (i1 - i0) * width, kind)
        return
    for _ in range(i1 - i0):
        if axes == 1:
            run_of(y, a, size[1], b, size[2], c, size[3], width, kind)
        else:
            item(y, a, b, c, size, axes, kind)
        y += width
        a += wa
        b += wb
        c += wc


cdef void map_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_map(<float *>op.p[0], op, i0, i1)

cdef void map_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_map(<double *>op.p[0], op, i0, i1)


OPS = {"map": (<size_t>&map_f32, <size_t>&map_f64)}


def apply(str name, operands, out=None):
    """y = f(a, b, c) on vectors of one length, or of length 1: for tests and benchmarks.

    Args:
        name: One of `MAPS`.
        operands: As many contiguous vectors, of float32 or float64, as `MAPS` says.
        out: Vector to write to; may be an operand.

    Raises:
        ValueError: The operands do not fit.
    """
    if name not in MAPS or len(operands) != MAPS[name]:
        raise ValueError(f"map {name!r}: expected one of {', '.join(MAPS)}, with as many operands as it has")
    operands = [np.ascontiguousarray(x) for x in operands]
    dtype = operands[0].dtype
    cdef ptrdiff_t n = max(x.size for x in operands)
    if dtype not in (np.float32, np.float64) or any(x.dtype != dtype or x.size not in (1, n) for x in operands):
        raise ValueError(f"map {name!r}: expected vectors of one length and one float type. "
                         f"Received: {[(x.shape, x.dtype.name) for x in operands]}")
    out = np.empty(n, dtype) if out is None else out
    cdef Op op
    cdef const Op *pointer = &op
    cdef ptrdiff_t i
    op.n[0], op.n[1], op.n[2] = _INDEX[name], 0, 1
    op.p[0] = <void *><size_t>out.ctypes.data
    for i in range(3):
        op.p[1 + i] = <void *><size_t>(operands[i].ctypes.data if i < len(operands) else 0)
        op.n[3 + i] = i < len(operands) and operands[i].size == n and n > 1
    if n and dtype == np.float32:
        run_map(<float *>op.p[0], pointer, 0, n)
    elif n:
        run_map(<double *>op.p[0], pointer, 0, n)
    return out
