# cython: language_level=3
"""A frozen plan as C structs, for the executor."""
from libc.stdint cimport int64_t

from fastmlp._core.op cimport Fault, Feed, Op, Step


cdef struct Task:
    int group
    ptrdiff_t i0
    ptrdiff_t i1
    ptrdiff_t number         # within its group


cdef struct Group:
    Op **ops
    ptrdiff_t n_ops
    ptrdiff_t *whole         # items of each op, all of which the only task handles; NULL: those of the task


cdef struct Phase:
    bint rows                # one group, cut into chunks of the samples at hand
    int call                 # number of the Python code that is the whole phase; -1: none
    ptrdiff_t chunk
    Task *tasks              # of a parameter phase
    ptrdiff_t n_tasks
    Group *groups
    ptrdiff_t n_groups


cdef struct Sum:             # accumulators of one op
    double *acc
    ptrdiff_t n_acc
    ptrdiff_t n_tasks


cdef struct Rates:           # learning rates of steps first … first + n - 1
    const double *values     # NULL: hyper[0] holds for all steps
    int64_t first
    ptrdiff_t n


cdef enum:
    MAX_UPDATES = 16         # optimizers of one model


cdef struct Update:          # one optimizer
    int kind
    int64_t every            # steps an update: more than 1 where gradients are accumulated
    double[8] hyper
    double[8] state
    Rates rates
    ptrdiff_t block          # steps of the next table of rates
    bint steady              # whether `scalars` are those of all steps, until a number of it changes
    void *scalars            # eight numbers of the plan's type, prepared for each step; NULL: it has no weights


cdef struct Pass:            # one program over one data set
    Phase *phases            # [-1]: the prologue; [n_phases]: the epilogue
    ptrdiff_t n_phases
    Sum *sums
    ptrdiff_t n_sums
    double *acc
    ptrdiff_t n_acc
    Update *updates          # of the program
    int n_updates            # 0: no optimizer
    Fault *fault             # of the program
    bint float64
    bint both_ends           # how tasks are claimed (csrc/team.h)
    ptrdiff_t private        # 0, or a worker's tasks use the same rows, so many behind those of the one before
    ptrdiff_t joined         # samples of a worker's tasks that it may take as one
    ptrdiff_t grain          # tasks that are claimed as one, in this phase
    Step step
    ptrdiff_t samples
    ptrdiff_t batch
    ptrdiff_t position       # samples done
    ptrdiff_t end            # position where the pass ends


# The optimizers' scalars of the step at hand; and whether its learning rates are in the tables.
cdef void prepare(Pass *p) noexcept nogil
cdef bint knows_rates(const Pass *p) noexcept nogil


# Sums of every op's accumulators over its tasks, in their order.
cdef void reduce_sums(const Pass *p, double *out) noexcept nogil


# The optimizer's counter of steps.
cdef int64_t *steps_of(object optimizer) except NULL


cdef class Program:
    cdef Feed *feeds
    cdef ptrdiff_t n_feeds
    cdef void **fetches
    cdef ptrdiff_t n_fetches
    cdef Op *ops
    cdef ptrdiff_t n_ops
    cdef Pass base           # what every pass of this program starts from
    cdef Update[MAX_UPDATES] updates
    cdef Fault fault
    cdef public object on_fault  # raises the error of (number, value, row)
    cdef list _schedules     # of each optimizer: has rates(first, n); None: a constant learning rate
    cdef list _tables        # what its rates point into
    cdef readonly ptrdiff_t n_out
    cdef readonly ptrdiff_t scratch_bytes
    cdef readonly bint uses_blas
    cdef readonly int most_workers
    cdef list calls          # Python code
    cdef list call_ns        # how long each took, all calls together
    cdef int64_t run_ns      # how long runs of this program took
    cdef object _alive       # arrays and weights that the addresses point into
    cdef list _bound

    cdef int _fill_phase(self, Phase *phase, list groups) except -1
    cdef void _add_sum(self, Op *op, ptrdiff_t n_tasks) noexcept
    cdef int _place_accumulators(self) except -1
    cdef int set_hyper(self, int number, tuple hyper) except -1
    cdef int read_one(self, int number, object optimizer) except -1
    # The optimizer's numbers of now.
    cpdef int read_optimizer(self, object optimizer) except -1
    cdef void forget_rates(self) noexcept
    cdef void forget_table(self, int number) noexcept
    cdef int raise_fault(self) except -1
    cdef int cover(self, int64_t t) except -1
