# cython: language_level=3, boundscheck=False, wraparound=False
# cython: cdivision=True, initializedcheck=False
"""Row functions of cross-entropy and accuracy; see loss_rows.pyx for what they are given.

y are the targets after label smoothing, j and k count the n predictions of a row, [a] is 1 where a
holds, else 0. Terms y log q with y = 0 are skipped where q is clipped, since they are 0.

A class outside of 0 .. n - 1 gives a loss and a gradient of NaN: labels are checked before.
"""
from libc.math cimport NAN

from fastmlp._core._native cimport few32, kernels64
from fastmlp._core.loss_rows cimport (
    EPSILON, clip, clip_slope, e_to, ln, ln1p, positive, real, register, row_f32, row_f64,
)


cdef inline real sigmoid(real x) noexcept nogil:
    cdef real e = e_to(x if x < 0 else -x)  # never overflows
    return e / (1 + e) if x < 0 else 1 / (1 + e)


cdef inline bint of_certain_labels(real *loss, const real *t, const real *p, ptrdiff_t m) noexcept nogil:
    """-log of the probability (m) of what is; False if a label is neither 1 nor 0."""
    if real is float:
        return not few32(m).binary_xent(loss, t, p, m, <real>EPSILON, <real>(1 - EPSILON))
    else:
        return not kernels64().binary_xent(loss, t, p, m, <real>EPSILON, <real>(1 - EPSILON))


# Cross-entropy of two classes; h[0] is the label smoothing: y = t (1 - h[0]) + h[0] / 2.

