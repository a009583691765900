/* What every vocabulary header starts from.
 *
 * A vocabulary is one header per tier that defines the same types and functions, so that a kernel is
 * written once (kernels/<name>.inc.c) and compiled once per tier (tiers/<tier>.c):
 *
 *   R, VL             element type, lanes of a vector
 *   vf, vm            vector of R; result of a comparison
 *   FM(name)          the symbol `name` of this tier;  FM_TABLE: type of the tier's table of kernels
 *   v_load v_store    VL elements, any alignment
 *   v_loadn v_storen  the first n lanes, 0 < n < VL: the others read 0 / are untouched, and no memory
 *                     beyond n is accessed
 *   v_set1 v_zero v_add v_sub v_mul v_div v_sqrt v_abs v_neg
 *   v_fma(a, b, c)    a * b + c;   v_fnma(a, b, c)   c - a * b.  One rounding where the CPU has FMA
 *   v_root            v_sqrt, from 2^-100 on to the bit, below to 1 ULP; defined, with V_ROOT, where there is
 *                     a way beside the divider (math.h)
 *   v_max v_min       a > b ? a : b and a < b ? a : b, hence b if either is NaN (the rule of x86)
 *   v_lt v_le v_eq    false on NaN;   v_sel(m, a, b)   m ? a : b;   v_and(m, a)   m ? a : 0
 *   v_round           to the nearest integer, ties to even
 *   v_ldexp(x, n)     x * 2^n for integral n in [-252, 252]; one rounding, even of subnormals; where it is one
 *                     instruction, V_LDEXP is 1
 *   v_frexp(x, &e)    mantissa in [0.5, 1) and exponent of a normal x > 0
 *   v_sum v_maxh      of all lanes, by halves: lane i with lane i + VL/2, then VL/4 …
 *   v_sums(r)         v_sum of each of the vectors r[0 .. VL - 1], which it changes; defined, with V_SUMS,
 *                     where there is a shorter way than by v_transpose (gemm.inc.c)
 *   v_load_transposed(r, a, lda)   v_transpose of rows lda apart; defined, with V_LOAD_TRANSPOSED, where loads
 *                     take a part of it over (linear.inc.c)
 *   v_transpose(r)    the VL by VL matrix of the vectors r[0 .. VL - 1], in place
 *
 * For math.h and dropout:
 *   v_first(n)        mask of the first n lanes;   v_mask8(p)   of VL bytes, each 0 or 1
 *   v_shift23(a)      the bits of a, moved up by 23;   v_copysign(a, s)   a >= 0 with s's sign
 *   vi, VI            VI lanes of 64 bits that hold 32-bit numbers; the upper halves hold anything
 *   vi_set1 vi_add;   vi_mul(a, b)   64-bit products of the low halves;   vi_high(a)   a >> 32
 *   vi_xor3(a, b, c)  a ^ b ^ c, where a is the last to be known
 *   vi_blocks(b)      b, b + 1 ... b + VI - 1, in an order of lanes known to vi_store alone
 *   vi_store(r, a, b, c, d)   8 VI 16-bit numbers: the low halves of a, b, c, d of block b, then of
 *                     block b + 1 ..., each as two numbers, the lower bits first
 *
 * Sums over a fixed number of virtual lanes (kernels use 16) and v_sum then add in the same order on
 * every tier, whatever VL is.
 */
#ifndef FM_SIMD_COMMON_H
#define FM_SIMD_COMMON_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/kernels.h" /* before R is defined */

#define FM_INLINE static inline __attribute__((always_inline))

/* Before a loop of constant length over an array of vectors, which lives in registers only when the
 * loop is unrolled early. */
#if defined(__clang__)
#define FM_UNROLL _Pragma("clang loop unroll(full)")
#define FM_FOURS
#else
#define FM_UNROLL _Pragma("GCC unroll 16")
#define FM_FOURS _Pragma("GCC unroll 4") /* before a short loop: four turns at a time */
#endif

#endif
