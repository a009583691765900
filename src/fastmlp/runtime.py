"""From a graph to something that runs: the only file that knows the plan and the native side.

`compile_plan` runs the passes; `Executable` gives every buffer its address and every op its
native arguments, once. What an op's numbers mean stands at the top of its module in `_core`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from fastmlp import config
from fastmlp._core import _native, blas, losses
from fastmlp._core.constraints import KINDS as CONSTRAINTS
from fastmlp._core.plan import Run
from fastmlp._core.program import Program
from fastmlp.graph import Tensor
from fastmlp.plan.autodiff import differentiate
from fastmlp.plan.fuse import fuse
from fastmlp.plan.ir import Buffer, Group, Op, Plan
from fastmlp.plan.lower import LossSpec, MetricSpec, lower
from fastmlp.plan.memory import layout
from fastmlp.plan.schedule import PARALLEL_STEP, schedule
from fastmlp.plan.update import UpdateSpec, add_penalties, add_updates
from fastmlp.variables import Variable, aligned_empty

_ACTIVATIONS = {name: index for index, name in enumerate(_native.ACTIVATIONS)}
_UPDATES = {name: index for index, name in enumerate(_native.UPDATES)}
_GATHERS = {name: index for index, name in enumerate(_native.GATHERS)}
_ROWS = {name: index for index, name in enumerate(losses.ROWS)}
_RANDOM_BITS = 16  # of one element's decision in dropout

# Ops that only rename a buffer.
_NO_CODE = {"reshape", "activity_penalty"}


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
    """
    plan, builder = lower(inputs, outputs, dtype, capacity, training, losses, metrics, fetch)
    if update is not None:
        differentiate(builder)
    fuse(plan)
    if losses:
        add_penalties(builder, variables)
    if update is not None:
        add_updates(builder, update)
    layout(plan)
    schedule(plan, config.gemm(), training)
    return plan


