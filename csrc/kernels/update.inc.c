/* One optimizer step of n weights, in place: w and the slots from the gradient g. All (n) and
 * apart, but g may be w (sgd by weight_decay * lr is decoupled weight decay).
 *
 * The formulas are Keras 3's, with epsilon inside or outside the root as there. `h` holds the
 * step's scalars as named above each rule, computed in double once a step (optimizers.pyx,
 * prepare); h[7] is the learning rate. Slots in order: m momentum, v velocity or norm, d average
 * gradient or update.
 *
 * A rule sees one vector of each; STEP puts the loops around it: one pass over memory. w may be a row
 * of a matrix of w_rows rows in the panels of gemm.inc.c; w_rows is 0 where it is contiguous.
 */

#define STEP(name, slots)                                                                          \
    FM_INLINE void FM(name##_run)(R *w, const R *g, R *s0, R *s1, R *s2, ptrdiff_t n, const R *h)  \
    {                                                                                              \
        ptrdiff_t i = 0;                                                                           \
        vf a, b = v_zero(), c = b, d = b;                                                          \
        for (; i + VL <= n; i += VL) {                                                             \
            a = v_load(w + i);                                                                     \
            if (slots > 0) b = v_load(s0 + i);                                                     \
            if (slots > 1) c = v_load(s1 + i);                                                     \
            if (slots > 2) d = v_load(s2 + i);                                                     \
            FM(name##_rule)(&a, v_load(g + i), &b, &c, &d, h);                                     \
            v_store(w + i, a);                                                                     \
            if (slots > 0) v_store(s0 + i, b);                                                     \
            if (slots > 1) v_store(s1 + i, c);                                                     \
            if (slots > 2) v_store(s2 + i, d);                                                     \
        }                                                                                          \
        if (i < n) {                                                                               \
            const ptrdiff_t k = n - i;                                                             \
            a = v_loadn(w + i, k);                                                                 \
            if (slots > 0) b = v_loadn(s0 + i, k);                                                 \
            if (slots > 1) c = v_loadn(s1 + i, k);                                                 \
            if (slots > 2) d = v_loadn(s2 + i, k);                                                 \
            FM(name##_rule)(&a, v_loadn(g + i, k), &b, &c, &d, h);                                 \
            v_storen(w + i, a, k);                                                                 \
            if (slots > 0) v_storen(s0 + i, b, k);                                                 \
            if (slots > 1) v_storen(s1 + i, c, k);                                                 \
            if (slots > 2) v_storen(s2 + i, d, k);                                                 \
        }                                                                                          \
    }                                                                                              \
    static __attribute__((noinline)) void FM(name##_panels)(                                       \
        R *w, ptrdiff_t w_rows, const R *g, R *s0, R *s1, R *s2, ptrdiff_t n, const R *h)          \
    {                                                                                              \
        R local[8]; /* so that no store to w can change it */                                      \
        memcpy(local, h, sizeof local);                                                            \
        for (ptrdiff_t i = 0; i < n; i += FM_PANEL, w += fm_panel_size(w_rows)) {                  \
            fm_fetch_row(w + FM_PANEL);                                                            \
            FM(name##_run)(w, g, s0, s1, s2, n - i < FM_PANEL ? n - i : FM_PANEL, local);          \
            g += FM_PANEL;                                                                         \
            if (slots > 0) s0 += FM_PANEL;                                                         \
            if (slots > 1) s1 += FM_PANEL;                                                         \
            if (slots > 2) s2 += FM_PANEL;                                                         \
        }                                                                                          \
    }                                                                                              \
    static void FM(update_##name)(R *w, ptrdiff_t w_rows, const R *g, R *s0, R *s1, R *s2,         \
                                  ptrdiff_t n, const R *h)                                         \
    {                                                                                              \
        if (w_rows) {                                                                              \
            FM(name##_panels)(w, w_rows, g, s0, s1, s2, n, h);                                     \
            return;                                                                                \
        }                                                                                          \
        R local[8];                                                                                \
        memcpy(local, h, sizeof local);                                                            \
        FM(name##_run)(w, g, s0, s1, s2, n, local);                                                \
    }
#define RULE(name, w, g, b, c, d)                                                                  \
    FM_INLINE void FM(name##_rule)(vf *w, vf g, vf *b, vf *c, vf *d, const R *h)
#define H(i) v_set1(h[i])

/* s + (x - s) h: the running average as Keras writes it for the Adam family */
FM_INLINE vf FM(toward)(vf s, vf x, vf h) { return v_fma(v_sub(x, s), h, s); }

/* sgd: w -= lr g                                     h: lr */
RULE(sgd, w, g, b, c, d)
{
    (void)b, (void)c, (void)d;
    *w = v_fnma(H(0), g, *w);
}
STEP(sgd, 0)

/* momentum: m = mu m - lr g, w += m                  h: lr, mu.   Polyak 1964 */
RULE(momentum, w, g, m, c, d)
{
    (void)c, (void)d;
    *m = v_fnma(H(0), g, v_mul(H(1), *m));
    *w = v_add(*w, *m);
}
STEP(momentum, 1)

/* nesterov: m = mu m - lr g, w += mu m - lr g        h: lr, mu.   Sutskever et al. 2013 */
RULE(nesterov, w, g, m, c, d)
{
    (void)c, (void)d;
    *m = v_fnma(H(0), g, v_mul(H(1), *m));
    *w = v_add(*w, v_fnma(H(0), g, v_mul(H(1), *m)));
}
STEP(nesterov, 1)

/* rmsprop: v = rho v + (1 - rho) g^2, u = lr g / sqrt(v + eps)        Tieleman & Hinton 2012
 * centered: d = rho d + (1 - rho) g, the root of v - d^2 + eps        Graves 2013
 * w -= u; with momentum m = mu m + u, w -= m         h: lr, rho, 1 - rho, mu, eps */
FM_INLINE vf FM(rms_average)(vf s, vf x, const R *h) { return v_fma(H(1), s, v_mul(H(2), x)); }
FM_INLINE vf FM(rms_step)(vf g, vf denominator, const R *h)
{
    return v_div(v_mul(H(0), g), v_root(denominator));
}
RULE(rmsprop, w, g, v, c, d)
{
    (void)c, (void)d;
    *v = FM(rms_average)(*v, v_mul(g, g), h);
    *w = v_sub(*w, FM(rms_step)(g, v_add(*v, H(4)), h));
}
STEP(rmsprop, 1)

RULE(rmsprop_momentum, w, g, v, m, d)
{
    (void)d;
    *v = FM(rms_average)(*v, v_mul(g, g), h);
    *m = v_fma(H(3), *m, FM(rms_step)(g, v_add(*v, H(4)), h));
    *w = v_sub(*w, *m);
}
STEP(rmsprop_momentum, 2)

RULE(rmsprop_centered, w, g, v, d, unused)
{
    (void)unused;
    *v = FM(rms_average)(*v, v_mul(g, g), h);
    *d = FM(rms_average)(*d, g, h);
    *w = v_sub(*w, FM(rms_step)(g, v_add(v_fnma(*d, *d, *v), H(4)), h));
}
STEP(rmsprop_centered, 2)

RULE(rmsprop_centered_momentum, w, g, v, m, d)
{
    *v = FM(rms_average)(*v, v_mul(g, g), h);
    *d = FM(rms_average)(*d, g, h);
    *m = v_fma(H(3), *m, FM(rms_step)(g, v_add(v_fnma(*d, *d, *v), H(4)), h));
    *w = v_sub(*w, *m);
}
STEP(rmsprop_centered_momentum, 3)

/* adagrad: v += g^2, w -= lr g / sqrt(v + eps)       h: lr, eps.   Duchi et al. 2011 */
RULE(adagrad, w, g, v, c, d)
{
    (void)c, (void)d;
    *v = v_fma(g, g, *v);
    *w = v_sub(*w, v_div(v_mul(H(0), g), v_root(v_add(*v, H(1)))));
}
STEP(adagrad, 1)

/* adadelta: v = rho v + (1 - rho) g^2, u = g sqrt(d + eps) / sqrt(v + eps),
 * d = rho d + (1 - rho) u^2, w -= lr u               h: lr, rho, 1 - rho, eps.   Zeiler 2012 */
RULE(adadelta, w, g, v, d, unused)
{
    (void)unused;
    *v = FM(rms_average)(*v, v_mul(g, g), h);
    const vf u = v_div(v_mul(v_root(v_add(*d, H(3))), g), v_root(v_add(*v, H(3))));
    *d = FM(rms_average)(*d, v_mul(u, u), h);
    *w = v_fnma(H(0), u, *w);
}
STEP(adadelta, 2)

/* adam: m += (g - m)(1 - b1), v += (g^2 - v)(1 - b2), w -= alpha m / (sqrt v + eps)
 * h: alpha = lr sqrt(1 - b2^t) / (1 - b1^t), 1 - b1, 1 - b2, eps.   Kingma & Ba 2015, eps hat */
RULE(adam, w, g, m, v, d)
{
    (void)d;
    *m = FM(toward)(*m, g, H(1));
    *v = FM(toward)(*v, v_mul(g, g), H(2));
    *w = v_sub(*w, v_div(v_mul(H(0), *m), v_add(v_root(*v), H(3))));
}
STEP(adam, 2)

/* amsgrad: as adam, with d = max(d, v) under the root.   Reddi et al. 2018 */
RULE(amsgrad, w, g, m, v, d)
{
    *m = FM(toward)(*m, g, H(1));
    *v = FM(toward)(*v, v_mul(g, g), H(2));
    *d = v_max(*d, *v);
    *w = v_sub(*w, v_div(v_mul(H(0), *m), v_add(v_root(*d), H(3))));
}
STEP(amsgrad, 3)

/* adamax: m += (g - m)(1 - b1), v = max(b2 v, |g|), w -= alpha m / (v + eps)
 * h: alpha = lr / (1 - b1^t), 1 - b1, b2, eps.   Kingma & Ba 2015, section 7 */
RULE(adamax, w, g, m, v, d)
{
    (void)d;
    *m = FM(toward)(*m, g, H(1));
    *v = v_max(v_mul(H(2), *v), v_abs(g));
    *w = v_sub(*w, v_div(v_mul(H(0), *m), v_add(*v, H(3))));
}
STEP(adamax, 2)

/* nadam: m, v as adam, w -= (cm m + cg g) / (sqrt(v / (1 - b2^t)) + eps)
 * h: cm = lr u' / (1 - p u'), 1 - b1, 1 - b2, eps, cg = lr (1 - u) / (1 - p), 1 / (1 - b2^t), with
 * u = b1 (1 - 0.96^t / 2), u' that of t + 1, p the product of u over all steps.   Dozat 2016 */
RULE(nadam, w, g, m, v, d)
{
    (void)d;
    *m = FM(toward)(*m, g, H(1));
    *v = FM(toward)(*v, v_mul(g, g), H(2));
    const vf root = v_add(v_root(v_mul(*v, H(5))), H(3));
    *w = v_sub(*w, v_div(v_fma(H(0), *m, v_mul(H(4), g)), root));
}
STEP(nadam, 2)

/* lion: w -= lr sign(b1 m + (1 - b1) g), m = b2 m + (1 - b2) g
 * h: lr, b1, 1 - b1, b2, 1 - b2.   Chen et al. 2023 */
RULE(lion, w, g, m, c, d)
{
    (void)c, (void)d;
    const vf zero = v_zero(), one = v_set1(1), x = v_fma(H(1), *m, v_mul(H(2), g));
    const vf sign = v_sel(v_lt(zero, x), one, v_sel(v_lt(x, zero), v_set1(-1), x));
    *w = v_fnma(H(0), sign, *w);
    *m = v_fma(H(3), *m, v_mul(H(4), g));
}
STEP(lion, 1)

/* ftrl: n = v + g^2, m += g + 2 s w - (n^p - v^p) / lr w,
 *       w = (clip(m, -l1, l1) - m) / (n^p / lr + q), v = n                     McMahan et al. 2013
 * h: 1 / lr, l1, q = 2 l2 + beta / lr, 2 s, p; ftrl is p = 1/2, ftrl_power any p >= 0 */
FM_INLINE void FM(ftrl_step)(vf *w, vf g, vf *v, vf *m, vf now, vf before, const R *h)
{
    const vf l1 = H(1), sigma = v_mul(v_sub(now, before), H(0));
    *m = v_add(*m, v_fnma(sigma, *w, v_fma(H(3), *w, g)));
    const vf clipped = v_min(l1, v_max(v_neg(l1), *m));
    *w = v_div(v_sub(clipped, *m), v_fma(now, H(0), H(2)));
    *v = v_fma(g, g, *v);
}
RULE(ftrl, w, g, v, m, d)
{
    (void)d;
    FM(ftrl_step)(w, g, v, m, v_root(v_fma(g, g, *v)), v_root(*v), h);
}
STEP(ftrl, 2)

FM_INLINE vf FM(power)(vf x, vf p) /* of x >= 0; 0^0 = 1 */
{
    return v_exp(v_mul(p, v_max(v_set1((R)-1e30), v_log(x))));
}
RULE(ftrl_power, w, g, v, m, d)
{
    (void)d;
    const vf before = FM(power)(*v, H(4)), now = FM(power)(v_fma(g, g, *v), H(4));
    FM(ftrl_step)(w, g, v, m, now, before, h);
}
STEP(ftrl_power, 2)

/* schedule_free: v += (g^2 - v)(1 - b2), z = m, m -= lr g / (sqrt(v / (1 - b2^t)) + eps),
 *                x = (w - (1 - b1) z) / b1 + (m - that) / t, w = (1 - b1) m + b1 x
 * w is where gradients are taken, m where they lead, x their average.   Defazio et al. 2024
 * h: lr, 1 - b1, 1 - b2, eps, b1, 1 / (1 - b2^t), 1 / t */
RULE(schedule_free, w, g, m, v, d)
{
    (void)d;
    *v = FM(toward)(*v, v_mul(g, g), H(2));
    const vf root = v_add(v_root(v_mul(*v, H(5))), H(3));
    const vf x = v_div(v_fnma(H(1), *m, *w), H(4));
    *m = v_sub(*m, v_div(v_mul(H(0), g), root));
    *w = v_fma(H(1), *m, v_mul(H(4), FM(toward)(x, *m, H(6))));
}
STEP(schedule_free, 2)

#undef STEP
#undef RULE
#undef H
