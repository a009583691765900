# cython: language_level=3
"""The executor, for other modules that run programs."""
from libc.stdint cimport int64_t, uint64_t

from fastmlp._core cimport random, team
from fastmlp._core.program cimport Pass, Program


cdef struct Job:             # the cursor, and all that a worker sees
    Pass[2] passes           # main, and what follows each of its epochs
    int n_passes
    int at                   # pass at hand
    int now                  # the pass whose phase is run: another one in its epilogue only
    bint goes_on             # whether a step follows
    ptrdiff_t phase
    bint waiting             # for the Python code that is this phase
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
    int64_t deadline
    char *scratch
    ptrdiff_t scratch_bytes
    team.fm_tickets *tickets


cdef class Run:
    cdef Job job
    cdef int threads
    cdef ptrdiff_t log_rows
    cdef bint uses_blas
    cdef object _alive
    cdef object _log

    cdef void _start(self, int index, Program program, ptrdiff_t samples, ptrdiff_t batch,
                     int64_t iterations) noexcept
    cdef void _draw(self) noexcept
    # Back to the first sample of one epoch, on data of so many samples.
    cdef void restart(self, ptrdiff_t samples, uint64_t seed, int64_t iterations) noexcept
    # Runs to the end on this thread alone, and keeps the GIL: for what takes microseconds.
    cdef int finish(self) except -1
    cdef int _execute(self, int64_t budget_ns) except -1
    cdef int _call(self) except -1
