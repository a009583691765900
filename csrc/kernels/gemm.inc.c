/* Matrix product with bias and relu.
 *
 *   c (m, n) = act(a (m, k) · b (k, n) + bias (n))     with FM_ACCUMULATE: act(c + a · b + bias)
 *   c (m, n) = factor · a · b where y (m, n) > 0, else 0    with FM_GATED: y instead of the bias
 *   c (m, n) = a · b (1 - y (m, n)^2)                       with FM_CURVED: the same
 *   c (m, n) -= factor · a · b                              with FM_DESCEND: no bias
 *
 * a by row and column strides, so that one kernel serves x · w, dz · wᵀ (w transposed before) and
 * xᵀ · dz. Rows of b and c are contiguous. c is apart from the rest; bias may be NULL. y, whose rows
 * lie as those of c, is what relu or tanh made, or dropout of relu, whose kept elements are `factor` times as large:
 * the product is its gradient (NaN in y lets it pass). y == c is allowed if k <= FM_UNCUT.
 *
 * Every c[i, j] is summed over k in order 0 .. k-1 in one accumulator by v_fma, then the bias is
 * added: its bits depend on neither m nor n, nor on where the caller cuts c into pieces. The only
 * exception is n == 1 with a's rows and b contiguous (fm_dots): 16 virtual lanes over k, the same on
 * every tier. k == 0 gives the bias. relu is max(0, x): NaN passes through.
 *
 * With FM_PANELS b is kept in panels: of FM_PANEL columns each, the last one filled up, row after row:
 * b[p, j] lies at (j / FM_PANEL) * (k | 1) * FM_PANEL + p * FM_PANEL + j % FM_PANEL, ldb is not used.
 * A product then reads b from first to last, without a copy, and leaves the page tables alone; who
 * goes along a row of b meets all sets of a cache, whatever k is.
 *
 * With FM_DESCEND b is in panels, too, and c is a part of a matrix that is: of as many rows as ldc tells. Each c
 * is one sum, of k <= FM_UNCUT products, times the factor. While it is computed c is fetched for writing: of two cores
 * one would otherwise wait for what the other one has read.
 *
 * With FM_AGAIN, which wants a b in panels or turned, c is also stored into a matrix in panels.
 *
 * With FM_TURNED instead b is the transpose of a w (n, k) that is kept in panels; blocks of them are turned
 * as they are read, for which a block of a should have 32 rows or more. k is not 0.
 *
 * gemm chooses a way → blocks of k and of rows (large products) → panels of columns → tiles
 * (gemm_tile.inc.c). Small products of one panel have tiles of their own, fm_small.
 */

/* m rows as few and nearly equal tiles: `tall` ones of `height` rows, then `low` ones of one row
 * less. 8 rows are 4 + 4, not 6 + 2, whose few accumulators would wait for each other. */
typedef struct fm_split {
    ptrdiff_t height, tall, low;
} fm_split;

FM_INLINE fm_split fm_split_rows(ptrdiff_t m)
{
    if (m <= FM_MR) return (fm_split){m, 1, 0};
    const ptrdiff_t tiles = (m + FM_MR - 1) / FM_MR;
    ptrdiff_t height = FM_MR; /* m / tiles, rounded up: without a division, one or two turns */
    while ((height - 1) * tiles >= m) height--;
    const ptrdiff_t tall = m - tiles * (height - 1);
    return (fm_split){height, tall, tiles - tall};
}

/* Elements of the next panel of b that each of so many tiles fetches in four of its steps: whole lines,
 * and no more than it takes. A core has few fetches under way, and those of the tiles' own elements
 * wait for them: with a row in four steps, whatever the tiles, products of 128 and 96 rows with 2048 x
 * 2048 weights in L3 took 12 to 16 % longer (Emerald Rapids, AVX-512). */
FM_INLINE ptrdiff_t fm_pace(ptrdiff_t tiles)
{
    const ptrdiff_t line = 64 / (ptrdiff_t)sizeof(R), lines = FM_PANEL / line;
    if (lines < 2 || tiles < 2 * lines) return FM_PANEL;
    return tiles < 4 * lines ? (lines + 1) / 2 * line : line;
}

