# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What happens to a weight once its gradient is known. Formulas: csrc/kernels/update.inc.c.

    op        p                  n                      f             items: rows of w
    update    w g s0 s1 s2 h     index width g_stride every panels    one optimizer's step
    penalty   g w                width g_stride         l1 l2         g += l1 sign w + 2 l2 w
    clip      g                  width g_stride         limit         g = min(max(g, -limit), limit)
    decay     w h                width every            weight_decay  w -= w · weight_decay · learning rate
    accumulate g s               width g_stride every                 s += g; every so many steps g = s / every, s = 0
    ema       w s                width every frequency  momentum      s = momentum s + (1 - momentum) w
    scalar    y h                number                               y = h[number]; at once
    assign    w x                size every                           w = x; at once

scalar and assign belong to updates that are traced: what other ops read first and write last.
every: steps an update; update, decay and assign do nothing in the others. ema writes s into w after each
`frequency` updates, if that is not 0; in the first step s = w.
g_stride is the width; or 0: g lies in the worker's scratch and holds rows i0 … i1 only.
panels: 0, or w lies in the panels of csrc/kernels/gemm.inc.c and has so many rows.
h are the eight scalars of `prepare`, in the weights' type; h[7] is the learning rate.
"""
cimport numpy as np
from libc.math cimport pow, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Op, Step, Worker

import numpy as np

from fastmlp._core import _native

np.import_array()

cdef extern from "kernels/kernels.h" nogil:
    enum:
        FM_UPDATE_sgd
        FM_UPDATE_momentum
        FM_UPDATE_nesterov
        FM_UPDATE_rmsprop
        FM_UPDATE_rmsprop_momentum
        FM_UPDATE_rmsprop_centered
        FM_UPDATE_rmsprop_centered_momentum
        FM_UPDATE_adagrad
        FM_UPDATE_adadelta
        FM_UPDATE_adam
        FM_UPDATE_amsgrad
        FM_UPDATE_adamax
        FM_UPDATE_nadam
        FM_UPDATE_lion
        FM_UPDATE_ftrl
        FM_UPDATE_ftrl_power
        FM_UPDATE_schedule_free
        FM_UPDATE_COUNT

# Name of every update: number of its slots.
UPDATES = dict(_native.UPDATES)

# What `hyper` holds: attributes of the optimizer.
_RMSPROP = ("learning_rate", "rho", "momentum", "epsilon")
_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon")
_FTRL = ("learning_rate", "learning_rate_power", "l1_regularization_strength", "l2_regularization_strength",
         "l2_shrinkage_regularization_strength", "beta")
HYPER = {
    "sgd": ("learning_rate",),
    "momentum": ("learning_rate", "momentum"),
    "nesterov": ("learning_rate", "momentum"),
    "rmsprop": _RMSPROP,
    "rmsprop_momentum": _RMSPROP,
    "rmsprop_centered": _RMSPROP,
    "rmsprop_centered_momentum": _RMSPROP,
    "adagrad": ("learning_rate", "epsilon"),
    "adadelta": ("learning_rate", "rho", "epsilon"),
    "adam": _ADAM,
    "amsgrad": _ADAM,
    "adamax": _ADAM,
    "nadam": _ADAM,
    "lion": ("learning_rate", "beta_1", "beta_2"),
    "ftrl": _FTRL,
    "ftrl_power": _FTRL,
    "schedule_free": (*_ADAM, "warmup_steps"),
}


cdef inline bint settled(double beta, double t) noexcept nogil:
    """Whether 1 - beta^t is 1 to the last bit: beta^t <= e^(-t (1 - beta)) < e^-40 < 2^-54."""
    return t * (1 - beta) > 40


cdef inline double power(double beta, int64_t t, double *state) noexcept nogil:
    """beta^t for t > 0; state holds beta, t and the power of the last call.

    A pow takes as long as a layer of a small step: there is one every 16 steps, and a multiplication in
    the others, so that the result is a function of beta and t alone.
    """
    cdef int64_t _, start = t & ~15
    if state[0] == beta and state[1] == t - 1 and t != start:
        state[2] *= beta
    else:
        state[0], state[2] = beta, pow(beta, start)
        for _ in range(start, t):
            state[2] *= beta
    state[1] = t
    return state[2]


cdef inline double bias(double beta, int64_t t, double *state) noexcept nogil:
    """1 - beta^t"""
    return 1 if settled(beta, t) else 1 - power(beta, t, state)


cdef inline double nadam_u(double beta_1, int64_t t) noexcept nogil:
    """beta_1 (1 - 0.96^t / 2); from t = 1000 on that is beta_1 to the last bit, without a pow."""
    return beta_1 * (1 - 0.5 * pow(0.96, <double>t)) if t < 1000 else beta_1


cdef double nadam_product(double beta_1, int64_t t, double *state) noexcept nogil:
    """The product of u over steps 1 … t; state holds that of the last call and its t."""
    cdef double product = 1
    cdef int64_t i = 0
    if t > 1 and state[1] == <double>(t - 1):
        product, i = state[0], t - 1
    while i < t and product != 0:
        i += 1
        product *= nadam_u(beta_1, i)
        if product < 1e-20:
            product = 0          # it is subtracted from 1; and rounding would never let it reach 0
    state[0], state[1] = product, <double>t
    return product


cdef inline bint prepare_for_all(int kind, const double *hyper, double *h) noexcept nogil:
    """The scalars of an update that has the same ones in every step; they cannot depend on t, which is not known here.

    Returns:
        Whether `kind` is such an update.
    """
    cdef double lr = hyper[0]
    if kind == FM_UPDATE_sgd:
        pass
    elif kind == FM_UPDATE_momentum or kind == FM_UPDATE_nesterov:
        h[1] = hyper[1]
    elif (kind == FM_UPDATE_rmsprop or kind == FM_UPDATE_rmsprop_momentum or kind == FM_UPDATE_rmsprop_centered
          or kind == FM_UPDATE_rmsprop_centered_momentum):
        h[1], h[2], h[3], h[4] = hyper[1], 1 - hyper[1], hyper[2], hyper[3]
    elif kind == FM_UPDATE_adagrad:
        h[1] = hyper[1]
    elif kind == FM_UPDATE_adadelta:
        h[1], h[2], h[3] = hyper[1], 1 - hyper[1], hyper[2]
    elif kind == FM_UPDATE_lion:
        h[1], h[2], h[3], h[4] = hyper[1], 1 - hyper[1], hyper[2], 1 - hyper[2]
    elif kind == FM_UPDATE_ftrl or kind == FM_UPDATE_ftrl_power:
        h[0], h[1], h[2] = 1 / lr, hyper[2], 2 * hyper[3] + hyper[5] / lr
        h[3], h[4] = 2 * hyper[4], -hyper[1]
    else:
        return False
    return True


cdef bint prepare(int kind, const double *hyper, int64_t t, double *state, double *h) noexcept nogil:
    """The scalars of one step.

    Args:
        kind: Index of an update; FM_UPDATE_COUNT: a traced one, whose scalars are h[0] = t and the learning rate.
        hyper: As `HYPER` says.
        t: Steps done before this one.
        state: Eight doubles that the caller keeps between steps, zero at first: powers, nadam's product.
        h: Eight doubles: the result, laid out as csrc/kernels/update.inc.c says.

    Returns:
        Whether they are those of all later steps, too, as long as `hyper` is.
    """
    cdef double lr = hyper[0]
    cdef int64_t now = t + 1
    cdef double u, u_next, product
    cdef int i
    for i in range(7):
        h[i] = 0
    h[0] = h[7] = lr
    if prepare_for_all(kind, hyper, h):
        return True
    if kind == <int>FM_UPDATE_COUNT:
        h[0] = t
    elif kind == FM_UPDATE_adam or kind == FM_UPDATE_amsgrad:
        h[0] = lr * sqrt(bias(hyper[2], now, state + 3)) / bias(hyper[1], now, state)
        h[1], h[2], h[3] = 1 - hyper[1], 1 - hyper[2], hyper[3]
        return settled(hyper[1], now) and settled(hyper[2], now)
    elif kind == FM_UPDATE_adamax:
        h[0] = lr / bias(hyper[1], now, state)
        h[1], h[2], h[3] = 1 - hyper[1], hyper[2], hyper[3]
        return settled(hyper[1], now)
    elif kind == FM_UPDATE_nadam:
        u, u_next = nadam_u(hyper[1], now), nadam_u(hyper[1], now + 1)
        product = nadam_product(hyper[1], now, state + 6)
        h[0] = lr * u_next / (1 - product * u_next)
        h[1], h[2], h[3] = 1 - hyper[1], 1 - hyper[2], hyper[3]
        h[4] = lr * (1 - u) / (1 - product)
        h[5] = 1 / bias(hyper[2], now, state + 3)
    elif kind == FM_UPDATE_schedule_free:
        h[0] = lr * now / hyper[4] if now < hyper[4] else lr
        h[1], h[2], h[3], h[4] = 1 - hyper[1], 1 - hyper[2], hyper[3], hyper[1]
        h[5], h[6] = 1 / bias(hyper[2], now, state + 3), 1.0 / now
    return False


cdef inline real *moved(void *p, ptrdiff_t start, real *like) noexcept nogil:
    """p, of like's type, moved unless it is NULL."""
    return NULL if p == NULL else <real *>p + start


