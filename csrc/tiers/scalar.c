/* The kernels compiled for the scalar tier. */
#include "../simd/scalar.h"

#include "../kernels/all.inc.c"
