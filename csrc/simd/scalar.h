/* Scalar vocabulary: float, one lane, any C compiler. See common.h for what each name means. */
#ifndef FM_SIMD_SCALAR_H
#define FM_SIMD_SCALAR_H
#include "common.h"

#define R float
#define VL 1
#define FM(name) fm_scalar_##name
#define FM_TABLE fm_kernels_f32
#define GEMM_ROWS 4
#define GEMM_VECTORS 4

typedef float vf;
typedef int vm;

FM_INLINE vf v_load(const float *p) { return *p; }
FM_INLINE void v_store(float *p, vf a) { *p = a; }
FM_INLINE vf v_loadn(const float *p, ptrdiff_t n) { return n > 0 ? *p : 0.0f; }
FM_INLINE void v_storen(float *p, vf a, ptrdiff_t n)
{
    if (n > 0) *p = a;
}

FM_INLINE vf v_set1(float s) { return s; }
FM_INLINE vf v_zero(void) { return 0.0f; }
FM_INLINE vf v_add(vf a, vf b) { return a + b; }
FM_INLINE vf v_sub(vf a, vf b) { return a - b; }
FM_INLINE vf v_mul(vf a, vf b) { return a * b; }
FM_INLINE vf v_div(vf a, vf b) { return a / b; }
#ifdef FP_FAST_FMAF /* else fmaf() is a library call */
FM_INLINE vf v_fma(vf a, vf b, vf c) { return fmaf(a, b, c); }
FM_INLINE vf v_fnma(vf a, vf b, vf c) { return fmaf(-a, b, c); }
#else
FM_INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }
FM_INLINE vf v_fnma(vf a, vf b, vf c) { return c - a * b; }
#endif
FM_INLINE vf v_max(vf a, vf b) { return a > b ? a : b; }
FM_INLINE vf v_min(vf a, vf b) { return a < b ? a : b; }
FM_INLINE vf v_sqrt(vf a) { return sqrtf(a); }
FM_INLINE vf v_abs(vf a) { return fabsf(a); }
FM_INLINE vf v_neg(vf a) { return -a; }

FM_INLINE vm v_lt(vf a, vf b) { return a < b; }
FM_INLINE vm v_le(vf a, vf b) { return a <= b; }
FM_INLINE vm v_eq(vf a, vf b) { return a == b; }
FM_INLINE vf v_sel(vm m, vf a, vf b) { return m ? a : b; }
FM_INLINE vf v_and(vm m, vf a) { return m ? a : 0.0f; }

FM_INLINE vf v_round(vf a) { return rintf(a); }
FM_INLINE float fm_exp2i(int n) /* 2^n, n in [-126, 127] */
{
    uint32_t bits = (uint32_t)(n + 127) << 23;
    float s;
    memcpy(&s, &bits, sizeof s);
    return s;
}
FM_INLINE vf v_ldexp(vf x, vf n)
{
    const int i = n == n ? (int)n : 0, half = i / 2; /* of NaN there is none */
    return x * fm_exp2i(half) * fm_exp2i(i - half);
}
FM_INLINE vf v_frexp(vf x, vf *e)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    *e = (float)((int)(bits >> 23) - 126);
    bits = (bits & 0x7fffffu) | 0x3f000000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}
FM_INLINE float v_sum(vf a) { return a; }
FM_INLINE float v_maxh(vf a) { return a; }
FM_INLINE void v_transpose(vf r[VL]) { (void)r; }

/* --- for simd/math.h and dropout: see common.h --- */
FM_INLINE vm v_first(ptrdiff_t n) { return n > 0; }
FM_INLINE vf v_shift23(vf t)
{
    uint32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits <<= 23;
    memcpy(&t, &bits, sizeof t);
    return t;
}
FM_INLINE vf v_copysign(vf a, vf s) { return copysignf(a, s); }
FM_INLINE vm v_mask8(const uint8_t *p) { return *p; }

#define VI 1
typedef uint64_t vi;

FM_INLINE vi vi_set1(uint64_t a) { return a; }
FM_INLINE vi vi_blocks(uint64_t b) { return b; }
FM_INLINE vi vi_add(vi a, vi b) { return a + b; }
FM_INLINE vi vi_xor3(vi a, vi b, vi c) { return a ^ b ^ c; }
FM_INLINE vi vi_mul(vi a, vi b) { return (uint64_t)(uint32_t)a * (uint32_t)b; }
FM_INLINE vi vi_high(vi a) { return a >> 32; }
FM_INLINE void vi_store(uint16_t *r, vi a, vi b, vi c, vi d)
{
    const uint64_t w[4] = {a, b, c, d};
    for (int i = 0; i < 4; i++) {
        r[2 * i] = (uint16_t)w[i];
        r[2 * i + 1] = (uint16_t)(w[i] >> 16);
    }
}

#endif
