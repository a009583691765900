/* Which tables of kernels are in use: the tier that this CPU was found to have, or a lower one.
 *
 * fm_f32 follows fm_tier_set; fm_f64 has one tier only. Both are valid from the first instruction on
 * (scalar). A change of tier is for start-up and tests: plans that run meanwhile may use either table.
 */
#ifndef FM_CPU_H
#define FM_CPU_H
#include "kernels/kernels.h"

extern const fm_kernels_f32 *fm_f32;
extern const fm_kernels_f64 *fm_f64;

/* Tiers of float32 that this CPU and operating system can run, the slowest ("scalar") first. */
int fm_tier_count(void);
const char *fm_tier_name(int index); /* NULL when the index is out of range */
const char *fm_tier(void);           /* the one in use */
int fm_tier_set(const char *name);   /* 0, or -1 if the name is none of them */

#endif
