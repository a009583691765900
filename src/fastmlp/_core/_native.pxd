# cython: language_level=3
"""For the other extension modules: the tables in use. Only _native links the C objects.

    from fastmlp._core._native cimport kernels32, kernels64, real

    if real is float:
        kernels32().add(y, a, b, n)
    else:
        kernels64().add(y, a, b, n)

few32(n) in place of kernels32() is for what tiny networks do: n is the number of elements.
"""
from fastmlp._core.kernels cimport FM_FEW, fm_kernels_f32, fm_kernels_f64

ctypedef fused real:
    float
    double

cdef const fm_kernels_f32 *in_use32  # set_tier changes them
cdef const fm_kernels_f64 *in_use64


cdef inline const fm_kernels_f32 *kernels32() noexcept nogil:
    return in_use32


cdef inline const fm_kernels_f32 *few32(ptrdiff_t elements) noexcept nogil:
    return in_use32.few if elements <= FM_FEW else in_use32


cdef inline const fm_kernels_f64 *kernels64() noexcept nogil:
    return in_use64
