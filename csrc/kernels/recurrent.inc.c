/* One step of recurrent cells for m samples: all that lies between two products.
 *
 *   lstm_fwd   i k n o of s <- g(i) g(k) f(n) g(o)
 *              c = k before + i n                  h = o f(c)                before: c of the step before
 *   lstm_bwd   d = dc + dh o f'(c)                 dc = d k
 *              dx = d n g'(i), d before g'(k), d i f'(n), dh f(c) g'(o)
 *   gru_fwd    s holds ? a b i2, i2 that of r      z = g(x0 + a)             r = g(x1 + b)
 *              n = f(x2 + r i2)                    h = z before + (1 - z) n  s <- z r n i2
 *   gru_bwd    dn = dh (1 - z) f'(n)               di = dx0, dx1, dn r
 *              dx = dh (before - n) g'(z), dn i2 g'(r), dn                   dh = dh z
 *
 * h, c, before, dh, dc: (m, u)    s: (m, 4 u)    x, dx, di: (m, 3 u) of gru, (m, 4 u) of lstm.
 * Rows are ld.. elements apart, those of dh and dc u; before is as far apart as h. dx of
 * lstm_bwd may be s; nothing else overlaps. f and g are activations whose gradient needs their result
 * alone, as numbers of enum fm_act. tanh and sigmoid, which nearly all networks take, are compiled
 * apart: chosen by a switch for each vector they cost 10 % more.
 * Accuracy: that of the functions, and one rounding per operation after them.
 */

/* y = f(x), and dx = dy * f' of y. The cases are the functions of kernels.def that save y. */
#define FM_CASES_X(name)
FM_INLINE vf FM(cell_y)(vf x, const int f)
{
    switch (f) {
#define FM_CASES_Y(name)                                                                           \
    case FM_ACT_##name: return FM(name##_y)(x);
#define ACT(name, saves) FM_CASES_##saves(name)
#include "kernels.def"
#undef FM_CASES_Y
    }
    return x;
}
FM_INLINE vf FM(cell_dx)(vf dy, vf y, const int f)
{
    switch (f) {
#define FM_CASES_Y(name)                                                                           \
    case FM_ACT_##name: return FM(name##_dx)(dy, y);
#define ACT(name, saves) FM_CASES_##saves(name)
#include "kernels.def"
#undef FM_CASES_Y
    }
    return dy;
}
#undef FM_CASES_X

/* w lanes; w == VL is a constant after inlining. */
FM_INLINE vf FM(cell_get)(const R *p, ptrdiff_t w) { return w == VL ? v_load(p) : v_loadn(p, w); }
FM_INLINE void FM(cell_put)(R *p, vf a, ptrdiff_t w)
{
    if (w == VL) v_store(p, a);
    else v_storen(p, a, w);
}
#define GET(p) FM(cell_get)(p, w)
#define PUT(p, a) FM(cell_put)(p, a, w)

FM_INLINE void FM(lstm_cell)(R *c, R *s, const R *before, ptrdiff_t u, ptrdiff_t w, int f, int g)
{
    const vf i = FM(cell_y)(GET(s), g), k = FM(cell_y)(GET(s + u), g);
    const vf n = FM(cell_y)(GET(s + 2 * u), f), o = FM(cell_y)(GET(s + 3 * u), g);
    PUT(s, i);
    PUT(s + u, k);
    PUT(s + 2 * u, n);
    PUT(s + 3 * u, o);
    PUT(c, v_fma(k, GET(before), v_mul(i, n)));
}
FM_INLINE void FM(lstm_output)(R *h, const R *o, const R *c, ptrdiff_t w, int f)
{
    PUT(h, v_mul(GET(o), FM(cell_y)(GET(c), f)));
}

FM_INLINE void FM(lstm_cell_bwd)(R *dx, R *dc, const R *dh, const R *s, const R *c, const R *before,
                                 ptrdiff_t u, ptrdiff_t w, int f, int g)
{
    const vf i = GET(s), k = GET(s + u), n = GET(s + 2 * u), o = GET(s + 3 * u);
    const vf fc = FM(cell_y)(GET(c), f), e = GET(dh);
    const vf d = v_add(GET(dc), FM(cell_dx)(v_mul(e, o), fc, f));
    PUT(dx, FM(cell_dx)(v_mul(d, n), i, g));
    PUT(dx + u, FM(cell_dx)(v_mul(d, GET(before)), k, g));
    PUT(dx + 2 * u, FM(cell_dx)(v_mul(d, i), n, f));
    PUT(dx + 3 * u, FM(cell_dx)(v_mul(e, fc), o, g));
    PUT(dc, v_mul(d, k));
}

