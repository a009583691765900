/* Gather: rows of the user's data, of any type and layout, into x (m, n).
 *
 * x[i, j] = (R) src[row(i), j],  row(i) = rows ? rows[first + i] : first + i;  the element lies at
 * src + row(i) * row_stride + j * stride, in bytes, perhaps unaligned, hence memcpy.  Strides may be
 * negative or 0. Returns 1 if a value is NaN or infinite after conversion, else 0.
 */

FM_INLINE R FM(gather_value)(const char *p, const enum fm_gather kind)
{
    switch (kind) {
#define GATHER(name, type)                                                                         \
    case FM_GATHER_##name: {                                                                       \
        type value;                                                                                \
        memcpy(&value, p, sizeof value);                                                           \
        return (R)value;                                                                           \
    }
#include "kernels.def"
    default: return 0;
    }
}

/* 1 if x (n) holds NaN or infinity: only they give x * 0 = NaN. */
FM_INLINE int FM(not_finite)(const R *x, ptrdiff_t n)
{
    enum { CHAINS = 4 }; /* sums that do not wait for each other */
    const vf zero = v_zero();
    vf s[CHAINS];
    ptrdiff_t i = 0;
    FM_UNROLL for (int v = 0; v < CHAINS; v++) s[v] = zero;
    for (; i + CHAINS * VL <= n; i += CHAINS * VL) {
        FM_UNROLL for (int v = 0; v < CHAINS; v++) s[v] = v_fma(v_load(x + i + v * VL), zero, s[v]);
    }
    for (; i + VL <= n; i += VL) s[0] = v_fma(v_load(x + i), zero, s[0]);
    if (i < n) s[1] = v_fma(v_loadn(x + i, n - i), zero, s[1]);
    FM_UNROLL for (int v = 1; v < CHAINS; v++) s[0] = v_add(s[0], s[v]);
    return v_sum(s[0]) != 0;
}

/* Asks for the row's first `bytes` from memory, into L2: shuffled rows are nowhere near each other. */
FM_INLINE void FM(prefetch_row)(const char *row, ptrdiff_t bytes)
{
    for (ptrdiff_t at = 0; at < bytes; at += 64) __builtin_prefetch(row + at, 0, 2);
}

/* One column: x[i ldx] = src[row(i)]. Rows are as good as independent: the processor reads ahead. */
FM_INLINE int FM(gather_column)(R *x, ptrdiff_t ldx, const char *src, ptrdiff_t row_stride,
                                const int64_t *rows, ptrdiff_t first, ptrdiff_t m,
                                const enum fm_gather kind)
{
    R sum = 0; /* of x - x, which is NaN unless x is finite */
    for (ptrdiff_t i = 0; i < m; i++, x += ldx) {
        const ptrdiff_t row = rows ? (ptrdiff_t)rows[first + i] : first + i;
        *x = FM(gather_value)(src + row * row_stride, kind);
        sum += *x - *x;
    }
    return sum != 0;
}

/* The elements of a row, side by side, of R's own type. */
FM_INLINE void FM(copy_row)(R *x, const char *row, ptrdiff_t n)
{
    const R *from = (const R *)row;
    ptrdiff_t j = 0;
    for (; j + VL <= n; j += VL) v_store(x + j, v_load(from + j));
    if (j < n && n > VL) v_store(x + n - VL, v_load(from + n - VL)); /* some once more */
    else if (j < n) v_storen(x + j, v_loadn(from + j, n - j), n - j);
}

FM_INLINE int FM(gather_any)(R *x, ptrdiff_t ldx, const char *src, ptrdiff_t row_stride,
                             ptrdiff_t stride, const int64_t *rows, ptrdiff_t first, ptrdiff_t m,
                             ptrdiff_t n, const enum fm_gather kind, const ptrdiff_t size,
                             const int floating)
{
    enum { AHEAD = 1024, MOST = 4096 }; /* bytes in flight; of a row, the processor follows on */
    /* Rows in flight where one is longer: with one of them, into L1, a row waited for its last lines, and
     * 784-128-128-10 took 3 % longer a step (Zen 4). */
    enum { LONG_AHEAD = 4 };
    enum { TOGETHER = 2048 };        /* elements of short rows that are checked at once, in L1 */
    enum { SHORT = 64 / sizeof(R) }; /* elements of a row that is as good as one column */
    if (n == 1) return FM(gather_column)(x, ldx, src, row_stride, rows, first, m, kind);
    const ptrdiff_t bytes = stride == size ? (n * size < MOST ? n * size : MOST) : size;
    const ptrdiff_t ahead = bytes < AHEAD ? AHEAD / 2 / (bytes < 64 ? 64 : bytes) + 1 : LONG_AHEAD;
    R *const all = x;
    const int together = floating && ldx == n && m * n <= TOGETHER;
    int bad = 0;
    if (!rows) {
        src += first * row_stride;
        if (stride == size && row_stride == n * size && ldx == n) { /* one block: one long row */
            n *= m;
            m = m > 0;
        }
    }
    const int copied = stride == size && VL > 1 && floating && size == sizeof(R);
    if (copied && together && n <= SHORT) {
        for (ptrdiff_t i = 0; i < m; i++, x += ldx) {
            FM(copy_row)(x, src + (rows ? (ptrdiff_t)rows[first + i] : i) * row_stride, n);
        }
        return FM(not_finite)(all, m * n);
    }
    for (ptrdiff_t i = 0; i < m; i++, x += ldx) {
        if (rows && i + ahead < m) {
            FM(prefetch_row)(src + (ptrdiff_t)rows[first + i + ahead] * row_stride, bytes);
        }
        const char *row = src + (rows ? (ptrdiff_t)rows[first + i] : i) * row_stride;
        if (copied) {
            FM(copy_row)(x, row, n);
        } else if (stride == size) {
            for (ptrdiff_t j = 0; j < n; j++) x[j] = FM(gather_value)(row + j * size, kind);
        } else {
            for (ptrdiff_t j = 0; j < n; j++) x[j] = FM(gather_value)(row + j * stride, kind);
        }
        if (floating && !together) bad |= FM(not_finite)(x, n);
    }
    return together ? FM(not_finite)(all, m * n) : bad;
}

#define GATHER(name, type)                                                                         \
    static int FM(gather_##name)(R *x, ptrdiff_t ldx, const char *src, ptrdiff_t row_stride,       \
                                 ptrdiff_t stride, const int64_t *rows, ptrdiff_t first,           \
                                 ptrdiff_t m, ptrdiff_t n)                                         \
    {                                                                                              \
        return FM(gather_any)(x, ldx, src, row_stride, stride, rows, first, m, n,                  \
                              FM_GATHER_##name, (ptrdiff_t)sizeof(type), (type)0.5 != 0);          \
    }
#include "kernels.def"