cdef inline void update_rows(real *w, ptrdiff_t w_rows, const real *g, real *s0, real *s1, real *s2,
                             ptrdiff_t n, ptrdiff_t index, const real *h) noexcept nogil:
    if real is float:
        kernels32().update[index](w, w_rows, g, s0, s1, s2, n, h)
    else:
        kernels64().update[index](w, w_rows, g, s0, s1, s2, n, h)


cdef inline void update_tile(real *w, ptrdiff_t panels, ptrdiff_t first, const real *g, real *s0, real *s1,
                             real *s2, ptrdiff_t m, ptrdiff_t n, ptrdiff_t index, const real *h) noexcept nogil:
    """Rows first … first + m - 1 of w, which are n wide; panels as above. g and slots hold just those rows."""
    cdef ptrdiff_t i, panel
    if not panels:
        update_rows(w + first * n, 0, g, s0, s1, s2, m * n, index, h)
        return
    panel = kernels32().panel if real is float else kernels64().panel
    for i in range(m):
        update_rows(w + (first + i) * panel, panels, g + i * n, moved(s0, i * n, w), moved(s1, i * n, w),
                    moved(s2, i * n, w), n, index, h)


cdef inline void penalty_rows(real *g, const real *w, ptrdiff_t n, double l1, double l2) noexcept nogil:
    if real is float:
        kernels32().penalty(g, w, n, <float>l1, <float>l2)
    else:
        kernels64().penalty(g, w, n, l1, l2)


