# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The executor: whole epochs of a frozen plan, without the GIL.

    Program     a plan as arrays of C structs, bound to its memory
    Run         a cursor: epochs → passes (train, then validation) → steps → phases → tasks

`advance` is the only place that moves the cursor. With one worker it is called between phases by
a plain loop. With several, the worker that finishes the last task of a phase calls it and opens
the next phase; nobody waits for a worker that holds no task. A Run stops between steps only, so
weights always are those of a whole step, and goes on where it stopped.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastmlp._core cimport blas, optimizers, random, team
from fastmlp._core.op cimport Feed, Op, Part, Step, Worker

import numpy as np

from fastmlp._core import (
    activations as _activations,
    constraints as _constraints,
    dense as _dense,
    gradients as _gradients,
    losses as _losses,
    metrics as _metrics,
    noise as _noise,
    optimizers as _optimizers,
    rows as _rows,
)

cdef extern from *:
    """
    #include <time.h>
    #ifdef _WIN32
    #include <windows.h>
    static long long fm_now_ns(void) {
        LARGE_INTEGER now, second;
        QueryPerformanceCounter(&now);
        QueryPerformanceFrequency(&second);
        return (long long)((double)now.QuadPart * 1e9 / (double)second.QuadPart);
    }
    #else
    static long long fm_now_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    #endif
    """
    int64_t fm_now_ns() noexcept nogil

# Name of every native op: addresses of its float32 and float64 functions.
OPS = {
    **_dense.OPS, **_rows.OPS, **_gradients.OPS, **_activations.OPS, **_losses.OPS,
    **_metrics.OPS, **_noise.OPS, **_optimizers.OPS, **_constraints.OPS,
}

cdef enum:
    MAX_WORKERS = 256

    SHUFFLE = 0xF00D         # stream of random numbers that orders epochs; layers count from 0


cdef struct Task:
    int group
    ptrdiff_t i0
    ptrdiff_t i1
    ptrdiff_t number         # within its group


cdef struct Group:
    Op **ops
    ptrdiff_t n_ops


cdef struct Phase:
    bint rows                # one group, cut into chunks of the samples at hand
    ptrdiff_t chunk
    Task *tasks              # of a parameter phase
    ptrdiff_t n_tasks
    Group *groups
    ptrdiff_t n_groups


cdef struct Sum:             # accumulators of one op
    double *acc
    ptrdiff_t n_acc
    ptrdiff_t n_tasks


cdef struct Pass:            # one program over one data set
    Phase *phases
    ptrdiff_t n_phases
    Phase *prologue
    Sum *sums
    ptrdiff_t n_sums
    double *acc
    ptrdiff_t n_acc
    int update_kind          # -1: no optimizer
    double *hyper
    double *update_state
    void *scalars            # eight numbers of the plan's type, prepared for each step
    bint float64
    Step step
    ptrdiff_t samples
    ptrdiff_t batch
    ptrdiff_t position       # samples done


