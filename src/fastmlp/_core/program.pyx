# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A plan, frozen: ops, phases and accumulators as arrays of C structs, bound to their memory."""
cimport numpy as np
from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastmlp._core cimport optimizers
from fastmlp._core.op cimport Feed, OPERANDS, Op, Part, op_run

import importlib

import numpy as np

from fastmlp._core import (
    activations as _activations,
    dense as _dense,
    losses as _losses,
    metrics as _metrics,
    optimizers as _optimizers,
    rows as _rows,
)
from fastmlp.variables import Variable

np.import_array()

cdef enum:                   # steps of the first table of learning rates, and of the later ones
    FIRST_BLOCK = 16
    LAST_BLOCK = 4096

# Attributes of an optimizer that `hyper` holds after the learning rate, by index of its update; none of a traced one.
cdef tuple CONSTANTS = (*[_optimizers.HYPER.get(kind, ())[1:] for kind in _optimizers.UPDATES], ())

# Name of each native op: addresses of its float32 and float64 functions. Few plans need those of the
# other modules, which are imported then.
OPS = {
    **_dense.OPS, **_rows.OPS, **_activations.OPS, **_losses.OPS, **_metrics.OPS, **_optimizers.OPS,
}
_OTHERS = (
    "gradients", "values", "batch", "maps", "moves", "reductions", "constraints", "noise",
    "recurrent", "sorting", "sparsemax", "embedding",
)


def find_op(str name):
    """Addresses of an op's functions."""
    for module in _OTHERS:
        if name in OPS:
            break
        OPS.update(importlib.import_module(f"fastmlp._core.{module}").OPS)
    return OPS[name]


def all_ops():
    """The names of all native ops."""
    for module in _OTHERS:
        OPS.update(importlib.import_module(f"fastmlp._core.{module}").OPS)
    return list(OPS)


