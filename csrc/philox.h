/* Random numbers by counting: Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random
 * numbers: as easy as 1, 2, 3").
 *
 * A block of four 32-bit words is a function of (seed, stream, step, block) alone, so a number
 * depends neither on threads and chunks nor on what was drawn before:
 *
 *   counter = (block bits 0-31, block bits 32-63, step bits 0-31, stream bits 0-31)
 *   key     = (seed bits 0-31 ^ step bits 32-63, seed bits 32-63 ^ stream bits 32-63)
 *
 * Ten rounds, in each  (c0, c1, c2, c3) = (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1,
 * lo(M0 c0)), then k0 += W0, k1 += W1. The vector form is in kernels/dropout.inc.c.
 */
#ifndef FM_PHILOX_H
#define FM_PHILOX_H
#include <stdint.h>

#define FM_PHILOX_M0 0xD2511F53u
#define FM_PHILOX_M1 0xCD9E8D57u
#define FM_PHILOX_W0 0x9E3779B9u
#define FM_PHILOX_W1 0xBB67AE85u
enum { FM_PHILOX_ROUNDS = 10 };

typedef struct fm_philox {
    uint32_t step, stream, key[2]; /* words 2 and 3 of the counter; the key */
} fm_philox;

static inline fm_philox fm_philox_of(uint64_t seed, uint64_t stream, uint64_t step)
{
    const uint32_t k0 = (uint32_t)seed ^ (uint32_t)(step >> 32);
    const uint32_t k1 = (uint32_t)(seed >> 32) ^ (uint32_t)(stream >> 32);
    const fm_philox p = {(uint32_t)step, (uint32_t)stream, {k0, k1}};
    return p;
}

static inline void fm_philox_block(uint32_t words[4], fm_philox p, uint64_t block)
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = p.step, c3 = p.stream;
    uint32_t k0 = p.key[0], k1 = p.key[1];
    for (int round = 0; round < FM_PHILOX_ROUNDS; round++) {
        const uint64_t a = (uint64_t)FM_PHILOX_M0 * c0, b = (uint64_t)FM_PHILOX_M1 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += FM_PHILOX_W0;
        k1 += FM_PHILOX_W1;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

#endif
