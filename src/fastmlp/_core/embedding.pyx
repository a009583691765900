# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Rows of a table by number, and the gradient of the table.

    op          p                  n                                          items
    embed       y  index w fault   rep d rows number                          samples         y = w[index]
    sort_rows   order index        rep rows                                   the batch       see below
    grad_rows   g  dy index order  rep d rows samples accumulate g_stride     rows of w       g[index] (= or) += dy

    y, dy (m · rep, d)   index, order (m · rep)   w (rows, d)

An index is a number in the plan's type, cut to a whole one. One that is no row is a fault (op.pxd): the
step ends before it changes a weight; its y is 0. `number` tells whose fault it is.
sort_rows: the places of `index` in ascending order of the index, equal ones as they come, as int32; a
radix sort, eleven bits at a time, with m · rep elements of scratch. A task of grad_rows finds those of its
rows by bisection and adds them up in this order: the same bits whatever the tasks and threads.
`samples`: whether each sample has indices of its own.
"""
from libc.stdint cimport int32_t
from libc.string cimport memcpy, memset

from fastmlp._core._native cimport kernels32, kernels64, real
from fastmlp._core.op cimport Fault, Op, Step, Worker, note_fault

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define fm_ask_for(p) __builtin_prefetch(p)
    #else
    #define fm_ask_for(p) ((void)(p))
    #endif
    /* y += x, n a number that the compiler knows: a few vector instructions, and no call. */
    #define FM_ADD(name, real) \
        static inline void name(real *__restrict y, const real *__restrict x, ptrdiff_t n) { \
            for (ptrdiff_t i = 0; i < n; i++) y[i] += x[i]; \
        }
    FM_ADD(fm_add_few_f32, float)
    FM_ADD(fm_add_few_f64, double)
    """
    void fm_ask_for(const void *p) noexcept nogil
    void fm_add_few_f32(float *y, const float *x, ptrdiff_t n) noexcept nogil
    void fm_add_few_f64(double *y, const double *x, ptrdiff_t n) noexcept nogil


cdef enum:
    AHEAD = 12               # places: their rows of dy lie anywhere, and come from memory meanwhile
    BITS = 11                # 2048 counters: 8 KB, within a level-1 cache
    BUCKETS = 1 << BITS


cdef inline int32_t row_of(real index, ptrdiff_t rows) noexcept nogil:
    """The row that an index means; 0 for one that means none."""
    return <int32_t>index if index > -1 and index < rows else 0


cdef inline void copy_row(real *y, const real *x, ptrdiff_t d) noexcept nogil:
    """y = x; of the usual small widths without a call."""
    if d == 8:
        memcpy(y, x, 8 * sizeof(real))
    elif d == 16:
        memcpy(y, x, 16 * sizeof(real))
    elif d == 32:
        memcpy(y, x, 32 * sizeof(real))
    else:
        memcpy(y, x, d * sizeof(real))


cdef inline void ask_for_row(const real *dy, ptrdiff_t d) noexcept nogil:
    fm_ask_for(dy)
    if d * sizeof(real) > 64:  # the CPU asks for the third line itself
        fm_ask_for(<const char *>dy + 64)


cdef inline void add_row(real *sum, const real *x, ptrdiff_t d) noexcept nogil:
    """sum += x; of the usual small widths without a call."""
    if real is float:
        if d == 8:
            fm_add_few_f32(sum, x, 8)
        elif d == 16:
            fm_add_few_f32(sum, x, 16)
        elif d == 32:
            fm_add_few_f32(sum, x, 32)
        else:
            kernels32().add(sum, sum, x, d)
    elif d == 8:
        fm_add_few_f64(sum, x, 8)
    elif d == 16:
        fm_add_few_f64(sum, x, 16)
    else:
        kernels64().add(sum, sum, x, d)


