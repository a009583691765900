/* CPU detection and the tables in use. */
#include "cpu.h"

#include <string.h>

extern const fm_kernels_f32 fm_scalar_table;
extern const fm_kernels_f64 fm_double_table;

const fm_kernels_f32 *fm_f32 = &fm_scalar_table;
const fm_kernels_f64 *fm_f64 = &fm_double_table;

typedef struct tier {
    const char *name;
    const fm_kernels_f32 *table;
    int (*runs)(void);
} tier;

static int always(void) { return 1; }

#if defined(__x86_64__)
extern const fm_kernels_f32 fm_avx2_table, fm_avx512_table;

/* The compiler's run-time checks read XCR0 too: the operating system must save the wide registers. */
static int has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
static const tier tiers[] = {
    {"scalar", &fm_scalar_table, always},
    {"avx2", &fm_avx2_table, has_avx2},
    {"avx512", &fm_avx512_table, has_avx512},
};
#elif defined(__aarch64__)
extern const fm_kernels_f32 fm_neon_table;
static const tier tiers[] = {
    {"scalar", &fm_scalar_table, always},
    {"neon", &fm_neon_table, always},
};
#else
static const tier tiers[] = {{"scalar", &fm_scalar_table, always}};
#endif

int fm_tier_count(void)
{
    int n = 0;
    while (n < (int)(sizeof tiers / sizeof *tiers) && tiers[n].runs()) n++;
    return n;
}

const char *fm_tier_name(int index)
{
    return index >= 0 && index < fm_tier_count() ? tiers[index].name : NULL;
}

const char *fm_tier(void)
{
    int i = 0;
    while (tiers[i].table != fm_f32) i++;
    return tiers[i].name;
}

int fm_tier_set(const char *name)
{
    for (int i = 0; i < fm_tier_count(); i++) {
        if (strcmp(tiers[i].name, name) == 0) {
            fm_f32 = tiers[i].table;
            return 0;
        }
    }
    return -1;
}
