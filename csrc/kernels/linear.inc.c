/* Kernels that need no mathematics: transpose, sums, element-wise sums and scalings. */

/* b (n, m) = a (m, n) transposed                     lda >= n, ldb >= m; a and b apart. Exact.
 * SIDE x SIDE in registers, within BLOCK x BLOCK: whole cache lines on both sides, so that no stride,
 * a power of two above all, evicts a line before it is used up (1000 x 1024: 0.4 ns an element, 0.6
 * without; 512 x 512: 0.25). What is left at an edge is copied with its neighbours once more. */
enum { FM_SIDE = VL > 1 ? VL : 8, FM_BLOCK = 16 };

#ifndef V_LOAD_TRANSPOSED
FM_INLINE void v_load_transposed(vf r[VL], const R *a, ptrdiff_t lda)
{
    FM_UNROLL for (int l = 0; l < VL; l++) r[l] = v_load(a + l * lda);
    v_transpose(r);
}
#endif

FM_INLINE void FM(transpose_side)(R *b, ptrdiff_t ldb, const R *a, ptrdiff_t lda, ptrdiff_t m,
                                  ptrdiff_t n)
{
    if (FM_SIDE == VL && m >= VL && n >= VL) {
        vf r[VL];
        v_load_transposed(r, a, lda);
        FM_UNROLL for (int l = 0; l < VL; l++) v_store(b + l * ldb, r[l]);
        return;
    }
    if (FM_SIDE == VL && (m >= VL || n >= VL)) { /* less of one side: lanes or rows of zeros */
        vf r[VL];
        FM_UNROLL for (int l = 0; l < VL; l++)
        {
            r[l] = l >= m ? v_zero() : n >= VL ? v_load(a + l * lda) : v_loadn(a + l * lda, n);
        }
        v_transpose(r);
        for (int l = 0; l < VL && l < n; l++) {
            if (m >= VL) v_store(b + l * ldb, r[l]);
            else v_storen(b + l * ldb, r[l], m);
        }
        return;
    }
    for (ptrdiff_t j = 0; j < FM_SIDE && j < n; j++) {
        for (ptrdiff_t i = 0; i < FM_SIDE && i < m; i++) b[j * ldb + i] = a[i * lda + j];
    }
}

/* far: whether b most likely is not in this core's cache. */
FM_INLINE void FM(transpose_blocks)(R *b, ptrdiff_t ldb, const R *a, ptrdiff_t lda, ptrdiff_t m,
                                    ptrdiff_t n, const int far)
{
    if (VL == 16 && m * n <= FM_FEW) {
        FM_FEW_TABLE.transpose(b, ldb, a, lda, m, n);
        return;
    }
    enum { AHEAD = 2 * FM_BLOCK }; /* rows of b to fetch before they are written */
    for (ptrdiff_t j0 = 0; j0 < n; j0 += FM_BLOCK) {
        for (ptrdiff_t i0 = 0; i0 < m; i0 += FM_BLOCK) {
            for (ptrdiff_t l = 0; far && l < FM_BLOCK && n > FM_BLOCK; l++) {
                __builtin_prefetch(b + (j0 + AHEAD + l) * ldb + i0, 1);
            }
            for (ptrdiff_t j = j0; j < j0 + FM_BLOCK && j < n; j += FM_SIDE) {
                const ptrdiff_t y = j + VL > n && n >= VL ? n - VL : j;
                for (ptrdiff_t i = i0; i < i0 + FM_BLOCK && i < m; i += FM_SIDE) {
                    const ptrdiff_t x = i + VL > m && m >= VL ? m - VL : i;
                    FM(transpose_side)(b + y * ldb + x, ldb, a + x * lda + y, lda, m - x, n - y);
                }
            }
        }
    }
}

static void FM(transpose)(R *b, ptrdiff_t ldb, const R *a, ptrdiff_t lda, ptrdiff_t m, ptrdiff_t n)
{
    FM(transpose_blocks)(b, ldb, a, lda, m, n, 1);
}

/* g (n) = the sum of the rows of x (m, n), or g += with FM_ACCUMULATE            g and x apart.
 * Rows are added in order 0 .. m-1, one accumulator per column: the same bits on every tier. */
static void FM(colsum)(R *g, const R *x, ptrdiff_t ldx, ptrdiff_t m, ptrdiff_t n, int flags)
{
    enum { WIDE = 4 };
    const int add = flags & FM_ACCUMULATE;
    ptrdiff_t j = 0;
    for (; j + WIDE * VL <= n; j += WIDE * VL) {
        vf s[WIDE];
        for (int v = 0; v < WIDE; v++) s[v] = add ? v_load(g + j + v * VL) : v_zero();
        for (ptrdiff_t i = 0; i < m; i++) {
            for (int v = 0; v < WIDE; v++) s[v] = v_add(s[v], v_load(x + i * ldx + j + v * VL));
        }
        for (int v = 0; v < WIDE; v++) v_store(g + j + v * VL, s[v]);
    }
    for (; j + VL <= n; j += VL) {
        vf s = add ? v_load(g + j) : v_zero();
        const R *row = x + j;
        FM_FOURS for (ptrdiff_t i = 0; i < m; i++, row += ldx) { s = v_add(s, v_load(row)); }
        v_store(g + j, s);
    }
    if (j < n) {
        vf s = add ? v_loadn(g + j, n - j) : v_zero();
        const R *row = x + j;
        FM_FOURS for (ptrdiff_t i = 0; i < m; i++, row += ldx)
        {
            s = v_add(s, v_loadn(row, n - j));
        }
        v_storen(g + j, s, n - j);
    }
}

