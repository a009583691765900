/* Functions of a vector, each written once in the vocabulary included before.
 *
 * float: own polynomials, fitted for the smallest largest relative error (Lawson's reweighted least
 * squares in double against 40-digit references; coefficients rounded to float one by one, the rest
 * refitted each time). `approx` is that error, before the evaluation rounds. `ULP a (b)`: the
 * largest error met at every 11th float there is, with FMA (without), in units in the last place of
 * the exact result.
 * double: the C library's functions.
 *
 * NaN gives NaN; infinities give the limits; nothing overflows on the way to a finite result.
 */
#ifndef FM_SIMD_MATH_H
#define FM_SIMD_MATH_H

#ifndef V_ROOT
FM_INLINE vf v_root(vf a) { return v_sqrt(a); }
#endif

#ifdef FM_SIMD_DOUBLE_H

FM_INLINE vf v_exp(vf x) { return exp(x); }
FM_INLINE vf v_exp_below(vf x) { return exp(x); }
FM_INLINE vf v_expm1(vf x) { return expm1(x); }
FM_INLINE vf v_log(vf x) { return log(x); }
FM_INLINE vf v_log1p(vf x) { return log1p(x); }
FM_INLINE vf v_tanh(vf x) { return tanh(x); }
FM_INLINE vf v_normal(vf x, vf *e)
{
    *e = exp(-0.5 * x * x);
    return 0.5 * erfc(-0.70710678118654752440 * x);
}

#else
#ifndef V_LDEXP
#define V_LDEXP 0
#endif

/* 1.5 2^23 + 127: |x| < 2^14 added to it is rounded to an integer n, and the sum's last nine bits are
 * n + 127, sign and exponent of 2^n for n in [-126, 127]. */
#define FM_INTEGER 12583039.0f

/* x = n ln 2 + r, |r| <= ln 2 / 2, for |x| < 2^14. ln 2 in two parts, the first of 10 bits, so that
 * n times it is exact (Cody & Waite 1980). */
FM_INLINE vf fm_reduce(vf x, vf *n)
{
    *n = v_sub(v_fma(x, v_set1(1.44269504f), v_set1(FM_INTEGER)), v_set1(FM_INTEGER));
    return v_fnma(*n, v_set1(-2.12194440e-4f), v_fnma(*n, v_set1(0.693359375f), x));
}

/* (e^r - 1 - r) / r^2                                          approx 1.4e-8, as part of e^r - 1 */
FM_INLINE vf fm_expm1_tail(vf r)
{
    vf q = v_set1(0.00138698448f);
    q = v_fma(q, r, v_set1(0.00836644694f));
    q = v_fma(q, r, v_set1(0.0416674465f));
    q = v_fma(q, r, v_set1(0.16666545f));
    return v_fma(q, r, v_set1(0.49999997f));
}

/* e^x                                                                      ULP 0.92 (1.2) */
FM_INLINE vf v_exp(vf x)
{
    const vf one = v_set1(1.0f);
    vf n, r = fm_reduce(v_max(v_set1(-104.0f), v_min(v_set1(89.0f), x)), &n);
    return v_ldexp(v_fma(v_fma(fm_expm1_tail(r), r, one), r, one), n);
}

/* The same, to the bit, for x <= 0: 2^n is 2^(n + 64) 2^-64, where only the last product may round,
 * if v_ldexp takes longer. */
FM_INLINE vf v_exp_below(vf x)
{
    const vf one = v_set1(1.0f);
    vf n, r = fm_reduce(v_max(v_set1(-104.0f), x), &n);
    const vf y = v_fma(v_fma(fm_expm1_tail(r), r, one), r, one);
    if (V_LDEXP) return v_ldexp(y, n);
    return v_mul(v_mul(y, v_shift23(v_add(n, v_set1(FM_INTEGER + 64)))), v_set1(5.42101086e-20f));
}

/* e^x - 1 = s t + (s - 1), s = 2^n, t = e^r - 1: an exact difference while n is 0 or -1. Computed
 * as half of it, twice, because 2^128 is no float.                            ULP 1.6 (1.7) */
FM_INLINE vf v_expm1(vf x)
{
    vf n, r = fm_reduce(v_max(v_set1(-17.5f), v_min(v_set1(89.0f), x)), &n);
    const vf t = v_fma(v_mul(r, r), fm_expm1_tail(r), r),
             s = v_shift23(v_add(n, v_set1(FM_INTEGER - 1)));
    const vf y = v_fma(s, t, v_sub(s, v_set1(0.5f)));
    return v_add(y, y);
}

/* tanh |x| = y / (2 - y), y = 1 - e^(-2|x|); 1 from 9.02 on.               ULP 2.8 (3.1)
 * e^(-2|x|) = 2^n 2^r, |r| <= 1/2; as y is not near 0 where n is large, ln 2 in one part will do.
 * 2^r - 1 is r times a polynomial: approx 1.3e-8. */
FM_INLINE vf v_tanh(vf x)
{
    const vf one = v_set1(1.0f), a = v_min(v_set1(9.02f), v_abs(x)),
             to_base_2 = v_set1(-2.88539008f);
    const vf sum = v_fma(a, to_base_2, v_set1(FM_INTEGER)), s = v_shift23(sum);
    const vf r = v_fma(a, to_base_2, v_sub(v_set1(FM_INTEGER), sum));
    vf q = v_set1(0.000153820365f);
    q = v_fma(q, r, v_set1(0.0013387386f));
    q = v_fma(q, r, v_set1(0.00961831119f));
    q = v_fma(q, r, v_set1(0.0555036739f));
    q = v_fma(q, r, v_set1(0.240226492f));
    q = v_fma(q, v_mul(r, r), v_mul(r, v_set1(0.693147182f)));
    const vf y = v_fnma(s, q, v_sub(one, s));
    return v_copysign(v_div(y, v_sub(v_set1(2.0f), y)), x);
}