/* A panel of b, the columns that are t->b's rows in w, kept in panels. */
static __attribute__((noinline)) void fm_turn(const fm_product *t, ptrdiff_t columns)
{
    R *to = t->pack;
    for (ptrdiff_t p = 0, rows; p < t->k; p += rows, to += rows * FM_PANEL) {
        const ptrdiff_t in = (t->row + p) % FM_PANEL, room = FM_PANEL - in;
        rows = t->k - p < room ? t->k - p : room;
        FM(transpose_blocks)(to, FM_PANEL, t->b + (t->row + p) / FM_PANEL * t->turned + in,
                             FM_PANEL, columns, rows, 0);
    }
}

/* One column panel of nv vectors (0: fewer than VL columns), all rows. With t->pack, the first tile
 * packs its panel of b, and the others read it from L1 whatever ldb is. */
FM_INLINE void fm_panel(fm_product *t, fm_split rows, const ptrdiff_t nv)
{
    const R *const a = t->a, *const b = t->b;
    R *const c = t->c;
    const ptrdiff_t a_row = t->a_packed ? t->k : t->a_rs, ldb = t->ldb;
    if (t->pack && !t->turned && rows.height >= FM_MR - 1 && nv > 0) {
        fm_packing[nv](t, rows.height);
        t->b = t->pack;
        t->ldb = nv * VL;
        t->b_last = t->ldb - VL;
        t->a += rows.height * a_row;
        t->c += rows.height * t->ldc;
        rows.tall--;
    }
    ptrdiff_t way = nv;
    if (nv == FM_NV && t->b_last == FM_PANEL - VL) {
        const int rows_only = t->flags & (FM_GATED | FM_CURVED) || t->again;
        const int columns = (t->a_packed || t->a_rs == 1) && !rows_only;
        if (t->ldb != FM_PANEL) way = columns ? FM_APART : nv;
        else if (columns) way = t->flags & FM_DESCEND ? FM_DOWN : FM_BY_COLUMNS;
        else if (t->a_cs == 1) way = FM_BY_ROWS;
    }
    t->pace = fm_pace(rows.tall + rows.low);
    fm_tiles[rows.height - 1][way](t, rows.tall);
    if (rows.low) {
        t->a += rows.tall * rows.height * a_row;
        t->c += rows.tall * rows.height * t->ldc;
        fm_tiles[rows.height - 2][way](t, rows.low);
    }
    t->a = a;
    t->b = b;
    t->c = c;
    t->ldb = ldb;
}

/* All column panels. Leaves b, c, again, bias and n of t moved. */
static __attribute__((noinline)) void fm_panels(fm_product *t)
{
    if (t->m <= 0) return;
    const fm_split rows = fm_split_rows(t->m);
    const ptrdiff_t most = t->m == 1 && !t->b_panel ? FM_ROW_NV : FM_NV;
    while (t->n > 0) {
        const ptrdiff_t vectors = (t->n + VL - 1) / VL;
        /* Never leave one vector alone: it may have to overlap its neighbour. */
        const int split = vectors == most + 1 && !t->b_panel;
        ptrdiff_t nv = vectors <= most ? vectors : split ? vectors / 2 : most;
        const ptrdiff_t cols = nv * VL < t->n ? nv * VL : t->n;
        if (cols < VL) nv = 0;
        const R *const w = t->b;
        R *const again = t->again;
        if (t->turned) {
            fm_turn(t, cols);
            t->b = t->pack;
        }
        t->c_last = t->b_last = nv > 0 ? cols - VL : 0;
        t->ahead = w + t->b_panel + t->row / FM_PANEL * t->turned;
        t->end = t->n > cols ? t->ahead + t->b_panel : t->ahead;
        if (t->m == 1) fm_row_tiles[nv](t, 1);
        else fm_panel(t, rows, nv);
        if (again) t->again = again + t->again_panel;
        t->n -= cols;
        t->c += t->c_panel ? t->c_panel : cols;
        t->b = w + (t->b_panel ? t->b_panel : cols);
        if (t->bias) t->bias += cols;
    }
}

