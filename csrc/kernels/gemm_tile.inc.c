/* Register tiles of the matrix product: the innermost loops of gemm.inc.c. */
enum {
    FM_MR = GEMM_ROWS, /* rows and vectors of a tile: its accumulators fill the registers */
    FM_NV = GEMM_VECTORS,
    FM_PANEL = FM_NV * VL, /* columns of a panel */
    FM_ROW_NV = 8,         /* vectors of a tile of one row */
    FM_UNCUT = 256,        /* k of a product that is one block of k */
    FM_MASKS = VL == 16    /* whether loads and stores of fewer lanes are as fast as whole ones */
};
_Static_assert(FM_MR <= 8 && FM_NV <= 4, "the tables below hold no larger tiles");

/* Elements from one panel of a matrix of k rows to the next. */
FM_INLINE ptrdiff_t fm_panel_size(ptrdiff_t k) { return (k | 1) * FM_PANEL; }

/* A product, or the part of it that a panel or a tile computes. */
typedef struct fm_product {
    R *c, *pack; /* pack: room for a panel of b, or NULL */
    const R *a, *b, *bias;
    const R *ahead, *end; /* what is still to be fetched of b's next panel */
    ptrdiff_t pace;       /* elements of it to be fetched in four steps over k */
    ptrdiff_t ldc, a_rs, a_cs, ldb, m, n, k;
    ptrdiff_t b_panel;        /* distance of the panels of b, if it is kept in them, else 0 */
    ptrdiff_t c_last, b_last; /* where a panel's last vector begins: in c and bias, and in b */
    ptrdiff_t gate;           /* from c to y, with FM_GATED or FM_CURVED */
    ptrdiff_t c_panel;        /* distance of the panels of c, if it is kept in them, else 0 */
    R factor;
    R *again;              /* with FM_AGAIN: c's place in a matrix in panels, else NULL */
    ptrdiff_t again_panel; /* distance of those */
    ptrdiff_t turned, row; /* with FM_TURNED: distance of w's panels; the first row of bᵀ's block */
    int flags;
    int a_packed; /* a is in groups of a tile's rows, each group (k, rows) contiguous */
} fm_product;

/* How a tile's elements of a lie: those of a row side by side, or those of a column; b in a panel, but
 * FM_APART: rows of b are ldb apart. FM_DOWN: by columns, with FM_DESCEND. Values are columns of fm_tiles, whose
 * first ones take any strides. */
enum { FM_ANYHOW, FM_BY_ROWS = 5, FM_BY_COLUMNS, FM_APART, FM_DOWN, FM_WAYS };

/* Left alone, compilers compute the addresses of a whole unrolled loop before it, and spill sums to
 * hold them. x may have changed, for all they know; x is still wanted, so no sum takes its register. */
#define FM_HIDE(x) __asm__("" : "+r"(x))
#if defined(__clang__) /* needs no such help; for it, NEON would also copy each y to all lanes */
#define FM_USE(x) (void)(x)
#else
#define FM_USE(x) __asm__ volatile("" : : "X"(x))
#endif

/* A row of a panel, which is about to be written: the panels of a matrix are too many streams for the
 * processor to read ahead in. */
FM_INLINE void fm_fetch_row(const R *w)
{
    for (ptrdiff_t i = 0; i < FM_PANEL; i += 64 / (ptrdiff_t)sizeof(R))
        __builtin_prefetch(w + i, 1);
}

/* s (mr, nv), to go to c, += a · b for the steps over k that come in fours; returns their number. With
 * as few instructions beside the products as can be, 20.5 of a 6 x 16 tile's step instead of 24: on Zen
 * 3 that is 5 to 25 % faster while another thread uses the same core's decoder, else as fast.
 * Meanwhile the next panel of b is fetched, t->pace elements in four steps: from L3, latency makes
 * products of 22 rows 5 to 8 % slower. By columns the next line of each row of a is, too, as rows are too
 * far apart for the processor to do so (784-128-128-10 on two threads: 2 % of a step). With FM_DOWN c's rows
 * are fetched instead, for writing; by rows those of t->again, too, which another core has read last: else to store
 * them here would be no faster than a pass that copies c. */
