/* Losses that are worth a kernel: those of the smallest networks. */

/* loss = -log(t q + (1 - t)(1 - q)), q = p clipped to [low, high]            all (n); loss apart
 * The cross-entropy of labels t that are 1 or 0: -log of the probability of what is, one logarithm
 * each. Returns 1 if any label is neither; then the result is no cross-entropy. */
FM_INLINE vf FM(certain_loss)(vf t, vf p, vf low, vf high, vf *doubt)
{
    const vf one = v_set1(1), rest = v_sub(one, t), q = v_min(high, v_max(low, p));
    *doubt = v_add(*doubt, v_abs(v_mul(t, rest)));
    return v_neg(v_log(v_add(v_mul(t, q), v_mul(rest, v_sub(one, q)))));
}
static int FM(binary_xent)(R *loss, const R *t, const R *p, ptrdiff_t n, R low, R high)
{
    const vf lo = v_set1(low), hi = v_set1(high);
    vf doubt = v_zero();
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(loss + i, FM(certain_loss)(v_load(t + i), v_load(p + i), lo, hi, &doubt));
    }
    if (i < n) {
        const ptrdiff_t k = n - i;
        v_storen(loss + i, FM(certain_loss)(v_loadn(t + i, k), v_loadn(p + i, k), lo, hi, &doubt),
                 k);
    }
    return v_sum(doubt) != 0;
}
