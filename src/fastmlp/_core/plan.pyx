# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The executor: whole epochs of a frozen plan, without the GIL.

    Run: a cursor over epochs → passes (training, then validation) → steps → phases → tasks

`advance` is the only place that moves the cursor. With one worker it is called between phases by
a plain loop. With several, the worker that finishes the last task of a phase calls it and opens
the next phase; nobody waits for a worker that holds no task. A Run stops between steps only, so
weights always are those of a whole step, and goes on where it stopped.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fastmlp._core cimport blas, random, team
from fastmlp._core.clock cimport fm_now_ns
from fastmlp._core.denormals cimport fm_flush_denormals, fm_set_float_mode
from fastmlp._core.logs cimport Logs
from fastmlp._core.op cimport Op, Step, Worker
from fastmlp._core.program cimport Group, Pass, Phase, Program, Task, knows_rates, prepare, reduce_sums, steps_of

import numpy as np

cdef extern from "<stdint.h>":
    ptrdiff_t PTRDIFF_MAX


cdef enum:
    LARGEST_ORDER = 1 << 18  # samples whose order is an array, of 2 MB; of more it is computed
    MAX_WORKERS = 256
    GRAIN_NS = 50_000_000    # an execution takes about so many nanoseconds at the most
    SHUFFLE = 0xF00D         # stream of random numbers that orders epochs; layers draw from others
    PROLOGUE = -1            # number of that phase


cdef void draw_order(Job *job, Pass *p) noexcept nogil:
    """The rows of the step at hand; most often they are known since the epoch began."""
    if job.by_steps:
        if p.position == 0:
            job.shuffle = random.shuffle_of(p.samples, job.seed, SHUFFLE, job.epoch)
        p.step.origin = p.position
        random.shuffled(job.order, &job.shuffle, p.position, p.step.m)
    elif p.position == 0:
        random.permute(job.order, p.samples, job.seed, SHUFFLE, job.epoch)


cdef bint begin_step(Job *job) noexcept nogil:
    """Prepares the next step; False when this execution is to end."""
    cdef Pass *p = &job.passes[job.at]
    if job.epoch >= job.last_epoch or job.logged >= job.log_room:
        return False
    if job.steps_left == 0 or job.passes_left == 0:
        return False
    if not knows_rates(p):
        return False         # Python computes the learning rates of the next steps
    if job.until_check <= 0:
        job.until_check = job.check_every
        if fm_now_ns() >= job.deadline:
            return False
    p.step.first = p.position
    p.step.m = min(p.batch, p.end - p.position)
    if job.at == 0 and job.order != NULL:
        draw_order(job, p)
    if p.n_updates:
        prepare(p)
    return True


cdef void end_step(Job *job) noexcept nogil:
    cdef Pass *p = &job.passes[job.at]
    p.position += p.step.m
    if p.n_updates:
        p.step.t += 1
    job.steps_left -= 1
    job.until_check -= 1
    job.ended = p.position >= p.end
    if job.ended:
        end_pass(job)


cdef void rewind(Job *job, ptrdiff_t epoch) noexcept nogil:
    """Main's pass of an epoch begins: over all samples, or over the window that is its turn."""
    cdef Pass *p = &job.passes[0]
    p.position = epoch % job.windows * job.window
    p.end = min(p.position + job.window, p.samples)


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
    if job.at == 0:
        rewind(job, job.epoch + 1)
    else:
        p.position = 0
    job.passes_left -= 1
    job.at += 1
    if job.at == job.n_passes:
        job.at = 0
        job.epoch += 1
        job.logged += 1


cdef ptrdiff_t advance(Job *job) noexcept nogil:
    """Moves on to the next phase; returns its number of tasks.

    A pass begins with its program's prologue and ends with its epilogue, and so does its part of an
    execution. 0 when this execution ends, or where the phase is Python code: `execute` then returns,
    the code runs, and the next `execute` goes on with the phase after it. So it is when an op has met
    a fault.
    """
    cdef Pass *p = &job.passes[job.now]
    cdef Phase *phase
    job.phase += 1
    if p.fault.raised:
        job.waiting = True
        return 0
    if job.phase == p.n_phases:
        end_step(job)
        job.goes_on = begin_step(job)
        if job.goes_on and job.at == job.now:
            job.phase = 0
        elif p.phases[p.n_phases].n_tasks:
            return p.phases[p.n_phases].n_tasks
        else:
            job.phase += 1
    if job.phase > p.n_phases:
        if not job.goes_on:
            return 0
        job.now = job.at
        p = &job.passes[job.now]
        job.phase = PROLOGUE
    if job.phase == PROLOGUE and not p.phases[PROLOGUE].n_tasks:
        job.phase = 0
    phase = &p.phases[job.phase]
    if phase.call >= 0:
        job.waiting = True
        return 0
    if phase.rows:
        return (p.step.m + phase.chunk - 1) // phase.chunk
    return phase.n_tasks