FM_INLINE ptrdiff_t fm_steps(vf *s, const R *c, const R *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                             const R *b, ptrdiff_t ldb, ptrdiff_t k, const int mr, const int nv,
                             const int way, fm_product *t)
{
    enum { LINE = 64 / sizeof(R) };
    const R *at[(FM_MR + 2) / 3]; /* every third row; those below are `row` and `row2` bytes away */
    ptrdiff_t row = a_rs * (ptrdiff_t)sizeof(R), row2 = 2 * row, p = 0;
#define FM_EACH_V FM_UNROLL for (int v = 0; v < nv; v++)
#define FM_EACH_THIRD FM_UNROLL for (int j = 0; j < (mr + 2) / 3; j++)
    FM_EACH_THIRD at[j] = a + 3 * j * a_rs;
    const R *fetched = way == FM_DOWN ? c : t->ahead;
    const ptrdiff_t pace = fetched < t->end ? t->pace : 0;
    const R *again = t->again, *again_end = again ? again + mr * FM_PANEL : again;
    for (; p + 4 <= k; p += 4) {
        /* Branches below the products would make clang move these below them, yet not what they load:
         * factors on the stack, a third of the peak. */
        if (way == FM_DOWN) {
            if (fetched < c + mr * FM_PANEL) fm_fetch_row(fetched);
            fetched += FM_PANEL;
        } else if (way != FM_APART) {
            if (way == FM_BY_ROWS) {
                if (again < again_end) fm_fetch_row(again);
                again += FM_PANEL;
            }
            FM_UNROLL for (int j = 0; j < FM_PANEL; j += LINE)
            {
                if (j < pace) __builtin_prefetch(fetched + j);
            }
            fetched += pace;
            FM_HIDE(fetched);
        }
        FM_UNROLL for (int u = 0; u < 4; u++)
        {
            vf x[FM_NV];
            FM_EACH_V x[v] = v_load(b + (way == FM_APART ? 0 : u * nv * VL) + v * VL);
            if (way == FM_APART) b += ldb;
            if (way == FM_BY_ROWS) {
                FM_EACH_THIRD FM_HIDE(at[j]);
                FM_HIDE(row);
                FM_HIDE(row2);
            } else {
                FM_HIDE(a);
                __builtin_prefetch(a + LINE);
            }
            FM_UNROLL for (int i = 0; i < mr; i++)
            {
                const char *third = (const char *)(at[i / 3] + u);
                const char *in_row = i % 3 == 2 ? third + row2 : i % 3 == 1 ? third + row : third;
                const vf y = v_set1(way == FM_BY_ROWS ? *(const R *)in_row : a[i]);
                FM_EACH_V s[i * nv + v] = v_fma(y, x[v], s[i * nv + v]);
                FM_USE(y);
            }
            FM_EACH_V FM_USE(x[v]);
            a += a_cs;
        }
        FM_EACH_THIRD at[j] += 4;
        if (way != FM_APART) b += 4 * nv * VL;
    }
#undef FM_EACH_V
#undef FM_EACH_THIRD
    if (way != FM_APART && way != FM_DOWN) t->ahead = fetched;
    return p;
}

/* Of relu, and of dropout behind it: s · factor where y > 0 (or NaN), else 0. Of tanh: s (1 - y^2). */
FM_INLINE vf fm_gate(vf s, vf factor, vf y)
{
    return v_sel(v_le(y, v_zero()), v_zero(), v_mul(s, factor));
}
FM_INLINE vf fm_curve(vf s, vf y) { return v_mul(s, v_fnma(y, y, v_set1(1))); }

/* Tiles of mr rows and nv vectors, one below the other. The last vector overlaps the one before when
 * n is no multiple of VL, which costs nothing, as all of a tile's c is read before any is written.
 * Only when n < VL are there fewer lanes: nv is 1, w = n. `packing` copies the panel of b to t->pack
 * in passing. mr, nv, packing, way and w == VL are constants after inlining. */
