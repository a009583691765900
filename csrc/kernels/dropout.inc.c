/* Dropout, and the random numbers that shuffles draw. x, y, dx, dy: (n); y == x and dx == dy allowed; mask (n): 1 where
 * an element is kept, or NULL, of dropout_fwd.
 *
 * Element e draws 16 random bits: of Philox block e / 8 (philox.h), the 32-bit words in order, the
 * lower half of each before the upper, number e % 8. It is kept where they are >= threshold, which
 * is 65536 rate. The mask is thus the same on every tier, and for every cut of the elements into
 * calls.
 */
#include "../philox.h"

enum { FM_GROUP = 16 * VI }; /* numbers drawn together */

/* r (16 VI) = the numbers of element 8 block and those after it: VI counters a vector, two vectors
 * at once to hide the latency of a round. Upper halves of the lanes carry junk, which no result
 * depends on. */
FM_INLINE void FM(random16)(uint16_t r[FM_GROUP], fm_philox p, uint64_t block)
{
    const vi m0 = vi_set1(FM_PHILOX_M0), m1 = vi_set1(FM_PHILOX_M1);
    const vi w0 = vi_set1(FM_PHILOX_W0), w1 = vi_set1(FM_PHILOX_W1);
    vi k0 = vi_set1(p.key[0]), k1 = vi_set1(p.key[1]);
    vi c0[2], c1[2], c2[2], c3[2];
    for (int v = 0; v < 2; v++) {
        c0[v] = vi_blocks(block + (unsigned)v * VI);
        c1[v] = vi_high(c0[v]);
        c2[v] = vi_set1(p.step);
        c3[v] = vi_set1(p.stream);
    }
    for (int round = 0; round < FM_PHILOX_ROUNDS; round++) {
        for (int v = 0; v < 2; v++) {
            const vi a = vi_mul(c0[v], m0), b = vi_mul(c2[v], m1);
            c0[v] = vi_xor3(vi_high(b), c1[v], k0);
            c2[v] = vi_xor3(vi_high(a), c3[v], k1);
            c1[v] = b;
            c3[v] = a;
        }
        k0 = vi_add(k0, w0);
        k1 = vi_add(k1, w1);
    }
    for (int v = 0; v < 2; v++) vi_store(r + 8 * VI * v, c0[v], c1[v], c2[v], c3[v]);
}

/* words (4 blocks) = those of the blocks from number `first` on. */
static void FM(philox)(uint32_t *words, ptrdiff_t blocks, uint64_t first, uint64_t seed,
                       uint64_t stream, uint64_t step)
{
    const fm_philox p = fm_philox_of(seed, stream, step);
    uint16_t r[FM_GROUP];
    for (; blocks > 0; blocks -= FM_GROUP / 8, first += FM_GROUP / 8) {
        const ptrdiff_t n = blocks < FM_GROUP / 8 ? 4 * blocks : FM_GROUP / 2;
        FM(random16)(r, p, first);
        for (ptrdiff_t i = 0; i < n; i++) words[i] = r[2 * i] | (uint32_t)r[2 * i + 1] << 16;
        words += n;
    }
}

/* y = mask ? x scale : 0 */
FM_INLINE void FM(masked)(R *y, const R *x, const uint8_t *mask, ptrdiff_t n, vf scale)
{
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(y + i, v_and(v_mask8(mask + i), v_mul(v_load(x + i), scale)));
    }
    if (i < n) {
        uint8_t last[VL] = {0};
        memcpy(last, mask + i, (size_t)(n - i));
        v_storen(y + i, v_and(v_mask8(last), v_mul(v_loadn(x + i, n - i), scale)), n - i);
    }
}

/* mask = r >= threshold, y = mask ? x scale : 0 */
FM_INLINE void FM(dropped)(R *y, uint8_t *mask, const R *x, const uint16_t *r, ptrdiff_t n,
                           vf scale, uint32_t threshold)
{
    const uint16_t last =
        (uint16_t)(threshold - 1); /* of the numbers that drop an element, if any does */
    const uint8_t every = threshold == 0;
    for (ptrdiff_t i = 0; i < n; i++) mask[i] = (r[i] > last) | every;
    FM(masked)(y, x, mask, n, scale);
}

/* first: number of the element x[0] */
static void FM(dropout_fwd)(R *y, uint8_t *mask, const R *x, uint64_t first, ptrdiff_t n, R scale,
                            uint32_t threshold, uint64_t seed, uint64_t stream, uint64_t step)
{
    const fm_philox p = fm_philox_of(seed, stream, step);
    const vf s = v_set1(scale);
    const ptrdiff_t kept = mask != NULL; /* how far to move in it */
    ptrdiff_t skip = (ptrdiff_t)(first % 8), k;
    uint16_t r[FM_GROUP];
    uint8_t own[FM_GROUP];
    if (!mask) mask = own;
    for (uint64_t block = first / 8; n > 0; block += FM_GROUP / 8) {
        FM(random16)(r, p, block);
        if (skip == 0 && n >= FM_GROUP) { /* of a length that the compiler knows */
            FM(dropped)(y, mask, x, r, k = FM_GROUP, s, threshold);
        } else {
            k = n < FM_GROUP - skip ? n : FM_GROUP - skip;
            FM(dropped)(y, mask, x, r + skip, k, s, threshold);
        }
        n -= k, x += k, y += k, mask += k * kept, skip = 0;
    }
}

/* dx = mask ? dy scale : 0 */
static void FM(dropout_bwd)(R *dx, const R *dy, const uint8_t *mask, ptrdiff_t n, R scale)
{
    FM(masked)(dx, dy, mask, n, v_set1(scale));
}