/* Copies a (m, k), whose columns are contiguous, into groups of a tile's rows. */
static void fm_pack_rows(R *to, const R *a, ptrdiff_t a_cs, ptrdiff_t m, ptrdiff_t k)
{
    const fm_split split = fm_split_rows(m);
    for (ptrdiff_t group = 0; group < split.tall + split.low; group++) {
        const ptrdiff_t rows = split.height - (group >= split.tall);
        const R *from = a;
        a += rows;
        switch (rows) {
#define FM_COPY(mr)                                                                                \
    case mr:                                                                                       \
        for (ptrdiff_t p = 0; p < k; p++, from += a_cs, to += mr)                                  \
            memcpy(to, from, mr * sizeof(R));                                                      \
        break;
            FM_EACH_ROWS(FM_COPY)
        }
    }
}

/* Large products. Between blocks of k, c holds the partial sums, exactly. Sizes by measurement on
 * Zen 3 (L1 32 KB, L2 512 KB): 85 to 95 % of its peak from 128 x 128 x 128 on, 75 % once b has 8 MB; with
 * 16 lanes on Emerald Rapids (48 KB, 2 MB): 92 to 100 %, 95 % with panels of 16 MB. */
static __attribute__((noinline)) void fm_blocks(const fm_product *whole)
{
    enum {
        KC = VL < 16
            ? 256
            : 512,        /* k of a packed panel of b: half of L1; with 2 MB of L2 a 20th of that */
        KC_PANELS = 1024, /* of one that comes as it is: c is read back less often */
        KC_TURNED = 96,   /* of one that is turned: in L1 with what it is turned from */
        MC = 192,         /* rows of a that stay in L2 while the panels pass */
        PACKED = (VL < 16 ? 32768 : 131072) / sizeof(R), /* elements of a packed block of a */
        WIDE = 12 * FM_NV * VL,  /* columns from which packing a strided a pays */
        NEAR = 16384 / sizeof(R) /* elements of a b that stays in L1 as it is */
    };
    _Static_assert((int)FM_UNCUT <= (int)KC, "no partial sums may take the place of y");
    R pb[KC * FM_NV * VL] __attribute__((aligned(64)));
    R pa[PACKED] __attribute__((aligned(64)));
    fm_product t = *whole;
    const int packs = t.turned || !(t.b_panel || (t.a_rs == 1 && t.k * t.ldb <= NEAR));
    t.pack = packs ? pb : NULL;
    t.a_packed = t.a_rs == 1 && t.a_cs != 1 && t.n >= WIDE;
    const ptrdiff_t longest = t.turned ? KC_TURNED : t.b_panel && !t.a_packed ? KC_PANELS : KC;
    const ptrdiff_t k_blocks = (t.k + longest - 1) / longest,
                    equal = (t.k + k_blocks - 1) / k_blocks;
    const ptrdiff_t kc = t.turned ? (equal + FM_BLOCK - 1) / FM_BLOCK * FM_BLOCK : equal;
    const ptrdiff_t most = t.a_packed ? PACKED / kc / FM_MR * FM_MR : MC;
    const ptrdiff_t m_blocks = (t.m + most - 1) / most;
    const ptrdiff_t mc = ((t.m + m_blocks - 1) / m_blocks + FM_MR - 1) / FM_MR * FM_MR;
    for (ptrdiff_t p = 0; p < whole->k; p += t.k) {
        const int final = p + kc >= whole->k;
        t.k = final ? whole->k - p : kc;
        t.flags = (p ? FM_ACCUMULATE : whole->flags & FM_ACCUMULATE) |
                  (final ? whole->flags & (FM_RELU | FM_GATED | FM_CURVED | FM_DESCEND) : 0);
        for (ptrdiff_t i = 0; i < whole->m; i += t.m) {
            t.m = whole->m - i < mc ? whole->m - i : mc;
            t.n = whole->n;
            t.c = whole->c + i * whole->ldc;
            t.a = whole->a + i * whole->a_rs + p * whole->a_cs;
            t.b = t.turned ? whole->b : whole->b + p * whole->ldb;
            t.row = t.turned ? p : 0;
            t.bias = final ? whole->bias : NULL;
            t.again = final && whole->again ? whole->again + i * FM_PANEL : NULL;
            if (t.a_packed) {
                fm_pack_rows(pa, t.a, whole->a_cs, t.m, t.k);
                t.a = pa;
            }
            fm_panels(&t);
        }
    }
}