cdef inline void run_task(const Pass *p, const Phase *phase, Worker *worker, ptrdiff_t number) noexcept nogil:
    cdef const Group *group = phase.groups
    cdef const Task *task
    cdef const Op *op
    cdef const Step *step = &p.step
    cdef Step moved
    cdef ptrdiff_t i, i0, i1, own
    if phase.rows:
        i0 = number * phase.chunk
        i1 = min(i0 + phase.chunk, p.step.m)
        worker.task = number
        if p.private:        # the same samples, in the worker's own rows
            own = worker.id * phase.chunk
            moved = p.step
            moved.first += i0 - own
            step = &moved
            i0, i1 = own, own + i1 - i0
    else:
        task = &phase.tasks[number]
        group = &phase.groups[task.group]
        i0, i1 = task.i0, task.i1
        worker.task = task.number
    if group.whole != NULL:
        for i in range(group.n_ops):
            op = group.ops[i]
            op.run(op, &p.step, worker, 0, group.whole[i])
        return
    for i in range(group.n_ops):
        op = group.ops[i]
        op.run(op, step, worker, i0, i1)


cdef void work_alone(Job *job, ptrdiff_t n_tasks) noexcept nogil:
    """One thread: every task of a phase, then the next phase."""
    cdef Worker worker
    cdef ptrdiff_t number
    cdef Pass *p
    cdef uint64_t mode = fm_flush_denormals()
    worker.id, worker.scratch = 0, job.scratch
    while n_tasks:
        p = &job.passes[job.now]
        for number in range(n_tasks):
            run_task(p, &p.phases[job.phase], &worker, number)
        n_tasks = advance(job)
    fm_set_float_mode(mode)


