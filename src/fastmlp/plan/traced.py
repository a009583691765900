"""An optimizer's own `update_step`, traced: what it assigns becomes ops on whole weights.

It is called once for each weight, with tensors in place of numbers. Reading a variable gives what it
was last assigned; memory changes only when all is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import graph
from fastmlp._record import Record
from fastmlp.graph import Tensor
from fastmlp.ops import spec as operands
from fastmlp.plan.ir import Buffer, Builder, Op, Stage
from fastmlp.plan.lower import Lowering
from fastmlp.variables import Variable, recording

if TYPE_CHECKING:
    from fastmlp.plan.update import UpdateSpec

_RATE, _UPDATES = 7, 0  # places among the step's scalars


class _Trace(Record):
    """The ops of one weight's update, and the variables they read and assign."""

    variable: Variable
    ops: list[Op]
    touched: set[Variable]
    assigned: set[Variable]


def traced_updates(
    b: Builder, gradients: list[tuple[Variable, Buffer]], scalars: Buffer, spec: UpdateSpec
) -> Stage:
    """The stage of updates: a task for each weight; one for all, if they share what they assign."""
    places = {variable: place for place, variable in enumerate(spec.variables)}
    gradients = sorted(gradients, key=lambda pair: places.get(pair[0], 0))
    traces = [_trace(b, variable, g, scalars, spec) for variable, g in gradients]
    for i, one in enumerate(traces):
        for other in traces[i + 1 :]:
            if one.assigned & other.touched or other.assigned & one.touched:
                return [(traces[0].variable, [op for trace in traces for op in trace.ops])]
    return [(trace.variable, trace.ops) for trace in traces]


def _trace(b: Builder, variable: Variable, g: Buffer, scalars: Buffer, spec: UpdateSpec) -> _Trace:
    assert spec.step is not None
    rows, b.plan.rows = b.plan.rows, []
    assigned: dict[Variable, Any] = {}
    token = recording.set(assigned)
    try:
        values = Lowering(b, training=True)
        b.label = variable.path
        gradient = graph.input_tensor(variable.shape, b.plan.dtype, "gradient")
        rate, updates = (_scalar(values, scalars, n, spec) for n in (_RATE, _UPDATES))
        values.values[gradient] = g
        with graph.layer_scope(f"update_step of '{variable.path}'"):
            spec.step(gradient, variable, rate, updates)
            tensors = [_tensor(target, value) for target, value in assigned.items()]
        results = [_apart(b, x) for x in values(tensors)]
        ops = b.plan.rows
    except TypeError as error:
        error.add_note(
            "An optimizer's update_step is traced once: write it with fastmlp.ops, and keep what it "
            "remembers in variables of add_variable."
        )
        raise
    finally:
        recording.reset(token)
        b.plan.rows = rows
    for target, x in zip(assigned, results, strict=True):
        attrs = {"kind": spec.kind, "every": spec.every, "part": spec.part}
        ops.append(Op("assign", [], [b.weight(target), x], attrs, variable.path))
    found = {x.variable for op in ops for x in op.ins if x is not None and x.kind == "weight"}
    touched = {v for v in found if v is not None}
    return _Trace(variable, ops, touched, set(assigned))


def _scalar(values: Lowering, scalars: Buffer, number: int, spec: UpdateSpec) -> Tensor:
    """One of the step's scalars as a tensor."""
    tensor = graph.input_tensor((), values.b.plan.dtype, "learning rate")
    values.values[tensor] = y = values.b.batch(())
    values.b.emit("scalar", [y], [scalars], number=number, every=spec.every, part=spec.part)
    return tensor


def _tensor(target: Variable, value: Any) -> Tensor:
    if isinstance(value, Variable):  # as it was when it was read
        return graph.memory_tensor(value)
    return operands.operands("assign", graph.weight_tensor(target), value)[1]


def _apart(b: Builder, x: Buffer) -> Buffer:
    """A result that no assignment changes before it is read."""
    if x.root().kind != "weight":
        return x
    y = b.batch(x.shape)
    b.emit("map", [y], [x], kind="copy")
    return y
