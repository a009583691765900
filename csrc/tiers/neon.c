/* The kernels compiled for the neon tier: every aarch64 has it. */
#if defined(__aarch64__)
#include "../simd/neon.h"

#include "../kernels/all.inc.c"
#endif
