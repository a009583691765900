# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What enters and leaves a step, and the plain arithmetic between: rows of the batch, by samples.

    op                     p            n          f             items: samples
    gather                 y  feed      width                    y = the user's rows, converted
    store                  cell y       width                    *cell = y, for the user
    affine                 y  x         width      scale offset  y = scale · x + offset
    add                    y  a  b      width                    y = a + b
    activity_loss          x            width      l1 l2         acc += l1 Σ|x| + l2 Σ x², samples
    activity_penalty_bwd   dx dy x      width      l1 l2         dx = dy + (l1 sign x + 2 l2 x) / m; no dy: 0
"""
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from fastmlp._core._native cimport few32, kernels32, kernels64, real
from fastmlp._core.op cimport Feed, Op, Part, Step, Worker, fm_say


cdef enum:                   # kinds of part besides those of kernels.def: rows of a sparse matrix
    SPARSE_FLOAT32 = -1
    SPARSE_FLOAT64 = -2


cdef int gather_sparse(real *y, ptrdiff_t ldy, const Part *part, const int64_t *rows, ptrdiff_t first,
                       ptrdiff_t m) noexcept nogil:
    """Rows of a matrix in CSR format into y (m, width), zeros included; 1 if one is not finite.

    The entries of row i are those from base[i] to base[i + 1]; `stride` is the address of three numbers:
    where the entries' columns lie, where their values, and whether columns are int64, not int32.
    """
    cdef const int64_t *bounds = <const int64_t *>part.base
    cdef const int64_t *head = <const int64_t *>part.stride
    cdef const int32_t *columns = <const int32_t *>head[0]
    cdef const int64_t *wide = <const int64_t *>head[0] if head[2] else NULL
    cdef const float *small = <const float *>head[1]
    cdef const double *large = <const double *>head[1] if part.kind == SPARSE_FLOAT64 else NULL
    cdef ptrdiff_t i, k, row
    cdef real value
    cdef int bad = 0
    for i in range(m):
        row = rows[first + i] if rows != NULL else first + i
        memset(y, 0, part.width * sizeof(real))
        for k in range(bounds[row], bounds[row + 1]):
            value = <real>(large[k] if large != NULL else small[k])
            bad |= value - value != 0
            y[wide[k] if wide != NULL else columns[k]] += value
        y += ldy
    return bad


cdef inline void run_gather(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef Feed *feed = <Feed *>op.p[1]
    cdef Part *part
    cdef ptrdiff_t width = op.n[0], i
    cdef int bad
    for i in range(feed.n_parts):
        part = &feed.parts[i]
        if part.kind < 0:
            bad = gather_sparse(
                y + i0 * width + part.column, width, part, step.rows, step.first - step.origin + i0, i1 - i0)
        elif real is float:
            bad = few32((i1 - i0) * part.width).gather[part.kind](
                y + i0 * width + part.column, width, part.base, part.row_stride, part.stride,
                step.rows, step.first - step.origin + i0, i1 - i0, part.width)
        else:
            bad = kernels64().gather[part.kind](
                y + i0 * width + part.column, width, part.base, part.row_stride, part.stride,
                step.rows, step.first - step.origin + i0, i1 - i0, part.width)
        if bad:
            fm_say(&feed.not_finite)  # nobody takes it back


cdef inline void run_store(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef real *target = (<real **>op.p[0])[0]
    cdef ptrdiff_t width = op.n[0]
    memcpy(target + (step.first + i0) * width, y + i0 * width, (i1 - i0) * width * sizeof(real))


cdef inline void run_affine(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    if real is float:
        kernels32().affine(y + start, <const float *>op.p[1] + start, n, <float>op.f[0], <float>op.f[1])
    else:
        kernels64().affine(y + start, <const double *>op.p[1] + start, n, op.f[0], op.f[1])


cdef inline void run_add(real *y, const Op *op, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0], n = (i1 - i0) * op.n[0]
    cdef const real *a = <const real *>op.p[1] + start
    cdef const real *b = <const real *>op.p[2] + start
    if real is float:
        kernels32().add(y + start, a, b, n)
    else:
        kernels64().add(y + start, a, b, n)


cdef inline void run_activity_loss(const real *x, const Op *op, Worker *worker, ptrdiff_t i0,
                                   ptrdiff_t i1) noexcept nogil:
    cdef double *acc = op.acc + worker.task * op.n_acc
    cdef ptrdiff_t n = (i1 - i0) * op.n[0]
    x = x + i0 * op.n[0]
    if real is float:
        acc[0] += op.f[0] * kernels32().sumabs(x, n) + op.f[1] * kernels32().sumsq(x, n)
    else:
        acc[0] += op.f[0] * kernels64().sumabs(x, n) + op.f[1] * kernels64().sumsq(x, n)
    acc[1] += i1 - i0


cdef inline void run_activity_penalty_bwd(real *dx, const Op *op, const Step *step, ptrdiff_t i0,
                                          ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t start = i0 * op.n[0], n = (i1 - i0) * op.n[0], j
    cdef const real *dy = <const real *>op.p[1] + start
    cdef const real *x = <const real *>op.p[2] + start
    cdef real l1 = <real>(op.f[0] / step.m), l2 = <real>(2 * op.f[1] / step.m)
    dx = dx + start
    for j in range(n):
        dx[j] = (dy[j] if op.p[1] != NULL else 0) + l2 * x[j] + (l1 if x[j] > 0 else (-l1 if x[j] < 0 else <real>0))


cdef void gather_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_gather(<float *>op.p[0], op, s, i0, i1)

cdef void gather_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_gather(<double *>op.p[0], op, s, i0, i1)

cdef void store_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_store(<float *>op.p[1], op, s, i0, i1)

cdef void store_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_store(<double *>op.p[1], op, s, i0, i1)

cdef void affine_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_affine(<float *>op.p[0], op, i0, i1)

cdef void affine_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_affine(<double *>op.p[0], op, i0, i1)

cdef void add_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_add(<float *>op.p[0], op, i0, i1)

cdef void add_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_add(<double *>op.p[0], op, i0, i1)

cdef void activity_loss_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_activity_loss(<const float *>op.p[0], op, w, i0, i1)

cdef void activity_loss_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_activity_loss(<const double *>op.p[0], op, w, i0, i1)

cdef void activity_penalty_bwd_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_activity_penalty_bwd(<float *>op.p[0], op, s, i0, i1)

cdef void activity_penalty_bwd_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_activity_penalty_bwd(<double *>op.p[0], op, s, i0, i1)


OPS = {
    "gather": (<size_t>&gather_f32, <size_t>&gather_f64),
    "store": (<size_t>&store_f32, <size_t>&store_f64),
    "affine": (<size_t>&affine_f32, <size_t>&affine_f64),
    "add": (<size_t>&add_f32, <size_t>&add_f64),
    "activity_loss": (<size_t>&activity_loss_f32, <size_t>&activity_loss_f64),
    "activity_penalty_bwd": (<size_t>&activity_penalty_bwd_f32, <size_t>&activity_penalty_bwd_f64),
}
