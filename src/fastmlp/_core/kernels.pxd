# cython: language_level=3
"""The tables of csrc/kernels/kernels.h, as Cython sees them (kernels.def is the list)."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "kernels/kernels.h" nogil:
    enum:
        FM_ACCUMULATE
        FM_RELU
        FM_GATED
        FM_CURVED
        FM_AGAIN
        FM_PANELS
        FM_FEW
        FM_FEW_PRODUCTS
        FM_FEW_ROWS
        FM_TURNED
        FM_ACT_COUNT
        FM_MAP_COUNT
        FM_UPDATE_COUNT
        FM_GATHER_COUNT

    const char *const *fm_act_names
    const char *fm_act_saves
    const char *const *fm_map_names
    const int *fm_map_operands
    const char *const *fm_update_names
    const int *fm_update_slots
    const char *const *fm_gather_names

    ctypedef struct fm_after:
        double factor
        void *again
        ptrdiff_t rows

    ctypedef struct fm_kernels_f32:
        void (*gemm)(float *c, ptrdiff_t ldc, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                     const float *b, ptrdiff_t ldb, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                     const float *bias, const fm_after *after, int flags) noexcept nogil
        void (*transpose)(float *b, ptrdiff_t ldb, const float *a, ptrdiff_t lda,
                          ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*pack_rows)(float *b, ptrdiff_t k, const float *a, ptrdiff_t lda, ptrdiff_t first,
                          ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*pack_columns)(float *b, ptrdiff_t k, const float *a, ptrdiff_t lda, ptrdiff_t a_rows,
                             ptrdiff_t first, ptrdiff_t m) noexcept nogil
        void (*unpack_rows)(float *a, ptrdiff_t lda, const float *b, ptrdiff_t k, ptrdiff_t first,
                            ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*colsum)(float *g, const float *x, ptrdiff_t ldx, ptrdiff_t m, ptrdiff_t n,
                       int flags) noexcept nogil
        void (*add)(float *y, const float *a, const float *b, ptrdiff_t n) noexcept nogil
        void (*affine)(float *y, const float *x, ptrdiff_t n, float scale,
                       float offset) noexcept nogil
        void (*penalty)(float *g, const float *w, ptrdiff_t n, float l1, float l2) noexcept nogil
        void (*clip)(float *g, ptrdiff_t n, float limit) noexcept nogil
        double (*sumsq)(const float *x, ptrdiff_t n) noexcept nogil
        double (*sumabs)(const float *x, ptrdiff_t n) noexcept nogil
        void (*rowsum)(float *y, const float *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*lstm_fwd)(float *h, float *c, float *s, const float *before, ptrdiff_t m, ptrdiff_t u,
                         ptrdiff_t ldh, ptrdiff_t lds, int f, int g) noexcept nogil
        void (*lstm_bwd)(float *dx, float *dc, const float *dh, const float *s, const float *c,
                         const float *before, ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh, ptrdiff_t lds, int f,
                         int g) noexcept nogil
        void (*gru_fwd)(float *h, float *s, const float *x, const float *before, ptrdiff_t m, ptrdiff_t u,
                        ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f, int g) noexcept nogil
        void (*gru_bwd)(float *dx, float *di, float *dh, const float *s, const float *before,
                        ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f,
                        int g) noexcept nogil
        void (*softmax_fwd)(float *y, const float *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*softmax_bwd)(float *dx, const float *dy, const float *y,
                            ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*log_softmax_fwd)(float *y, const float *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*log_softmax_bwd)(float *dx, const float *dy, const float *y,
                                ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*dropout_fwd)(float *y, uint8_t *mask, const float *x, uint64_t first, ptrdiff_t n,
                            float scale, uint32_t threshold, uint64_t seed, uint64_t stream,
                            uint64_t step) noexcept nogil
        void (*philox)(uint32_t *words, ptrdiff_t blocks, uint64_t first, uint64_t seed, uint64_t stream,
                       uint64_t step) noexcept nogil
        int (*binary_xent)(float *loss, const float *t, const float *p, ptrdiff_t n, float low,
                           float high) noexcept nogil
        void (*dropout_bwd)(float *dx, const float *dy, const uint8_t *mask, ptrdiff_t n,
                            float scale) noexcept nogil
        void (**act_fwd)(float *y, const float *x, ptrdiff_t n, const float *h) noexcept nogil
        void (**act_bwd)(float *dx, const float *dy, const float *s, ptrdiff_t n,
                         const float *h) noexcept nogil
        void (**map)(float *y, const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb,
                     const float *c, ptrdiff_t sc, ptrdiff_t n) noexcept nogil
        void (**update)(float *w, ptrdiff_t w_rows, const float *g, float *s0, float *s1, float *s2,
                        ptrdiff_t n, const float *h) noexcept nogil
        int (**gather)(float *x, ptrdiff_t ldx, const char *src, ptrdiff_t row_stride,
                       ptrdiff_t stride, const int64_t *rows, ptrdiff_t first,
                       ptrdiff_t m, ptrdiff_t n) noexcept nogil
        ptrdiff_t panel
        const fm_kernels_f32 *few

    ctypedef struct fm_kernels_f64:
        void (*gemm)(double *c, ptrdiff_t ldc, const double *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                     const double *b, ptrdiff_t ldb, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                     const double *bias, const fm_after *after, int flags) noexcept nogil
        void (*transpose)(double *b, ptrdiff_t ldb, const double *a, ptrdiff_t lda,
                          ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*pack_rows)(double *b, ptrdiff_t k, const double *a, ptrdiff_t lda, ptrdiff_t first,
                          ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*pack_columns)(double *b, ptrdiff_t k, const double *a, ptrdiff_t lda, ptrdiff_t a_rows,
                             ptrdiff_t first, ptrdiff_t m) noexcept nogil
        void (*unpack_rows)(double *a, ptrdiff_t lda, const double *b, ptrdiff_t k, ptrdiff_t first,
                            ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*colsum)(double *g, const double *x, ptrdiff_t ldx, ptrdiff_t m, ptrdiff_t n,
                       int flags) noexcept nogil
        void (*add)(double *y, const double *a, const double *b, ptrdiff_t n) noexcept nogil
        void (*affine)(double *y, const double *x, ptrdiff_t n, double scale,
                       double offset) noexcept nogil
        void (*penalty)(double *g, const double *w, ptrdiff_t n, double l1,
                        double l2) noexcept nogil
        void (*clip)(double *g, ptrdiff_t n, double limit) noexcept nogil
        double (*sumsq)(const double *x, ptrdiff_t n) noexcept nogil
        double (*sumabs)(const double *x, ptrdiff_t n) noexcept nogil
        void (*rowsum)(double *y, const double *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*lstm_fwd)(double *h, double *c, double *s, const double *before, ptrdiff_t m, ptrdiff_t u,
                         ptrdiff_t ldh, ptrdiff_t lds, int f, int g) noexcept nogil
        void (*lstm_bwd)(double *dx, double *dc, const double *dh, const double *s, const double *c,
                         const double *before, ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh, ptrdiff_t lds, int f,
                         int g) noexcept nogil
        void (*gru_fwd)(double *h, double *s, const double *x, const double *before, ptrdiff_t m, ptrdiff_t u,
                        ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f, int g) noexcept nogil
        void (*gru_bwd)(double *dx, double *di, double *dh, const double *s, const double *before,
                        ptrdiff_t m, ptrdiff_t u, ptrdiff_t ldh, ptrdiff_t lds, ptrdiff_t ldx, int f,
                        int g) noexcept nogil
        void (*softmax_fwd)(double *y, const double *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*softmax_bwd)(double *dx, const double *dy, const double *y,
                            ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*log_softmax_fwd)(double *y, const double *x, ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*log_softmax_bwd)(double *dx, const double *dy, const double *y,
                                ptrdiff_t m, ptrdiff_t n) noexcept nogil
        void (*dropout_fwd)(double *y, uint8_t *mask, const double *x, uint64_t first, ptrdiff_t n,
                            double scale, uint32_t threshold, uint64_t seed, uint64_t stream,
                            uint64_t step) noexcept nogil
        void (*philox)(uint32_t *words, ptrdiff_t blocks, uint64_t first, uint64_t seed, uint64_t stream,
                       uint64_t step) noexcept nogil
        int (*binary_xent)(double *loss, const double *t, const double *p, ptrdiff_t n, double low,
                           double high) noexcept nogil
        void (*dropout_bwd)(double *dx, const double *dy, const uint8_t *mask, ptrdiff_t n,
                            double scale) noexcept nogil
        void (**act_fwd)(double *y, const double *x, ptrdiff_t n, const double *h) noexcept nogil
        void (**act_bwd)(double *dx, const double *dy, const double *s, ptrdiff_t n,
                         const double *h) noexcept nogil
        void (**map)(double *y, const double *a, ptrdiff_t sa, const double *b, ptrdiff_t sb,
                     const double *c, ptrdiff_t sc, ptrdiff_t n) noexcept nogil
        void (**update)(double *w, ptrdiff_t w_rows, const double *g, double *s0, double *s1, double *s2,
                        ptrdiff_t n, const double *h) noexcept nogil
        int (**gather)(double *x, ptrdiff_t ldx, const char *src, ptrdiff_t row_stride,
                       ptrdiff_t stride, const int64_t *rows, ptrdiff_t first,
                       ptrdiff_t m, ptrdiff_t n) noexcept nogil
        ptrdiff_t panel
        const fm_kernels_f64 *few
