"""From a graph to something that runs: with `arguments.py`, all that knows the plan and the native side.

`compile_plan` runs the passes; `Executable` gives every buffer its address and every op its
native arguments, once. What an op's numbers mean stands at the top of its module in `_core`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from fastmlp import config
from fastmlp._core import _native, blas
from fastmlp._core.call import Call
from fastmlp._core.home import address
from fastmlp._core.program import Program
from fastmlp.arguments import ARGUMENTS, NO_CODE, UPDATES, row_width
from fastmlp.graph import Tensor
from fastmlp.ops.embedding import no_such_row
from fastmlp.plan.autodiff import differentiate
from fastmlp.plan.fuse import fuse
from fastmlp.plan.ir import CHANGES_WEIGHTS, Buffer, Group, Op, Plan
from fastmlp.plan.lower import LossSpec, MetricSpec, lower
from fastmlp.plan.memory import layout
from fastmlp.plan.per_sample import add_rows
from fastmlp.plan.phases import order
from fastmlp.plan.prune import prune
from fastmlp.plan.python import PYTHON, Memory
from fastmlp.plan.schedule import LONG_STEP, PARALLEL_STEP, cut_rows, long_step, schedule
from fastmlp.plan.update import COLLECT, UpdateSpec, add_penalties, add_states, add_updates
from fastmlp.variables import ALIGNMENT, Variable, aligned_empty

_GATHERS = {name: index for index, name in enumerate(_native.GATHERS)}


def compile_plan(
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    dtype: str,
    capacity: int,
    training: bool = False,
    losses: Sequence[LossSpec] = (),
    metrics: Sequence[MetricSpec] = (),
    update: UpdateSpec | None = None,
    variables: Sequence[Variable] = (),
    fetch: bool = False,
    rows_of: Sequence[Variable] = (),
) -> Plan:
    """Compiles one step.

    Args:
        inputs: Tensors that are fed.
        outputs: Tensors that are computed.
        dtype: Element type.
        capacity: Largest batch.
        training: Whether layers behave as in training; with `update`, gradients follow.
        losses: What is minimised.
        metrics: What else is measured.
        update: The optimizer, or `None`.
        variables: Weights whose regularizers count.
        fetch: Whether outputs are copied to the user's arrays.
        rows_of: Weights of which each sample's gradient, side by side, is the plan's last output.
    """
    plan, builder = lower(
        inputs, outputs, dtype, capacity, training, losses, metrics, fetch, variables
    )
    builder.of_samples = bool(rows_of)
    if update is not None or rows_of:
        differentiate(builder)
    if rows_of:
        add_rows(builder, rows_of)
    fuse(plan)
    prune(plan)
    if losses:
        add_penalties(builder, variables)
    if update is not None:
        add_updates(builder, update)
    if update is not COLLECT:
        add_states(plan)
    order(plan)
    cut_rows(plan, most_threads(), config.gemm(), training)
    layout(plan)
    schedule(plan, training)
    return plan


def compile_long(
    inputs: Sequence[Tensor], outputs: Sequence[Tensor], dtype: str, capacity: int
) -> Plan:
    """Compiles what computes outputs of many rows.

    Its steps are longer than `capacity` where those take no more memory.
    """
    plan = compile_plan(inputs, outputs, dtype, LONG_STEP, fetch=True)
    if not plan.private:
        return compile_plan(inputs, outputs, dtype, capacity, fetch=True)
    plan.capacity = long_step(plan)
    return plan


def most_threads() -> int:
    """As many threads as there may be for a plan of now."""
    return max(config.num_threads(), os.cpu_count() or 1)


class Executable:
    """A plan with its memory, ready to run.

    Args:
        plan: Compiled.
        slots: The optimizer's state arrays of each weight.
        hyper: The optimizer's learning rate, or its schedule, and constants in its kernel's order.

    Attributes:
        in_use: Whether it is bound to data now; what a callback asks for needs another one.
    """

    def __init__(
        self,
        plan: Plan,
        slots: Mapping[Variable, Sequence[np.ndarray]] | None = None,
        hyper: tuple[Any, ...] = (),
    ) -> None:
        self.plan = plan
        self.in_use = False
        self.slots = {} if slots is None else slots
        self._arena = aligned_empty(plan.arena_bytes + 64, np.uint8)
        self._memory: dict[Buffer, np.ndarray] = {}
        self._alive: list[Any] = [self._arena, self.slots, self._memory]
        self.weights: dict[Variable, np.ndarray] = {}
        self.program = Program(len(plan.feeds), len(plan.fetches))
        self._faulty: list[Op] = []  # that may meet an index which is no row
        self.program.on_fault = partial(
            _raise_fault, self._faulty
        )  # no cycle: memory is freed at once
        self._freeze()
        self._updates: dict[int, dict[str, Any]] = {}
        for op in plan.ops():
            if op.name in CHANGES_WEIGHTS:
                self._updates.setdefault(op.attrs["part"], op.attrs)
        self.set_hyper(hyper)

    def set_hyper(self, hyper: tuple[Any, ...]) -> None:
        """New constants for the optimizer, as a learning rate that has changed.

        Args:
            hyper: Of the optimizer; a tuple of them where there are several.
        """
        for part, attrs in self._updates.items():
            own = hyper[part] if isinstance(hyper[0], tuple) else hyper
            kind = UPDATES.get(attrs["kind"], len(UPDATES))
            self.program.set_update(kind, own, self._scalars.get(part, 0), attrs["every"], part)

    def threads(self) -> int:
        """Workers that pay for this plan: 1 for a small step."""
        return config.num_threads() if self._work * self.plan.capacity >= PARALLEL_STEP else 1

    @cached_property
    def _work(self) -> int:
        """Floating-point operations of one row."""
        training = any(op.name in (*CHANGES_WEIGHTS, "accumulate") for op in self.plan.ops())
        return self.plan.work(training) // self.plan.capacity

    @cached_property
    def steps_per_check(self) -> int:
        """Steps between looks at the clock: about 50 µs of work."""
        sample = self.plan.flops + sum(feed.width for feed in self.plan.feeds)
        if any(op.name in PYTHON for op in self.plan.ops()):
            return 1
        return max(1, int(1_000_000 / max(5_000, sample * self.plan.capacity)))

    def is_current(self) -> bool:
        """Whether every weight still lies where the plan was told."""
        return all(v.value is array for v, array in self.weights.items())

    def bind(self, index: int, source: Any, first_row: int = 0) -> None:
        """Points feed number `index` at a `Source`, whose row `first_row` becomes row 0."""
        parts = [
            (
                p.address,
                p.row_stride,
                p.stride,
                p.column,
                p.width,
                _GATHERS[p.dtype_name] if p.kind is None else p.kind,
            )
            for p in source.parts
        ]
        self.program.bind_feed(index, parts, first_row, source)

    def bind_all(self, sources: Sequence[Any], first_row: int = 0) -> None:
        """Points the feeds, in order, at sources."""
        for index, source in enumerate(sources[: len(self.plan.feeds)]):
            self.bind(index, source, first_row)

    def as_call(
        self,
        inputs: list[tuple[int, ...]],
        outputs: list[tuple[int, ...]],
        least: int = 1,
        unlimited: bool = False,
    ) -> Call:
        """The plan as a function of arrays; nothing else may run it any more.

        Args:
            inputs: Shape of one row of each array that is fed.
            outputs: Shape of one row of each array that is returned.
            least: Smallest number of rows of one call.
            unlimited: Whether a call may take several steps.
        """
        plan = self.plan
        return Call(
            self.program,
            inputs,
            outputs,
            plan.dtype,
            plan.capacity,
            least,
            np.iinfo(np.intp).max if unlimited else plan.capacity,
            self._work,
            PARALLEL_STEP,
            config.num_threads,
            self.weights,
            self.steps_per_check,
        )

    def bind_output(self, index: int, array: np.ndarray) -> None:
        """Points a fetch at a C-contiguous array of the plan's type, one row for each sample."""
        self.program.bind_fetch(index, address(array), array)

    def _freeze(self) -> None:
        plan = self.plan
        self._scalars: dict[int, int] = {}
        numbers: dict[Op, int] = {}
        entries: list[tuple[Any, ...]] = []
        groups = [g for phase in plan.phases for g in phase.groups]
        groups += plan.prologue + plan.epilogue
        sizes: dict[Op, int] = {}  # of updates, where one does for several weights
        for group in groups:
            if group.whole:
                sizes |= self._join_updates([op for op in group.ops if _is_in_rows(op)])
        for group in groups:
            for op in group.ops:
                silent = op.name in NO_CODE or (op.name in PYTHON and not op.n_acc)
                if not silent and sizes.get(op) != 0:
                    numbers[op] = len(entries)
                    entries.append(self._entry(op, sizes.get(op)))
        self.sums = self._sum_offsets(groups)
        scratch = max((self._scratch_bytes(g) for g in groups), default=0)
        self.program.freeze(
            plan.dtype,
            entries,
            [[self._group(g, numbers) for g in phase.groups] for phase in plan.phases],
            [self._group(g, numbers) for g in plan.prologue],
            [self._group(g, numbers) for g in plan.epilogue],
            scratch,
            any(op.attrs.get("blas") for op in plan.ops()),
            plan.own_tasks,
            plan.private,
            plan.room // plan.private if plan.private else 0,
            plan.joined,
            self._alive,
        )
        for number, phase in enumerate(plan.phases):
            op = phase.groups[0].ops[0]
            if op.name in PYTHON:
                memory = _Memory(self, op, numbers.get(op, -1))
                self.program.set_call(number, partial(memory.run, PYTHON[op.name]))
        if any(op.attrs.get("blas") for op in plan.ops()):
            _ready_blas(config.num_threads())

    def _join_updates(self, updates: list[Op]) -> dict[Op, int]:
        """One update serves weights that lie side by side, as do their slots; so then do gradients.

        What fills up a cache line between them is updated with them; nobody reads it.

        Returns:
            Elements that each covers; 0: another one does its work.
        """
        itemsize = np.dtype(self.plan.dtype).itemsize
        arrays = {op: self._updated(op) for op in updates}
        places = {op: [address(array) for array in arrays[op]] for op in updates}
        updates = sorted(updates, key=lambda op: places[op][0])
        runs: list[list[Op]] = []
        for op in updates:
            before = runs[-1][-1] if runs else op
            steps = {b - a for a, b in zip(places[before], places[op], strict=True)}
            owners = [(a.base, b.base) for a, b in zip(arrays[before], arrays[op], strict=True)]
            if (
                before.attrs == op.attrs
                and all(a is not None and a is b for a, b in owners)
                and len(steps) == 1
                and 0 < min(steps) < arrays[before][0].nbytes + ALIGNMENT
            ):
                runs[-1].append(op)
            else:
                runs.append([op])
        sizes = dict.fromkeys(updates, 0)
        for run in runs:
            starts = [(places[op][0] - places[run[0]][0]) // itemsize for op in run]
            sizes[run[0]] = starts[-1] + arrays[run[-1]][0].size
            gradients = aligned_empty(sizes[run[0]], self.plan.dtype)
            gradients[...] = 0
            for op, start in zip(run, starts, strict=True):
                g = op.ins[1]
                assert g is not None
                self._memory[g.root()] = gradients[start : start + g.width]
        return sizes

    def _updated(self, op: Op) -> list[np.ndarray]:
        """A weight and its slots."""
        w, _, *slots, _ = op.ins
        assert w is not None and w.variable is not None
        variable = w.variable
        return [variable.value, *(self.slots[variable][s.slot] for s in slots if s is not None)]

    def _sum_offsets(self, groups: Sequence[Group]) -> dict[Op, int]:
        """Where each op's accumulators start among all of them."""
        offsets: dict[Op, int] = {}
        start = 0
        for group in groups:
            for op in group.ops:
                if op.n_acc:
                    offsets[op] = start
                    start += op.n_acc
        return offsets

    def _group(
        self, group: Group, numbers: dict[Op, int]
    ) -> tuple[list[int], int, int, int, list[int]]:
        capacity = self.plan.capacity if group.items < 0 else group.items
        codes = [numbers[op] for op in group.ops if op in numbers]
        whole = zip(group.ops, group.whole, strict=True) if group.whole else ()
        sizes = [1 if _is_in_rows(op) else items for op, items in whole if op in numbers]
        return codes, group.items, max(1, group.chunk), capacity, sizes

    def _scratch_bytes(self, group: Group) -> int:
        itemsize = np.dtype(self.plan.dtype).itemsize
        tiles = [b for op in group.ops for b in op.outs if b.kind == "scratch"]
        largest = max((row_width(b) for b in tiles), default=0) * group.chunk * itemsize
        for op in group.ops:
            largest = max(largest, op.scratch * itemsize)
            if op.name == "dropout_noise_fwd":
                decisions = math.prod(op.attrs["noise_shape"][1:])
                largest = max(largest, decisions * (2 * itemsize + 1))
        return largest

    def _entry(
        self, op: Op, size: int | None = None
    ) -> tuple[str, list[int], list[int], list[float], int]:
        """Arguments of an op; of an update with a size that of so many elements, as one row."""
        buffers, sizes, scalars = ARGUMENTS[op.name](op)
        if size is not None:
            sizes[1:3] = [size, size]
        pointers = [0 if b is None else self._address(b) for b in buffers]
        if op.name == "gather":
            pointers.append(self.program.feed_address(op.attrs["feed"]))
        elif op.name == "store":
            pointers.insert(0, self.program.fetch_address(op.attrs["index"]))
        elif op.name == "embed":
            pointers.append(self.program.fault_address())
            sizes = [*sizes, len(self._faulty)]
            self._faulty.append(op)
        return op.name, pointers, [int(s) for s in sizes], [float(s) for s in scalars], op.n_acc

    def _constant(self, array: np.ndarray) -> int:
        self._alive.append(array)
        return address(array)

    def _address(self, buffer: Buffer | np.ndarray) -> int:
        if isinstance(buffer, np.ndarray):
            return self._constant(buffer)
        buffer = buffer.root()
        variable = buffer.variable
        if buffer.data is not None:
            return self._constant(np.ascontiguousarray(buffer.data, self.plan.dtype))
        if buffer.kind in ("value", "mask", "batch", "panels"):
            return address(self._arena) + buffer.offset
        if buffer.kind == "weight" and variable is not None:
            self.weights[variable] = variable.value
            return address(variable.value)
        if buffer.kind == "slot" and variable is not None:
            return address(self.slots[variable][buffer.slot])
        if buffer.kind == "scratch":
            return 0
        if buffer not in self._memory:
            dtype = np.float64 if buffer.kind == "cell" else self.plan.dtype
            self._memory[buffer] = aligned_empty(buffer.width, dtype)
            self._memory[buffer][...] = 0
        place = address(self._memory[buffer])
        if buffer.name == "step scalars":
            self._scalars[buffer.slot] = place
        return place


def _is_in_rows(op: Op) -> bool:
    """Whether it updates a weight as the user sees it, not one in the micro-kernel's panels."""
    return op.name == "update" and not op.attrs["panels"]


class _Memory:
    """The buffers of an executable, for one op that is Python code."""

    def __init__(self, executable: Executable, op: Op, number: int) -> None:
        self._arena, self._dtype = executable._arena, executable.plan.dtype
        self._op = op
        self._sums = executable.program.op_accumulators(number) if number >= 0 else np.empty(0)
        self._m = 0
        for buffer in (*op.outs, *op.ins):
            if buffer is not None:
                executable._address(buffer)  # a weight it reads counts among those of the plan
        self._weights = executable.weights

    def run(self, code: Callable[[Op, Memory], Any], m: int) -> None:
        self._m = m
        code(self._op, self)

    def read(self, buffer: Buffer) -> np.ndarray:
        return self._view(buffer).copy()

    def write(self, buffer: Buffer, value: np.ndarray) -> None:
        self._view(buffer)[...] = value

    def sums_of(self, op: Op) -> np.ndarray:
        return self._sums

    def _view(self, buffer: Buffer) -> np.ndarray:
        root = buffer.root()
        shape = (self._m, *buffer.shape) if buffer.per_sample else buffer.shape
        if root.data is not None:
            return root.data.astype(self._dtype).reshape(shape)
        if root.kind == "weight" and root.variable is not None:
            return self._weights[root.variable].reshape(shape)
        return np.ndarray(shape, self._dtype, self._arena.data, root.offset)


@cache
def _ready_blas(threads: int) -> None:
    """Loads BLAS, and makes it allocate what these threads need now: later it may not fail."""
    blas.load()
    blas.warm_up(threads)


def _raise_fault(faulty: Sequence[Op], number: int, value: float, row: int) -> None:
    raise no_such_row(faulty[number], value, row)