/* t (mr): products of mr rows of a and b (k), each a vector whose lanes are still to be added up. */
enum { FM_DOT_LANES = 16, FM_DOT_ROWS = VL > 1 ? 4 : 1 };

FM_INLINE void fm_dot_rows(vf *t, const R *a, ptrdiff_t a_rs, const R *b, ptrdiff_t k, const int mr)
{
    enum { NV = FM_DOT_LANES / VL };
    vf s[FM_DOT_ROWS * NV], x[NV];
    const R *row[FM_DOT_ROWS];
#define FM_EACH_ROW FM_UNROLL for (int i = 0; i < mr; i++)
#define FM_EACH_V FM_UNROLL for (int v = 0; v < NV; v++)
#define FM_EACH FM_EACH_ROW FM_EACH_V
    FM_EACH s[i * NV + v] = v_zero();
    FM_EACH_ROW row[i] = a + i * a_rs;
    for (; k >= FM_DOT_LANES; k -= FM_DOT_LANES, b += FM_DOT_LANES) {
        FM_EACH_V x[v] = v_load(b + v * VL);
        FM_EACH s[i * NV + v] = v_fma(v_load(row[i] + v * VL), x[v], s[i * NV + v]);
        FM_EACH_ROW row[i] += FM_DOT_LANES;
    }
    FM_EACH_V
    {
        if (k <= 0) break;
        if (k >= VL) {
            x[v] = v_load(b);
            FM_EACH_ROW s[i * NV + v] = v_fma(v_load(row[i]), x[v], s[i * NV + v]);
        } else {
            x[v] = v_loadn(b, k);
            FM_EACH_ROW s[i * NV + v] = v_fma(v_loadn(row[i], k), x[v], s[i * NV + v]);
        }
        FM_EACH_ROW row[i] += VL;
        k -= VL, b += VL;
    }
    FM_UNROLL for (int half = NV / 2; half > 0; half /= 2)
    {
        FM_EACH if (v < half) s[i * NV + v] = v_add(s[i * NV + v], s[i * NV + v + half]);
    }
    FM_EACH_ROW t[i] = s[i * NV];
#undef FM_EACH_ROW
#undef FM_EACH_V
#undef FM_EACH
}

#ifndef V_SUMS
FM_INLINE vf v_sums(vf r[VL])
{
    v_transpose(r);
    FM_UNROLL for (int half = VL / 2; half > 0; half /= 2)
    {
        FM_UNROLL for (int l = 0; l < half; l++) r[l] = v_add(r[l], r[l + half]);
    }
    return r[0];
}
#endif

/* c (m) = a (m, k) · b (k): 16 virtual lanes over k, added by halves, of up to VL rows at once. */
static void fm_dots(FM_OPERANDS)
{
    (void)a_cs, (void)ldb, (void)n, (void)after;
    ptrdiff_t i = 0;
    for (ptrdiff_t rows; VL > 1 && ldc == 1 && m - i >= VL / 2; i += rows) {
        vf t[VL];
        rows = m - i < VL ? m - i : VL;
        if (rows == VL) {
            FM_UNROLL for (int l = 0; l < VL; l += FM_DOT_ROWS, a += FM_DOT_ROWS * a_rs)
            {
                FM_HIDE(a);
                fm_dot_rows(t + l, a, a_rs, b, k, FM_DOT_ROWS);
            }
        } else {
            ptrdiff_t l = 0;
            for (; l + FM_DOT_ROWS <= rows; l += FM_DOT_ROWS, a += FM_DOT_ROWS * a_rs) {
                fm_dot_rows(t + l, a, a_rs, b, k, FM_DOT_ROWS);
            }
            for (; l < rows; l++, a += a_rs) fm_dot_rows(t + l, a, a_rs, b, k, 1);
            for (; l < VL; l++) t[l] = v_zero();
        }
        vf y = v_sums(t);
        if (flags & FM_ACCUMULATE) {
            y = v_add(rows == VL ? v_load(c + i) : v_loadn(c + i, rows), y);
        }
        if (bias) y = v_add(y, v_set1(bias[0]));
        if (flags & FM_RELU) y = v_max(v_zero(), y);
        if (rows == VL) v_store(c + i, y);
        else v_storen(c + i, y, rows);
    }
    for (; i < m; i++, a += a_rs) {
        vf t[1];
        fm_dot_rows(t, a, a_rs, b, k, 1);
        R y = v_sum(t[0]);
        if (flags & FM_ACCUMULATE) y = c[i * ldc] + y;
        if (bias) y = y + bias[0];
        c[i * ldc] = flags & FM_RELU && y < 0 ? 0 : y;
    }
}