/* e ln 2 + log(1 + f) for |f| <= 1/3                                       approx 4.7e-9 */
FM_INLINE vf fm_log_reduced(vf f, vf e)
{
    const vf f2 = v_mul(f, f);
    vf p = v_set1(-0.128854081f);
    p = v_fma(p, f, v_set1(0.139873028f));
    p = v_fma(p, f, v_set1(-0.121859618f));
    p = v_fma(p, f, v_set1(0.140052691f));
    p = v_fma(p, f, v_set1(-0.16680339f));
    p = v_fma(p, f, v_set1(0.20010446f));
    p = v_fma(p, f, v_set1(-0.249998018f));
    p = v_fma(p, f, v_set1(0.333332151f));
    p = v_fma(e, v_set1(-2.12194440e-4f), v_mul(v_mul(p, f), f2));
    p = v_add(f, v_fnma(v_set1(0.5f), f2, p));
    return v_fma(e, v_set1(0.693359375f), p);
}

/* log x; -inf at 0, NaN below                                              ULP 0.82 (0.82) */
FM_INLINE vf v_log(vf x)
{
    const vf inf = v_set1(INFINITY), one = v_set1(1.0f);
    const vm tiny = v_lt(x, v_set1(1.17549435e-38f));
    vf e, m = v_frexp(v_sel(tiny, v_mul(x, v_set1(16777216.0f)), x), &e);
    const vm small = v_lt(m, v_set1(2.0f / 3.0f));
    e = v_sub(e, v_add(v_and(tiny, v_set1(24.0f)), v_and(small, one)));
    vf y = fm_log_reduced(v_sub(v_add(m, v_and(small, m)), one), e);
    y = v_sel(v_eq(x, inf), inf, y);
    return v_sel(v_lt(v_zero(), x), y, v_sel(v_eq(x, v_zero()), v_neg(inf), v_set1(NAN)));
}

/* log(1 + x) for 0 <= x <= 1, as softplus needs it: 1 + x = 2 (1 + (x - 1)/2) from 1/3 on.
 *                                                                          ULP 1.6 (1.6) */
FM_INLINE vf v_log1p(vf x)
{
    const vm large = v_lt(v_set1(1.0f / 3.0f), x);
    const vf half = v_mul(v_set1(0.5f), v_sub(x, v_set1(1.0f)));
    return fm_log_reduced(v_sel(large, half, x), v_and(large, v_set1(1.0f)));
}

/* The normal distribution: Phi(x) = erfc(-x / sqrt 2) / 2, and e = exp(-x^2 / 2), its density's
 * factor. Phi(-t) = e w P(u), w = 1 / (1 + 11/32 t), u = 1 - w, 0 <= t <= 14.5.    approx 2.6e-8
 * One division and one exp, which gelu's gradient needs anyhow; and, unlike (1 + erf)/2, Phi keeps
 * its relative accuracy in the left tail. P is in u, not w: next to 0 the errors of w vanish.
 * The rounding error of t^2 is carried into e. Without FMA it is not: errors then reach 12 ULP
 * at x = -5, 67 at -12.                                                            ULP 5.4 */
FM_INLINE vf v_normal(vf x, vf *e)
{
    const vf one = v_set1(1.0f), half = v_set1(0.5f), c = v_set1(0.34375f);
    const vf t = v_min(v_set1(14.5f), v_abs(x)), t2 = v_mul(t, t);
    const vf rest = v_mul(half, v_fma(t, t, v_neg(t2)));
    const vf w = v_div(one, v_fma(c, t, one)), u = v_mul(v_mul(c, t), w);
    vf p = v_set1(-0.027606383f);
    p = v_fma(p, u, v_set1(0.0779489204f));
    p = v_fma(p, u, v_set1(-0.0425119437f));
    p = v_fma(p, u, v_set1(-0.0247983541f));
    p = v_fma(p, u, v_set1(-0.0720899254f));
    p = v_fma(p, u, v_set1(0.0921901166f));
    p = v_fma(p, u, v_set1(0.294546843f));
    p = v_fma(p, u, v_set1(-0.66055876f));
    p = v_fma(p, u, half);
    *e = v_exp_below(v_mul(v_neg(half), t2));
    *e = v_fnma(*e, rest, *e);
    p = v_mul(v_mul(p, w), *e);
    return v_sel(v_lt(x, v_zero()), p, v_sub(one, p));
}

#endif

/* 1 / (1 + e^-x), for x < 0 as e^x / (1 + e^x)                             ULP 2.4 (2.4) */
FM_INLINE vf v_sigmoid(vf x)
{
    const vf one = v_set1(1), e = v_exp_below(v_neg(v_abs(x)));
    return v_div(v_sel(v_lt(x, v_zero()), e, one), v_add(one, e));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)                               ULP 2.0 (1.9) */
FM_INLINE vf v_softplus(vf x)
{
    return v_add(v_max(v_zero(), x), v_log1p(v_exp_below(v_neg(v_abs(x)))));
}

#endif
