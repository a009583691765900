# cython: language_level=3
"""What an op is at run time: the structs that every kernel module and the executor share."""
from libc.stdint cimport int64_t, uint64_t


cdef struct Step:            # one batch; read-only while a phase runs
    ptrdiff_t m              # samples in this batch
    ptrdiff_t first          # position of its first sample in the epoch's order
    const int64_t *rows      # rows of the data set, from position `origin` of the order on; NULL: 0, 1, 2 ...
    ptrdiff_t origin
    int64_t t                # optimizer iterations before this step (0-based)
    uint64_t seed            # of this fit; streams of random numbers hang below it


cdef struct Worker:
    int id
    ptrdiff_t task           # number of the task in its group: selects the accumulators
    bint fresh               # whether it is the worker's first task of a training step
    int64_t t                # `t` of the step of its last one; -1: this execution has none yet
    char *scratch            # 64-byte aligned, private


cdef struct Fault:           # what an op met that it cannot work with; the step ends before it changes a weight
    int locked               # while a thread notes one
    int raised
    ptrdiff_t number         # of the op, among those that may meet one
    double value             # that it met
    ptrdiff_t row            # of the data


cdef struct Op


# Handles items [i0, i1): samples of the batch in a row phase, rows of a weight in a parameter phase.
ctypedef void (*op_run)(const Op *op, const Step *step, Worker *worker, ptrdiff_t i0, ptrdiff_t i1) noexcept nogil


cdef enum:
    OPERANDS = 8


cdef struct Op:
    op_run run
    void *p[OPERANDS]        # buffers: outputs first, then inputs; NULL where an input is absent
    ptrdiff_t n[OPERANDS]    # sizes and flags
    double f[OPERANDS]       # scalars
    double *acc              # accumulators of task 0, n_acc a task; NULL if it has none
    ptrdiff_t n_acc


cdef struct Part:            # columns of one feed that lie evenly in the user's memory
    const char *base         # row 0
    ptrdiff_t row_stride     # bytes
    ptrdiff_t stride         # bytes from one column to the next
    ptrdiff_t column
    ptrdiff_t width
    int kind                 # index of a gather kernel: the user's dtype


cdef struct Feed:            # where the rows of one input, target or weight come from
    Part *parts
    ptrdiff_t n_parts
    int not_finite           # whether a NaN or an infinity was met


cdef extern from *:
    """
    /* Between threads that do tasks of one phase: what any of them may say, and a lock for what is seldom. */
    static inline void fm_say(int *word) { __atomic_store_n(word, 1, __ATOMIC_RELAXED); }
    static inline void fm_lock(int *word) { while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE)) {} }
    static inline void fm_unlock(int *word) { __atomic_store_n(word, 0, __ATOMIC_RELEASE); }
    """
    void fm_say(int *word) noexcept nogil
    void fm_lock(int *word) noexcept nogil
    void fm_unlock(int *word) noexcept nogil


cdef inline void note_fault(Fault *fault, ptrdiff_t number, double value, ptrdiff_t row) noexcept nogil:
    """Of several it is that of the first row of the data, whichever thread comes first."""
    fm_lock(&fault.locked)
    if not fault.raised or row < fault.row:
        fault.raised, fault.number, fault.value, fault.row = 1, number, value, row
    fm_unlock(&fault.locked)
