"""The table of `model.plan_summary()`: what a step is made of, and what each op costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph
from fastmlp.arguments import NO_CODE
from fastmlp.eager import EagerExecutable
from fastmlp.errors import check_int
from fastmlp.plan.ir import Buffer, Op
from fastmlp.plan.python import PYTHON
from fastmlp.runtime import Executable
from fastmlp.training.rows import Rows, target_sources
from fastmlp.training.source import as_source
from fastmlp.training.structure import pack

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer

_HEAD = ("phase", "op", "of", "result", "by", "MFLOP", "KB")
_WIDEST = 38  # characters of a name


def plan_summary(
    model: Trainer, batch_size: int | None = None, print_fn: Callable[[str], Any] | None = None
) -> None:
    """Prints the plan of a training step; see `Model.plan_summary`."""
    executable = _executable(model, batch_size)
    plan = executable.plan
    rows: list[tuple[str, ...]] = [_HEAD]
    for number, phase in enumerate(plan.phases):
        start = str(number + 1)
        for group in phase.groups:
            for op in group.ops:
                if op.name not in NO_CODE:
                    rows.append((start, *_row(op, plan.capacity, plan.dtype)))
                    start = ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [f"Plan of a training step of '{model.name}', {plan.capacity} samples, {plan.dtype}"]
    lines += ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    lines.insert(2, "-" * max(map(len, lines)))
    lines += _totals(executable)
    text = "\n".join(lines)
    (print if print_fn is None else print_fn)(text)


def _executable(model: Trainer, batch_size: int | None) -> Executable:
    """The plan that `fit` used last, or one made for batches of this size."""
    if batch_size is None:
        kept = [e for key, e in list(model._executables.items()) if key[0] == "train"]
        if kept:
            return kept[-1]
    batch_size = model._batch_size(batch_size)
    m = 32 if batch_size is None else check_int("plan_summary", "batch_size", batch_size, 1)
    model._require_compiled("plan_summary")
    sized = model._sized
    if not sized.outputs:
        raise RuntimeError(
            f"plan_summary: '{model.name}' does not know the sizes of its input. "
            "Hint: begin with Input((features,)), or call fit first"
        )
    sized = model._with_batch(sized, m)
    objective = model._objective()
    inputs = tuple(
        as_source(np.zeros((m, *(int(d or 0) for d in t.shape[1:]))), "x")
        for t in sized.boundary.feeds
    )
    targets: list[Any] = [None] * len(sized.outputs)
    for i in objective.used:
        out = tuple(int(d or 0) for d in sized.outputs[i].shape[1:])
        loss = objective.loss(i, out, sized.outputs[i].shape)
        sparse = loss is not None and loss.sparse
        targets[i] = np.zeros((m, *out[:-1]) if sparse else (m, *out))
    slots = model._output_slots()
    y = target_sources(pack(slots.structure, targets), slots, objective.used, m)
    with graph.batch_of(sized.samples):
        return model._compile("train", objective, Rows(sized, inputs, y, (None,) * len(y)), m)


def _row(op: Op, capacity: int, dtype: str) -> tuple[str, ...]:
    by = "Python" if op.name in PYTHON else "BLAS" if op.attrs.get("blas") else "kernel"
    kind = op.attrs.get("kind")
    name = f"{op.name} {kind}" if isinstance(kind, str) else op.name
    result = next((b for b in op.outs if b.kind in ("value", "batch", "mask")), None)
    shape = "" if result is None else _shape(result)
    itemsize = np.dtype(dtype).itemsize
    moved = sum(_elements(b, capacity) for b in {*op.outs, *op.ins} if b is not None) * itemsize
    flops = _flops(op, capacity) / 1e6
    return name, _short(_owner(op)), shape, by, f"{flops:.3g}", f"{moved / 1024:.3g}"


def _owner(op: Op) -> str:
    """The layer, weight, loss or function that an op is of."""
    code = op.attrs.get("call")
    return op.label if code is None else str(code.where)


def _shape(buffer: Buffer) -> str:
    sizes = [*(["batch"] if buffer.per_sample else []), *map(str, buffer.shape)]
    return f"({', '.join(sizes)})"


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"


def _elements(buffer: Buffer, capacity: int) -> int:
    return buffer.width * (capacity if buffer.per_sample else 1)


def _flops(op: Op, capacity: int) -> int:
    """Floating-point operations: of products exactly, else one for each element."""
    attrs = op.attrs
    if "flops" in attrs:
        return capacity * int(attrs["flops"])
    if {"rep", "k", "n"} <= attrs.keys():
        return 2 * capacity * int(attrs["rep"] * attrs["k"] * attrs["n"])
    if {"stack", "m", "n", "k"} <= attrs.keys():
        per_sample = capacity if op.per_sample else 1
        return 2 * per_sample * int(attrs["stack"] * attrs["m"] * attrs["n"] * attrs["k"])
    buffers = [b for b in (op.outs or op.ins) if b is not None]
    return max((_elements(b, capacity) for b in buffers), default=0)


def _aligned(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.rjust(width) if index >= len(row) - 2 else cell.ljust(width)


def _totals(executable: Executable) -> list[str]:
    plan = executable.plan
    weights = {
        b.variable for op in plan.ops() for b in op.ins if b is not None and b.variable is not None
    }
    itemsize = np.dtype(plan.dtype).itemsize
    parameters = sum(math.prod(v.shape) for v in weights) * itemsize
    state = sum(a.nbytes for arrays in executable.slots.values() for a in arrays)
    lines = [
        f"{len(plan.phases)} phases a step. Memory: weights {_size(parameters)}, optimizer "
        f"{_size(state)}, activations and gradients {_size(plan.arena_bytes)}."
    ]
    code = [op for phase in plan.phases for g in phase.groups for op in g.ops if op.name in PYTHON]
    if not code:
        return lines
    if isinstance(executable, EagerExecutable):
        return [*lines, "run_eagerly: NumPy interprets every op."]
    total, each = executable.program.times()
    lines.append(f"Python code is {len(code)} of these phases.")
    for op, seconds in zip(code, each, strict=True):
        if total:
            share = 100 * seconds / total
            lines.append(f"  {op.name} of {_owner(op)}: {share:.0f} % of the time in fit so far")
    return lines


def _size(n: int) -> str:
    return f"{n / 1024:.1f} KB" if n < 1024 * 1024 else f"{n / 1024 / 1024:.1f} MB"
