/* AVX-512 (F, BW, DQ, VL) vocabulary: float, 16 lanes. See common.h for what each name means. */
#ifndef FM_SIMD_AVX512_H
#define FM_SIMD_AVX512_H
#include "common.h"
#include <immintrin.h>

#define R float
#define VL 16
#define FM(name) fm_avx512_##name
#define FM_TABLE fm_kernels_f32
#define GEMM_ROWS 8
#define GEMM_VECTORS 3
#define FM_FEW_TABLE fm_avx2_table /* for few elements: kernels.h */
extern const fm_kernels_f32 FM_FEW_TABLE;

typedef __m512 vf;
typedef __mmask16 vm;

FM_INLINE __mmask16 fm_lanes(ptrdiff_t n) /* the first n lanes */
{
    return (__mmask16)((1u << n) - 1u);
}

FM_INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }
FM_INLINE void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
FM_INLINE vf v_loadn(const float *p, ptrdiff_t n) { return _mm512_maskz_loadu_ps(fm_lanes(n), p); }
FM_INLINE void v_storen(float *p, vf a, ptrdiff_t n) { _mm512_mask_storeu_ps(p, fm_lanes(n), a); }

FM_INLINE vf v_set1(float s) { return _mm512_set1_ps(s); }
FM_INLINE vf v_zero(void) { return _mm512_setzero_ps(); }
FM_INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
FM_INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
FM_INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
FM_INLINE vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
FM_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
FM_INLINE vf v_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
FM_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
FM_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
FM_INLINE vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
/* Goldschmidt's steps from 14 bits on (Markstein 2004), then zeros, infinity and NaN as they are. The divider
 * takes 12 cycles for 16 roots, 10 for as many quotients; meanwhile these instructions take 6. */
#define V_ROOT
FM_INLINE vf v_root(vf a)
{
    const vf y = _mm512_rsqrt14_ps(a), half = v_set1(0.5f), g = v_mul(a, y), h = v_mul(half, y);
    const vf r = v_fnma(g, h, half), root = v_fma(g, r, g);
    const vf s = v_fma(v_fnma(root, root, a), v_fma(h, r, h), root);
    return _mm512_fixupimm_ps(s, a, _mm512_set1_epi32(0x100111), 0);
}
FM_INLINE vf v_abs(vf a) { return _mm512_abs_ps(a); }
FM_INLINE vf v_neg(vf a) { return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a); }

