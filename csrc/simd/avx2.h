/* AVX2 + FMA vocabulary: float, 8 lanes. See common.h for what each name means. */
#ifndef FM_SIMD_AVX2_H
#define FM_SIMD_AVX2_H
#include "common.h"
#include <immintrin.h>

#define R float
#define VL 8
#define FM(name) fm_avx2_##name
#define FM_TABLE fm_kernels_f32
#define GEMM_ROWS 6
#define GEMM_VECTORS 2

typedef __m256 vf;
typedef __m256 vm;

FM_INLINE __m256i fm_lanes(ptrdiff_t n) /* all bits set in the first n lanes */
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(ones + 8 - n));
}

FM_INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }
FM_INLINE void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
FM_INLINE vf v_loadn(const float *p, ptrdiff_t n) { return _mm256_maskload_ps(p, fm_lanes(n)); }
FM_INLINE void v_storen(float *p, vf a, ptrdiff_t n) /* vmaskmovps stores are microcoded on Zen */
{
    __m128 h = _mm256_castps256_ps128(a);
    if (n & 4) {
        _mm_storeu_ps(p, h);
        h = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, h);
        h = _mm_movehl_ps(h, h);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, h);
}

FM_INLINE vf v_set1(float s) { return _mm256_set1_ps(s); }
FM_INLINE vf v_zero(void) { return _mm256_setzero_ps(); }
FM_INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
FM_INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
FM_INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
FM_INLINE vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
FM_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
FM_INLINE vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
FM_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
FM_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
FM_INLINE vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
FM_INLINE vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
FM_INLINE vf v_neg(vf a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }

FM_INLINE vm v_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
FM_INLINE vm v_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
FM_INLINE vm v_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
FM_INLINE vf v_sel(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
FM_INLINE vf v_and(vm m, vf a) { return _mm256_and_ps(m, a); }

FM_INLINE vf v_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FM_INLINE vf fm_exp2i(__m256i n) /* 2^n, n in [-126, 127] */
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
FM_INLINE vf v_ldexp(vf x, vf n)
{
    __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1);
    return v_mul(v_mul(x, fm_exp2i(half)), fm_exp2i(_mm256_sub_epi32(i, half)));
}
FM_INLINE vf v_frexp(vf x, vf *e)
{
    __m256i bits = _mm256_castps_si256(x);
    *e = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126)));
    bits = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff));
    return _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x3f000000)));
}
FM_INLINE float v_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
FM_INLINE float v_maxh(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
FM_INLINE void v_transpose(vf r[VL])
{
    vf s[VL];
    FM_UNROLL for (int i = 0; i < VL; i += 2)
    { /* pairs of rows, by columns 0 1 4 5 and 2 3 6 7 */
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    FM_UNROLL for (int i = 0; i < VL; i += 4)
    { /* fours of rows: columns i, i + 4 in r[i] */
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    FM_UNROLL for (int i = 0; i < 4; i++)
    {
        vf low = r[i], high = r[i + 4];
        r[i] = _mm256_permute2f128_ps(low, high, 0x20);
        r[i + 4] = _mm256_permute2f128_ps(low, high, 0x31);
    }
}

/* --- for simd/math.h and dropout: see common.h --- */
FM_INLINE vm v_first(ptrdiff_t n) { return _mm256_castsi256_ps(fm_lanes(n)); }
FM_INLINE vf v_shift23(vf t)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 23));
}
FM_INLINE vf v_copysign(vf a, vf s)
{
    return _mm256_or_ps(a, _mm256_and_ps(_mm256_set1_ps(-0.0f), s));
}
FM_INLINE vm v_mask8(const uint8_t *p)
{
    __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_setzero_si256(), bytes));
}

#define VI 4
typedef __m256i vi;

FM_INLINE vi vi_set1(uint64_t a) { return _mm256_set1_epi64x((long long)a); }
FM_INLINE vi vi_blocks(uint64_t b) /* in the order that vi_store's unpacking undoes */
{
    return _mm256_add_epi64(vi_set1(b), _mm256_setr_epi64x(0, 2, 1, 3));
}
FM_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi64(a, b); }
FM_INLINE vi vi_xor3(vi a, vi b, vi c)
{
    vi d = _mm256_xor_si256(b, c);
    __asm__("" : "+x"(d)); /* or GCC adds a ^ b first: +30 % time of dropout, for a is late */
    return _mm256_xor_si256(a, d);
}
FM_INLINE vi vi_mul(vi a, vi b) { return _mm256_mul_epu32(a, b); }
FM_INLINE vi vi_high(vi a) { return _mm256_srli_epi64(a, 32); }
FM_INLINE void vi_store(uint16_t *r, vi a, vi b, vi c, vi d)
{
    vi ab = _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xaa);
    vi cd = _mm256_blend_epi32(c, _mm256_slli_epi64(d, 32), 0xaa);
    _mm256_storeu_si256((__m256i *)r, _mm256_unpacklo_epi64(ab, cd));
    _mm256_storeu_si256((__m256i *)(r + 16), _mm256_unpackhi_epi64(ab, cd));
}

#endif