class Executable:
    """A plan with its memory, ready to run.

    Args:
        plan: Compiled.
        slots: The optimizer's state arrays of each weight.
        hyper: The optimizer's constants, in its kernel's order.
    """

    def __init__(
        self,
        plan: Plan,
        slots: Mapping[Variable, Sequence[np.ndarray]] | None = None,
        hyper: tuple[float, ...] = (),
    ) -> None:
        self.plan = plan
        self._slots = slots or {}
        self._arena = aligned_empty(plan.arena_bytes + 64, np.uint8)
        self._memory: dict[Buffer | Variable, np.ndarray] = {}
        self._alive: list[Any] = [self._arena, self._slots, self._memory]
        self.weights: dict[Variable, np.ndarray] = {}
        self.program = Program(len(plan.feeds), len(plan.fetches))
        self._freeze()
        self._kind = next((op.attrs["kind"] for op in plan.ops() if op.name == "update"), None)
        self.set_hyper(hyper)

    def set_hyper(self, hyper: tuple[float, ...]) -> None:
        """New constants for the optimizer, as a learning rate that has changed."""
        if self._kind is not None:
            self.program.set_update(_UPDATES[self._kind], hyper, self._scalars)

    def threads(self) -> int:
        """Workers that pay for this plan: 1 for a small step."""
        training = any(op.name == "update" for op in self.plan.ops())
        flops = self.plan.flops * self.plan.capacity * (3 if training else 1)
        return config.num_threads() if flops >= PARALLEL_STEP else 1

    def steps_per_check(self) -> int:
        """Steps between looks at the clock: about 50 µs of work."""
        sample = self.plan.flops + sum(feed.width for feed in self.plan.feeds)
        return max(1, int(1_000_000 / max(5_000, sample * self.plan.capacity)))

    def is_current(self) -> bool:
        """Whether every weight still lies where the plan was told."""
        return all(v.value is array for v, array in self.weights.items())

    def bind(self, index: int, source: Any, first_row: int = 0) -> None:
        """Points feed number `index` at a `Source`, whose row `first_row` becomes row 0."""
        parts = [
            (p.address, p.row_stride, p.stride, p.column, p.width, _GATHERS[p.dtype_name])
            for p in source.parts
        ]
        self.program.bind_feed(index, parts, first_row, source)

    def bind_all(self, sources: Sequence[Any], first_row: int = 0) -> None:
        """Points the feeds, in order, at sources."""
        for index, source in enumerate(sources[: len(self.plan.feeds)]):
            self.bind(index, source, first_row)

    def bind_array(self, index: int, array: np.ndarray) -> None:
        """Points a feed at a C-contiguous array of the plan's type, one row for each sample."""
        itemsize = array.itemsize
        width = self.plan.feeds[index].width
        part = (array.ctypes.data, width * itemsize, itemsize, 0, width, _GATHERS[self.plan.dtype])
        self.program.bind_feed(index, [part], 0, array)

    def run_once(self, m: int, seed: int = 0) -> None:
        """Runs one step on the first `m` rows of what is bound."""
        threads = self.threads()
        run = Run(self.program, m, m, seed=seed, threads=threads)
        run.go(steps=1)
        self.program.release()

    def bind_output(self, index: int, array: np.ndarray) -> None:
        """Points a fetch at a C-contiguous array of the plan's type, one row for each sample."""
        self.program.bind_fetch(index, array.ctypes.data, array)

    def _freeze(self) -> None:
        plan = self.plan
        self._scalars = 0
        numbers: dict[Op, int] = {}
        entries: list[tuple[Any, ...]] = []
        groups = [g for phase in plan.phases for g in phase.groups] + plan.prologue
        for group in groups:
            for op in group.ops:
                if op.name not in _NO_CODE:
                    numbers[op] = len(entries)
                    entries.append(self._entry(op))
        self.sums = self._sum_offsets(groups)
        scratch = max((self._scratch_bytes(g) for g in groups), default=0)
        self.program.freeze(
            plan.dtype,
            entries,
            [[self._group(g, numbers) for g in phase.groups] for phase in plan.phases],
            [self._group(g, numbers) for g in plan.prologue],
            scratch,
            any(op.attrs.get("blas") for op in plan.ops()),
            self._alive,
        )
        if any(op.attrs.get("blas") for op in plan.ops()):
            _ready_blas(config.num_threads())

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

    def _group(self, group: Group, numbers: dict[Op, int]) -> tuple[list[int], int, int, int]:
        capacity = self.plan.capacity if group.items < 0 else group.items
        codes = [numbers[op] for op in group.ops if op in numbers]
        return codes, group.items, max(1, group.chunk), capacity

    def _scratch_bytes(self, group: Group) -> int:
        itemsize = np.dtype(self.plan.dtype).itemsize
        tiles = [b for op in group.ops for b in op.outs if b.kind == "scratch"]
        largest = max((_row_width(b) for b in tiles), default=0) * group.chunk * itemsize
        for op in group.ops:
            if op.name == "dropout_noise_fwd":
                decisions = math.prod(op.attrs["noise_shape"][1:])
                largest = max(largest, decisions * (2 * itemsize + 1))
        return largest

    def _entry(self, op: Op) -> tuple[str, list[int], list[int], list[float], int]:
        buffers, sizes, scalars = _ARGUMENTS[op.name](op)
        pointers = [0 if b is None else self._address(b) for b in buffers]
        if op.name == "gather":
            pointers.append(self.program.feed_address(op.attrs["feed"]))
        elif op.name == "store":
            pointers.insert(0, self.program.fetch_address(op.attrs["index"]))
        elif op.name == "metric_confusion":
            pointers.append(self._constant(np.array(op.attrs["thresholds"], np.float64)))
        elif op.name == "dropout_noise_fwd":
            pointers.append(self._constant(_noise_map(op)))
        return op.name, pointers, [int(s) for s in sizes], [float(s) for s in scalars], op.n_acc

    def _constant(self, array: np.ndarray) -> int:
        self._alive.append(array)
        return array.ctypes.data

    def _address(self, buffer: Buffer) -> int:
        buffer = buffer.root()
        variable = buffer.variable
        if buffer.kind in ("value", "mask"):
            return self._arena.ctypes.data + buffer.offset
        if buffer.kind == "weight" and variable is not None:
            self.weights[variable] = variable.value
            return variable.value.ctypes.data
        if buffer.kind == "slot" and variable is not None:
            return self._slots[variable][buffer.slot].ctypes.data
        if buffer.kind == "scratch":
            return 0
        key = variable if buffer.kind == "transposed" and variable is not None else buffer
        if key not in self._memory:
            dtype = np.float64 if buffer.kind == "cell" else self.plan.dtype
            self._memory[key] = aligned_empty(buffer.width, dtype)
            self._memory[key][...] = 0
        address = self._memory[key].ctypes.data
        if buffer.name == "step scalars":
            self._scalars = address
        return address


@cache
def _ready_blas(threads: int) -> None:
    """Loads BLAS, and makes it allocate what these threads need now: later it may not fail."""
    blas.load()
    blas.warm_up(threads)


def _row_width(buffer: Buffer) -> int:
    return buffer.width // buffer.shape[0] if buffer.shape else 1


def _g_stride(g: Buffer) -> int:
    return 0 if g.kind == "scratch" else _row_width(g)


def _g_sizes(g: Buffer) -> list[int]:
    return [_row_width(g), _g_stride(g)]


def _padded_slots(op: Op) -> list[Buffer | None]:
    w, g, *slots, scalars = op.ins
    return [w, g, *slots, *[None] * (3 - len(slots)), scalars]


def _constraint_arguments(op: Op) -> tuple[list[Buffer | None], list[int], list[float]]:
    w = op.ins[0]
    assert w is not None
    constraint = op.attrs["constraint"]
    return (
        [w],
        [CONSTRAINTS.index(constraint.kind), *constraint.blocks(w.shape)],
        list(constraint.params),
    )


def _width(op: Op) -> int:
    buffer = op.outs[0] if op.outs else op.ins[0]
    assert buffer is not None
    return buffer.width


_Arguments = tuple[list[Buffer | None], list[int], list[float]]