cdef class Program:
    """A frozen plan.

    Args:
        n_feeds: Inputs, targets and weights that come from the user's data.
        n_fetches: Outputs that go to the user's arrays.
    """

    def __cinit__(self, ptrdiff_t n_feeds, ptrdiff_t n_fetches):
        self.n_feeds, self.n_fetches = n_feeds, n_fetches
        self.feeds = <Feed *>calloc(n_feeds + 1, sizeof(Feed))
        self.fetches = <void **>calloc(n_fetches + 1, sizeof(void *))
        if self.feeds == NULL or self.fetches == NULL:
            raise MemoryError("no memory for a plan")
        self.base.fault = &self.fault
        self._schedules, self._tables = [None] * MAX_UPDATES, [None] * MAX_UPDATES
        self._bound = [None] * (n_feeds + n_fetches)
        self.calls, self.call_ns = [], []

    def __dealloc__(self):
        cdef ptrdiff_t i
        if self.feeds != NULL:
            for i in range(self.n_feeds):
                free(self.feeds[i].parts)
        if self.base.phases != NULL:
            for i in range(-1, self.base.n_phases + 1):
                free_phase(&self.base.phases[i])
            free(self.base.phases - 1)
        free(self.feeds)
        free(self.fetches)
        free(self.ops)
        free(self.base.sums)
        free(self.base.acc)

    def feed_address(self, ptrdiff_t index):
        return <size_t>&self.feeds[index]

    def fetch_address(self, ptrdiff_t index):
        return <size_t>&self.fetches[index]

    def fault_address(self):
        return <size_t>&self.fault

    cdef int raise_fault(self) except -1:
        """The error of what an op has met; the next step begins without it."""
        self.fault.raised = 0
        self.on_fault(self.fault.number, self.fault.value, self.fault.row)
        return 0

    def freeze(self, str dtype, list ops, list phases, list prologue, list epilogue,
               ptrdiff_t scratch_bytes, bint uses_blas, bint both_ends, ptrdiff_t private,
               int most_workers, ptrdiff_t joined, object alive):
        """Fills the structs.

        Args:
            dtype: `float32` or `float64`.
            ops: `(name, pointers, sizes, scalars, n_acc)` of each op.
            phases: Lists of groups `(op numbers, items, chunk, capacity, whole)`; items is -1 for the
                samples, and chunk counts from the plan's capacity; whole: empty, or of each op all
                its items, which the only task then handles.
            prologue: Groups run before the first step of every execution.
            epilogue: Groups run after its last step.
            scratch_bytes: Of one worker.
            both_ends: Whether a worker's tasks are to stay its own from step to step.
            private: 0, or all tasks of a worker use the same rows, so many behind those of the one before.
            most_workers: That there is room for; 0: any number.
            joined: Samples of tasks that a worker may take as one.
            alive: Whatever owns the memory.
        """
        cdef ptrdiff_t i, j
        cdef Op *op
        cdef Phase *all_phases
        self.base.float64, self.base.both_ends = dtype == "float64", both_ends
        self.base.private, self.most_workers = private, most_workers or INT_MAX
        self.base.joined, self.base.grain = joined, 1
        self._alive = alive
        self.scratch_bytes, self.uses_blas = scratch_bytes, uses_blas
        self.n_ops = len(ops)
        self.ops = <Op *>calloc(self.n_ops + 1, sizeof(Op))
        self.base.sums = <Sum *>calloc(self.n_ops + 1, sizeof(Sum))
        all_phases = <Phase *>calloc(len(phases) + 2, sizeof(Phase))
        if all_phases != NULL:
            self.base.phases = all_phases + 1  # after the prologue, whom `__dealloc__` frees, too
        if self.ops == NULL or self.base.phases == NULL or self.base.sums == NULL:
            raise MemoryError("no memory for a plan")
        for i, (name, pointers, sizes, scalars, n_acc) in enumerate(ops):
            op = &self.ops[i]
            if max(len(pointers), len(sizes), len(scalars)) > OPERANDS:
                raise ValueError(f"op {name}: expected at most {OPERANDS} buffers, sizes and scalars each")
            op.run = <op_run><size_t>find_op(name)[self.base.float64]
            for j in range(len(pointers)):
                op.p[j] = <void *><size_t>pointers[j]
            for j in range(len(sizes)):
                op.n[j] = sizes[j]
            for j in range(len(scalars)):
                op.f[j] = scalars[j]
            op.n_acc = n_acc
        self.base.n_phases = len(phases)
        for i, groups in enumerate([prologue, *phases, epilogue]):
            self._fill_phase(&self.base.phases[i - 1], groups)
        self._place_accumulators()

    cdef int _fill_phase(self, Phase *phase, list groups) except -1:
        cdef ptrdiff_t g, i, n_tasks = 0
        phase.n_groups = len(groups)
        phase.call = -1
        phase.groups = <Group *>calloc(len(groups) + 1, sizeof(Group))
        if phase.groups == NULL:
            raise MemoryError("no memory for a plan")
        for g, (numbers, items, chunk, capacity, whole) in enumerate(groups):
            phase.groups[g].ops = <Op **>calloc(len(numbers) + 1, sizeof(Op *))
            if phase.groups[g].ops == NULL:
                raise MemoryError("no memory for a plan")
            phase.groups[g].n_ops = len(numbers)
            if whole:
                phase.groups[g].whole = <ptrdiff_t *>calloc(len(numbers) + 1, sizeof(ptrdiff_t))
                if phase.groups[g].whole == NULL:
                    raise MemoryError("no memory for a plan")
                for i in range(len(numbers)):
                    phase.groups[g].whole[i] = whole[i]
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
        for g, (_, items, chunk, *_) in enumerate(groups):
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

    def set_call(self, ptrdiff_t phase, object call):
        """Makes Python code the whole of a phase: `call(samples)`, with the GIL, on the caller's thread."""
        self.base.phases[phase].call = len(self.calls)
        self.calls.append(call)
        self.call_ns.append(0)

    def op_accumulators(self, ptrdiff_t number):
        """The accumulators of an op that has one task: a view."""
        cdef Op *op = &self.ops[number]
        return np.asarray(<double[:op.n_acc]>op.acc)

    def times(self):
        """Seconds of all runs, and of each piece of Python code in them."""
        return self.run_ns * 1e-9, [ns * 1e-9 for ns in self.call_ns]

    def set_update(self, int kind, tuple hyper, size_t scalars, int64_t every=1, int number=0):
        """An optimizer's kernel, its constants, and where a step's scalars go.

        Args:
            kind: Index of an update.
            hyper: The learning rate, or a schedule with a method `rates`; then the kernel's others.
            scalars: Address.
            every: Steps an update.
            number: Of the optimizer, where there are several.
        """
        cdef Update *update = &self.updates[number]
        self.base.updates = self.updates
        self.base.n_updates = max(self.base.n_updates, number + 1)
        update.kind, update.every, update.scalars = kind, every, <void *>scalars
        self.set_hyper(number, hyper)

    cdef int set_hyper(self, int number, tuple hyper) except -1:
        """The learning rate or its schedule, and the optimizer's other constants."""
        cdef ptrdiff_t i
        cdef Update *update = &self.updates[number]
        cdef object first = hyper[0]
        update.steady = False
        cdef object schedule = None if type(first) is float or not hasattr(first, "rates") else first
        update.hyper[0] = 0 if schedule is not None else first
        for i in range(1, len(hyper)):
            update.hyper[i] = hyper[i]
        if schedule is not self._schedules[number]:
            self._schedules[number] = schedule
            self.forget_table(number)
        return 0

    cpdef int read_optimizer(self, object optimizer) except -1:
        """The numbers of now, as `optimizer.hyper()` gives them, without making Python objects."""
        cdef int number = 0
        cdef tuple parts = optimizer.parts
        if not parts:
            return self.read_one(0, optimizer)
        for part in parts:
            if number < self.base.n_updates:
                self.read_one(number, part)
            number += 1
        return 0

    cdef int read_one(self, int number, object optimizer) except -1:
        cdef object rate = optimizer._learning_rate
        cdef double *hyper = self.updates[number].hyper
        cdef int i = 1
        self.updates[number].steady = False
        if type(rate) is not Variable:
            return self.set_hyper(number, optimizer.hyper())
        hyper[0] = (<double *>np.PyArray_DATA(<np.ndarray?>rate.value))[0]
        for name in <tuple>CONSTANTS[self.updates[number].kind]:
            hyper[i] = getattr(optimizer, name)
            i += 1
        if self._schedules[number] is not None:
            self._schedules[number] = None
            self.forget_table(number)
        return 0

    cdef void forget_rates(self) noexcept:
        """The next execution asks the schedules anew: their numbers may have been changed."""
        cdef int number
        for number in range(self.base.n_updates):
            self.forget_table(number)

    cdef void forget_table(self, int number) noexcept:
        cdef Update *update = &self.updates[number]
        update.rates.values, update.rates.first, update.rates.n = NULL, 0, 0
        update.block = FIRST_BLOCK

    cdef int cover(self, int64_t t) except -1:
        """Sees to it that the learning rates of the step after t are known; of many more, mostly."""
        cdef double[::1] table
        cdef int number
        cdef Update *update
        for number in range(self.base.n_updates):
            schedule, update = self._schedules[number], &self.updates[number]
            if schedule is None or 0 <= t - update.rates.first < update.rates.n:
                continue
            self._tables[number] = table = np.ascontiguousarray(schedule.rates(t, update.block), np.float64)
            if not table.shape[0]:
                raise ValueError(f"{type(schedule).__name__}: rates({t}, {update.block}) returned nothing")
            update.rates.values, update.rates.first, update.rates.n = &table[0], t, table.shape[0]
            update.block = min(4 * update.block, LAST_BLOCK)
        return 0

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

    def accumulators(self):
        """A copy of every task's accumulators."""
        cdef ptrdiff_t i
        cdef double[::1] out = np.zeros(self.base.n_acc)
        for i in range(self.base.n_acc):
            out[i] = self.base.acc[i]
        return np.asarray(out)

    def set_accumulators(self, double[::1] values):
        """Sets them; sums over the tasks, as of `read_sums`, count as those of the first task."""
        cdef ptrdiff_t i, j, start = 0
        cdef const Sum *s
        if values.shape[0] not in (self.base.n_acc, self.n_out):
            raise ValueError(f"expected {self.base.n_acc} accumulators. Received: {values.shape[0]}")
        self.clear_sums()
        if values.shape[0] == self.base.n_acc:
            for i in range(self.base.n_acc):
                self.base.acc[i] = values[i]
            return
        for i in range(self.base.n_sums):
            s = &self.base.sums[i]
            for j in range(s.n_acc):
                s.acc[j] = values[start + j]
            start += s.n_acc

    def clear_sums(self):
        memset(self.base.acc, 0, self.base.n_acc * sizeof(double))


