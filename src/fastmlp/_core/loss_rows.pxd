# cython: language_level=3
"""The table of row functions, and the arithmetic that they share."""
from libc.math cimport exp, expf, log, log1p, log1pf, logf

from fastmlp._core._native cimport real

ctypedef void (*row_f32)(float *loss, float *dp, const float *t, const float *p, ptrdiff_t m,
                         ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil
ctypedef void (*row_f64)(double *loss, double *dp, const double *t, const double *p, ptrdiff_t m,
                         ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil

cdef row_f32 find_f32(ptrdiff_t number) noexcept nogil
cdef row_f64 find_f64(ptrdiff_t number) noexcept nogil
cdef int register(str name, str targets, tuple params, row_f32 f32, row_f64 f64) except -1

cdef extern from *:
    """
    #define FM_EPSILON 1e-7  /* Keras's backend.epsilon() */
    """
    const double EPSILON "FM_EPSILON"


cdef inline void call(ptrdiff_t number, real *loss, real *dp, const real *t, const real *p,
                      ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """Row function `number` of ROWS on m rows."""
    if real is float:
        find_f32(number)(loss, dp, t, p, m, n, tn, h)
    else:
        find_f64(number)(loss, dp, t, p, m, n, tn, h)


cdef inline real ln(real x) noexcept nogil:
    if real is float:
        return logf(x)
    else:
        return log(x)


cdef inline real ln1p(real x) noexcept nogil:
    if real is float:
        return log1pf(x)
    else:
        return log1p(x)


cdef inline real e_to(real x) noexcept nogil:
    if real is float:
        return expf(x)
    else:
        return exp(x)


cdef inline real sign(real x) noexcept nogil:
    return <real>1 if x > 0 else <real>-1 if x < 0 else x


cdef inline real clip(real x, real low, real high) noexcept nogil:
    return low if x < low else high if x > high else x


cdef inline real clip_slope(real x, real low, real high) noexcept nogil:
    """Gradient of clip, on a bound half of that inside: so does JAX."""
    return <real>0 if x < low or x > high else <real>0.5 if x == low or x == high else <real>1


cdef inline real positive(real x) noexcept nogil:
    """max(x, 0); NaN stays."""
    return <real>0 if x < 0 else x


cdef inline real positive_slope(real x) noexcept nogil:
    """Gradient of positive, at 0 a half: so does JAX."""
    return <real>0 if x < 0 else <real>0.5 if x == 0 else <real>1


cdef inline double loss_scale(const real *norm, ptrdiff_t wrep, ptrdiff_t elements,
                              bint mean) noexcept nogil:
    """What every value of a loss is multiplied with, weights apart."""
    cdef double s = 1.0 / elements if mean else 1.0
    cdef double weights = 0
    cdef ptrdiff_t i
    if norm != NULL:
        for i in range(wrep):
            weights += norm[i]
        s = s / weights if weights != 0 else 0
    return s
