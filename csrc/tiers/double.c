/* The kernels compiled of float64: one table for every machine. */
#include "../simd/double.h"

#include "../kernels/all.inc.c"