FM_INLINE vm v_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
FM_INLINE vm v_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
FM_INLINE vm v_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
FM_INLINE vf v_sel(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
FM_INLINE vf v_and(vm m, vf a) { return _mm512_maskz_mov_ps(m, a); }

FM_INLINE vf v_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#define V_LDEXP 1
FM_INLINE vf v_ldexp(vf x, vf n) { return _mm512_scalef_ps(x, n); }
FM_INLINE vf v_frexp(vf x, vf *e)
{
    __m512i bits = _mm512_castps_si512(x);
    *e = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(126)));
    bits = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffff));
    return _mm512_castsi512_ps(_mm512_or_si512(bits, _mm512_set1_epi32(0x3f000000)));
}
FM_INLINE float v_sum(vf a)
{
    __m256 t = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
FM_INLINE float v_maxh(vf a)
{
    __m256 t = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
#define V_SUMS
FM_INLINE vf
v_sums(vf r[VL]) /* halves of two vectors in one, fourths of four …: half a transpose */
{
    FM_UNROLL for (int i = 0; i < VL; i += 2)
    {
        r[i] = v_add(_mm512_shuffle_f32x4(r[i], r[i + 1], 0x44),
                     _mm512_shuffle_f32x4(r[i], r[i + 1], 0xee));
    }
    FM_UNROLL for (int i = 0; i < VL; i += 4)
    {
        r[i] = v_add(_mm512_shuffle_f32x4(r[i], r[i + 2], 0x88),
                     _mm512_shuffle_f32x4(r[i], r[i + 2], 0xdd));
    }
    FM_UNROLL for (int i = 0; i < VL; i += 8)
    {
        r[i] =
            v_add(_mm512_shuffle_ps(r[i], r[i + 4], 0x44), _mm512_shuffle_ps(r[i], r[i + 4], 0xee));
    }
    const vf s = v_add(_mm512_shuffle_ps(r[0], r[8], 0x88), _mm512_shuffle_ps(r[0], r[8], 0xdd));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_ps(order, s); /* row 4 p + q stood at 4 q + p */
}
FM_INLINE void v_transpose(vf r[VL])
{
    vf s[VL];
    FM_UNROLL for (int i = 0; i < VL; i += 2)
    { /* pairs of rows */
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    FM_UNROLL for (int i = 0; i < VL; i += 4)
    { /* fours of rows: columns j, j + 4, j + 8, j + 12 in r[i + j] */
        r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    FM_UNROLL for (int j = 0; j < 4; j++)
    { /* columns j, j + 8 of rows 0 - 7 and 8 - 15, then j + 4, j + 12 */
        s[j] = _mm512_shuffle_f32x4(r[j], r[j + 4], 0x88);
        s[j + 4] = _mm512_shuffle_f32x4(r[j], r[j + 4], 0xdd);
        s[j + 8] = _mm512_shuffle_f32x4(r[j + 8], r[j + 12], 0x88);
        s[j + 12] = _mm512_shuffle_f32x4(r[j + 8], r[j + 12], 0xdd);
    }
    FM_UNROLL for (int j = 0; j < 8; j++)
    {
        r[j] = _mm512_shuffle_f32x4(s[j], s[j + 8], 0x88);
        r[j + 8] = _mm512_shuffle_f32x4(s[j], s[j + 8], 0xdd);
    }
}

#define V_LOAD_TRANSPOSED
FM_INLINE void v_load_transposed(vf r[VL], const float *a, ptrdiff_t lda)
{ /* fours of columns of rows l, l + 4, l + 8, l + 12 side by side, on the ports for loads; then 4 x 4 */
    FM_UNROLL for (int q = 0; q < VL; q += 4)
    {
        vf s[4];
        FM_UNROLL for (int l = 0; l < 4; l++)
        {
            const float *p = a + l * lda + q;
            s[l] = _mm512_castps128_ps512(_mm_loadu_ps(p));
            s[l] = _mm512_mask_broadcast_f32x4(s[l], 0x00f0, _mm_loadu_ps(p + 4 * lda));
            s[l] = _mm512_mask_broadcast_f32x4(s[l], 0x0f00, _mm_loadu_ps(p + 8 * lda));
            s[l] = _mm512_mask_broadcast_f32x4(s[l], 0xf000, _mm_loadu_ps(p + 12 * lda));
        }
        const vf low = _mm512_unpacklo_ps(s[0], s[1]), high = _mm512_unpackhi_ps(s[0], s[1]);
        const vf low2 = _mm512_unpacklo_ps(s[2], s[3]), high2 = _mm512_unpackhi_ps(s[2], s[3]);
        r[q] = _mm512_shuffle_ps(low, low2, 0x44);
        r[q + 1] = _mm512_shuffle_ps(low, low2, 0xee);
        r[q + 2] = _mm512_shuffle_ps(high, high2, 0x44);
        r[q + 3] = _mm512_shuffle_ps(high, high2, 0xee);
    }
}

/* --- for simd/math.h and dropout: see common.h --- */
FM_INLINE vm v_first(ptrdiff_t n) { return fm_lanes(n); }
FM_INLINE vf v_shift23(vf t)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 23));
}
FM_INLINE vf v_copysign(vf a, vf s)
{
    return _mm512_or_ps(a, _mm512_and_ps(_mm512_set1_ps(-0.0f), s));
}
FM_INLINE vm v_mask8(const uint8_t *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    return _mm_test_epi8_mask(bytes, bytes);
}

#define VI 8
typedef __m512i vi;

FM_INLINE vi vi_set1(uint64_t a) { return _mm512_set1_epi64((long long)a); }
FM_INLINE vi vi_blocks(uint64_t b) /* in the order that vi_store's unpacking undoes */
{
    return _mm512_add_epi64(vi_set1(b), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
}
FM_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi64(a, b); }
FM_INLINE vi vi_xor3(vi a, vi b, vi c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
FM_INLINE vi vi_mul(vi a, vi b) { return _mm512_mul_epu32(a, b); }
FM_INLINE vi vi_high(vi a) /* a shift would want the port of the multiplier */
{
    return _mm512_shuffle_epi32(a, _MM_PERM_DDBB);
}
FM_INLINE void vi_store(uint16_t *r, vi a, vi b, vi c, vi d)
{
    vi ab = _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64(b, 32));
    vi cd = _mm512_mask_blend_epi32(0xaaaa, c, _mm512_slli_epi64(d, 32));
    _mm512_storeu_si512(r, _mm512_unpacklo_epi64(ab, cd));
    _mm512_storeu_si512(r + 32, _mm512_unpackhi_epi64(ab, cd));
}

#endif