cdef class Program:
    """A frozen plan.

    Args:
        n_feeds: Inputs, targets and weights that come from the user's data.
        n_fetches: Outputs that go to the user's arrays.
    """

    cdef Feed *feeds
    cdef ptrdiff_t n_feeds
    cdef void **fetches
    cdef ptrdiff_t n_fetches
    cdef Op *ops
    cdef ptrdiff_t n_ops
    cdef Pass base           # what every pass of this program starts from
    cdef double[8] hyper
    cdef double[4] update_state
    cdef readonly ptrdiff_t n_out
    cdef readonly ptrdiff_t scratch_bytes
    cdef readonly bint uses_blas
    cdef object _alive       # arrays and weights that the addresses point into
    cdef list _bound

    def __cinit__(self, ptrdiff_t n_feeds, ptrdiff_t n_fetches):
        self.n_feeds, self.n_fetches = n_feeds, n_fetches
        self.feeds = <Feed *>calloc(n_feeds + 1, sizeof(Feed))
        self.fetches = <void **>calloc(n_fetches + 1, sizeof(void *))
        if self.feeds == NULL or self.fetches == NULL:
            raise MemoryError("no memory for a plan")
        self.base.update_kind = -1
        self._bound = [None] * (n_feeds + n_fetches)

    def __dealloc__(self):
        cdef ptrdiff_t i
        if self.feeds != NULL:
            for i in range(self.n_feeds):
                free(self.feeds[i].parts)
        if self.base.phases != NULL:
            for i in range(self.base.n_phases + 1):
                free_phase(&self.base.phases[i])
        free(self.feeds)
        free(self.fetches)
        free(self.ops)
        free(self.base.phases)
        free(self.base.sums)
        free(self.base.acc)

    def feed_address(self, ptrdiff_t index):
        return <size_t>&self.feeds[index]

    def fetch_address(self, ptrdiff_t index):
        return <size_t>&self.fetches[index]

    def freeze(self, str dtype, list ops, list phases, list prologue, ptrdiff_t scratch_bytes,
               bint uses_blas, object alive):
        """Fills the structs.

        Args:
            dtype: `float32` or `float64`.
            ops: `(name, pointers, sizes, scalars, n_acc)` of each op.
            phases: Lists of groups `(op numbers, items, chunk)`; items is -1 for the samples, and
                chunk counts from the plan's capacity, given as a fourth entry.
            prologue: Groups run before the first step of every execution.
            scratch_bytes: Of one worker.
            alive: Whatever owns the memory.
        """
        cdef ptrdiff_t i, j
        cdef Op *op
        self.base.float64 = dtype == "float64"
        self._alive = alive
        self.scratch_bytes, self.uses_blas = scratch_bytes, uses_blas
        self.n_ops = len(ops)
        self.ops = <Op *>calloc(self.n_ops + 1, sizeof(Op))
        self.base.phases = <Phase *>calloc(len(phases) + 1, sizeof(Phase))
        self.base.sums = <Sum *>calloc(self.n_ops + 1, sizeof(Sum))
        if self.ops == NULL or self.base.phases == NULL or self.base.sums == NULL:
            raise MemoryError("no memory for a plan")
        for i, (name, pointers, sizes, scalars, n_acc) in enumerate(ops):
            op = &self.ops[i]
            op.run = <void (*)(const Op *, const Step *, Worker *, ptrdiff_t, ptrdiff_t) noexcept nogil><size_t>OPS[name][self.base.float64]
            for j in range(len(pointers)):
                op.p[j] = <void *><size_t>pointers[j]
            for j in range(len(sizes)):
                op.n[j] = sizes[j]
            for j in range(len(scalars)):
                op.f[j] = scalars[j]
            op.n_acc = n_acc
        self.base.n_phases = len(phases)
        for i, groups in enumerate(phases):
            self._fill_phase(&self.base.phases[i], groups)
        self.base.prologue = &self.base.phases[self.base.n_phases]
        self._fill_phase(self.base.prologue, prologue)
        self._place_accumulators()

    cdef int _fill_phase(self, Phase *phase, list groups) except -1:
        cdef ptrdiff_t g, i, n_tasks = 0
        phase.n_groups = len(groups)
        phase.groups = <Group *>calloc(len(groups) + 1, sizeof(Group))
        if phase.groups == NULL:
            raise MemoryError("no memory for a plan")
        for g, (numbers, items, chunk, capacity) in enumerate(groups):
            phase.groups[g].ops = <Op **>calloc(len(numbers) + 1, sizeof(Op *))
            if phase.groups[g].ops == NULL:
                raise MemoryError("no memory for a plan")
            phase.groups[g].n_ops = len(numbers)
            for i, number in enumerate(numbers):
                phase.groups[g].ops[i] = &self.ops[<ptrdiff_t>number]
                if self.ops[<ptrdiff_t>number].n_acc:
                    self._add_sum(&self.ops[<ptrdiff_t>number], -(-capacity // chunk))
            phase.rows = items < 0
            phase.chunk = chunk
            n_tasks += -(-items // chunk) if items >= 0 else 0
        phase.n_tasks = n_tasks
        if phase.rows:
            return 0
        phase.tasks = <Task *>calloc(n_tasks + 1, sizeof(Task))
        if phase.tasks == NULL:
            raise MemoryError("no memory for a plan")
        n_tasks = 0
        for g, (_, items, chunk, _) in enumerate(groups):
            for i in range(-(-items // chunk)):
                phase.tasks[n_tasks] = Task(<int>g, i * chunk, min(items, (i + 1) * chunk), i)
                n_tasks += 1
        return 0

    cdef void _add_sum(self, Op *op, ptrdiff_t n_tasks) noexcept:
        self.base.sums[self.base.n_sums].acc = <double *>op  # its op, until the accumulators have a place
        self.base.sums[self.base.n_sums].n_acc = op.n_acc
        self.base.sums[self.base.n_sums].n_tasks = n_tasks
        self.base.n_sums += 1
        self.base.n_acc += op.n_acc * n_tasks
        self.n_out += op.n_acc

    cdef int _place_accumulators(self) except -1:
        cdef ptrdiff_t i, start = 0
        self.base.acc = <double *>calloc(self.base.n_acc + 1, sizeof(double))
        if self.base.acc == NULL:
            raise MemoryError("no memory for a plan")
        for i in range(self.base.n_sums):
            (<Op *>self.base.sums[i].acc).acc = self.base.acc + start
            self.base.sums[i].acc = self.base.acc + start
            start += self.base.sums[i].n_acc * self.base.sums[i].n_tasks
        return 0

    def set_update(self, int kind, tuple hyper, size_t scalars):
        """The optimizer's kernel, its constants, and where a step's scalars go."""
        cdef ptrdiff_t i
        self.base.update_kind = kind
        self.base.hyper, self.base.update_state = self.hyper, self.update_state
        for i, value in enumerate(hyper):
            self.hyper[i] = value
        self.base.scalars = <void *>scalars

    def bind_feed(self, ptrdiff_t index, list parts, ptrdiff_t first_row, object alive):
        """Points a feed at the user's memory.

        Args:
            parts: `(address, row_stride, stride, column, width, kind)` of each.
            first_row: Row that counts as row 0.
            alive: Keeps the memory.
        """
        cdef Feed *feed = &self.feeds[index]
        cdef ptrdiff_t i
        free(feed.parts)
        feed.n_parts = 0
        feed.parts = <Part *>calloc(len(parts) + 1, sizeof(Part))
        if feed.parts == NULL:
            raise MemoryError("no memory for a plan")
        for i, (address, row_stride, stride, column, width, kind) in enumerate(parts):
            feed.parts[i] = Part(
                <const char *><size_t>address + first_row * <ptrdiff_t>row_stride,
                row_stride, stride, column, width, kind)
        feed.n_parts = len(parts)
        feed.not_finite = 0
        self._bound[index] = alive

    def bind_fetch(self, ptrdiff_t index, size_t address, object alive):
        """Points a fetch at the user's array `(samples, width)`."""
        self.fetches[index] = <void *>address
        self._bound[self.n_feeds + index] = alive

    def release(self):
        """Forgets the user's memory."""
        self._bound = [None] * (self.n_feeds + self.n_fetches)

    def not_finite(self, ptrdiff_t index):
        """Whether a feed has met a NaN or an infinity since it was bound."""
        return self.feeds[index].not_finite != 0

    def read_sums(self):
        """The accumulators, summed over tasks, since the pass began."""
        cdef double[::1] out = np.zeros(self.n_out)
        if self.n_out:
            reduce_sums(&self.base, &out[0])
        return np.asarray(out)

    def clear_sums(self):
        memset(self.base.acc, 0, self.base.n_acc * sizeof(double))


cdef void free_phase(Phase *phase) noexcept:
    cdef ptrdiff_t g
    if phase.groups != NULL:
        for g in range(phase.n_groups):
            free(phase.groups[g].ops)
    free(phase.groups)
    free(phase.tasks)


cdef void reduce_sums(const Pass *p, double *out) noexcept nogil:
    """Sums every op's accumulators over its tasks, in their order."""
    cdef ptrdiff_t i, j, task
    cdef const Sum *s
    for i in range(p.n_sums):
        s = &p.sums[i]
        for j in range(s.n_acc):
            out[j] = s.acc[j]
        for task in range(1, s.n_tasks):
            for j in range(s.n_acc):
                out[j] += s.acc[task * s.n_acc + j]
        out += s.n_acc


cdef struct Job:             # the cursor, and all that a worker sees
    Pass[2] passes           # main, and what follows each of its epochs
    int n_passes
    int at                   # pass at hand
    ptrdiff_t phase
    ptrdiff_t epoch
    ptrdiff_t last_epoch
    int64_t *order           # of main's samples, drawn anew each epoch; NULL: as they are
    uint64_t seed
    double *log              # a row for each epoch done
    ptrdiff_t log_width
    ptrdiff_t log_room
    ptrdiff_t logged
    ptrdiff_t steps_left     # of this execution; negative: no limit
    ptrdiff_t passes_left    # the same
    ptrdiff_t check_every    # steps between looks at the clock
    ptrdiff_t until_check
    int64_t deadline
    char *scratch
    ptrdiff_t scratch_bytes
    team.fm_tickets *tickets


cdef void prepare(Pass *p) noexcept nogil:
    """The optimizer's scalars of the step at hand."""
    cdef double[8] h
    cdef int i
    optimizers.prepare(p.update_kind, p.hyper, p.step.t, p.update_state, h)
    for i in range(8):
        if p.float64:
            (<double *>p.scalars)[i] = h[i]
        else:
            (<float *>p.scalars)[i] = <float>h[i]


cdef bint begin_step(Job *job) noexcept nogil:
    """Prepares the next step; False when this execution is to end."""
    cdef Pass *p = &job.passes[job.at]
    if job.epoch >= job.last_epoch or job.logged >= job.log_room:
        return False
    if job.steps_left == 0 or job.passes_left == 0:
        return False
    if job.until_check <= 0:
        job.until_check = job.check_every
        if fm_now_ns() >= job.deadline:
            return False
    if job.at == 0 and p.position == 0 and job.order != NULL:
        random.permute(job.order, p.samples, job.seed, SHUFFLE, job.epoch)
    p.step.first = p.position
    p.step.m = min(p.batch, p.samples - p.position)
    if p.update_kind >= 0:
        prepare(p)
    job.phase = -1
    return True


cdef void end_step(Job *job) noexcept nogil:
    cdef Pass *p = &job.passes[job.at]
    p.position += p.step.m
    if p.update_kind >= 0:
        p.step.t += 1
    job.steps_left -= 1
    job.until_check -= 1
    if p.position >= p.samples:
        end_pass(job)


cdef void end_pass(Job *job) noexcept nogil:
    """Logs the sums; goes on to validation, or to the next epoch."""
    cdef Pass *p = &job.passes[job.at]
    cdef double *row = job.log + job.logged * job.log_width
    cdef ptrdiff_t i
    if job.at == 1:
        for i in range(job.passes[0].n_sums):
            row += job.passes[0].sums[i].n_acc
    reduce_sums(p, row)
    memset(p.acc, 0, p.n_acc * sizeof(double))
    p.position = 0
    job.passes_left -= 1
    job.at += 1
    if job.at == job.n_passes:
        job.at = 0
        job.epoch += 1
        job.logged += 1


cdef ptrdiff_t advance(Job *job) noexcept nogil:
    """Moves on to the next phase; returns its number of tasks, 0 when this execution ends."""
    cdef Pass *p = &job.passes[job.at]
    cdef Phase *phase
    job.phase += 1
    if job.phase == p.n_phases:
        end_step(job)
        if not begin_step(job):
            return 0
        p = &job.passes[job.at]
        job.phase = 0
    phase = &p.phases[job.phase]
    if phase.rows:
        return (p.step.m + phase.chunk - 1) // phase.chunk
    return phase.n_tasks


cdef inline void run_task(const Pass *p, const Phase *phase, Worker *worker, ptrdiff_t number) noexcept nogil:
    cdef const Group *group = phase.groups
    cdef const Task *task
    cdef const Op *op
    cdef ptrdiff_t i, i0, i1
    if phase.rows:
        i0 = number * phase.chunk
        i1 = min(i0 + phase.chunk, p.step.m)
        worker.task = number
    else:
        task = &phase.tasks[number]
        group = &phase.groups[task.group]
        i0, i1 = task.i0, task.i1
        worker.task = task.number
    for i in range(group.n_ops):
        op = group.ops[i]
        op.run(op, &p.step, worker, i0, i1)


cdef void work_alone(Job *job, ptrdiff_t n_tasks) noexcept nogil:
    """One thread: every task of a phase, then the next phase."""
    cdef Worker worker
    cdef ptrdiff_t number
    cdef Pass *p
    worker.id, worker.scratch = 0, job.scratch
    while n_tasks:
        p = &job.passes[job.at]
        for number in range(n_tasks):
            run_task(p, &p.phases[job.phase], &worker, number)
        n_tasks = advance(job)


cdef void work(void *argument, int number) noexcept nogil:
    """One of several threads: claims tasks; whoever ends a phase opens the next one."""
    cdef Job *job = <Job *>argument
    cdef Worker worker
    cdef Pass *p
    cdef int64_t claimed
    cdef ptrdiff_t n_tasks
    worker.id, worker.scratch = number, job.scratch + number * job.scratch_bytes
    while True:
        claimed = team.tickets_claim(job.tickets)
        if claimed < 0:
            return
        p = &job.passes[job.at]
        run_task(p, &p.phases[job.phase], &worker, claimed)
        if team.tickets_done(job.tickets):
            n_tasks = advance(job)
            while n_tasks == 1:  # nothing to share: on with it
                p = &job.passes[job.at]
                run_task(p, &p.phases[job.phase], &worker, 0)
                n_tasks = advance(job)
            if n_tasks:
                team.tickets_open(job.tickets, <unsigned int>n_tasks)
            else:
                team.tickets_close(job.tickets)


cdef class Run:
    """Epochs of a program, each followed by a pass of another one if given.

    Args:
        main: Trains, evaluates or predicts.
        samples: Of its data.
        batch: Samples a step.
        after: Validates after each epoch, or None; with samples and batch of its own.
        epochs: Number of the last epoch plus one; `first_epoch` is the number of the first.
        seed: Of shuffles and dropout.
        iterations: Optimizer steps done before.
        shuffle: Whether main visits its samples in a new order each epoch.
        threads: Workers at the most.
        steps_per_check: Steps between looks at the clock.
        log_rows: Epochs that the log holds; it is taken by `take_log`.
    """

    cdef Job job
    cdef int threads
    cdef bint uses_blas
    cdef object _alive
    cdef object _log

    def __init__(self, Program main, ptrdiff_t samples, ptrdiff_t batch, Program after=None,
                 ptrdiff_t after_samples=0, ptrdiff_t after_batch=1, ptrdiff_t epochs=1,
                 ptrdiff_t first_epoch=0, uint64_t seed=0, int64_t iterations=0,
                 bint shuffle=False, int threads=1, ptrdiff_t steps_per_check=1,
                 ptrdiff_t log_rows=1):
        cdef int64_t[::1] order
        cdef double[:, ::1] log
        cdef ptrdiff_t scratch_bytes = main.scratch_bytes
        self.threads = min(threads, <int>MAX_WORKERS)
        self.uses_blas = main.uses_blas
        self.job.seed = seed
        self.job.epoch, self.job.last_epoch = first_epoch, epochs
        self.job.check_every = steps_per_check
        self._start(0, main, samples, batch, iterations)
        width = main.n_out
        if after is not None:
            self._start(1, after, after_samples, after_batch, iterations)
            width += after.n_out
            scratch_bytes = max(scratch_bytes, after.scratch_bytes)
            self.uses_blas = self.uses_blas or after.uses_blas
        ordering = np.arange(samples if shuffle else 1, dtype=np.int64)
        if shuffle:
            order = ordering
            self.job.order = &order[0]
            self.job.passes[0].step.rows = self.job.order
        self._log = log = np.zeros((log_rows, max(width, 1)))
        self.job.log, self.job.log_width = &log[0, 0], max(width, 1)
        self.job.scratch_bytes = (scratch_bytes + 127) // 64 * 64
        scratch = np.empty(self.job.scratch_bytes * self.threads + 64, np.int8)
        self.job.scratch = <char *>align(scratch)
        tickets = np.zeros(team.tickets_size() + 64, np.int8)
        self.job.tickets = <team.fm_tickets *>align(tickets)
        self._alive = (main, after, ordering, scratch, tickets)

    cdef void _start(self, int index, Program program, ptrdiff_t samples, ptrdiff_t batch,
                     int64_t iterations) noexcept:
        cdef Pass *p = &self.job.passes[index]
        p[0] = program.base
        p.samples, p.batch = samples, batch
        p.step.seed, p.step.t = self.job.seed, iterations
        memset(p.acc, 0, p.n_acc * sizeof(double))
        self.job.n_passes = index + 1

    @property
    def iterations(self):
        """Optimizer steps done, counting those before this run."""
        return self.job.passes[0].step.t

    @property
    def epoch(self):
        """Number of the epoch at hand."""
        return self.job.epoch

    @property
    def position(self):
        """Samples done of the pass at hand."""
        return self.job.passes[self.job.at].position

    @property
    def validating(self):
        """Whether the pass at hand is that of `after`."""
        return self.job.at == 1

    def take_log(self):
        """Rows of the epochs finished since the last call: sums of main, then of after."""
        rows = self._log[:self.job.logged].copy()
        self.job.logged = 0
        return rows

    def peek_log(self):
        """Main's sums of the pass that ended last, without taking them."""
        return self._log[self.job.logged - (self.job.at == 0)].copy()

    def end_pass(self):
        """Ends the pass at hand here, with the samples done so far."""
        end_pass(&self.job)

    def go(self, ptrdiff_t steps=-1, int64_t budget_ns=50_000_000, ptrdiff_t epochs=-1,
           ptrdiff_t passes=-1):
        """Runs on; returns whether all epochs are done.

        Args:
            steps: Ends after so many steps; -1: no limit.
            budget_ns: Ends after about so many nanoseconds.
            epochs: Ends after so many epochs; -1: as many as the log has room for.
            passes: Ends after so many passes, of training or validation; -1: no limit.
        """
        cdef ptrdiff_t room = self._log.shape[0]
        self.job.log_room = room if epochs < 0 else min(room, self.job.logged + epochs)
        self.job.steps_left, self.job.passes_left = steps, passes
        self.job.until_check = self.job.check_every
        if self.uses_blas:
            blas.enter()
        try:
            with nogil:
                self.job.deadline = fm_now_ns() + budget_ns
                execute(&self.job, self.threads)
        finally:
            if self.uses_blas:
                blas.leave()
        return self.job.epoch >= self.job.last_epoch


cdef void execute(Job *job, int threads) noexcept nogil:
    cdef ptrdiff_t n_tasks = 0
    cdef Worker worker
    cdef ptrdiff_t number
    worker.id, worker.scratch = 0, job.scratch
    for number in range(job.passes[0].prologue.n_tasks):
        run_task(&job.passes[0], job.passes[0].prologue, &worker, number)
    if begin_step(job):
        n_tasks = advance(job)
    if n_tasks and threads > 1:
        team.tickets_init(job.tickets, threads)
        team.tickets_open(job.tickets, <unsigned int>n_tasks)
        team.team_run(threads, work, <void *>job)
    elif n_tasks:
        work_alone(job, n_tasks)


cdef size_t align(object array) except 0:
    """Address of the first cache line in an array of bytes."""
    cdef size_t address = array.ctypes.data
    return address + (-address) % 64
