/* The kernels compiled for the avx512 tier. */
#if defined(__x86_64__)
#include "../simd/common.h"
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,prfchw,avx512f,avx512bw,avx512dq,avx512vl"))),                 \
    apply_to = function)
#else
#pragma GCC target("avx2,fma,prfchw,avx512f,avx512bw,avx512dq,avx512vl")
#endif
#include "../simd/avx512.h"

#include "../kernels/all.inc.c"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