cdef void work(void *argument, int number) noexcept nogil:
    """One of several threads: claims tasks; whoever ends a phase opens the next one."""
    cdef Job *job = <Job *>argument
    cdef Worker worker
    cdef Pass *p
    cdef int64_t claimed
    cdef ptrdiff_t n_tasks
    cdef uint64_t mode = fm_flush_denormals()
    worker.id, worker.scratch = number, job.scratch + number * job.scratch_bytes
    while True:
        claimed = team.tickets_claim(job.tickets)
        if claimed < 0:
            break
        p = &job.passes[job.now]
        run_task(p, &p.phases[job.phase], &worker, claimed)
        if team.tickets_done(job.tickets):
            n_tasks = advance(job)
            while n_tasks == 1:  # nothing to share: on with it
                p = &job.passes[job.now]
                run_task(p, &p.phases[job.phase], &worker, 0)
                n_tasks = advance(job)
            if n_tasks:
                team.tickets_open(job.tickets, <unsigned int>n_tasks)
            else:
                team.tickets_close(job.tickets)
    fm_set_float_mode(mode)


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
        window: Samples of an epoch, if fewer than all: the next epoch goes on behind them, and they
            are shuffled anew when each has been visited.
    """

    def __init__(self, Program main, ptrdiff_t samples, ptrdiff_t batch, Program after=None,
                 ptrdiff_t after_samples=0, ptrdiff_t after_batch=1, ptrdiff_t epochs=1,
                 ptrdiff_t first_epoch=0, uint64_t seed=0, int64_t iterations=0,
                 bint shuffle=False, int threads=1, ptrdiff_t steps_per_check=1,
                 ptrdiff_t log_rows=1, ptrdiff_t window=0):
        cdef int64_t[::1] order
        cdef double[:, ::1] log
        cdef ptrdiff_t scratch_bytes = main.scratch_bytes
        self.threads = min(threads, <int>MAX_WORKERS, main.most_workers)
        self.uses_blas = main.uses_blas
        self.job.seed = seed
        self.job.epoch, self.job.last_epoch = first_epoch, epochs
        self.job.check_every = steps_per_check
        self.job.window = min(window, samples) if window > 0 else samples
        self.job.windows = (samples + self.job.window - 1) // self.job.window
        main.forget_rates()
        self._start(0, main, samples, batch, iterations)
        width = main.n_out
        if after is not None:
            self._start(1, after, after_samples, after_batch, iterations)
            width += after.n_out
            self.threads = min(self.threads, after.most_workers)
            scratch_bytes = max(scratch_bytes, after.scratch_bytes)
            self.uses_blas = self.uses_blas or after.uses_blas
        self.job.by_steps = samples > LARGEST_ORDER
        ordering = None
        if shuffle:
            ordering = np.zeros(batch if self.job.by_steps else samples, np.int64)
            order = ordering
            self.job.order = &order[0]
            self.job.passes[0].step.rows = self.job.order
        rewind(&self.job, first_epoch)
        if self.job.passes[0].position:
            self._draw()
        self.log_rows = log_rows
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
        p.samples, p.batch, p.end = samples, batch, samples
        p.step.seed, p.step.t = self.job.seed, iterations
        memset(p.acc, 0, p.n_acc * sizeof(double))
        self.job.n_passes = index + 1

    cdef void restart(self, ptrdiff_t samples, uint64_t seed, int64_t iterations) noexcept:
        cdef Pass *p = &self.job.passes[0]
        p.samples, p.position, p.end = samples, 0, samples
        self.job.window, self.job.windows = samples, 1
        p.step.seed, p.step.t = seed, iterations
        self.job.at = 0
        self.job.epoch, self.job.last_epoch, self.job.logged = 0, 1, 0
        memset(p.acc, 0, p.n_acc * sizeof(double))

    cdef int finish(self) except -1:
        self.job.log_room = 1
        self.job.steps_left = self.job.passes_left = -1
        self.job.until_check = PTRDIFF_MAX
        if self.uses_blas:
            blas.enter()
        try:
            execute(&self.job, 1)
            while self.job.waiting:
                self._call()
                execute(&self.job, 1)
        finally:
            if self.uses_blas:
                blas.leave()
        return 0

    cdef int _call(self) except -1:
        """The phase at hand, which is Python code. If it raises, its step has not happened."""
        cdef Pass *p = &self.job.passes[self.job.now]
        cdef Program program = <Program>self._alive[self.job.now]
        cdef Worker worker
        cdef ptrdiff_t task
        cdef int number = p.phases[self.job.phase].call
        cdef int64_t start = fm_now_ns()
        try:
            if program.fault.raised:
                program.raise_fault()
            program.calls[number](p.step.m)
        except BaseException:
            self.job.waiting = False  # the next execution begins this step anew
            worker.id, worker.scratch = 0, self.job.scratch
            for task in range(p.phases[p.n_phases].n_tasks):
                run_task(p, &p.phases[p.n_phases], &worker, task)
            raise
        finally:
            if number >= 0:
                program.call_ns[number] += fm_now_ns() - start
        return 0

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
        cdef ptrdiff_t first = 0 if self.job.at else self.job.epoch % self.job.windows * self.job.window
        return self.job.passes[self.job.at].position - first

    @property
    def validating(self):
        """Whether the pass at hand is that of `after`."""
        return self.job.at == 1

    def take_log(self):
        """Rows of the epochs finished since the last call: sums of main, then of after."""
        done = self.job.logged
        rows = self._log[:done].copy()
        if self.job.at == 1:  # main's sums of the epoch at hand wait there for those of after
            self._log[0] = self._log[done]
        self.job.logged = 0
        return rows

    def peek_log(self):
        """Main's sums of the pass that ended last, without taking them."""
        return self._log[self.job.logged - (self.job.at == 0)].copy()

    def resume(self, ptrdiff_t position, double[::1] sums):
        """Before the first step: goes on within the first epoch.

        Args:
            position: Samples of it done.
            sums: Their accumulators, as `Program.accumulators` or as a row of the log gave them.
        """
        cdef Pass *p = &self.job.passes[0]
        self._draw()
        p.position += position
        (<Program>self._alive[0]).set_accumulators(sums)

    cdef void _draw(self) noexcept:
        """The order in which the epoch at hand goes on, as its beginning would have drawn it."""
        cdef Pass *p = &self.job.passes[0]
        cdef ptrdiff_t epoch = self.job.epoch - self.job.epoch % self.job.windows
        if self.job.order != NULL:
            if self.job.by_steps:
                self.job.shuffle = random.shuffle_of(p.samples, self.job.seed, SHUFFLE, epoch)
            else:
                random.permute(self.job.order, p.samples, self.job.seed, SHUFFLE, epoch)

    def feed(self, ptrdiff_t samples):
        """The next step of the pass at hand runs on the first samples of what is bound.

        For data that come batch by batch. Such a pass does not end by itself, but by `end_pass`.
        """
        cdef Pass *p = &self.job.passes[self.job.at]
        p.samples = p.end = PTRDIFF_MAX
        p.position, p.batch = 0, samples

    def follow(self, bint wanted):
        """Whether the next epochs are followed by a pass of `after`."""
        self.job.n_passes = 2 if wanted and self._alive[1] is not None else 1

    def end_pass(self):
        """Ends the pass at hand here, with the samples done so far."""
        end_pass(&self.job)

    def go(self, ptrdiff_t steps=-1, int64_t budget_ns=GRAIN_NS, ptrdiff_t epochs=-1,
           ptrdiff_t passes=-1):
        """Runs on; returns whether all epochs are done.

        Args:
            steps: Ends after so many steps; -1: no limit.
            budget_ns: Ends after about so many nanoseconds.
            epochs: Ends after so many epochs; -1: as many as the log has room for.
            passes: Ends after so many passes, of training or validation; -1: no limit.
        """
        cdef ptrdiff_t room = self.log_rows
        self.job.log_room = room if epochs < 0 else min(room, self.job.logged + epochs)
        self.job.steps_left, self.job.passes_left = steps, passes
        self.job.until_check = self.job.check_every
        self._execute(budget_ns)
        return self.job.epoch >= self.job.last_epoch

    def step(self, object optimizer=None, ptrdiff_t steps=1):
        """Runs one step or a few, within a pass, whose batches somebody is told of.

        Args:
            optimizer: Gives the numbers of now and learns how many steps it has done; None where
                nothing is trained.
            steps: How many, if so many are left of the pass.

        Returns:
            How many are left to be done: it ends after about 50 ms.
        """
        if optimizer is not None:
            (<Program>self._alive[0]).read_optimizer(optimizer)
        self.job.log_room, self.job.steps_left, self.job.passes_left = self.log_rows, steps, 1
        self.job.until_check = self.job.check_every
        self._execute(GRAIN_NS)
        if optimizer is not None:
            steps_of(optimizer)[0] = self.job.passes[0].step.t
        return 0 if self.job.ended else self.job.steps_left

    def logs(self, Logs logs):
        """Logs of the pass at hand so far, or of the one that the last step ended."""
        cdef double *row = self.job.log + self.job.logged * self.job.log_width
        cdef ptrdiff_t main = (<Program>self._alive[0]).n_out
        if not self.job.ended:
            row += main if self.job.at == 1 else 0
            reduce_sums(&self.job.passes[self.job.at], row)
        elif self.job.at == 0:
            row += (main if self.job.n_passes == 2 else 0) - self.job.log_width
        return logs.read(row)

    cdef int _execute(self, int64_t budget_ns) except -1:
        cdef Program main = <Program>self._alive[0]
        cdef int64_t start
        main.cover(self.job.passes[0].step.t)
        if self.uses_blas:
            blas.enter()
        try:
            with nogil:
                start = fm_now_ns()
                self.job.deadline = start + budget_ns
                execute(&self.job, self.threads)
            while self.job.waiting:
                self._call()
                with nogil:
                    execute(&self.job, self.threads)
            main.run_ns += fm_now_ns() - start
        finally:
            if self.uses_blas:
                blas.leave()
        return 0


cdef void execute(Job *job, int threads) noexcept nogil:
    cdef ptrdiff_t n_tasks = 0
    if job.waiting:
        job.waiting = False
        n_tasks = advance(job)
    elif begin_step(job):
        job.now, job.phase = job.at, PROLOGUE - 1
        n_tasks = advance(job)
    if n_tasks and threads > 1:
        team.tickets_init(job.tickets, threads, job.passes[0].both_ends)
        team.tickets_open(job.tickets, <unsigned int>n_tasks)
        team.team_run(threads, work, <void *>job)
    elif n_tasks:
        work_alone(job, n_tasks)


cdef size_t align(object array) except 0:
    """Address of the first cache line in an array of bytes."""
    cdef size_t address = array.ctypes.data
    return address + (-address) % 64