FM_INLINE void fm_tile(fm_product *t, ptrdiff_t tiles, const int mr, const int nv,
                       const ptrdiff_t w, const int packing, const int way)
{
    enum { AHEAD = 12 }; /* rows of b to prefetch when it is read for the first time */
    /* fm_panel takes those with a y or again in these ways */
    const int by_rows = way == FM_ANYHOW || way == FM_BY_ROWS;
    vf s[FM_MR * FM_NV > FM_ROW_NV ? FM_MR * FM_NV : FM_ROW_NV], x[FM_ROW_NV];
    const R *a_tile = t->a;
    R *c = t->c, *pack = t->pack;
    const ptrdiff_t ldc = t->ldc, ldb = t->ldb, k = t->k, a_rs = t->a_packed ? 1 : t->a_rs;
    const ptrdiff_t a_cs = t->a_packed ? mr : t->a_cs, a_step = mr * (t->a_packed ? k : a_rs);
    ptrdiff_t cj[FM_ROW_NV], bj[FM_ROW_NV];
#define FM_EACH_V FM_UNROLL for (int v = 0; v < nv; v++)
#define FM_EACH FM_UNROLL for (int i = 0; i < mr; i++) FM_EACH_V
#define FM_GET(p) (w == VL ? v_load(p) : v_loadn(p, w))
    FM_EACH_V cj[v] = v == nv - 1 ? t->c_last : v * (ptrdiff_t)VL;
    FM_EACH_V bj[v] = v == nv - 1 ? t->b_last : v * (ptrdiff_t)VL;
    for (; tiles > 0; tiles--, a_tile += a_step) {
        const R *a = a_tile, *b = t->b;
        FM_EACH s[i * nv + v] = v_zero();
        if (t->flags & FM_ACCUMULATE) {
            R *row = c;
            FM_UNROLL for (int i = 0; i < mr; i++, row += ldc)
            {
                FM_HIDE(row);
                FM_EACH_V s[i * nv + v] = FM_GET(row + cj[v]);
            }
        }
        if (way == FM_ANYHOW && t->again) {
            for (int i = 0; i < mr; i++) fm_fetch_row(t->again + i * FM_PANEL);
        }
        ptrdiff_t p = 0;
        if (way) {
            p = fm_steps(s, c, a, a_rs, a_cs, b, ldb, k, mr, nv, way, t);
            a += p * a_cs;
            b += p * ldb;
        }
        for (; p < k; p++, a += a_cs, b += ldb) {
            FM_EACH_V x[v] = FM_GET(b + bj[v]);
            if (mr == 1 && nv > 1) { /* the only reader of b, in short pieces of its rows */
                FM_UNROLL for (int v = 0; v < nv; v += (int)(64 / sizeof(R)) / VL)
                {
                    __builtin_prefetch(b + AHEAD * ldb + v * VL);
                }
            }
            if (packing) {
                __builtin_prefetch(b + AHEAD * ldb);
                FM_EACH_V v_store(pack + v * VL, x[v]);
                pack += nv * VL;
            }
            FM_EACH s[i * nv + v] = v_fma(v_set1(a[i * a_rs]), x[v], s[i * nv + v]);
        }
        if (t->bias) {
            FM_EACH_V x[v] = FM_GET(t->bias + cj[v]);
            FM_EACH s[i * nv + v] = v_add(s[i * nv + v], x[v]);
        }
        if (t->flags & FM_RELU) {
            FM_EACH s[i * nv + v] = v_max(v_zero(), s[i * nv + v]);
        }
        if (by_rows && t->flags & FM_GATED) {
            const vf factor = v_set1(t->factor);
            const R *y = c + t->gate;
            FM_UNROLL for (int i = 0; i < mr; i++, y += ldc)
            {
                FM_HIDE(y);
                FM_EACH_V s[i * nv + v] = fm_gate(s[i * nv + v], factor, FM_GET(y + cj[v]));
            }
        }
        if (by_rows && t->flags & FM_CURVED) {
            const R *y = c + t->gate;
            FM_UNROLL for (int i = 0; i < mr; i++, y += ldc)
            {
                FM_HIDE(y);
                FM_EACH_V s[i * nv + v] = fm_curve(s[i * nv + v], FM_GET(y + cj[v]));
            }
        }
        if ((way == FM_ANYHOW || way == FM_DOWN) && t->flags & FM_DESCEND) {
            const vf rate = v_set1(t->factor);
            R *row = c;
            FM_UNROLL for (int i = 0; i < mr; i++, row += ldc)
            {
                FM_HIDE(row);
                FM_EACH_V s[i * nv + v] = v_fnma(rate, s[i * nv + v], FM_GET(row + cj[v]));
            }
        }
        if (by_rows && t->again) {
            FM_UNROLL for (int i = 0; i < mr; i++, t->again += FM_PANEL)
            {
                FM_EACH_V v_store(t->again + cj[v], s[i * nv + v]);
            }
        }
        FM_UNROLL for (int i = 0; i < mr; i++, c += ldc)
        {
            FM_HIDE(c);
            if (w == VL) {
                FM_EACH_V v_store(c + cj[v], s[i * nv + v]);
            } else {
                FM_EACH_V v_storen(c + cj[v], s[i * nv + v], w);
            }
        }
    }
#undef FM_EACH_V
#undef FM_EACH
#undef FM_GET
}

/* The tiles as functions of their own: inlined into one, the compiler shares addresses among them and
 * spills registers in every innermost loop (-15 % where a is strided). */
typedef void fm_tile_fn(fm_product *t, ptrdiff_t tiles);