cdef void binary_crossentropy(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                              ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = -mean_j (y_j log q_j + (1 - y_j) log(1 - q_j)), q = p clipped to [1e-7, 1 - 1e-7]

    dp = ((1 - y) / (1 - q) - y / q) / n, 0 where clipped
    """
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real q, x, y, keep = <real>(1 - h[0]), add = <real>(0.5 * h[0]), c = <real>(1.0 / n)
    cdef real low = <real>EPSILON, high = <real>(1 - EPSILON)
    cdef double s
    if n == 1 and h[0] == 0 and dp == NULL and of_certain_labels(loss, t, p, m):
        return
    for i in range(m):
        s = 0
        for j in range(n):
            x = p[i * n + j]
            y = t[i * tn + j * each] * keep + add
            q = clip(x, low, high)
            if y != 0:
                s -= y * ln(q)
            if y != 1:
                s -= (1 - y) * ln(1 - q)
            if dp != NULL:
                dp[i * n + j] = c * ((1 - y) / (1 - q) - y / q) * clip_slope(x, low, high)
        loss[i] = <real>(s / n)


cdef void binary_crossentropy_sigmoid(real *loss, real *dp, const real *t, const real *p,
                                      ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                      const double *h) noexcept nogil:
    """loss as binary_crossentropy      dp = (p - y) / n, of the logits"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real keep = <real>(1 - h[0]), add = <real>(0.5 * h[0]), c = <real>(1.0 / n)
    binary_crossentropy(loss, <real *>NULL, t, p, m, n, tn, h)
    if dp != NULL and n == 1:
        for i in range(m):
            dp[i] = p[i] - (t[i] * keep + add)
    elif dp != NULL:
        for i in range(m):
            for j in range(n):
                dp[i * n + j] = c * (p[i * n + j] - (t[i * tn + j * each] * keep + add))


cdef void binary_crossentropy_logits(real *loss, real *dp, const real *t, const real *p,
                                     ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                     const double *h) noexcept nogil:
    """loss = mean_j (max(p_j, 0) - p_j y_j + log(1 + e^(-|p_j|)))      dp = (sigmoid(p) - y) / n"""
    cdef ptrdiff_t i, j, each = tn > 1
    cdef real x, y, keep = <real>(1 - h[0]), add = <real>(0.5 * h[0]), c = <real>(1.0 / n)
    cdef double s
    for i in range(m):
        s = 0
        for j in range(n):
            x = p[i * n + j]
            y = t[i * tn + j * each] * keep + add
            s += positive(x) - x * y + ln1p(e_to(x if x < 0 else -x))
            if dp != NULL:
                dp[i * n + j] = c * (sigmoid(x) - y)
        loss[i] = <real>(s / n)


# Cross-entropy of n classes; h[0] is the label smoothing: y = t (1 - h[0]) + h[0] / n.

cdef inline double total(const real *x, ptrdiff_t n) noexcept nogil:
    cdef double s = 0
    cdef ptrdiff_t j
    for j in range(n):
        s += x[j]
    return s


cdef inline real log_total_exp(const real *x, ptrdiff_t n, real *highest) noexcept nogil:
    """log Σ_j e^(x_j - highest), with highest = max_j x_j"""
    cdef ptrdiff_t j
    cdef double s = 0
    highest[0] = x[0] if n else <real>0
    for j in range(1, n):
        highest[0] = x[j] if x[j] > highest[0] else highest[0]
    for j in range(n):
        s += e_to(x[j] - highest[0])
    return ln(<real>s)


cdef void categorical_crossentropy(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                                   ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """loss = -Σ_j y_j log c_j, c = q clipped to [1e-7, 1 - 1e-7], q = p / Σ_k p_k

    dp_j = (g_j - Σ_k g_k q_k) / Σ_k p_k, g = -y / c, 0 where clipped
    """
    cdef ptrdiff_t i, j
    cdef real c, q, y, width, keep = <real>(1 - h[0]), add = <real>(h[0] / n)
    cdef real low = <real>EPSILON, high = <real>(1 - EPSILON)
    cdef double s, dot
    for i in range(m):
        width = <real>total(p + i * n, n)
        s = dot = 0
        for j in range(n):
            y = t[i * n + j] * keep + add
            q = p[i * n + j] / width
            c = clip(q, low, high)
            if y != 0:
                s -= y * ln(c)
            if dp != NULL:
                dp[i * n + j] = -y / c * clip_slope(q, low, high)
                dot += dp[i * n + j] * q
        loss[i] = <real>s
        if dp != NULL:
            for j in range(n):
                dp[i * n + j] = (dp[i * n + j] - <real>dot) / width


cdef void categorical_crossentropy_softmax(real *loss, real *dp, const real *t, const real *p,
                                           ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                           const double *h) noexcept nogil:
    """loss as categorical_crossentropy      dp_j = p_j Σ_k y_k - y_j, of the logits"""
    cdef ptrdiff_t i, j
    cdef real width, keep = <real>(1 - h[0]), add = <real>(h[0] / n)
    categorical_crossentropy(loss, <real *>NULL, t, p, m, n, tn, h)
    if dp != NULL:
        for i in range(m):
            width = <real>(total(t + i * n, n) * (1 - h[0]) + h[0])
            for j in range(n):
                dp[i * n + j] = p[i * n + j] * width - (t[i * n + j] * keep + add)


cdef void categorical_crossentropy_logits(real *loss, real *dp, const real *t, const real *p,
                                          ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                          const double *h) noexcept nogil:
    """loss = -Σ_j y_j log softmax(p)_j      dp_j = softmax(p)_j Σ_k y_k - y_j"""
    cdef ptrdiff_t i, j
    cdef real d, y, width, highest, log_z, keep = <real>(1 - h[0]), add = <real>(h[0] / n)
    cdef double s
    for i in range(m):
        log_z = log_total_exp(p + i * n, n, &highest)
        width = <real>(total(t + i * n, n) * (1 - h[0]) + h[0])
        s = 0
        for j in range(n):
            y = t[i * n + j] * keep + add
            d = p[i * n + j] - highest - log_z
            s -= y * d
            if dp != NULL:
                dp[i * n + j] = e_to(d) * width - y
        loss[i] = <real>s


cdef inline ptrdiff_t as_class(real t, ptrdiff_t n) noexcept nogil:
    """The class that t names, -1 if there is none such."""
    return <ptrdiff_t>t if t >= 0 and t < n else -1


cdef inline void no_class(real *loss, real *dp, ptrdiff_t n) noexcept nogil:
    cdef ptrdiff_t j
    loss[0] = <real>NAN
    if dp != NULL:
        for j in range(n):
            dp[j] = <real>NAN


cdef void sparse_categorical_crossentropy(real *loss, real *dp, const real *t, const real *p,
                                          ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                          const double *h) noexcept nogil:
    """loss = -log c_t, c = q clipped to [1e-7, 1 - 1e-7], q = p / Σ_k p_k

    dp_j = ([j = t] - q_t) g / Σ_k p_k, g = -1 / c_t, 0 where clipped
    """
    cdef ptrdiff_t i, j, k
    cdef real c, g, q, width, low = <real>EPSILON, high = <real>(1 - EPSILON)
    for i in range(m):
        k = as_class(t[i], n)
        if k < 0:
            no_class(loss + i, dp + i * n if dp != NULL else dp, n)
            continue
        width = <real>total(p + i * n, n)
        q = p[i * n + k] / width
        c = clip(q, low, high)
        loss[i] = -ln(c)
        if dp != NULL:
            g = -clip_slope(q, low, high) / c
            for j in range(n):
                dp[i * n + j] = -q * g / width
            dp[i * n + k] = (1 - q) * g / width


cdef void sparse_categorical_crossentropy_softmax(real *loss, real *dp, const real *t,
                                                  const real *p, ptrdiff_t m, ptrdiff_t n,
                                                  ptrdiff_t tn, const double *h) noexcept nogil:
    """loss as sparse_categorical_crossentropy      dp_j = p_j - [j = t], of the logits"""
    cdef ptrdiff_t i, j, k
    sparse_categorical_crossentropy(loss, <real *>NULL, t, p, m, n, tn, h)
    if dp != NULL:
        for i in range(m):
            k = as_class(t[i], n)
            if k < 0:
                no_class(loss + i, dp + i * n, n)
                continue
            for j in range(n):
                dp[i * n + j] = p[i * n + j]
            dp[i * n + k] -= 1


cdef void sparse_categorical_crossentropy_logits(real *loss, real *dp, const real *t, const real *p,
                                                 ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                                 const double *h) noexcept nogil:
    """loss = -log softmax(p)_t      dp_j = softmax(p)_j - [j = t]"""
    cdef ptrdiff_t i, j, k
    cdef real highest, log_z
    for i in range(m):
        k = as_class(t[i], n)
        if k < 0:
            no_class(loss + i, dp + i * n if dp != NULL else dp, n)
            continue
        log_z = log_total_exp(p + i * n, n, &highest)
        loss[i] = log_z - (p[i * n + k] - highest)
        if dp != NULL:
            for j in range(n):
                dp[i * n + j] = e_to(p[i * n + j] - highest - log_z)
            dp[i * n + k] -= 1


# Accuracies: the share of a row that is right. Their gradient is 0.

cdef inline void no_gradient(real *dp, ptrdiff_t size) noexcept nogil:
    cdef ptrdiff_t i
    if dp != NULL:
        for i in range(size):
            dp[i] = 0


cdef inline ptrdiff_t argmax(const real *x, ptrdiff_t n) noexcept nogil:
    """The first of the largest, or the first NaN, as NumPy."""
    cdef ptrdiff_t j, best = 0
    for j in range(n):
        if x[j] != x[j]:
            return j
        if x[j] > x[best]:
            best = j
    return best


cdef void accuracy(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m, ptrdiff_t n,
                   ptrdiff_t tn, const double *h) noexcept nogil:
    """mean_j [p_j = t_j]"""
    cdef ptrdiff_t i, j, right, each = tn > 1
    for i in range(m):
        right = 0
        for j in range(n):
            right += p[i * n + j] == t[i * tn + j * each]
        loss[i] = <real>(<double>right / n)
    no_gradient(dp, m * n)


cdef void binary_accuracy(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                          ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """mean_j [(1 if p_j > h[0] else 0) = t_j]"""
    cdef ptrdiff_t i, j, right, each = tn > 1
    cdef real threshold = <real>h[0]
    for i in range(m):
        right = 0
        for j in range(n):
            right += <real>(p[i * n + j] > threshold) == t[i * tn + j * each]
        loss[i] = <real>(<double>right / n)
    no_gradient(dp, m * n)


cdef void categorical_accuracy(real *loss, real *dp, const real *t, const real *p, ptrdiff_t m,
                               ptrdiff_t n, ptrdiff_t tn, const double *h) noexcept nogil:
    """[argmax p = argmax t]"""
    cdef ptrdiff_t i
    for i in range(m):
        loss[i] = argmax(p + i * n, n) == argmax(t + i * tn, tn)
    no_gradient(dp, m * n)


cdef void sparse_categorical_accuracy(real *loss, real *dp, const real *t, const real *p,
                                      ptrdiff_t m, ptrdiff_t n, ptrdiff_t tn,
                                      const double *h) noexcept nogil:
    """[argmax p = t]"""
    cdef ptrdiff_t i
    for i in range(m):
        loss[i] = <real>argmax(p + i * n, n) == t[i]
    no_gradient(dp, m * n)


register("binary_crossentropy", "each", ("label_smoothing",),
         <row_f32>binary_crossentropy[float], <row_f64>binary_crossentropy[double])
register("binary_crossentropy_sigmoid", "each", ("label_smoothing",),
         <row_f32>binary_crossentropy_sigmoid[float], <row_f64>binary_crossentropy_sigmoid[double])
register("binary_crossentropy_logits", "each", ("label_smoothing",),
         <row_f32>binary_crossentropy_logits[float], <row_f64>binary_crossentropy_logits[double])
register("categorical_crossentropy", "same", ("label_smoothing",),
         <row_f32>categorical_crossentropy[float], <row_f64>categorical_crossentropy[double])
register("categorical_crossentropy_softmax", "same", ("label_smoothing",),
         <row_f32>categorical_crossentropy_softmax[float],
         <row_f64>categorical_crossentropy_softmax[double])
register("categorical_crossentropy_logits", "same", ("label_smoothing",),
         <row_f32>categorical_crossentropy_logits[float],
         <row_f64>categorical_crossentropy_logits[double])
register("sparse_categorical_crossentropy", "class", (),
         <row_f32>sparse_categorical_crossentropy[float],
         <row_f64>sparse_categorical_crossentropy[double])
register("sparse_categorical_crossentropy_softmax", "class", (),
         <row_f32>sparse_categorical_crossentropy_softmax[float],
         <row_f64>sparse_categorical_crossentropy_softmax[double])
register("sparse_categorical_crossentropy_logits", "class", (),
         <row_f32>sparse_categorical_crossentropy_logits[float],
         <row_f64>sparse_categorical_crossentropy_logits[double])
register("accuracy", "each", (), <row_f32>accuracy[float], <row_f64>accuracy[double])
register("binary_accuracy", "each", ("threshold",),
         <row_f32>binary_accuracy[float], <row_f64>binary_accuracy[double])
register("categorical_accuracy", "any", (),
         <row_f32>categorical_accuracy[float], <row_f64>categorical_accuracy[double])
register("sparse_categorical_accuracy", "class", (),
         <row_f32>sparse_categorical_accuracy[float], <row_f64>sparse_categorical_accuracy[double])
