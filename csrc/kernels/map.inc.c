/* Element-wise functions of one to three operands, and the gradients of those that have one.
 *
 *   map_name: y (n) = f(a, b, c)        y == a, b or c allowed
 *
 * sa, sb, sc are 1 where an operand has n elements, 0 where it is one number for all; operands that a
 * function does not have are not read. `name_dx`, `_da`, `_db` are gradients, dy first. V: in the
 * vocabulary, with the accuracy of simd/math.h; S: one element at a time, as exact as the C library.
 * Comparisons give 1 and 0; what is not 0 is true, NaN included. NaN passes, but through comparisons.
 */

#define FM_MAP(name)                                                                               \
    static void FM(map_##name)(R *y, const R *a_, ptrdiff_t sa, const R *b_, ptrdiff_t sb,         \
                               const R *c_, ptrdiff_t sc, ptrdiff_t n)

#define FM_V(name, arity, expression)                                                              \
    FM_MAP(name)                                                                                   \
    {                                                                                              \
        const vf zero = v_zero(), one = v_set1(1), a0 = v_set1(*a_);                               \
        const vf b0 = arity > 1 ? v_set1(*b_) : zero, c0 = arity > 2 ? v_set1(*c_) : zero;         \
        ptrdiff_t i = 0;                                                                           \
        (void)one, (void)sb, (void)sc;                                                             \
        for (; i + VL <= n; i += VL) {                                                             \
            const vf a = sa ? v_load(a_ + i) : a0;                                                 \
            const vf b = arity > 1 && sb ? v_load(b_ + i) : b0;                                    \
            const vf c = arity > 2 && sc ? v_load(c_ + i) : c0;                                    \
            (void)b, (void)c;                                                                      \
            v_store(y + i, expression);                                                            \
        }                                                                                          \
        if (i < n) {                                                                               \
            const vf a = sa ? v_loadn(a_ + i, n - i) : a0;                                         \
            const vf b = arity > 1 && sb ? v_loadn(b_ + i, n - i) : b0;                            \
            const vf c = arity > 2 && sc ? v_loadn(c_ + i, n - i) : c0;                            \
            (void)b, (void)c;                                                                      \
            v_storen(y + i, expression, n - i);                                                    \
        }                                                                                          \
    }
#define V1(name, expression) FM_V(name, 1, expression)
#define V2(name, expression) FM_V(name, 2, expression)
#define V3(name, expression) FM_V(name, 3, expression)

#define FM_S(name, arity, expression)                                                              \
    FM_MAP(name)                                                                                   \
    {                                                                                              \
        (void)b_, (void)sb, (void)c_, (void)sc;                                                    \
        for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            const R a = a_[i * sa];                                                                \
            const R b = arity > 1 ? b_[i * sb] : 0;                                                \
            const R c = arity > 2 ? c_[i * sc] : 0;                                                \
            (void)b, (void)c;                                                                      \
            y[i] = (R)(expression);                                                                \
        }                                                                                          \
    }
#define S1(name, expression) FM_S(name, 1, expression)
#define S2(name, expression) FM_S(name, 2, expression)
#define S3(name, expression) FM_S(name, 3, expression)

/* The C library's function of R. */
#define C1(fn, x) (sizeof(R) == sizeof(float) ? (R)fn##f((float)(x)) : (R)fn((double)(x)))
#define C2(fn, x, z)                                                                               \
    (sizeof(R) == sizeof(float) ? (R)fn##f((float)(x), (float)(z))                                 \
                                : (R)fn((double)(x), (double)(z)))

/* --- arithmetic --- */
V1(copy, a)
V1(negative, v_neg(a))
V1(absolute, v_abs(a))
V2(absolute_dx, v_mul(a, v_sel(v_lt(zero, b), one, v_sel(v_lt(b, zero), v_neg(one), b))))
V1(square, v_mul(a, a))
V2(square_dx, v_mul(v_add(a, a), b))
V1(sqrt, v_sqrt(a))
V2(sqrt_dx, v_div(v_mul(v_set1((R)0.5), a), b)) /* from y */
V1(rsqrt, v_div(one, v_sqrt(a)))
V2(rsqrt_dx, v_mul(v_mul(v_set1((R)-0.5), a), v_mul(b, v_mul(b, b)))) /* from y */
V1(reciprocal, v_div(one, a))
V2(reciprocal_dx, v_neg(v_mul(a, v_mul(b, b)))) /* from y */
V1(sign, v_sel(v_lt(zero, a), one, v_sel(v_lt(a, zero), v_neg(one), a)))
V2(add, v_add(a, b))
V2(subtract, v_sub(a, b))
V2(multiply, v_mul(a, b))
V2(divide, v_div(a, b))
V3(divide_db, v_neg(v_div(v_mul(a, v_div(b, c)), c))) /* from a and b */
V2(maximum, v_sel(v_lt(b, a), a, v_sel(v_le(a, b), b, v_add(a, b))))
V2(minimum, v_sel(v_lt(a, b), a, v_sel(v_le(b, a), b, v_add(a, b))))
/* dy to the larger of a and b (b and c here); at a tie half to each, as in JAX */
V3(maximum_da, v_sel(v_lt(c, b), a, v_sel(v_eq(c, b), v_mul(v_set1((R)0.5), a), zero)))
V3(minimum_da, v_sel(v_lt(b, c), a, v_sel(v_eq(c, b), v_mul(v_set1((R)0.5), a), zero)))
S2(power, C2(pow, a, b))
S3(power_da, c == 0 ? 0 : a * c * C2(pow, b, c - 1))
S3(power_db, b > 0 ? a * C2(pow, b, c) * C1(log, b) : b == 0 && c > 0 ? 0 : NAN)
S2(mod, b == 0 ? (R)NAN : a - b * C1(floor, a / b))
S3(mod_db, -a *C1(floor, b / c))
S2(floor_divide, C1(floor, a / b))
S1(floor, C1(floor, a))
S1(ceil, C1(ceil, a))
S1(trunc, C1(trunc, a))
V1(round, v_round(a))