def _simple(sizes: Callable[[Op], list[int]], *scalars: str) -> Callable[[Op], _Arguments]:
    """Outputs, inputs; sizes as told; the named attributes as scalars."""
    return lambda op: ([*op.outs, *op.ins], sizes(op), [op.attrs[s] for s in scalars])


def _attrs(*names: str) -> Callable[[Op], list[int]]:
    return lambda op: [op.attrs[name] for name in names]


def _activation(op: Op) -> _Arguments:
    sizes = [_ACTIVATIONS[op.attrs["kind"]], _width(op)]
    return [*op.outs, *op.ins], sizes, list(op.attrs["params"])


def _rows_sizes(op: Op) -> list[int]:
    return [_ROWS[op.attrs["kind"]], op.attrs["rep"], op.attrs["n"], op.attrs["tn"]]


def _loss(op: Op) -> _Arguments:
    dp = op.outs[0] if op.outs else None
    scalars = [op.attrs["factor"], *op.attrs["params"]]
    return [dp, *op.ins], [*_rows_sizes(op), op.attrs["mean"]], scalars


def _dropout(op: Op) -> _Arguments:
    rate = op.attrs["rate"]
    scale = 1.0 / (1.0 - rate) if rate < 1 else 0.0
    sizes = [_width(op)]
    if op.name != "dropout_bwd":
        sizes += [op.attrs["stream"], round(rate * 2**_RANDOM_BITS)]
    if op.name == "dropout_noise_fwd":
        noise = op.attrs["noise_shape"]
        sizes += [math.prod(noise[1:]), noise[0] is not None]
    return [*op.outs, *op.ins], sizes, [scale]


def _noise_map(op: Op) -> np.ndarray:
    """Which decision of its sample each element follows."""
    noise = op.attrs["noise_shape"][1:]
    decisions = np.arange(math.prod(noise), dtype=np.int32).reshape(noise)
    return np.ascontiguousarray(np.broadcast_to(decisions, op.outs[0].shape))


def _grad_sizes(op: Op) -> list[int]:
    names = ("rep", "k", "n") if op.name == "grad_matmul" else ("rep", "n")
    sizes = [*_attrs(*names)(op), op.attrs["accumulate"], _g_stride(op.outs[0])]
    return [*sizes, op.attrs["blas"]] if op.name == "grad_matmul" else sizes


def _dense_sizes(op: Op) -> list[int]:
    flag = op.attrs.get("transposed" if op.name == "dense_bwd" else "relu", False)
    return [*_attrs("rep", "k", "n")(op), flag, op.attrs["blas"]]


# Arguments of each native op: pointers, sizes, scalars.
_ARGUMENTS: dict[str, Callable[[Op], _Arguments]] = {
    "gather": _simple(lambda op: [_width(op)]),
    "store": _simple(lambda op: [_width(op)]),
    "affine": _simple(lambda op: [_width(op)], "scale", "offset"),
    "add": _simple(lambda op: [_width(op)]),
    "activity_loss": _simple(lambda op: [_width(op)], "l1", "l2"),
    "activity_penalty_bwd": _simple(lambda op: [_width(op)], "l1", "l2"),
    "dense_fwd": _simple(_dense_sizes),
    "dense_bwd": _simple(_dense_sizes),
    "grad_matmul": _simple(_grad_sizes),
    "grad_bias": _simple(_grad_sizes),
    "transpose": _simple(lambda op: [_row_width(op.ins[0]), op.ins[0].shape[0]]),  # type: ignore[arg-type,union-attr]
    "act_fwd": _activation,
    "act_bwd": _activation,
    "softmax_fwd": _simple(_attrs("rep", "n")),
    "softmax_bwd": _simple(_attrs("rep", "n")),
    "log_softmax_fwd": _simple(_attrs("rep", "n")),
    "log_softmax_bwd": _simple(_attrs("rep", "n")),
    "dropout_fwd": _dropout,
    "dropout_noise_fwd": _dropout,
    "dropout_bwd": _dropout,
    "loss": _loss,
    "metric_mean": lambda op: (op.ins, _rows_sizes(op), list(op.attrs["params"])),
    "metric_confusion": lambda op: (
        op.ins,
        [len(op.attrs["thresholds"]), *_attrs("rep", "n", "tn")(op)],
        [],
    ),
    "penalty_loss": _simple(lambda op: [_row_width(op.ins[0])], "l1", "l2"),  # type: ignore[arg-type]
    "penalty": _simple(lambda op: _g_sizes(op.outs[0]), "l1", "l2"),
    "clip": _simple(lambda op: _g_sizes(op.outs[0]), "limit"),
    "sumsq": _simple(lambda op: [op.ins[0].width, op.attrs["accumulate"]]),  # type: ignore[union-attr]
    "clip_factor": _simple(lambda op: [], "limit"),
    "scale": _simple(lambda op: _g_sizes(op.outs[0])),
    "decay": _simple(lambda op: [_row_width(op.ins[0])], "weight_decay"),  # type: ignore[arg-type]
    "update": lambda op: (
        _padded_slots(op),
        [_UPDATES[op.attrs["kind"]], *_g_sizes(op.ins[1])],  # type: ignore[arg-type]
        [],
    ),
    "constrain": _constraint_arguments,
}
