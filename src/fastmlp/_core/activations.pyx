# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Activations, softmax and dropout: what a step does to values without weights.

    op                 p             n                       f        items: samples
    act_fwd            y  x          index width             h0 … h3  y = f(x)
    act_bwd            dx dy saved   index width             h0 … h3  dx = dy · f'(x)
    softmax_fwd        y  x          rep n                            rep rows of n per sample
    softmax_bwd        dx dy y       rep n
    log_softmax_fwd    y  x          rep n
    log_softmax_bwd    dx dy y       rep n
    dropout_fwd        y  mask x     width stream threshold  scale    y = x · mask · scale; mask may be absent
    dropout_bwd        dx dy mask    width                   scale    dx = dy · mask · scale

`saved` is x or y, as `ACTIVATIONS` says; h are the parameters of `PARAMETERS`. Element j of sample i
draws number i · width + j of dropout's stream, so its fate depends on seed, stream and step alone.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastmlp._core._native cimport few32, kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

import numpy as np

from fastmlp._core import _native

# What backward reads, 'x' or 'y', by name.
ACTIVATIONS = {**_native.ACTIVATIONS, "softmax": "y", "log_softmax": "y"}

# The parameters of those that have any, and what they are unless given.
PARAMETERS = {
    "relu_general": {"negative_slope": 0.0, "max_value": float("inf"), "threshold": 0.0},
    "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "squareplus": {"b": 4.0},
    "soft_shrink": {"threshold": 0.5},
    "hard_shrink": {"threshold": 0.5},
    "threshold": {"threshold": 0.0, "default_value": 0.0},
}

cdef enum:
    FEW_TIMES = 8            # an element of a function is as much work as so many others

cdef dict _INDEX = {name: i for i, name in enumerate(_native.ACTIVATIONS)}


cdef inline void act_fwd(real *y, const real *x, ptrdiff_t n, ptrdiff_t index, const double *f) noexcept nogil:
    cdef real[4] h
    h[0], h[1], h[2], h[3] = <real>f[0], <real>f[1], <real>f[2], <real>f[3]
    if real is float:
        few32(FEW_TIMES * n).act_fwd[index](y, x, n, h)
    else:
        kernels64().act_fwd[index](y, x, n, h)


cdef inline void act_bwd(real *dx, const real *dy, const real *saved, ptrdiff_t n, ptrdiff_t index,
                         const double *f) noexcept nogil:
    cdef real[4] h
    h[0], h[1], h[2], h[3] = <real>f[0], <real>f[1], <real>f[2], <real>f[3]
    if real is float:
        few32(FEW_TIMES * n).act_bwd[index](dx, dy, saved, n, h)
    else:
        kernels64().act_bwd[index](dx, dy, saved, n, h)


cdef inline void softmax_fwd(real *y, const real *x, ptrdiff_t m, ptrdiff_t n, bint log) noexcept nogil:
    if real is float:
        if log:
            kernels32().log_softmax_fwd(y, x, m, n)
        else:
            kernels32().softmax_fwd(y, x, m, n)
    else:
        if log:
            kernels64().log_softmax_fwd(y, x, m, n)
        else:
            kernels64().softmax_fwd(y, x, m, n)


cdef inline void softmax_bwd(real *dx, const real *dy, const real *y, ptrdiff_t m, ptrdiff_t n,
                             bint log) noexcept nogil:
    if real is float:
        if log:
            kernels32().log_softmax_bwd(dx, dy, y, m, n)
        else:
            kernels32().softmax_bwd(dx, dy, y, m, n)
    else:
        if log:
            kernels64().log_softmax_bwd(dx, dy, y, m, n)
        else:
            kernels64().softmax_bwd(dx, dy, y, m, n)


cdef inline void dropout_fwd(real *y, uint8_t *mask, const real *x, uint64_t first, ptrdiff_t n, double scale,
                             uint32_t threshold, uint64_t seed, uint64_t stream, uint64_t step) noexcept nogil:
    if real is float:
        kernels32().dropout_fwd(y, mask, x, first, n, <float>scale, threshold, seed, stream, step)
    else:
        kernels64().dropout_fwd(y, mask, x, first, n, scale, threshold, seed, stream, step)


cdef inline void dropout_bwd(real *dx, const real *dy, const uint8_t *mask, ptrdiff_t n, double scale) noexcept nogil:
    if real is float:
        kernels32().dropout_bwd(dx, dy, mask, n, <float>scale)
    else:
        kernels64().dropout_bwd(dx, dy, mask, n, scale)


# The ops: pointers of row 0 moved to sample i0.

cdef inline void run_act_fwd(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[1], n = (i1 - i0) * op.n[1]
    act_fwd(y + start, <const real *>op.p[1] + start, n, op.n[0], op.f)


cdef inline void run_act_bwd(real *dx, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[1], n = (i1 - i0) * op.n[1]
    act_bwd(dx + start, <const real *>op.p[1] + start, <const real *>op.p[2] + start, n, op.n[0], op.f)


cdef inline void run_softmax_fwd(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1, bint log) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], n = op.n[1], start = i0 * rep * n
    softmax_fwd(y + start, <const real *>op.p[1] + start, (i1 - i0) * rep, n, log)


cdef inline void run_softmax_bwd(real *dx, const Op *op, ptrdiff_t i0, ptrdiff_t i1, bint log) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], n = op.n[1], start = i0 * rep * n
    softmax_bwd(dx + start, <const real *>op.p[1] + start, <const real *>op.p[2] + start, (i1 - i0) * rep, n, log)