/* c (m, n) = a (m, 1) · b (1, n), nv vectors a row, the last of which may overlap the one before: what a
 * layer of one input does, and backward one of one unit. */
enum { FM_PLAIN, FM_BIAS, FM_BIAS_RELU, FM_GATE, FM_CURVE };

FM_INLINE void fm_outer(FM_OPERANDS, const int nv, const int way)
{
    (void)a_cs, (void)ldb, (void)k, (void)flags;
    vf x[4], y[4], z[4];
    const ptrdiff_t last = n - VL, gate = way >= FM_GATE ? bias - c : 0;
    const vf factor = v_set1(after ? (R)after->factor : 1);
#define FM_EACH_V FM_UNROLL for (int v = 0; v < nv; v++)
#define FM_AT(p) ((p) + (v == nv - 1 ? last : v * (ptrdiff_t)VL))
    FM_EACH_V x[v] = v_load(FM_AT(b));
    FM_EACH_V y[v] = v_zero();
    if (way == FM_BIAS || (way == FM_BIAS_RELU && bias)) FM_EACH_V y[v] = v_load(FM_AT(bias));
    FM_FOURS for (ptrdiff_t i = 0; i < m; i++, c += ldc, a += a_rs)
    {
        const vf s = v_set1(*a);
        FM_EACH_V
        {
            if (way == FM_BIAS || way == FM_BIAS_RELU) z[v] = v_add(v_mul(s, x[v]), y[v]);
            else z[v] = v_fma(s, x[v], v_zero());
            if (way == FM_BIAS_RELU) z[v] = v_max(v_zero(), z[v]);
            if (way == FM_GATE) z[v] = fm_gate(z[v], factor, v_load(FM_AT(c + gate)));
            if (way == FM_CURVE) z[v] = fm_curve(z[v], v_load(FM_AT(c + gate)));
        }
        FM_EACH_V v_store(FM_AT(c), z[v]);
    }
#undef FM_AT
#undef FM_EACH_V
}

#define FM_OUTER(nv, way)                                                                          \
    static void fm_outer_##nv##_##way(FM_OPERANDS) { fm_outer(FM_THEM, nv, way); }
/* clang-format off */
#define FM_OUTERS(way) FM_OUTER(1, way) FM_OUTER(2, way) FM_OUTER(3, way) FM_OUTER(4, way)
#define FM_ROW_OF_OUTERS(way) {fm_outer_1_##way, fm_outer_2_##way, fm_outer_3_##way, fm_outer_4_##way},
#define FM_EACH_WAY(X) X(FM_PLAIN) X(FM_BIAS) X(FM_BIAS_RELU) X(FM_GATE) X(FM_CURVE)

FM_EACH_WAY(FM_OUTERS)
static fm_way *const fm_outers[][4] = {FM_EACH_WAY(FM_ROW_OF_OUTERS)};
/* clang-format on */

FM_INLINE fm_way *const *fm_outers_for(const R *bias, int flags)
{
    return fm_outers[flags & FM_GATED    ? FM_GATE
                     : flags & FM_CURVED ? FM_CURVE
                     : flags & FM_RELU   ? FM_BIAS_RELU
                                         : bias != NULL];
}

/* The same of n > 4 VL. No panel of less than a vector is left. */
static void fm_wide_outer(FM_OPERANDS)
{
    fm_way *const *ways = fm_outers_for(bias, flags);
    for (ptrdiff_t columns; n > 0; n -= columns, c += columns, b += columns) {
        columns = n <= 4 * VL ? n : n < 5 * VL ? 2 * VL : 4 * VL;
        ways[(columns - 1) / VL](c, ldc, a, a_rs, a_cs, b, ldb, m, columns, k, bias, after, flags);
        if (bias) bias += columns;
    }
}