FM_INLINE void FM(gru_cell)(R *h, R *s, const R *x, const R *before, ptrdiff_t u, ptrdiff_t w,
                            int f, int g)
{
    const vf z = FM(cell_y)(v_add(GET(x), GET(s + u)), g);
    const vf r = FM(cell_y)(v_add(GET(x + u), GET(s + 2 * u)), g);
    const vf n = FM(cell_y)(v_fma(r, GET(s + 3 * u), GET(x + 2 * u)), f);
    PUT(s, z);
    PUT(s + u, r);
    PUT(s + 2 * u, n);
    PUT(h, v_fma(z, GET(before), v_mul(v_sub(v_set1(1), z), n)));
}

FM_INLINE void FM(gru_cell_bwd)(R *dx, R *di, R *dh, const R *s, const R *before, ptrdiff_t u,
                                ptrdiff_t w, int f, int g)
{
    const vf z = GET(s), r = GET(s + u), n = GET(s + 2 * u), e = GET(dh);
    const vf dn = FM(cell_dx)(v_mul(e, v_sub(v_set1(1), z)), n, f);
    const vf dz = FM(cell_dx)(v_mul(e, v_sub(GET(before), n)), z, g);
    const vf dr = FM(cell_dx)(v_mul(dn, GET(s + 3 * u)), r, g);
    PUT(dx, dz);
    PUT(dx + u, dr);
    PUT(dx + 2 * u, dn);
    PUT(di, dz);
    PUT(di + u, dr);
    PUT(di + 2 * u, v_mul(dn, r));
    PUT(dh, v_mul(e, z));
}
#undef GET
#undef PUT

/* CELL, at unit j of sample i and w lanes wide, for all units of all samples. */
#define CELLS(f, g)                                                                                \
    for (ptrdiff_t i = 0; i < m; i++) {                                                            \
        ptrdiff_t j = 0;                                                                           \
        for (; j + VL <= u; j += VL) CELL(VL, f, g);                                               \
        if (j < u) CELL(u - j, f, g);                                                              \
    }
#define ALL_CELLS                                                                                  \
    if (f == FM_ACT_tanh && g == FM_ACT_sigmoid) CELLS(FM_ACT_tanh, FM_ACT_sigmoid)                \
    else CELLS(f, g)

static void FM(lstm_fwd)(R *h, R *c, R *s, const R *before, ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh,
                         ptrdiff_t lds, int f, int g)
{
#define CELL(w, f, g)                                                                              \
    FM(lstm_cell)(c + i * ldh + j, s + i * lds + j, before + i * ldh + j, u, w, f, g)
    ALL_CELLS
#undef CELL
    /* Not in the same pass: f(c) has to wait for gates, and fills the queues with what waits with it;
     * that takes 10 to 14 % longer. */
#define CELL(w, f, g)                                                                              \
    FM(lstm_output)(h + i * ldh + j, s + i * lds + 3 * u + j, c + i * ldh + j, w, f)
    ALL_CELLS
#undef CELL
}

static void FM(lstm_bwd)(R *dx, R *dc, const R *dh, const R *s, const R *c, const R *before,
                         ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh, ptrdiff_t lds, int f, int g)
{
#define CELL(w, f, g)                                                                              \
    FM(lstm_cell_bwd)(dx + i * lds + j, dc + i * u + j, dh + i * u + j, s + i * lds + j,           \
                      c + i * ldh + j, before + i * ldh + j, u, w, f, g)
    ALL_CELLS
#undef CELL
}

static void FM(gru_fwd)(R *h, R *s, const R *x, const R *before, ptrdiff_t m, ptrdiff_t u,
                        ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f, int g)
{
#define CELL(w, f, g)                                                                              \
    FM(gru_cell)(h + i * ldh + j, s + i * lds + j, x + i * ldx + j, before + i * ldh + j, u, w, f, \
                 g)
    ALL_CELLS
#undef CELL
}

static void FM(gru_bwd)(R *dx, R *di, R *dh, const R *s, const R *before, ptrdiff_t m, ptrdiff_t u,
                        ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f, int g)
{
#define CELL(w, f, g)                                                                              \
    FM(gru_cell_bwd)(dx + i * ldx + j, di + i * ldx + j, dh + i * u + j, s + i * lds + j,          \
                     before + i * ldh + j, u, w, f, g)
    ALL_CELLS
#undef CELL
}
#undef CELLS
#undef ALL_CELLS