cdef int64_t *steps_of(object optimizer) except NULL:
    return <int64_t *>np.PyArray_DATA(<np.ndarray?>optimizer._iteration.value)


cdef void free_phase(Phase *phase) noexcept:
    cdef ptrdiff_t g
    if phase.groups != NULL:
        for g in range(phase.n_groups):
            free(phase.groups[g].ops)
            free(phase.groups[g].whole)
    free(phase.groups)
    free(phase.tasks)


cdef void prepare(Pass *p) noexcept nogil:
    """The optimizers' scalars of the step at hand."""
    cdef double[8] h
    cdef int i, number
    cdef Update *u
    for number in range(p.n_updates):
        u = &p.updates[number]
        if u.scalars == NULL or u.steady:
            continue
        if u.rates.values != NULL:
            u.hyper[0] = u.rates.values[p.step.t - u.rates.first]
        u.steady = optimizers.prepare(u.kind, u.hyper, p.step.t // u.every, u.state, h) and u.rates.values == NULL
        for i in range(8):
            if p.float64:
                (<double *>u.scalars)[i] = h[i]
            else:
                (<float *>u.scalars)[i] = <float>h[i]


cdef bint knows_rates(const Pass *p) noexcept nogil:
    """Whether the learning rates of the step at hand are in the tables."""
    cdef int number
    cdef const Rates *rates
    for number in range(p.n_updates):
        rates = &p.updates[number].rates
        if rates.values != NULL and p.step.t >= rates.first + rates.n:
            return False
    return True


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