/* What is not small: blocks, panels or tiles. */
static void fm_large(FM_OPERANDS)
{
    fm_product t; /* member by member: gcc clears an initialised one first, by a slow instruction */
    t.ldc = ldc, t.a_rs = a_rs, t.a_cs = a_cs, t.ldb = ldb;
    t.k = k, t.bias = bias, t.flags = flags, t.gate = 0;
    t.c = c, t.a = a, t.b = b, t.pack = NULL, t.ahead = t.end = b;
    t.m = m, t.n = n, t.a_packed = 0, t.b_panel = 0;
    if (flags & (FM_GATED | FM_CURVED)) t.gate = bias - c, t.bias = NULL;
    t.c_panel = 0, t.factor = after ? (R)after->factor : 1, t.again = NULL;
    if (flags & FM_AGAIN) t.again = after->again, t.again_panel = fm_panel_size(after->rows);
    if (flags & FM_DESCEND) t.c_panel = fm_panel_size(ldc), t.ldc = FM_PANEL;
    t.turned = flags & FM_TURNED ? fm_panel_size(n) : 0, t.row = 0;
    if (flags & FM_TURNED) t.ldb = FM_PANEL, t.b_panel = FM_PANEL * FM_PANEL;
    else if (flags & FM_PANELS) t.ldb = FM_PANEL, t.b_panel = fm_panel_size(k);
    const ptrdiff_t widest = m == 1 && !t.b_panel ? FM_ROW_NV * VL : FM_PANEL;
    if (t.turned || (m > 2 * FM_MR && n >= VL && k >= 32)) {
        fm_blocks(&t);
    } else if (m > 0 && n <= widest) {
        const ptrdiff_t nv = n / VL + (n > VL && n % VL > 0);
        t.c_last = t.b_last = n < VL ? 0 : n - VL;
        if (m == 1) fm_row_tiles[nv](&t, 1);
        else fm_panel(&t, fm_split_rows(m), nv);
    } else {
        fm_panels(&t);
    }
}

static void FM(gemm)(FM_OPERANDS);

/* cᵀ = bᵀ · aᵀ of one column: the lanes run along m. */
static void fm_column(FM_OPERANDS)
{
    (void)ldc, (void)a_rs, (void)n;
    FM(gemm)(c, m, b, 0, ldb, a, a_cs, 1, m, k, bias, after, flags);
}

static void FM(gemm)(FM_OPERANDS)
{
    enum {
        Y = FM_GATED | FM_CURVED,
        SPECIAL = FM_ACCUMULATE | Y | FM_TURNED | FM_DESCEND | FM_AGAIN
    };
    fm_way *way = fm_large;
    if (n == 1) {
        if (a_cs == 1 && ldb == 1 && !(flags & (FM_PANELS | Y | FM_TURNED))) way = fm_dots;
        else if (a_rs == 1 && ldc == 1 && !(flags & (FM_PANELS | FM_TURNED)) &&
                 (!bias || flags & Y))
            way = fm_column;
    } else if (k == 1 && n >= VL && !(flags & (SPECIAL & ~Y))) {
        /* panels of one row are that row */
        way = n <= 4 * VL ? fm_outers_for(bias, flags)[(n - 1) / VL] : fm_wide_outer;
    } else if (VL > 1 && k < 32 && m > 0 && (VL <= n || FM_MASKS) && !(flags & SPECIAL)) {
        /* most products of a small network */
        if (m == 1 && n <= (flags & FM_PANELS ? 2 : 4) * VL) {
            way = fm_row_smalls[n < VL ? 0 : (n + VL - 1) / VL];
        } else if (n <= 2 * VL && (a_cs == 1 || a_rs == 1)) {
            const ptrdiff_t rows = m <= FM_MR       ? m
                                   : m <= 2 * FM_MR ? (m + 1) / 2
                                                    : fm_split_rows(m).height;
            way = fm_smalls[rows - 1][((n >= VL) + (n > VL)) * 2 + (a_rs == 1)];
        }
    }
    way(FM_THEM);
}
