# cython: language_level=3
"""BLAS for row-major matrices, for the other extension modules. `blas.load()` must come first."""
from fastmlp._core._native cimport real

cpdef load()

# c (m, n) = alpha · op(a) (m, k) · op(b) (k, n) + beta · c;  op transposes where ta, tb.
# n, k (where a is not transposed) and the leading dimensions up to MAX_SIZE; m, k beyond are split.
# beta 0 overwrites c, whatever it holds. c may not overlap a or b.
cdef void gemm(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t lda, bint ta,
               const real *b, ptrdiff_t ldb, bint tb,
               ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, real alpha, real beta) noexcept nogil

# y (m) = alpha · a (m, n) · x (n) + beta · y;  where ta: y (n) = alpha · aᵀ · x (m) + beta · y.
# inc*: elements from one to the next, at least 1. n, lda and the incs up to MAX_SIZE.
cdef void gemv(real *y, ptrdiff_t incy, const real *a, ptrdiff_t lda, bint ta,
               const real *x, ptrdiff_t incx,
               ptrdiff_t m, ptrdiff_t n, real alpha, real beta) noexcept nogil

# Between enter and leave each call computes on its own thread only. Calls nest, from any threads.
cdef void enter() noexcept nogil
cdef void leave() noexcept nogil
