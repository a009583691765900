# cython: language_level=3
"""The executor, for runs."""
from libc.stdint cimport int64_t, uint64_t

from fastmlp._core cimport random, team
from fastmlp._core.program cimport Pass

cdef enum:
    LARGEST_ORDER = 1 << 18  # samples whose order is an array, of 2 MB; of more it is computed
    MAX_WORKERS = 256
    SHUFFLE = 0xF00D         # stream of random numbers that orders epochs; layers draw from others


cdef enum Wait:              # for what an execution waits
    NOTHING
    CODE                     # the Python code that is this phase, or the error of a fault
    LOOK                     # the caller's look around, between two steps


cdef struct Job:             # the cursor, and all that a worker sees
    Pass[2] passes           # main, and what follows each of its epochs
    int n_passes
    int at                   # pass at hand
    int now                  # the pass whose phase is run: another one in its epilogue only
    bint goes_on             # whether a step follows
    ptrdiff_t phase
    Wait waiting
    ptrdiff_t epoch
    ptrdiff_t last_epoch
    ptrdiff_t window         # main's samples in an epoch
    ptrdiff_t windows        # epochs that visit each of them once
    int64_t *order           # of main's samples, drawn anew each epoch; NULL: as they are
    bint by_steps            # order has room for one step only, whose rows come from `shuffle`
    random.Shuffle shuffle
    uint64_t seed
    double *log              # a row for each epoch done
    ptrdiff_t log_width
    ptrdiff_t log_room
    ptrdiff_t logged
    bint ended               # whether the last step was the last of its pass
    ptrdiff_t steps_left     # of this execution; negative: no limit
    ptrdiff_t passes_left    # the same
    ptrdiff_t check_every    # steps between looks at the clock
    ptrdiff_t until_check
    int64_t wakes            # when the caller wants to look around
    int64_t opened           # when the last prologue began
    int64_t prologue_ns      # how long it took
    int threads              # of this execution
    char *scratch
    ptrdiff_t scratch_bytes
    team.fm_tickets *tickets


# Goes on with the job, with so many workers, until it ends or waits.
cdef void execute(Job *job, int threads) noexcept nogil

# Ends an execution within a step, which then has not happened: the next one begins it anew.
cdef void leave_step(Job *job) noexcept nogil

# The pass at hand ends here.
cdef void end_pass(Job *job) noexcept nogil

# To the first sample of an epoch.
cdef void rewind(Job *job, ptrdiff_t epoch) noexcept nogil