cdef inline void run_dropout_fwd(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    cdef uint8_t *mask = <uint8_t *>op.p[1]
    dropout_fwd(y + start, mask + start if mask != NULL else NULL, <const real *>op.p[2] + start, start, n, op.f[0],
                <uint32_t>op.n[2], step.seed, op.n[1], step.t)


cdef inline void run_dropout_bwd(real *dx, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    dropout_bwd(dx + start, <const real *>op.p[1] + start, <const uint8_t *>op.p[2] + start, n, op.f[0])


cdef void act_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_act_fwd(<float *>op.p[0], op, i0, i1)

cdef void act_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_act_fwd(<double *>op.p[0], op, i0, i1)

cdef void act_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_act_bwd(<float *>op.p[0], op, i0, i1)

cdef void act_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_act_bwd(<double *>op.p[0], op, i0, i1)

cdef void softmax_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_fwd(<float *>op.p[0], op, i0, i1, False)

cdef void softmax_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_fwd(<double *>op.p[0], op, i0, i1, False)

cdef void softmax_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_bwd(<float *>op.p[0], op, i0, i1, False)

cdef void softmax_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_bwd(<double *>op.p[0], op, i0, i1, False)

cdef void log_softmax_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_fwd(<float *>op.p[0], op, i0, i1, True)

cdef void log_softmax_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_fwd(<double *>op.p[0], op, i0, i1, True)

cdef void log_softmax_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_bwd(<float *>op.p[0], op, i0, i1, True)

cdef void log_softmax_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_softmax_bwd(<double *>op.p[0], op, i0, i1, True)

cdef void dropout_fwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dropout_fwd(<float *>op.p[0], op, s, i0, i1)

cdef void dropout_fwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dropout_fwd(<double *>op.p[0], op, s, i0, i1)

cdef void dropout_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dropout_bwd(<float *>op.p[0], op, i0, i1)

cdef void dropout_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_dropout_bwd(<double *>op.p[0], op, i0, i1)


OPS = {
    "act_fwd": (<size_t>&act_fwd_f32, <size_t>&act_fwd_f64),
    "act_bwd": (<size_t>&act_bwd_f32, <size_t>&act_bwd_f64),
    "softmax_fwd": (<size_t>&softmax_fwd_f32, <size_t>&softmax_fwd_f64),
    "softmax_bwd": (<size_t>&softmax_bwd_f32, <size_t>&softmax_bwd_f64),
    "log_softmax_fwd": (<size_t>&log_softmax_fwd_f32, <size_t>&log_softmax_fwd_f64),
    "log_softmax_bwd": (<size_t>&log_softmax_bwd_f32, <size_t>&log_softmax_bwd_f64),
    "dropout_fwd": (<size_t>&dropout_fwd_f32, <size_t>&dropout_fwd_f64),
    "dropout_bwd": (<size_t>&dropout_bwd_f32, <size_t>&dropout_bwd_f64),
}


# On arrays, checked: for eager code, tests and benchmarks.

cdef size_t _address(object x):
    return <size_t>x.__array_interface__["data"][0]


cdef object _in(str where, x, like=None):
    """x as a contiguous float array, of the shape and dtype of `like`."""
    x = np.asarray(x)
    if x.dtype != np.float32 and x.dtype != np.float64:
        raise TypeError(f"{where}: expected an array of float32 or float64. Received: {x.dtype}")
    if like is not None and (x.shape != like.shape or x.dtype != like.dtype):
        raise ValueError(f"{where}: expected shape {like.shape} and dtype {like.dtype}. "
                         f"Received: {x.shape} and {x.dtype}")
    return np.require(x, requirements=("C", "A"))


cdef object _out(str where, out, like, dtype=None):
    """A result like `like`: new, or `out` if that fits."""
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    if out is None:
        return np.empty(like.shape, dtype)
    flags = out.flags
    if out.shape != like.shape or out.dtype != dtype or not (flags.carray and flags.aligned):
        raise ValueError(f"{where}: expected out to be writable, contiguous, of shape {like.shape} and dtype "
                         f"{dtype}. Received: {out.shape} and {out.dtype}")
    return out


cdef int _parameters(double *f, str name, params) except -1:
    defaults = tuple(PARAMETERS.get(name, {}).values())
    if len(params) > len(defaults):
        raise ValueError(f"{name}: expected at most {len(defaults)} parameters. Received: {tuple(params)}")
    cdef int i
    for i in range(4):
        f[i] = 0
    for i, value in enumerate((*params, *defaults[len(params):])):
        f[i] = value
    return 0


cdef int _check_name(str name) except -1:
    if name not in ACTIVATIONS:
        raise ValueError(f"Unknown activation kernel {name!r}. Known: {', '.join(ACTIVATIONS)}")
    return 0


def forward(str name, x, params=(), out=None):
    """y = f(x), of any shape; softmax and log_softmax work along the last axis.

    Args:
        name: One of `ACTIVATIONS`.
        x: Array of float32 or float64.
        params: Values for the function's `PARAMETERS`, in their order.
        out: Array to write to; may be `x`.

    Returns:
        y: a new array, or `out`.

    Raises:
        ValueError: Unknown name, too many parameters, or an unfit `out`.
        TypeError: x is not of float32 or float64.
    """
    _check_name(name)
    x = _in(name, x)
    y = _out(name, out, x)
    cdef double[4] f
    _parameters(f, name, params)
    cdef bint single = x.dtype == np.float32, log = name == "log_softmax"
    cdef size_t py = _address(y), px = _address(x)
    cdef ptrdiff_t size = x.size, n, index
    if name not in _INDEX:
        n = _last_axis(name, x)
        if single:
            softmax_fwd(<float *>py, <const float *>px, size // n, n, log)
        else:
            softmax_fwd(<double *>py, <const double *>px, size // n, n, log)
        return y
    index = _INDEX[name]
    if single:
        act_fwd(<float *>py, <const float *>px, size, index, f)
    else:
        act_fwd(<double *>py, <const double *>px, size, index, f)
    return y


def backward(str name, dy, saved, params=(), out=None):
    """dx = dy · f'(x); arguments as for `forward`.

    Args:
        saved: x or y, as `ACTIVATIONS[name]` says.
        out: Array to write to; may be `dy`.
    """
    _check_name(name)
    dy = _in(name, dy)
    saved = _in(name, saved, dy)
    dx = _out(name, out, dy)
    cdef double[4] f
    _parameters(f, name, params)
    cdef bint single = dy.dtype == np.float32, log = name == "log_softmax"
    cdef size_t pdx = _address(dx), pdy = _address(dy), ps = _address(saved)
    cdef ptrdiff_t size = dy.size, n, index
    if name not in _INDEX:
        n = _last_axis(name, dy)
        if single:
            softmax_bwd(<float *>pdx, <const float *>pdy, <const float *>ps, size // n, n, log)
        else:
            softmax_bwd(<double *>pdx, <const double *>pdy, <const double *>ps, size // n, n, log)
        return dx
    index = _INDEX[name]
    if single:
        act_bwd(<float *>pdx, <const float *>pdy, <const float *>ps, size, index, f)
    else:
        act_bwd(<double *>pdx, <const double *>pdy, <const double *>ps, size, index, f)
    return dx


cdef ptrdiff_t _last_axis(str name, x) except -1:
    if x.ndim == 0:
        raise ValueError(f"{name}: expected an array with at least one axis. Received: a number")
    return max(1, x.shape[x.ndim - 1])


cdef double _scale(rate) except -1:
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected rate in [0, 1]. Received: {rate}")
    return 1 / (1 - rate) if rate < 1 else 0


def dropout(x, double rate, uint64_t seed, uint64_t stream, uint64_t step, uint64_t first=0, out=None, mask=None):
    """y = x · mask / (1 - rate), with a random mask.

    Args:
        x: Array of float32 or float64.
        rate: Fraction to drop; counts in steps of 1 / 65536.
        seed, stream, step, first: Element i of x draws number first + i of the stream in that step.
        out, mask: Arrays to write to; `out` may be `x`, `mask` is of uint8.

    Returns:
        y and mask (1: kept).
    """
    cdef double scale = _scale(rate)
    cdef uint32_t threshold = round(rate * 65536)
    x = _in("dropout", x)
    y = _out("dropout", out, x)
    mask = _out("dropout mask", mask, x, np.uint8)
    cdef size_t py = _address(y), pm = _address(mask), px = _address(x)
    cdef ptrdiff_t n = x.size
    if x.dtype == np.float32:
        dropout_fwd(<float *>py, <uint8_t *>pm, <const float *>px, first, n, scale, threshold, seed, stream, step)
    else:
        dropout_fwd(<double *>py, <uint8_t *>pm, <const double *>px, first, n, scale, threshold, seed, stream, step)
    return y, mask


def dropout_backward(dy, mask, double rate, out=None):
    """dx = dy · mask / (1 - rate), with the mask of `dropout`."""
    cdef double scale = _scale(rate)
    dy = _in("dropout", dy)
    if mask.dtype != np.uint8 or mask.shape != dy.shape or not mask.flags.c_contiguous:
        raise ValueError(f"dropout: expected a contiguous uint8 mask of shape {dy.shape}. "
                         f"Received: {mask.dtype} of shape {mask.shape}")
    dx = _out("dropout", out, dy)
    cdef size_t pdx = _address(dx), pdy = _address(dy), pm = _address(mask)
    cdef ptrdiff_t n = dy.size
    if dy.dtype == np.float32:
        dropout_bwd(<float *>pdx, <const float *>pdy, <const uint8_t *>pm, n, scale)
    else:
        dropout_bwd(<double *>pdx, <const double *>pdy, <const uint8_t *>pm, n, scale)
    return dx