/* y = a + b                                          all (n); y == a and y == b allowed. Exact. */
static void FM(add)(R *y, const R *a, const R *b, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_add(v_load(a + i), v_load(b + i)));
    if (i < n) v_storen(y + i, v_add(v_loadn(a + i, n - i), v_loadn(b + i, n - i)), n - i);
}

/* y = x * scale + offset                             x, y: (n); y == x allowed
 * Two roundings, as NumPy has: the same bits on every tier. Backward needs neither: dx = scale * dy. */
static void FM(affine)(R *y, const R *x, ptrdiff_t n, R scale, R offset)
{
    const vf s = v_set1(scale), o = v_set1(offset);
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_add(v_mul(v_load(x + i), s), o));
    if (i < n) v_storen(y + i, v_add(v_mul(v_loadn(x + i, n - i), s), o), n - i);
}

/* g += l1 * sign(w) + 2 * l2 * w                     g, w: (n), apart
 * The gradient of l1 * sum |w| + l2 * sum w^2; sign(0) = 0, sign(NaN) = NaN. */
FM_INLINE vf FM(penalized)(vf g, vf w, vf l1, vf two_l2)
{
    const vf one = v_set1(1), zero = v_zero();
    vf sign = v_sel(v_lt(zero, w), one, v_sel(v_lt(w, zero), v_neg(one), w));
    return v_add(g, v_add(v_mul(l1, sign), v_mul(two_l2, w)));
}
static void FM(penalty)(R *g, const R *w, ptrdiff_t n, R l1, R l2)
{
    const vf a = v_set1(l1), b = v_set1(2 * l2);
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(g + i, FM(penalized)(v_load(g + i), v_load(w + i), a, b));
    }
    if (i < n) {
        vf y = FM(penalized)(v_loadn(g + i, n - i), v_loadn(w + i, n - i), a, b);
        v_storen(g + i, y, n - i);
    }
}

/* g = min(max(g, -limit), limit)                     g: (n), limit >= 0. NaN stays NaN. */
static void FM(clip)(R *g, ptrdiff_t n, R limit)
{
    const vf hi = v_set1(limit), lo = v_set1(-limit);
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) v_store(g + i, v_max(lo, v_min(hi, v_load(g + i))));
    if (i < n) v_storen(g + i, v_max(lo, v_min(hi, v_loadn(g + i, n - i))), n - i);
}

/* sum x^2 and sum |x| over x (n), in double: element i goes to lane i % 16, the lanes are added by
 * halves. A product of two floats is exact in double, so float32 gives the same bits on every tier. */
enum { FM_LANES = 16 };

FM_INLINE double FM(lanes_sum)(double s[FM_LANES])
{
    for (int half = FM_LANES / 2; half > 0; half /= 2) {
        for (int l = 0; l < half; l++) s[l] += s[l + half];
    }
    return s[0];
}
static double FM(sumsq)(const R *x, ptrdiff_t n)
{
    double s[FM_LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + FM_LANES <= n; i += FM_LANES) {
        for (int l = 0; l < FM_LANES; l++) s[l] += (double)x[i + l] * (double)x[i + l];
    }
    for (int l = 0; i + l < n; l++) s[l] += (double)x[i + l] * (double)x[i + l];
    return FM(lanes_sum)(s);
}
static double FM(sumabs)(const R *x, ptrdiff_t n)
{
    double s[FM_LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + FM_LANES <= n; i += FM_LANES) {
        for (int l = 0; l < FM_LANES; l++) s[l] += fabs((double)x[i + l]);
    }
    for (int l = 0; i + l < n; l++) s[l] += fabs((double)x[i + l]);
    return FM(lanes_sum)(s);
}

/* y (m) = the sums of the rows of x (m, n), in double, element i of a row in lane i % 16. */
static void FM(rowsum)(R *y, const R *x, ptrdiff_t m, ptrdiff_t n)
{
    for (ptrdiff_t row = 0; row < m; row++, x += n) {
        double sum = 0, s[FM_LANES] = {0};
        ptrdiff_t i = 0;
        if (n >= FM_LANES) {
            for (; i + FM_LANES <= n; i += FM_LANES) {
                for (int l = 0; l < FM_LANES; l++) s[l] += (double)x[i + l];
            }
            sum = FM(lanes_sum)(s);
        }
        for (; i < n; i++) sum += (double)x[i];
        y[row] = (R)sum;
    }
}