/* --- comparisons --- */
V2(equal, v_and(v_eq(a, b), one))
V2(not_equal, v_sub(one, v_and(v_eq(a, b), one)))
V2(less, v_and(v_lt(a, b), one))
V2(less_equal, v_and(v_le(a, b), one))
S2(logical_and, a != 0 && b != 0)
S2(logical_or, a != 0 || b != 0)
S2(logical_xor, (a != 0) != (b != 0))
S1(logical_not, a == 0)
S1(isnan, a != a)
S1(isinf, C1(fabs, a) == (R)INFINITY)
S1(isfinite, C1(fabs, a) < (R)INFINITY)
V3(where, v_sel(v_eq(a, zero), c, b))
V2(where_da, v_sel(v_eq(b, zero), zero, a)) /* dy where the condition b holds */
V2(where_db, v_sel(v_eq(b, zero), a, zero))

/* --- exponentials and logarithms --- */
V1(exp, v_exp(a))
V1(expm1, v_expm1(a))
V2(expm1_dx, v_fma(a, b, a)) /* from y */
S1(exp2, C1(exp2, a))
V2(exp2_dx, v_mul(v_mul(a, b), v_set1((R)0.69314718055994530942))) /* from y */
V1(log, v_log(a))
S1(log1p, C1(log1p, a))
V2(log1p_dx, v_div(a, v_add(one, b)))
S1(log2, C1(log2, a))
V2(log2_dx, v_div(a, v_mul(b, v_set1((R)0.69314718055994530942))))
S1(log10, C1(log10, a))
V2(log10_dx, v_div(a, v_mul(b, v_set1((R)2.30258509299404568402))))
S2(logaddexp,
   a == b ? a + (R)0.69314718055994530942 : C2(fmax, a, b) + C1(log1p, C1(exp, -C1(fabs, a - b))))
V3(exp_gap, v_mul(a, v_exp(v_sub(b, c)))) /* gradient of logaddexp and logsumexp: dy e^(x - y) */
S1(erf, C1(erf, a))
V2(erf_dx, v_mul(v_mul(a, v_set1((R)1.12837916709551257390)), v_exp(v_neg(v_mul(b, b)))))

/* --- trigonometry --- */
S1(sin, C1(sin, a))
S2(sin_dx, a *C1(cos, b))
S1(cos, C1(cos, a))
S2(cos_dx, -a *C1(sin, b))
S1(tan, C1(tan, a))
V2(tan_dx, v_mul(a, v_fma(b, b, one))) /* from y */
S1(arcsin, C1(asin, a))
S2(arcsin_dx, a / C1(sqrt, (1 - b) * (1 + b)))
S1(arccos, C1(acos, a))
S2(arccos_dx, -a / C1(sqrt, (1 - b) * (1 + b)))
S1(arctan, C1(atan, a))
V2(arctan_dx, v_div(a, v_fma(b, b, one)))
S2(arctan2, C2(atan2, a, b))
S3(arctan2_da, a *c / (b * b + c * c))
S3(arctan2_db, -a *b / (b * b + c * c))
S1(sinh, C1(sinh, a))
S2(sinh_dx, a *C1(cosh, b))
S1(cosh, C1(cosh, a))
S2(cosh_dx, a *C1(sinh, b))
S1(arcsinh, C1(asinh, a))
S2(arcsinh_dx, a / C1(sqrt, b *b + 1))
S1(arccosh, C1(acosh, a))
S2(arccosh_dx, a / C1(sqrt, (b - 1) * (b + 1)))
S1(arctanh, C1(atanh, a))
S2(arctanh_dx, a / ((1 - b) * (1 + b)))

#undef FM_MAP
#undef FM_V
#undef FM_S
#undef V1
#undef V2
#undef V3
#undef S1
#undef S2
#undef S3
#undef C1
#undef C2