cdef inline void clip_rows(real *g, ptrdiff_t n, double limit) noexcept nogil:
    if real is float:
        kernels32().clip(g, n, <float>limit)
    else:
        kernels64().clip(g, n, limit)


cdef inline real *rows_of(real *g, ptrdiff_t stride, Worker *worker, ptrdiff_t i0) noexcept nogil:
    """Rows i0 … of a gradient."""
    return g + i0 * stride if stride else <real *>worker.scratch


cdef inline bint due(const Step *s, ptrdiff_t every) noexcept nogil:
    """Whether this step ends with an update."""
    return every <= 1 or (s.t + 1) % every == 0


cdef inline void run_update(real *w, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t width = op.n[1], start = i0 * width
    update_tile(w, op.n[4], i0, rows_of(<real *>op.p[1], op.n[2], worker, i0), moved(op.p[2], start, w),
                moved(op.p[3], start, w), moved(op.p[4], start, w), i1 - i0, width, op.n[0], <const real *>op.p[5])


cdef inline void run_penalty(real *g, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    penalty_rows(rows_of(g, op.n[1], worker, i0), <const real *>op.p[1] + start, n, op.f[0], op.f[1])


cdef inline void run_clip(real *g, const Op *op, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    clip_rows(rows_of(g, op.n[1], worker, i0), (i1 - i0) * op.n[0], op.f[0])


cdef inline void run_decay(real *w, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    # w -= (weight_decay lr) w, not w *= 1 - weight_decay lr: that factor's rounding would be a bias.
    cdef real[8] h
    h[0] = <real>(op.f[0] * (<const real *>op.p[1])[7])
    h[1] = h[2] = h[3] = h[4] = h[5] = h[6] = h[7] = 0
    w += i0 * op.n[0]
    update_rows(w, 0, w, <real *>NULL, <real *>NULL, <real *>NULL, (i1 - i0) * op.n[0], FM_UPDATE_sgd, h)


cdef inline void run_accumulate(real *g, const Op *op, const Step *step, Worker *worker, ptrdiff_t i0,
                                ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t i, start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    cdef real *s = <real *>op.p[1] + start
    g = rows_of(g, op.n[1], worker, i0)
    if due(step, op.n[2]):
        for i in range(n):
            g[i] = (g[i] + s[i]) / op.n[2]
            s[i] = 0
    else:
        for i in range(n):
            s[i] += g[i]


cdef inline void run_ema(real *w, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t i, start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    cdef int64_t t = step.t // op.n[1]
    cdef real momentum = <real>op.f[0] if t else 0
    cdef real rest = 1 - momentum
    cdef real *s = <real *>op.p[1] + start
    w += start
    for i in range(n):
        s[i] = momentum * s[i] + rest * w[i]
    if op.n[2] and (t + 1) % op.n[2] == 0:
        memcpy(w, s, n * sizeof(real))


cdef inline void run_scalar(real *y, const Op *op) noexcept nogil:
    y[0] = (<const real *>op.p[1])[op.n[0]]


cdef inline void run_assign(real *w, const Op *op) noexcept nogil:
    memcpy(w, op.p[1], op.n[0] * sizeof(real))


cdef void scalar_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_scalar(<float *>op.p[0], op)

cdef void scalar_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_scalar(<double *>op.p[0], op)

cdef void assign_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    if due(s, op.n[1]):
        run_assign(<float *>op.p[0], op)

cdef void assign_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    if due(s, op.n[1]):
        run_assign(<double *>op.p[0], op)

cdef void update_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    if due(s, op.n[3]):
        run_update(<float *>op.p[0], op, w, i0, i1)

cdef void update_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    if due(s, op.n[3]):
        run_update(<double *>op.p[0], op, w, i0, i1)

cdef void accumulate_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_accumulate(<float *>op.p[0], op, s, w, i0, i1)

cdef void accumulate_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_accumulate(<double *>op.p[0], op, s, w, i0, i1)

cdef void ema_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_ema(<float *>op.p[0], op, s, i0, i1)

cdef void ema_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_ema(<double *>op.p[0], op, s, i0, i1)

cdef void penalty_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_penalty(<float *>op.p[0], op, w, i0, i1)

cdef void penalty_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_penalty(<double *>op.p[0], op, w, i0, i1)

cdef void clip_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_clip(<float *>op.p[0], op, w, i0, i1)

cdef void clip_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_clip(<double *>op.p[0], op, w, i0, i1)

cdef void decay_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    if due(s, op.n[1]):
        run_decay(<float *>op.p[0], op, i0, i1)

cdef void decay_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    if due(s, op.n[1]):
        run_decay(<double *>op.p[0], op, i0, i1)


OPS = {
    "update": (<size_t>&update_f32, <size_t>&update_f64),
    "penalty": (<size_t>&penalty_f32, <size_t>&penalty_f64),
    "clip": (<size_t>&clip_f32, <size_t>&clip_f64),
    "decay": (<size_t>&decay_f32, <size_t>&decay_f64),
    "accumulate": (<size_t>&accumulate_f32, <size_t>&accumulate_f64),
    "ema": (<size_t>&ema_f32, <size_t>&ema_f64),
    "scalar": (<size_t>&scalar_f32, <size_t>&scalar_f64),
    "assign": (<size_t>&assign_f32, <size_t>&assign_f64),
}


# On arrays, checked.

cdef int _check_hyper(str kind, hyper) except -1:
    if kind not in UPDATES:
        raise ValueError(f"Unknown update {kind!r}. Known: {', '.join(UPDATES)}")
    if len(hyper) != len(HYPER[kind]):
        raise ValueError(f"{kind}: expected hyper = ({', '.join(HYPER[kind])}). Received: {tuple(hyper)}")
    return 0


def scalars(str kind, hyper, int64_t t, double[::1] state=None):
    """The eight scalars of the step after `t` steps, as `prepare` computes them.

    Args:
        kind: One of `UPDATES`.
        hyper: The numbers that `HYPER` names.
        t: Steps done before.
        state: Eight doubles to keep between calls; None: computed afresh.
    """
    _check_hyper(kind, hyper)
    if state is None:
        state = np.zeros(8)
    if state.shape[0] != 8 or t < 0:
        raise ValueError(f"{kind}: expected eight doubles of state and t >= 0. Received: {state.shape[0]}, t={t}")
    cdef double[8] numbers
    cdef double[::1] h = np.zeros(8)
    cdef int i
    for i in range(len(hyper)):
        numbers[i] = hyper[i]
    prepare(list(UPDATES).index(kind), numbers, t, &state[0], &h[0])
    return np.asarray(h)


def update(str kind, w, g, slots, hyper, int64_t t, panels=None):
    """One optimizer step, in place.

    Args:
        kind: One of `UPDATES`.
        w: Weights: a contiguous array of float32 or float64.
        g: Their gradient, of that shape and type.
        slots: As many arrays like w as `UPDATES[kind]` says; they change too.
        hyper: The numbers that `HYPER` names.
        t: Steps done before.
        panels: What `_native.pack` made of w (k, n), changed in its place.

    Raises:
        ValueError: Unknown kind, wrong number of slots or hyperparameters, or arrays that do not fit.
    """
    h = scalars(kind, hyper, t)
    check_arrays(kind, w, g, slots)
    if panels is not None and (panels.dtype != w.dtype or panels.shape != (_native.panels_size(*w.shape),)):
        raise ValueError(f"{kind}: expected panels that hold w. Received: {panels.dtype} of shape {panels.shape}")
    move(list(UPDATES).index(kind), w, g, slots, h.astype(w.dtype), panels)


def update_all(str kind, list weights, list gradients, list slots, hyper, int64_t t):
    """The same for several weights, each with its gradient and slots; checked before any is changed.

    Args:
        kind: One of `UPDATES`.
        weights: Contiguous arrays of float32 or float64.
        gradients: One like each.
        slots: A list for each.
        hyper: The numbers that `HYPER` names.
        t: Steps done before.

    Raises:
        ValueError: Unknown kind, wrong number of slots or hyperparameters, or arrays that do not fit.
    """
    cdef Py_ssize_t i
    cdef int index
    h = scalars(kind, hyper, t)
    single = h.astype(np.float32)
    for i in range(len(weights)):
        check_arrays(kind, weights[i], gradients[i], slots[i])
    index = list(UPDATES).index(kind)
    for i in range(len(weights)):
        typed = single if np.PyArray_TYPE(weights[i]) == np.NPY_FLOAT32 else h
        move(index, weights[i], gradients[i], slots[i], typed, None)


cdef int check_arrays(str kind, np.ndarray w, np.ndarray g, slots) except -1:
    """Refuses what the kernels cannot take."""
    if len(slots) != UPDATES[kind]:
        raise ValueError(f"{kind}: expected {UPDATES[kind]} slots. Received: {len(slots)}")
    for x in (w, g, *slots):
        if not fits(x, w, x is not g):
            raise ValueError(f"{kind}: expected contiguous arrays of one shape and dtype, float32 or float64, all but "
                             f"the gradient writable. Received: {x.dtype} of shape {x.shape}")
    return 0


cdef bint fits(np.ndarray x, np.ndarray w, bint writable) noexcept:
    cdef int i, type_number = np.PyArray_TYPE(w)
    if type_number != np.NPY_FLOAT32 and type_number != np.NPY_FLOAT64:
        return False
    if np.PyArray_TYPE(x) != type_number or np.PyArray_NDIM(x) != np.PyArray_NDIM(w):
        return False
    for i in range(np.PyArray_NDIM(w)):
        if np.PyArray_DIM(x, i) != np.PyArray_DIM(w, i):
            return False
    return (np.PyArray_IS_C_CONTIGUOUS(x) and np.PyArray_CHKFLAGS(x, np.NPY_ARRAY_ALIGNED)
            and np.PyArray_ISNOTSWAPPED(x) and (not writable or np.PyArray_ISWRITEABLE(x)))


cdef int move(int index, np.ndarray w, np.ndarray g, slots, np.ndarray h, np.ndarray panels) except -1:
    """One step on arrays that fit, by the scalars of their type."""
    cdef void *place = np.PyArray_DATA(w)
    cdef void *grad = np.PyArray_DATA(g)
    cdef void *numbers = np.PyArray_DATA(h)
    cdef void *s[3]
    cdef ptrdiff_t k = 0, m = 1, n = np.PyArray_SIZE(w)
    cdef int i
    for i in range(3):
        s[i] = np.PyArray_DATA(slots[i]) if i < len(slots) else NULL
    if panels is not None:
        k = m = np.PyArray_DIM(w, 0)
        n, place = np.PyArray_DIM(w, 1), np.PyArray_DATA(panels)
    if np.PyArray_TYPE(w) == np.NPY_FLOAT32:
        update_tile(<float *>place, k, 0, <const float *>grad, <float *>s[0], <float *>s[1], <float *>s[2], m, n, index,
                    <const float *>numbers)
    else:
        update_tile(<double *>place, k, 0, <const double *>grad, <double *>s[0], <double *>s[1], <double *>s[2], m, n,
                    index, <const double *>numbers)
    return 0
