/* Activations, forward and backward side by side.
 *
 *   name_fwd: y (n) = f(x (n))             y == x allowed
 *   name_bwd: dx (n) = dy (n) * f'        dx == dy allowed; from the saved s = x or y (kernels.def)
 *   h: the parameters, where a function has any; else unused, may be NULL
 *
 * Each is one expression, of x or of dy and the saved value; FWD and BWD put the loop around it.
 * NaN in x gives NaN in y, and in dx where f' is a formula of x; where f' is one of two numbers, dy
 * goes on. At +-inf both take their limits: `low` and `clamp` bound x where inf * 0 would be NaN.
 * Accuracy: that of the function in simd/math.h, and one rounding per operation after it.
 */

#define FWD(name, expression)                                                                      \
    static void FM(name##_fwd)(R *y, const R *x_, ptrdiff_t n, const R *h)                         \
    {                                                                                              \
        const vf zero = v_zero(), one = v_set1(1);                                                 \
        ptrdiff_t i = 0;                                                                           \
        (void)h, (void)zero, (void)one;                                                            \
        for (; i + VL <= n; i += VL) {                                                             \
            const vf x = v_load(x_ + i);                                                           \
            v_store(y + i, expression);                                                            \
        }                                                                                          \
        if (i < n) {                                                                               \
            const vf x = v_loadn(x_ + i, n - i);                                                   \
            v_storen(y + i, expression, n - i);                                                    \
        }                                                                                          \
    }

#define BWD(name, saved, expression)                                                               \
    static void FM(name##_bwd)(R *dx, const R *dy_, const R *s_, ptrdiff_t n, const R *h)          \
    {                                                                                              \
        const vf zero = v_zero(), one = v_set1(1);                                                 \
        ptrdiff_t i = 0;                                                                           \
        (void)h, (void)zero, (void)one;                                                            \
        for (; i + VL <= n; i += VL) {                                                             \
            const vf dy = v_load(dy_ + i), saved = v_load(s_ + i);                                 \
            (void)saved;                                                                           \
            v_store(dx + i, expression);                                                           \
        }                                                                                          \
        if (i < n) {                                                                               \
            const vf dy = v_loadn(dy_ + i, n - i), saved = v_loadn(s_ + i, n - i);                 \
            (void)saved;                                                                           \
            v_storen(dx + i, expression, n - i);                                                   \
        }                                                                                          \
    }

/* Where sigmoid, Phi and tanh(softplus) are 0 in float and in double, and 1 at minus it. */
#define FM_LOWEST ((R)(sizeof(R) == sizeof(float) ? -104 : -746))

FM_INLINE vf FM(low)(vf x) { return v_max(v_set1(FM_LOWEST), x); }
FM_INLINE vf FM(clamp)(vf x, R limit) { return v_max(v_set1(-limit), v_min(v_set1(limit), x)); }

/* relu: y = max(x, 0)        dx = dy where y > 0 (or NaN), else 0; so 0 at x = 0. Exact. */
FM_INLINE vf FM(relu_y)(vf x) { return v_max(v_zero(), x); }
FM_INLINE vf FM(relu_dx)(vf dy, vf y) { return v_sel(v_le(y, v_zero()), v_zero(), dy); }
FWD(relu, FM(relu_y)(x))
BWD(relu, y, FM(relu_dx)(dy, y))

/* relu6: y = min(max(x, 0), 6)        dx = dy where 0 < y < 6. Exact. */
FM_INLINE vf FM(relu6_y)(vf x) { return v_min(v_set1(6), v_max(v_zero(), x)); }
FM_INLINE vf FM(relu6_dx)(vf dy, vf y)
{
    return v_sel(v_le(y, v_zero()), v_zero(), v_sel(v_le(v_set1(6), y), v_zero(), dy));
}
FWD(relu6, FM(relu6_y)(x))
BWD(relu6, y, FM(relu6_dx)(dy, y))

/* relu_general, h = (a, top, c): y = x > c ? clip(x, 0, top) : a (x - c)
 * top = inf: no clip, not even at 0 (Keras: a negative threshold lets negative x pass then).
 * dx = dy where x > c and not clipped, a dy where x < c, 0 at c and at either end of the clip. */
FM_INLINE vf FM(relu_general_y)(vf x, const R *h)
{
    const vf zero = v_zero(), c = v_set1(h[2]);
    vf above = x, below = v_fma(v_set1(h[0]), v_sub(x, c), zero); /* + 0: no -0 */
    if (h[1] < (R)INFINITY) above = v_min(v_set1(h[1]), v_max(zero, x));
    if (h[0] == 0) below = v_sel(v_lt(x, c), zero, below); /* no 0 * -inf */
    return v_sel(v_lt(c, x), above, below);
}
FM_INLINE vf FM(relu_general_dx)(vf dy, vf x, const R *h)
{
    const vf zero = v_zero(), c = v_set1(h[2]), top = v_set1(h[1]);
    vf above = dy;
    if (h[1] < (R)INFINITY) above = v_sel(v_le(x, zero), zero, v_sel(v_le(top, x), zero, dy));
    return v_sel(v_lt(x, c), v_mul(v_set1(h[0]), dy), v_sel(v_eq(x, c), zero, above));
}
FWD(relu_general, FM(relu_general_y)(x, h))
BWD(relu_general, x, FM(relu_general_dx)(dy, x, h))

/* leaky_relu, h = (a): y = x < 0 ? a x : x        dx = x < 0 ? a dy : dy. One rounding. */
FWD(leaky_relu, v_sel(v_lt(x, zero), v_mul(v_set1(h[0]), x), x))
BWD(leaky_relu, x, v_sel(v_lt(x, zero), v_mul(v_set1(h[0]), dy), dy))

/* sigmoid: y = 1 / (1 + e^-x)        dx = dy y (1 - y). */
FM_INLINE vf FM(sigmoid_y)(vf x) { return v_sigmoid(x); }
FM_INLINE vf FM(sigmoid_dx)(vf dy, vf y) { return v_mul(dy, v_mul(y, v_sub(v_set1(1), y))); }
FWD(sigmoid, FM(sigmoid_y)(x))
BWD(sigmoid, y, FM(sigmoid_dx)(dy, y))

/* hard_sigmoid: y = relu6(x + 3) / 6        dx = dy / 6 where 0 < y < 1. */
FM_INLINE vf FM(hard_sigmoid_y)(vf x)
{
    return v_div(v_min(v_set1(6), v_max(v_zero(), v_add(x, v_set1(3)))), v_set1(6));
}
FM_INLINE vf FM(hard_sigmoid_dx)(vf dy, vf y)
{
    return v_sel(v_le(y, v_zero()), v_zero(),
                 v_sel(v_le(v_set1(1), y), v_zero(), v_div(dy, v_set1(6))));
}
FWD(hard_sigmoid, FM(hard_sigmoid_y)(x))
BWD(hard_sigmoid, y, FM(hard_sigmoid_dx)(dy, y))

/* tanh: dx = dy (1 - y^2). */
FM_INLINE vf FM(tanh_y)(vf x) { return v_tanh(x); }
FM_INLINE vf FM(tanh_dx)(vf dy, vf y) { return v_mul(dy, v_fnma(y, y, v_set1(1))); }
FWD(tanh, FM(tanh_y)(x))
BWD(tanh, y, FM(tanh_dx)(dy, y))

/* softplus: y = log(1 + e^x)        dx = dy sigmoid(x). */
FWD(softplus, v_softplus(x))
BWD(softplus, x, v_mul(dy, v_sigmoid(x)))

/* softsign: y = x / (1 + |x|)        dx = dy / (1 + |x|)^2. ULP 1.5. */
#define FM_HUGE ((R)(sizeof(R) == sizeof(float) ? 1e38 : 1e300))
FM_INLINE vf FM(softsign_y)(vf x)
{
    x = FM(clamp)(x, FM_HUGE);
    return v_div(x, v_add(v_set1(1), v_abs(x)));
}
FM_INLINE vf FM(softsign_dx)(vf dy, vf x)
{
    const vf d = v_add(v_set1(1), v_abs(x));
    return v_div(dy, v_mul(d, d));
}
FWD(softsign, FM(softsign_y)(x))
BWD(softsign, x, FM(softsign_dx)(dy, x))

/* elu, h = (a): y = x > 0 ? x : a (e^x - 1)        dx = x > 0 ? dy : dy a e^x. */
FWD(elu, v_sel(v_lt(zero, x), x, v_mul(v_set1(h[0]), v_expm1(x))))
BWD(elu, x, v_sel(v_lt(zero, x), dy, v_mul(dy, v_mul(v_set1(h[0]), v_exp(x)))))

/* selu: y = s elu(x, a), with s and a that keep mean 0 and variance 1 (Klambauer 2017). */
#define SELU_S ((R)1.0507009873554804934193349852946)
#define SELU_SA ((R)(1.0507009873554804934193349852946 * 1.6732632423543772848170429916717))
FWD(selu, v_sel(v_lt(zero, x), v_mul(v_set1(SELU_S), x), v_mul(v_set1(SELU_SA), v_expm1(x))))
BWD(selu, x, v_mul(dy, v_sel(v_lt(zero, x), v_set1(SELU_S), v_mul(v_set1(SELU_SA), v_exp(x)))))

/* exponential: y = e^x        dx = dy y. */
FM_INLINE vf FM(exponential_y)(vf x) { return v_exp(x); }
FM_INLINE vf FM(exponential_dx)(vf dy, vf y) { return v_mul(dy, y); }
FWD(exponential, FM(exponential_y)(x))
BWD(exponential, y, FM(exponential_dx)(dy, y))

/* gelu: y = x Phi(x), Phi = (1 + erf(x / sqrt 2)) / 2
 * dx = dy (Phi(x) + x e^(-x^2/2) / sqrt(2 pi)). */
FM_INLINE vf FM(gelu_y)(vf x)
{
    vf e;
    return v_mul(FM(low)(x), v_normal(x, &e));
}
FM_INLINE vf FM(gelu_dx)(vf dy, vf x)
{
    vf e, phi = v_normal(x, &e);
    x = v_mul(FM(clamp)(x, -FM_LOWEST), v_set1((R)0.39894228040143267794));
    return v_mul(dy, v_fma(x, e, phi));
}
FWD(gelu, FM(gelu_y)(x))
BWD(gelu, x, FM(gelu_dx)(dy, x))

/* gelu_tanh: y = x (1 + tanh u) / 2 = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
 * dx = dy (s + x s (1 - s) 2u'). Hendrycks & Gimpel 2016. Beyond |x| = 30, s is 0 or 1. */
#define GELU_A ((R)1.59576912160573071176)              /* 2 sqrt(2 / pi) */
#define GELU_B ((R)(1.59576912160573071176 * 0.044715)) /* 2u = A x + B x^3 */
FM_INLINE vf FM(gelu_gate)(vf x)
{
    const vf slope = v_fma(v_mul(x, x), v_set1(GELU_B), v_set1(GELU_A));
    return v_sigmoid(v_mul(x, slope));
}
FM_INLINE vf FM(gelu_tanh_y)(vf x) { return v_mul(FM(low)(x), FM(gelu_gate)(FM(clamp)(x, 30))); }
FM_INLINE vf FM(gelu_tanh_dx)(vf dy, vf x)
{
    x = FM(clamp)(x, 30);
    const vf s = FM(gelu_gate)(x);
    const vf slope = v_fma(v_mul(x, x), v_set1(3 * GELU_B), v_set1(GELU_A));
    const vf ds = v_mul(s, v_sub(v_set1(1), s));
    return v_mul(dy, v_fma(v_mul(x, slope), ds, s));
}
FWD(gelu_tanh, FM(gelu_tanh_y)(x))
BWD(gelu_tanh, x, FM(gelu_tanh_dx)(dy, x))

/* silu: y = x s, s = sigmoid(x)        dx = dy s (1 + x (1 - s)). */
FM_INLINE vf FM(silu_dx)(vf dy, vf x)
{
    x = FM(clamp)(x, -FM_LOWEST);
    const vf s = v_sigmoid(x), one = v_set1(1);
    return v_mul(dy, v_mul(s, v_fma(x, v_sub(one, s), one)));
}
FWD(silu, v_mul(FM(low)(x), v_sigmoid(x)))
BWD(silu, x, FM(silu_dx)(dy, x))

/* mish: y = x tanh(log(1 + e^x)) = x n / (n + 2), n = e (e + 2), e = e^x
 * dx = dy (n / (n + 2) + x 4 e (e + 1) / (n + 2)^2). From x = 24 on, n / (n + 2) = 1. Misra 2019 */
FM_INLINE vf FM(mish_y)(vf x)
{
    const vf two = v_set1(2), e = v_exp(v_min(v_set1(24), x)), n = v_mul(e, v_add(e, two));
    return v_mul(FM(low)(x), v_div(n, v_add(n, two)));
}
FM_INLINE vf FM(mish_dx)(vf dy, vf x)
{
    x = v_min(v_set1(24), FM(low)(x));
    const vf one = v_set1(1), two = v_set1(2), e = v_exp(x), n = v_mul(e, v_add(e, two));
    const vf r = v_div(one, v_add(n, two)), gate = v_mul(n, r);
    const vf de = v_mul(v_mul(v_set1(4), v_mul(e, r)), v_mul(v_add(e, one), r));
    return v_mul(dy, v_fma(x, de, gate));
}
FWD(mish, FM(mish_y)(x))
BWD(mish, x, FM(mish_dx)(dy, x))

/* step: y = x >= 0 ? 1 : 0, the perceptron's threshold: a score of 0 counts as the class.
 * dx = dy: its derivative is 0, so training uses the straight-through one (Bengio et al. 2013). */
FWD(step, v_sel(v_lt(x, zero), zero, v_sel(v_le(zero, x), one, x)))
BWD(step, x, dy)

/* celu, h = (a): y = max(x, 0) + a (e^(min(x, 0) / a) - 1), a > 0        dx = dy e^(min(x, 0) / a).
 * Barron 2017. */
FWD(celu, v_sel(v_lt(zero, x), x, v_mul(v_set1(h[0]), v_expm1(v_div(x, v_set1(h[0]))))))
BWD(celu, x, v_sel(v_lt(zero, x), dy, v_mul(dy, v_exp(v_div(x, v_set1(h[0]))))))

/* squareplus, h = (b): y = (x + r) / 2, r = sqrt(x^2 + b), b >= 0        dx = dy y / r. Barron 2021
 * Left of 0 as (b / 4) / (r / 2 - x / 2), which does not cancel. r = |x| where x^2 would overflow. */
#define FM_ROOT ((R)(sizeof(R) == sizeof(float) ? 1e19 : 1e154))
FM_INLINE vf FM(squareplus_root)(vf x, R b)
{
    const vf c = FM(clamp)(x, FM_ROOT);
    return v_max(v_sqrt(v_fma(c, c, v_set1(b))), v_abs(x));
}
FM_INLINE vf FM(squareplus_y)(vf x, R b)
{
    const vf r = FM(squareplus_root)(x, b), half = v_set1((R)0.5);
    const vf left = v_div(v_set1(b * (R)0.25), v_fnma(half, x, v_mul(half, r)));
    return v_sel(v_lt(x, v_zero()), left, v_fma(half, x, v_mul(half, r)));
}
FM_INLINE vf FM(squareplus_dx)(vf dy, vf x, R b)
{
    x = FM(clamp)(x, FM_ROOT);
    return v_mul(dy, v_div(FM(squareplus_y)(x, b), FM(squareplus_root)(x, b)));
}
FWD(squareplus, FM(squareplus_y)(x, h[0]))
BWD(squareplus, x, FM(squareplus_dx)(dy, x, h[0]))

/* sparse_plus: y = x <= -1 ? 0 : x >= 1 ? x : (x + 1)^2 / 4
 * dx = dy sparse_sigmoid(x), but 0 and dy at the bends. Martins & Astudillo 2016 */
FM_INLINE vf FM(sparse_plus_y)(vf x)
{
    const vf one = v_set1(1), s = v_add(x, one);
    const vf middle = v_mul(v_mul(s, s), v_set1((R)0.25));
    return v_sel(v_le(x, v_set1(-1)), v_zero(), v_sel(v_le(one, x), x, middle));
}
FM_INLINE vf FM(sparse_plus_dx)(vf dy, vf x)
{
    const vf one = v_set1(1), middle = v_mul(dy, v_mul(v_add(x, one), v_set1((R)0.5)));
    return v_sel(v_le(x, v_set1(-1)), v_zero(), v_sel(v_le(one, x), dy, middle));
}
FWD(sparse_plus, FM(sparse_plus_y)(x))
BWD(sparse_plus, x, FM(sparse_plus_dx)(dy, x))

/* sparse_sigmoid: y = clip(x + 1, 0, 2) / 2        dx = dy / 2 where |x| < 1, dy / 4 at +-1. */
FM_INLINE vf FM(sparse_sigmoid_dx)(vf dy, vf x)
{
    const vf one = v_set1(1), at = v_abs(x);
    const vf slope = v_sel(v_eq(at, one), v_set1((R)0.25), v_set1((R)0.5));
    return v_sel(v_lt(one, at), v_zero(), v_mul(slope, dy));
}
FWD(sparse_sigmoid, v_mul(v_set1((R)0.5), v_min(v_set1(2), v_max(zero, v_add(x, one)))))
BWD(sparse_sigmoid, x, FM(sparse_sigmoid_dx)(dy, x))

/* soft_shrink, h = (t): y = x - t where x > t, x + t where x < -t, else 0; t >= 0. Exact.
 * hard_shrink, h = (t): y = x where |x| > t, else 0.        Of both, dx = dy where |x| > t. */
FWD(soft_shrink, v_sel(v_le(v_abs(x), v_set1(h[0])), zero, v_sub(x, v_copysign(v_set1(h[0]), x))))
BWD(soft_shrink, x, v_sel(v_le(v_abs(x), v_set1(h[0])), zero, dy))
FWD(hard_shrink, v_sel(v_le(v_abs(x), v_set1(h[0])), zero, x))
BWD(hard_shrink, x, v_sel(v_le(v_abs(x), v_set1(h[0])), zero, dy))

/* tanh_shrink: y = x - tanh(x)        dx = dy tanh(x)^2. Near 0 exact to the rounding of tanh(x). */
FWD(tanh_shrink, v_sub(x, v_tanh(x)))
FM_INLINE vf FM(tanh_shrink_dx)(vf dy, vf x)
{
    const vf t = v_tanh(x);
    return v_mul(dy, v_mul(t, t));
}
BWD(tanh_shrink, x, FM(tanh_shrink_dx)(dy, x))

/* hard_tanh: y = clip(x, -1, 1)        dx = dy where |x| <= 1. Exact. */
FWD(hard_tanh, FM(clamp)(x, 1))
BWD(hard_tanh, x, v_sel(v_lt(one, v_abs(x)), zero, dy))

/* hard_silu: y = x relu6(x + 3) / 6        dx = dy (2 x + 3) / 6 where |x| < 3, 0 left, dy right. */
FM_INLINE vf FM(hard_silu_y)(vf x)
{
    const vf three = v_set1(3), gate = v_min(v_set1(6), v_max(v_zero(), v_add(x, three)));
    return v_mul(v_max(v_set1(-3), x), v_div(gate, v_set1(6)));
}
FM_INLINE vf FM(hard_silu_dx)(vf dy, vf x)
{
    const vf three = v_set1(3), slope = v_div(v_fma(v_set1(2), x, three), v_set1(6));
    const vf inside = v_sel(v_le(three, x), dy, v_mul(dy, slope));
    return v_sel(v_le(x, v_set1(-3)), v_zero(), inside);
}
FWD(hard_silu, FM(hard_silu_y)(x))
BWD(hard_silu, x, FM(hard_silu_dx)(dy, x))

/* log_sigmoid: y = -log(1 + e^-x)        dx = dy sigmoid(-x). */
FWD(log_sigmoid, v_neg(v_softplus(v_neg(x))))
BWD(log_sigmoid, x, v_mul(dy, v_sigmoid(v_neg(x))))

/* threshold, h = (t, v): y = x > t ? x : v        dx = dy where x > t. Exact. */
FWD(threshold, v_sel(v_le(x, v_set1(h[0])), v_set1(h[1]), x))
BWD(threshold, x, v_sel(v_le(x, v_set1(h[0])), zero, dy))

#undef FWD
#undef BWD
