/* Tables of the native kernels, one per element type and tier: filled by all.inc.c, chosen in cpu.c. */
#ifndef FM_KERNELS_H
#define FM_KERNELS_H
#include <stddef.h>
#include <stdint.h>

enum {
    FM_ACCUMULATE = 1,
    FM_RELU = 2,
    FM_PANELS = 4,
    FM_GATED = 8,
    FM_TURNED = 16,
    FM_DESCEND = 32,
    FM_CURVED = 64,
    FM_AGAIN = 128
}; /* flags of gemm and colsum */

/* What gemm does with its sums beside what flags say. */
typedef struct fm_after {
    double factor;
    void *again; /* with FM_AGAIN: first row of c in a matrix in panels, of so many rows */
    ptrdiff_t rows;
} fm_after;

/* Up to so many elements, or products of a gemm of so many rows, are for the table `few`. With AVX-512 that
 * is AVX2's: even few products of 16 lanes lower the clock (Emerald Rapids: 2.73 GHz instead of 2.93), and
 * what was stored under a mask is no whole store, so that the load of it waits until it is in L1, 20 cycles
 * instead of 7. (8-12-8-1: 2 to 5 % of a step, 1-20-1: 3 %. Of 16 columns, 16 lanes pay from 2,048 products on;
 * with more rows and elements 1,000 rows of 8-12-8-1 took 5 % longer.) */
enum { FM_FEW = 128, FM_FEW_PRODUCTS = 1024, FM_FEW_ROWS = 32 };

/* Indices into the tables' arrays, and their names, in the order of kernels.def. */
enum fm_act {
#define ACT(name, saves) FM_ACT_##name,
#include "kernels.def"
    FM_ACT_COUNT
};
enum fm_map {
#define MAP(name, operands) FM_MAP_##name,
#include "kernels.def"
    FM_MAP_COUNT
};
enum fm_update {
#define UPDATE(name, slots) FM_UPDATE_##name,
#include "kernels.def"
    FM_UPDATE_COUNT
};
enum fm_gather {
#define GATHER(name, type) FM_GATHER_##name,
#include "kernels.def"
    FM_GATHER_COUNT
};
extern const char *const fm_act_names[FM_ACT_COUNT];
extern const char fm_act_saves[FM_ACT_COUNT]; /* what backward reads: 'X' or 'Y' */
extern const char *const fm_map_names[FM_MAP_COUNT];
extern const int fm_map_operands[FM_MAP_COUNT];
extern const char *const fm_update_names[FM_UPDATE_COUNT];
extern const int fm_update_slots[FM_UPDATE_COUNT];
extern const char *const fm_gather_names[FM_GATHER_COUNT];

/* Symbols of the functions: FM(name), FM(name_fwd) and FM(name_bwd), FM(map_name), FM(update_name),
 * FM(gather_name).
 * act_fwd: y = f(x), y == x allowed.  act_bwd: dx = dy * f'(x), s is y or x (fm_act_saves), dx == dy
 *          allowed.  h: the activation's own parameters.
 * map:     y = f(a, b, c), element by element (map.inc.c).
 * update:  w, s0, s1, s2 in place from the gradient g; h: the step's scalars (update.inc.c). w_rows: 0, or
 *          w is a row of a matrix in panels, which has so many.
 * gather:  x (m, n), row i = row (rows ? rows[first + i] : first + i) of src; strides in bytes; returns
 *          1 if any value was NaN or infinite, else 0 (gather.inc.c). */
#define FM_ARRAYS(table)                                                                           \
    void (*act_fwd[FM_ACT_COUNT])(R *y, const R *x, ptrdiff_t n, const R *h);                      \
    void (*act_bwd[FM_ACT_COUNT])(R *dx, const R *dy, const R *s, ptrdiff_t n, const R *h);        \
    void (*map[FM_MAP_COUNT])(R *y, const R *a, ptrdiff_t sa, const R *b, ptrdiff_t sb,            \
                              const R *c, ptrdiff_t sc, ptrdiff_t n);                              \
    void (*update[FM_UPDATE_COUNT])(R *w, ptrdiff_t w_rows, const R *g, R *s0, R *s1, R *s2,       \
                                    ptrdiff_t n, const R *h);                                      \
    int (*gather[FM_GATHER_COUNT])(R *x, ptrdiff_t ldx, const char *src, ptrdiff_t row_stride,     \
                                   ptrdiff_t stride, const int64_t *rows, ptrdiff_t first,         \
                                   ptrdiff_t m, ptrdiff_t n);                                      \
    ptrdiff_t panel;         /* columns of a panel of gemm's */                                    \
    const struct table *few; /* a tier of fewer lanes, the same bits; or this one */

#define R float
typedef struct fm_kernels_f32 {
#define K(result, name, args) result(*name) args;
#include "kernels.def"
    FM_ARRAYS(fm_kernels_f32)
} fm_kernels_f32;
#undef R
#define R double
typedef struct fm_kernels_f64 {
#define K(result, name, args) result(*name) args;
#include "kernels.def"
    FM_ARRAYS(fm_kernels_f64)
} fm_kernels_f64;
#undef R
#undef FM_ARRAYS

#endif
