/* The kernels compiled for the avx2 tier. */
#if defined(__x86_64__)
#include "../simd/common.h"
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,prfchw")
#endif
#include "../simd/avx2.h"

#include "../kernels/all.inc.c"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
