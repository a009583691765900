/* NEON vocabulary (aarch64, little-endian): float, 4 lanes. See common.h for what each name means. */
#ifndef FM_SIMD_NEON_H
#define FM_SIMD_NEON_H
#include "common.h"
#include <arm_neon.h>

#define R float
#define VL 4
#define FM(name) fm_neon_##name
#define FM_TABLE fm_kernels_f32
#define GEMM_ROWS 8
#define GEMM_VECTORS 2

typedef float32x4_t vf;
typedef uint32x4_t vm;

FM_INLINE vf v_load(const float *p) { return vld1q_f32(p); }
FM_INLINE void v_store(float *p, vf a) { vst1q_f32(p, a); }
FM_INLINE vf v_loadn(const float *p, ptrdiff_t n)
{
    float32x4_t a = vdupq_n_f32(0.0f);
    if (n & 2) {
        a = vcombine_f32(vld1_f32(p), vdup_n_f32(0.0f));
        return n & 1 ? vld1q_lane_f32(p + 2, a, 2) : a;
    }
    return n & 1 ? vld1q_lane_f32(p, a, 0) : a;
}
FM_INLINE void v_storen(float *p, vf a, ptrdiff_t n)
{
    if (n & 2) {
        vst1_f32(p, vget_low_f32(a));
        if (n & 1) vst1q_lane_f32(p + 2, a, 2);
    } else if (n & 1) {
        vst1q_lane_f32(p, a, 0);
    }
}

FM_INLINE vf v_set1(float s) { return vdupq_n_f32(s); }
FM_INLINE vf v_zero(void) { return vdupq_n_f32(0.0f); }
FM_INLINE vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
FM_INLINE vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
FM_INLINE vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
FM_INLINE vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
FM_INLINE vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
FM_INLINE vf v_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
FM_INLINE vf v_sel(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
FM_INLINE vf v_and(vm m, vf a)
{
    return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a)));
}
FM_INLINE vm v_lt(vf a, vf b) { return vcltq_f32(a, b); }
FM_INLINE vm v_le(vf a, vf b) { return vcleq_f32(a, b); }
FM_INLINE vm v_eq(vf a, vf b) { return vceqq_f32(a, b); }
FM_INLINE vf v_max(vf a, vf b) { return v_sel(v_lt(b, a), a, b); } /* FMAX would return the NaN */
FM_INLINE vf v_min(vf a, vf b) { return v_sel(v_lt(a, b), a, b); }
FM_INLINE vf v_sqrt(vf a) { return vsqrtq_f32(a); }
FM_INLINE vf v_abs(vf a) { return vabsq_f32(a); }
FM_INLINE vf v_neg(vf a) { return vnegq_f32(a); }

FM_INLINE vf v_round(vf a) { return vrndnq_f32(a); }
FM_INLINE vf fm_exp2i(int32x4_t n) /* 2^n, n in [-126, 127] */
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}
FM_INLINE vf v_ldexp(vf x, vf n)
{
    int32x4_t i = vcvtnq_s32_f32(n), half = vshrq_n_s32(i, 1);
    return v_mul(v_mul(x, fm_exp2i(half)), fm_exp2i(vsubq_s32(i, half)));
}
FM_INLINE vf v_frexp(vf x, vf *e)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    *e = vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(vshrq_n_u32(bits, 23)), vdupq_n_s32(126)));
    bits = vandq_u32(bits, vdupq_n_u32(0x7fffffu));
    return vreinterpretq_f32_u32(vorrq_u32(bits, vdupq_n_u32(0x3f000000u)));
}
FM_INLINE float v_sum(vf a)
{
    float32x2_t s = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(s, 0) + vget_lane_f32(s, 1);
}
FM_INLINE float v_maxh(vf a)
{
    vf s = v_max(a, vextq_f32(a, a, 2));
    return vgetq_lane_f32(v_max(s, vextq_f32(s, s, 1)), 0);
}
FM_INLINE void v_transpose(vf r[VL])
{
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

/* --- for simd/math.h and dropout: see common.h --- */
FM_INLINE vm v_first(ptrdiff_t n)
{
    static const uint32_t lane[4] = {0, 1, 2, 3};
    return vcltq_u32(vld1q_u32(lane), vdupq_n_u32((uint32_t)n));
}
FM_INLINE vf v_shift23(vf t)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(t), 23));
}
FM_INLINE vf v_copysign(vf a, vf s) { return vbslq_f32(vdupq_n_u32(0x80000000u), s, a); }
FM_INLINE vm v_mask8(const uint8_t *p)
{
    uint32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    uint16x8_t wide = vmovl_u8(vcreate_u8(bytes));
    return vtstq_u32(vmovl_u16(vget_low_u16(wide)), vdupq_n_u32(1));
}

#define VI 2
typedef uint64x2_t vi;

FM_INLINE vi vi_set1(uint64_t a) { return vdupq_n_u64(a); }
FM_INLINE vi vi_blocks(uint64_t b) { return vcombine_u64(vcreate_u64(b), vcreate_u64(b + 1)); }
FM_INLINE vi vi_add(vi a, vi b) { return vaddq_u64(a, b); }
FM_INLINE vi vi_xor3(vi a, vi b, vi c) { return veorq_u64(a, veorq_u64(b, c)); }
FM_INLINE vi vi_mul(vi a, vi b) { return vmull_u32(vmovn_u64(a), vmovn_u64(b)); }
FM_INLINE vi vi_high(vi a) { return vshrq_n_u64(a, 32); }
FM_INLINE void vi_store(uint16_t *r, vi a, vi b, vi c, vi d)
{
    vi ab = vsliq_n_u64(a, b, 32), cd = vsliq_n_u64(c, d, 32);
    vst1q_u16(r, vreinterpretq_u16_u64(vzip1q_u64(ab, cd)));
    vst1q_u16(r + 8, vreinterpretq_u16_u64(vzip2q_u64(ab, cd)));
}

#endif
