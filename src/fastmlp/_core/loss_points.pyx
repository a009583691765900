# cython: language_level=3, boundscheck=False, wraparound=False
# cython: cdivision=True, initializedcheck=False
"""Row functions of regression and margins; see loss_rows.pyx for what they are given.

d = p - t, j counts the n predictions of a row, [a] is 1 where a holds, else 0.
"""
from libc.math cimport INFINITY, exp, log, log1p, sqrt, tanh, tanhf

from fastmlp._core.loss_rows cimport (
    EPSILON, clip, clip_slope, ln, ln1p, positive, positive_slope, real, register, row_f32,
    row_f64, sign,
)


cdef inline real th(real x) noexcept nogil:
    if real is float:
        return tanhf(x)
    else:
        return tanh(x)


# Regression: the mean over a row of a function of (t, p).

cdef void mean_squared_error(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                             ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j d_j²      dp = 2 d / n"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, c = <real>(2.0 / n)
    cdef double s
    if n == 1:
        for i in range(m):
            d = p[i] - t[i]
            loss[i] = d * d
            if dp != NULL:
                dp[i] = c * d
        return
    for i in range(m):
        s = 0
        for j in range(n):
            d = p[i * n + j] - t[i * tn + j * each]
            s += d * d
            if dp != NULL:
                dp[i * n + j] = c * d
        loss[i] = <real>(s / n)


cdef void mean_absolute_error(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                              ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j |d_j|      dp = sign(d) / n, where JAX has -1 / n at d = 0"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, c = <real>(1.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            d = p[i * n + j] - t[i * tn + j * each]
            s += -d if d < 0 else d
            if dp != NULL:
                dp[i * n + j] = c * sign(d)
        loss[i] = <real>(s / n)


cdef void mean_absolute_percentage_error(real *loss, real *dp, const real *t, const real *p,
                                         ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                         const double *h) noexcept nogil:
    """loss = 100 mean_j |d_j| / b_j, b = max(|t|, 1e-7)      dp = 100 sign(d) / (n b)"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, b, c = <real>(100.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            b = t[i * tn + j * each]
            d = p[i * n + j] - b
            b = -b if b < 0 else b
            b = <real>EPSILON if b < <real>EPSILON else b
            s += (-d if d < 0 else d) / b
            if dp != NULL:
                dp[i * n + j] = c * sign(d) / b
        loss[i] = <real>(100 * s / n)


cdef void mean_squared_logarithmic_error(real *loss, real *dp, const real *t, const real *p,
                                         ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                         const double *h) noexcept nogil:
    """loss = mean_j (log(1 + q_j) - log(1 + max(t_j, 1e-7)))², q = max(p, 1e-7)

    dp = 2 (log(1 + q) - log(1 + max(t, 1e-7))) / (n (1 + q)) where p > 1e-7, else 0
    """
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, q, y, low = <real>EPSILON, c = <real>(2.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            q = p[i * n + j]
            y = t[i * tn + j * each]
            q = low if q < low else q
            d = ln1p(q) - ln1p(low if y < low else y)
            s += d * d
            if dp != NULL:
                dp[i * n + j] = c * d / (1 + q) * clip_slope(p[i * n + j], low, <real>INFINITY)
        loss[i] = <real>(s / n)


cdef void huber(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m, ptrdiff_t n,
                ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j (½ d_j² where |d_j| <= delta, else delta |d_j| - ½ delta²)

    dp = d / n where |d| <= delta, else delta sign(d) / n
    """
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real a, d, delta = <real>h[0], c = <real>(1.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            d = p[i * n + j] - t[i * tn + j * each]
            a = -d if d < 0 else d
            s += <real>0.5 * d * d if a <= delta else delta * a - <real>0.5 * delta * delta
            if dp != NULL:
                dp[i * n + j] = c * (d if a <= delta else delta * sign(d))
        loss[i] = <real>(s / n)


cdef void log_cosh(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m, ptrdiff_t n,
                   ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j log(cosh(d_j))      dp = tanh(d) / n

    As |d| + log(1 + e^(-2|d|)) - log 2, which cannot overflow; in double, since it cancels near 0.
    """
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, c = <real>(1.0 / n)
    cdef double s, a, log_2 = log(2.0)
    for i in range(m):
        s = 0
        for j in range(n):
            d = p[i * n + j] - t[i * tn + j * each]
            a = -d if d < 0 else d
            s += a + log1p(exp(-2 * a)) - log_2
            if dp != NULL:
                dp[i * n + j] = c * th(d)
        loss[i] = <real>(s / n)


cdef void poisson(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m, ptrdiff_t n,
                  ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j (p_j - t_j log(p_j + 1e-7))      dp = (1 - t / (p + 1e-7)) / n"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real q, y, c = <real>(1.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            q = p[i * n + j] + <real>EPSILON
            y = t[i * tn + j * each]
            s += p[i * n + j] - y * ln(q)
            if dp != NULL:
                dp[i * n + j] = c * (1 - y / q)
        loss[i] = <real>(s / n)


cdef void kl_divergence(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                        ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = Σ_j y_j log(y_j / q_j), with y and q: t and p clipped to [1e-7, 1]

    dp = -y / q, 0 where clipped
    """
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real q, y, low = <real>EPSILON
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            q = clip(p[i * n + j], low, <real>1)
            y = clip(t[i * tn + j * each], low, <real>1)
            s += y * ln(y / q)
            if dp != NULL:
                dp[i * n + j] = -y / q * clip_slope(p[i * n + j], low, <real>1)
        loss[i] = <real>s


cdef inline double inverse_norm(const real *x, ptrdiff_t n) noexcept nogil:
    """1 / sqrt(Σ_j x_j²), 1e7 at most"""
    cdef ptrdiff_t j
    cdef double s = 0
    for j in range(n):
        s += <double>x[j] * x[j]
    s = 1 / sqrt(s)
    return 1 / EPSILON if s > 1 / EPSILON else s


cdef void cosine_similarity(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                            ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = -Σ_j u_j v_j, with u = t / |t|, v = p / |p|, norms of 1e-7 at least

    dp = -(u - v Σ_k u_k v_k) / |p|, without the second term where |p| < 1e-7
    """
    cdef ptrdiff_t i, j
    cdef double a, b, c, s
    for i in range(m):
        a = inverse_norm(t + i * n, n)
        b = inverse_norm(p + i * n, n)
        s = 0
        for j in range(n):
            s += (a * t[i * n + j]) * (b * p[i * n + j])
        loss[i] = <real>-s
        if dp != NULL:
            c = 0 if b == 1 / EPSILON else s * b
            for j in range(n):
                dp[i * n + j] = <real>(b * (c * p[i * n + j] - a * t[i * n + j]))


# Margins. A target of 0 counts as -1, so that labels may be 0 / 1 or -1 / 1.

cdef void hinge(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m, ptrdiff_t n,
                ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j max(1 - t_j p_j, 0)      dp = -t / n where 1 - t p > 0, half of it at 0"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, y, c = <real>(1.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            y = t[i * tn + j * each]
            y = <real>-1 if y == 0 else y
            d = 1 - y * p[i * n + j]
            s += positive(d)
            if dp != NULL:
                dp[i * n + j] = -c * y * positive_slope(d)
        loss[i] = <real>(s / n)


cdef void squared_hinge(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                        ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = mean_j max(1 - t_j p_j, 0)²      dp = -2 t max(1 - t p, 0) / n"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real d, y, c = <real>(2.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            y = t[i * tn + j * each]
            y = <real>-1 if y == 0 else y
            d = positive(1 - y * p[i * n + j])
            s += d * d
            if dp != NULL:
                dp[i * n + j] = -c * y * d
        loss[i] = <real>(s / n)


cdef void categorical_hinge(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                            ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = max(neg - pos + 1, 0), neg = max_j (1 - t_j) p_j, pos = Σ_j t_j p_j

    dp_j = (1 - t_j) [j has the maximum] / (number that have it) - t_j where loss > 0, half at 0
    """
    cdef ptrdiff_t i, j, ties
    cdef real neg, q, y
    cdef double s, pos
    for i in range(m):
        pos = 0
        ties = 0
        neg = 0
        for j in range(n):
            y = t[i * n + j]
            pos += y * p[i * n + j]
            q = (1 - y) * p[i * n + j]
            if j == 0 or q > neg or q != q:
                neg = q
                ties = 0
            ties += q == neg
        s = neg - pos + 1
        loss[i] = positive(<real>s)
        if dp != NULL:
            for j in range(n):
                y = t[i * n + j]
                q = (1 - y) * p[i * n + j]  # rounded, as neg is: the product may be wider
                q = <real>(1.0 / ties) if q == neg else <real>0
                dp[i * n + j] = ((1 - y) * q - y) * positive_slope(<real>s)


register("mean_squared_error", "each", (),
         <row_f32>mean_squared_error[float], <row_f64>mean_squared_error[double])
register("mean_absolute_error", "each", (),
         <row_f32>mean_absolute_error[float], <row_f64>mean_absolute_error[double])
register("mean_absolute_percentage_error", "each", (),
         <row_f32>mean_absolute_percentage_error[float],
         <row_f64>mean_absolute_percentage_error[double])
register("mean_squared_logarithmic_error", "each", (),
         <row_f32>mean_squared_logarithmic_error[float],
         <row_f64>mean_squared_logarithmic_error[double])
register("huber", "each", ("delta",), <row_f32>huber[float], <row_f64>huber[double])
register("log_cosh", "each", (), <row_f32>log_cosh[float], <row_f64>log_cosh[double])
register("poisson", "each", (), <row_f32>poisson[float], <row_f64>poisson[double])
register("kl_divergence", "each", (), <row_f32>kl_divergence[float], <row_f64>kl_divergence[double])
register("cosine_similarity", "same", (),
         <row_f32>cosine_similarity[float], <row_f64>cosine_similarity[double])
register("hinge", "each", (), <row_f32>hinge[float], <row_f64>hinge[double])
register("squared_hinge", "each", (), <row_f32>squared_hinge[float], <row_f64>squared_hinge[double])
register("categorical_hinge", "same", (),
         <row_f32>categorical_hinge[float], <row_f64>categorical_hinge[double])
