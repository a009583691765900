# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Runs of programs, for Python: what the executor has to do, and when Python has its turn."""
from cpython.exc cimport PyErr_SetInterrupt
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fastmlp._core cimport blas, random, team
from fastmlp._core.clock cimport fm_now_ns
from fastmlp._core.executor cimport (
    LARGEST_ORDER, LOOK, MAX_WORKERS, SHUFFLE, end_pass, execute, leave_step, rewind,
)
from fastmlp._core.logs cimport Logs
from fastmlp._core.program cimport Pass, Program, reduce_sums, steps_of
from fastmlp._core.turns cimport Turns

import numpy as np

cdef extern from "Python.h":
    int PyOS_InterruptOccurred()  # and takes note that it has been told
cdef extern from "<stdint.h>":
    ptrdiff_t PTRDIFF_MAX


cdef enum:
    LOOK_NS = 50_000_000     # an execution looks around every so many nanoseconds, and ends there if it is watched …
    UNWATCHED_NS = 200_000_000  # … or has lasted so many, and …
    PROLOGUES = 200          # … so many prologues, which with epilogues are 1 % of it …
    LONGEST_NS = 1_000_000_000  # … or so many nanoseconds


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
        turns: Of the model, for whose sake an execution ends early.

    Attributes:
        watched: Whether somebody shows how far it is: executions are shorter then.
    """

    def __init__(self, Program main, ptrdiff_t samples, ptrdiff_t batch, Program after=None,
                 ptrdiff_t after_samples=0, ptrdiff_t after_batch=1, ptrdiff_t epochs=1,
                 ptrdiff_t first_epoch=0, uint64_t seed=0, int64_t iterations=0,
                 bint shuffle=False, int threads=1, ptrdiff_t steps_per_check=1,
                 ptrdiff_t log_rows=1, ptrdiff_t window=0, Turns turns=None):
        cdef int64_t[::1] order
        cdef double[:, ::1] log
        cdef ptrdiff_t scratch_bytes = main.scratch_bytes
        self.threads = min(threads, <int>MAX_WORKERS, main.most_workers)
        self.uses_blas = main.uses_blas
        self.turns = turns
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
        cdef int number = p.phases[self.job.phase].call
        cdef int64_t start = fm_now_ns()
        try:
            if program.fault.raised:
                program.raise_fault()
            program.calls[number](p.step.m)
        except BaseException:
            leave_step(&self.job)
            raise
        finally:
            if number >= 0:
                program.call_ns[number] += fm_now_ns() - start
        return 0

    @property
    def iterations(self):
        """Optimizer steps done, counting those before this run; whoever sets it says where to go on."""
        return self.job.passes[0].step.t

    @iterations.setter
    def iterations(self, int64_t value):
        self.job.passes[0].step.t = value

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

    def go(self, ptrdiff_t steps=-1, ptrdiff_t epochs=-1, ptrdiff_t passes=-1):
        """Runs on for a moment; returns whether all epochs are done.

        Args:
            steps: Ends after so many steps; -1: no limit.
            epochs: Ends after so many epochs; -1: as many as the log has room for.
            passes: Ends after so many passes, of training or validation; -1: no limit.
        """
        cdef ptrdiff_t room = self.log_rows
        self.job.log_room = room if epochs < 0 else min(room, self.job.logged + epochs)
        self.job.steps_left, self.job.passes_left = steps, passes
        self.job.until_check = self.job.check_every
        self._execute()
        return self.job.epoch >= self.job.last_epoch

    def step(self, object optimizer=None, ptrdiff_t steps=1):
        """Runs one step or a few, within a pass, whose batches somebody is told of.

        Args:
            optimizer: Gives the numbers and the steps of now, and learns how many it has done; None where
                nothing is trained.
            steps: How many, if so many are left of the pass.

        Returns:
            How many are left to be done: it runs for a moment only.
        """
        if optimizer is not None:
            (<Program>self._alive[0]).read_optimizer(optimizer)
            self.job.passes[0].step.t = steps_of(optimizer)[0]
        self.job.log_room, self.job.steps_left, self.job.passes_left = self.log_rows, steps, 1
        self.job.until_check = self.job.check_every
        try:
            self._execute()
        finally:
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

    cdef int _execute(self) except -1:
        """One execution: 200 ms long, 50 if it is watched, up to a second where its two ends would take 1 % of it.

        No Python code runs on this thread while weights are in panels: whoever looks, a signal's
        handler, the progress line or another thread with a turn, does so when it is over.
        """
        cdef Program main = <Program>self._alive[0]
        cdef int64_t start
        main.cover(self.job.passes[0].step.t)
        if self.uses_blas:
            blas.enter()
        try:
            start = self.started = fm_now_ns()
            self.job.wakes = start + LOOK_NS
            with nogil:
                execute(&self.job, self.threads)
            while self.job.waiting:
                if self.job.waiting == LOOK:
                    self._look()
                else:
                    self._call()
                with nogil:
                    execute(&self.job, self.threads)
            main.run_ns += fm_now_ns() - start
        finally:
            if self.uses_blas:
                blas.leave()
        return 0

    cdef void _look(self) noexcept:
        """Whether this execution ends here: it has lasted long enough, or somebody waits for its end."""
        cdef int64_t now = fm_now_ns()
        cdef bint interrupted = PyOS_InterruptOccurred()
        cdef bint waited_for = self.turns is not None and self.turns._waiting > 0
        if interrupted:
            PyErr_SetInterrupt()  # its handler's turn is when weights are where it sees them
        cdef int64_t least = LOOK_NS if self.watched else UNWATCHED_NS
        if interrupted or waited_for or now - self.started >= max(
            least, min(LONGEST_NS, PROLOGUES * self.job.prologue_ns)
        ):
            self.job.passes_left = 0
        self.job.wakes = now + LOOK_NS


cdef size_t align(object array) except 0:
    """Address of the first cache line in an array of bytes."""
    cdef size_t address = array.ctypes.data
    return address + (-address) % 64