#define FM_TILE(mr, nv)                                                                            \
    static void fm_tile_##mr##_##nv(fm_product *t, ptrdiff_t tiles)                                \
    {                                                                                              \
        if (mr == 1 || (mr <= FM_MR && nv <= FM_NV)) fm_tile(t, tiles, mr, nv, VL, 0, FM_ANYHOW);  \
    }
#define FM_NARROW(mr) /* n < VL */                                                                 \
    static void fm_tile_##mr##_0(fm_product *t, ptrdiff_t tiles)                                   \
    {                                                                                              \
        if (mr <= FM_MR) fm_tile(t, tiles, mr, 1, t->n, 0, FM_ANYHOW);                             \
    }
#define FM_PACKING(nv) /* one tile of FM_MR rows, or of one less */                                \
    static void fm_packing_##nv(fm_product *t, ptrdiff_t rows)                                     \
    {                                                                                              \
        if (nv > FM_NV) return;                                                                    \
        if (rows == FM_MR) fm_tile(t, 1, FM_MR, nv, VL, 1, FM_ANYHOW);                             \
        else fm_tile(t, 1, FM_MR - 1, nv, VL, 1, FM_ANYHOW);                                       \
    }
#define FM_WAY(mr, way) /* all columns of a panel of b */                                          \
    static void fm_tile_##mr##_##way(fm_product *t, ptrdiff_t tiles)                               \
    {                                                                                              \
        if (mr <= FM_MR) fm_tile(t, tiles, mr, FM_NV, VL, 0, way);                                 \
    }
/* clang-format off */
#define FM_EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define FM_TILES(mr)                                                                               \
    FM_NARROW(mr) FM_TILE(mr, 1) FM_TILE(mr, 2) FM_TILE(mr, 3) FM_TILE(mr, 4)                      \
    FM_WAY(mr, FM_BY_ROWS) FM_WAY(mr, FM_BY_COLUMNS) FM_WAY(mr, FM_APART) FM_WAY(mr, FM_DOWN)
