/* softmax and log_softmax over rows. x, y, dx, dy: (m, n); outputs may be the inputs, in place.
 *
 * Sums run over 16 virtual lanes, added by halves: in the same order on every tier. A row with NaN
 * or +inf in it, or of -inf only, becomes NaN as a whole, as in Keras; the other rows do not
 * notice.
 */
enum { FM_WIDE = FM_LANES / VL }; /* vectors that make the virtual lanes */

/* Runs statements over a row: vector v of the virtual lanes holds its elements [j, j + k). */
#define FM_ROW(n, ...)                                                                             \
    do {                                                                                           \
        ptrdiff_t j = 0;                                                                           \
        while (j + FM_LANES <= (n)) {                                                              \
            for (int v = 0; v < FM_WIDE; v++, j += VL) {                                           \
                const ptrdiff_t k = VL;                                                            \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        }                                                                                          \
        for (int v = 0; v < FM_WIDE && j < (n); v++, j += VL) {                                    \
            const ptrdiff_t k = (n) - j < VL ? (n) - j : VL;                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    } while (0)

FM_INLINE vf FM(load)(const R *p, ptrdiff_t k) { return k == VL ? v_load(p) : v_loadn(p, k); }
FM_INLINE void FM(store)(R *p, vf a, ptrdiff_t k)
{
    if (k == VL) v_store(p, a);
    else v_storen(p, a, k);
}
FM_INLINE vf FM(used)(vf a, vf other, ptrdiff_t k) /* a in the first k lanes */
{
    return k == VL ? a : v_sel(v_first(k), a, other);
}
FM_INLINE vf FM(total)(vf s[FM_WIDE])
{
    for (int half = FM_WIDE / 2; half > 0; half /= 2) {
        for (int v = 0; v < half; v++) s[v] = v_add(s[v], s[v + half]);
    }
    return v_set1(v_sum(s[0]));
}

/* max x (n). A NaN may get lost here; its own exp is NaN all the same, and so is the sum. */
FM_INLINE vf FM(row_max)(const R *x, ptrdiff_t n)
{
    vf s = v_set1(-(R)INFINITY);
    FM_ROW(n, { (void)v, s = v_max(s, FM(used)(FM(load)(x + j, k), s, k)); });
    return v_set1(v_maxh(s));
}

/* y = e / sum e, e = exp(x - max x)  Backward needs y. 4 ULP, but for the rounding of x - max x. */
static void FM(softmax_fwd)(R *y, const R *x, ptrdiff_t m, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < m; i++, x += n, y += n) {
        const vf top = FM(row_max)(x, n);
        vf s[FM_WIDE];
        for (int v = 0; v < FM_WIDE; v++) s[v] = v_zero();
        FM_ROW(n, {
            const vf e = v_exp_below(v_sub(FM(load)(x + j, k), top));
            FM(store)(y + j, e, k);
            s[v] = v_add(s[v], FM(used)(e, v_zero(), k));
        });
        const vf total = FM(total)(s);
        FM_ROW(n, { (void)v, FM(store)(y + j, v_div(FM(load)(y + j, k), total), k); });
    }
}

/* dx = y (dy - sum y dy) */
static void FM(softmax_bwd)(R *dx, const R *dy, const R *y, ptrdiff_t m, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < m; i++, dx += n, dy += n, y += n) {
        vf s[FM_WIDE];
        for (int v = 0; v < FM_WIDE; v++) s[v] = v_zero();
        FM_ROW(n, { s[v] = v_fma(FM(load)(y + j, k), FM(load)(dy + j, k), s[v]); });
        const vf total = FM(total)(s);
        FM_ROW(n, {
            const vf d = v_sub(FM(load)(dy + j, k), total);
            (void)v, FM(store)(dx + j, v_mul(FM(load)(y + j, k), d), k);
        });
    }
}

/* y = x - max x - log sum exp(x - max x)        Backward needs y. */
static void FM(log_softmax_fwd)(R *y, const R *x, ptrdiff_t m, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < m; i++, x += n, y += n) {
        const vf top = FM(row_max)(x, n);
        vf s[FM_WIDE];
        for (int v = 0; v < FM_WIDE; v++) s[v] = v_zero();
        FM_ROW(n, {
            const vf e = v_exp_below(v_sub(FM(load)(x + j, k), top));
            s[v] = v_add(s[v], FM(used)(e, v_zero(), k));
        });
        const vf total = v_log(FM(total)(s));
        FM_ROW(n, {
            const vf d = v_sub(FM(load)(x + j, k), top);
            (void)v, FM(store)(y + j, v_sub(d, total), k);
        });
    }
}

/* dx = dy - e^y sum dy */
static void FM(log_softmax_bwd)(R *dx, const R *dy, const R *y, ptrdiff_t m, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < m; i++, dx += n, dy += n, y += n) {
        vf s[FM_WIDE];
        for (int v = 0; v < FM_WIDE; v++) s[v] = v_zero();
        FM_ROW(n, { s[v] = v_add(s[v], FM(load)(dy + j, k)); });
        const vf total = FM(total)(s);
        FM_ROW(n, {
            const vf e = v_exp(FM(load)(y + j, k));
            (void)v, FM(store)(dx + j, v_fnma(e, total, FM(load)(dy + j, k)), k);
        });
    }
}

#undef FM_ROW