cdef inline void run_embed(real *y, const Op *op, const Step *step, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t rep = op.n[0], d = op.n[1], rows = op.n[2], i, sample
    cdef const real *index = <const real *>op.p[1]
    cdef const real *w = <const real *>op.p[2]
    cdef Fault *fault = <Fault *>op.p[3]
    for i in range(i0 * rep, i1 * rep):
        if index[i] > -1 and index[i] < rows:
            copy_row(y + i * d, w + <ptrdiff_t>index[i] * d, d)
        else:  # no row, or NaN
            memset(y + i * d, 0, d * sizeof(real))
            sample = step.first + i // rep
            if step.rows != NULL:
                sample = step.rows[sample - step.origin]
            note_fault(fault, op.n[3], index[i], sample)


cdef inline void run_sort_rows(int32_t *order, const real *index, const Op *op, Worker *worker,
                               ptrdiff_t n) noexcept nogil:
    cdef ptrdiff_t rows = op.n[1], i, start, count
    cdef ptrdiff_t[BUCKETS] places
    cdef int32_t *source = order
    cdef int32_t *target = <int32_t *>worker.scratch
    cdef int shift = 0
    for i in range(n):
        order[i] = <int32_t>i
    while shift == 0 or (rows - 1) >> shift:
        memset(places, 0, sizeof(places))
        for i in range(n):
            places[row_of(index[i], rows) >> shift & (BUCKETS - 1)] += 1
        start = 0
        for i in range(BUCKETS):
            count = places[i]
            places[i] = start
            start += count
        for i in range(n):
            count = row_of(index[source[i]], rows) >> shift & (BUCKETS - 1)
            target[places[count]] = source[i]
            places[count] += 1
        source, target = target, source
        shift += BITS
    if source != order:
        memcpy(order, source, n * sizeof(int32_t))


cdef inline void run_grad_rows(real *g, const Op *op, const Step *step, Worker *worker,
                               ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    cdef ptrdiff_t d = op.n[1], rows = op.n[2], n = op.n[0] * (step.m if op.n[3] else 1)
    cdef const real *dy = <const real *>op.p[1]
    cdef const real *index = <const real *>op.p[2]
    cdef const int32_t *order = <const int32_t *>op.p[3]
    cdef ptrdiff_t low = 0, high = n, middle, row
    g = g + i0 * op.n[5] if op.n[5] else <real *>worker.scratch
    if not op.n[4]:
        memset(g, 0, (i1 - i0) * d * sizeof(real))
    while low < high:  # the first place of a row from i0 on
        middle = (low + high) // 2
        if row_of(index[order[middle]], rows) < i0:
            low = middle + 1
        else:
            high = middle
    while low < n:
        row = row_of(index[order[low]], rows)
        if row >= i1:
            break
        if low + AHEAD < n:
            ask_for_row(dy + order[low + AHEAD] * d, d)
        add_row(g + (row - i0) * d, dy + order[low] * d, d)
        low += 1


cdef void embed_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_embed(<float *>op.p[0], op, s, i0, i1)

cdef void embed_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_embed(<double *>op.p[0], op, s, i0, i1)

cdef void sort_rows_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_sort_rows(<int32_t *>op.p[0], <const float *>op.p[1], op, w, i1 * op.n[0])

cdef void sort_rows_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_sort_rows(<int32_t *>op.p[0], <const double *>op.p[1], op, w, i1 * op.n[0])

cdef void grad_rows_f32(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_rows(<float *>op.p[0], op, s, w, i0, i1)

cdef void grad_rows_f64(const Op *op, const Step *s, Worker *w, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil:
    run_grad_rows(<double *>op.p[0], op, s, w, i0, i1)


OPS = {
    "embed": (<size_t>&embed_f32, <size_t>&embed_f64),
    "sort_rows": (<size_t>&sort_rows_f32, <size_t>&sort_rows_f64),
    "grad_rows": (<size_t>&grad_rows_f32, <size_t>&grad_rows_f64),
}