#define FM_ROW_OF_TILES(mr)                                                                        \
    {fm_tile_##mr##_0, fm_tile_##mr##_1, fm_tile_##mr##_2, fm_tile_##mr##_3, fm_tile_##mr##_4,     \
     fm_tile_##mr##_FM_BY_ROWS, fm_tile_##mr##_FM_BY_COLUMNS, fm_tile_##mr##_FM_APART,     \
     fm_tile_##mr##_FM_DOWN},

FM_EACH_ROWS(FM_TILES)
FM_TILE(1, 5) FM_TILE(1, 6) FM_TILE(1, 7) FM_TILE(1, 8)
FM_PACKING(1) FM_PACKING(2) FM_PACKING(3) FM_PACKING(4)

/* By rows - 1 and vectors or way; by vectors, of one row; by vectors. No vectors: n < VL. */
static fm_tile_fn *const fm_tiles[][FM_WAYS] = {FM_EACH_ROWS(FM_ROW_OF_TILES)};
static fm_tile_fn *const fm_row_tiles[] = {
    fm_tile_1_0, fm_tile_1_1, fm_tile_1_2, fm_tile_1_3, fm_tile_1_4,
    fm_tile_1_5, fm_tile_1_6, fm_tile_1_7, fm_tile_1_8,
};
static fm_tile_fn *const fm_packing[] = {
    NULL, fm_packing_1, fm_packing_2, fm_packing_3, fm_packing_4,
};
/* clang-format on */

/* What gemm is given, and with it each of its ways: to take one is a jump. */
#define FM_OPERANDS                                                                                \
    R *c, ptrdiff_t ldc, const R *a, ptrdiff_t a_rs, ptrdiff_t a_cs, const R *b, ptrdiff_t ldb,    \
        ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const R *bias, const fm_after *after, int flags
#define FM_THEM c, ldc, a, a_rs, a_cs, b, ldb, m, n, k, bias, after, flags
typedef void fm_way(FM_OPERANDS);

/* A small product, by tiles of mr rows and up to two vectors (four of one row), or of w < VL lanes; mr, nv,
 * w == VL and by_columns (how a lies) are constants after inlining. The last tile overlaps the one before
 * where m is no multiple of mr. Nothing is in the loop but what it is for: the five products of 8-12-8-1 take
 * 120 of a step's 1,900 cycles less than by fm_tile. */
FM_INLINE void fm_small(FM_OPERANDS, const int mr, const int nv, const ptrdiff_t w,
                        const int by_columns)
{
    vf s[FM_MR * 2 > 4 ? FM_MR * 2 : 4], x[4];
    (void)after;
    if (flags & FM_PANELS) ldb = FM_PANEL;
    const R *at[(FM_MR + 2) / 3]; /* every third row, as in fm_steps */
    ptrdiff_t row = a_rs * (ptrdiff_t)sizeof(R), row2 = 2 * row;
    const ptrdiff_t last = n - VL;
#define FM_EACH_V FM_UNROLL for (int v = 0; v < nv; v++)
#define FM_EACH_ROW FM_UNROLL for (int i = 0; i < mr; i++)
#define FM_EACH_THIRD FM_UNROLL for (int j = 0; j < (mr + 2) / 3; j++)
#define FM_AT(p) ((p) + (v == nv - 1 ? last : v * (ptrdiff_t)VL))
#define FM_GET(p) (w == VL ? v_load(FM_AT(p)) : v_loadn(p, w))
    for (ptrdiff_t step; m > 0; m -= step, a += step * a_rs, c += step * ldc) {
        const R *a_p = a, *b_p = b;
        R *c_i = c;
        FM_EACH_ROW FM_EACH_V s[i * nv + v] = v_zero();
        FM_EACH_THIRD at[j] = a + 3 * j * a_rs;
        for (ptrdiff_t p = k; p > 0; p--, b_p += ldb) {
            FM_EACH_V x[v] = FM_GET(b_p);
            if (by_columns) {
                FM_HIDE(a_p);
            } else {
                FM_EACH_THIRD FM_HIDE(at[j]);
                FM_HIDE(row);
                FM_HIDE(row2);
            }
            FM_EACH_ROW
            {
                const char *third = (const char *)at[i / 3];
                const char *in_row = i % 3 == 2 ? third + row2 : i % 3 == 1 ? third + row : third;
                const vf y = v_set1(by_columns ? a_p[i] : *(const R *)in_row);
                FM_EACH_V s[i * nv + v] = v_fma(y, x[v], s[i * nv + v]);
            }
            a_p += a_cs;
            FM_EACH_THIRD at[j]++;
        }
        if (bias) {
            FM_EACH_V x[v] = FM_GET(bias);
            FM_EACH_ROW FM_EACH_V s[i * nv + v] = v_add(s[i * nv + v], x[v]);
        }
        if (flags & FM_RELU) {
            FM_EACH_ROW FM_EACH_V s[i * nv + v] = v_max(v_zero(), s[i * nv + v]);
        }
        FM_UNROLL for (int i = 0; i < mr; i++, c_i += ldc)
        {
            FM_HIDE(c_i);
            if (w == VL) {
                FM_EACH_V v_store(FM_AT(c_i), s[i * nv + v]);
            } else {
                v_storen(c_i, s[i], w);
            }
        }
        step = m >= 2 * mr || m == mr ? mr : m - mr;
    }
#undef FM_EACH_V
#undef FM_EACH_ROW
#undef FM_EACH_THIRD
#undef FM_AT
#undef FM_GET
}

#define FM_SMALL(mr, nv, by_columns)                                                               \
    static void fm_small_##mr##_##nv##_##by_columns(FM_OPERANDS)                                   \
    {                                                                                              \
        if (mr > FM_MR) return;                                                                    \
        if (nv) fm_small(FM_THEM, mr, nv, VL, by_columns);                                         \
        else if (FM_MASKS) fm_small(FM_THEM, mr, 1, n, by_columns);                                \
    }
/* clang-format off */
#define FM_SMALLS(mr)                                                                              \
    FM_SMALL(mr, 0, 0) FM_SMALL(mr, 0, 1) FM_SMALL(mr, 1, 0) FM_SMALL(mr, 1, 1)                    \
    FM_SMALL(mr, 2, 0) FM_SMALL(mr, 2, 1)
#define FM_ROW_OF_SMALLS(mr)                                                                       \
    {fm_small_##mr##_0_0, fm_small_##mr##_0_1, fm_small_##mr##_1_0, fm_small_##mr##_1_1,           \
     fm_small_##mr##_2_0, fm_small_##mr##_2_1},

FM_EACH_ROWS(FM_SMALLS)
FM_SMALL(1, 3, 1) FM_SMALL(1, 4, 1)

/* By rows - 1 and 2 vectors + by_columns; by vectors, of one row. No vectors: n < VL. */
static fm_way *const fm_smalls[][6] = {FM_EACH_ROWS(FM_ROW_OF_SMALLS)};
static fm_way *const fm_row_smalls[] = {
    fm_small_1_0_1, fm_small_1_1_1, fm_small_1_2_1, fm_small_1_3_1, fm_small_1_4_1,
};
/* clang-format on */
