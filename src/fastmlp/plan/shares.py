"""Part of pass 8: of a network with few weights, each task of the row phase adds up its own samples.

    dw = Σ over tasks (x of the task's samples)ᵀ · (dy of its samples)

The factors are then in the cache of the core that has just made them; what cores exchange are the
tasks' shares of dw, and they are as small as the weights. The parameter phase sums them, in the
order of the tasks. Where weights are many for the rows that are multiplied, shares would be the larger
traffic: there a task of the parameter phase computes a tile of dw over all samples.
"""

from __future__ import annotations

import math

from fastmlp.plan.ir import Buffer, Op, Plan

# Weights up to which shares pay: steps with 5,000 of them took 4 to 10 % less on one core and 12 to 20 %
# less on two, with 19,000 4 and 15 % less, with 28,000 to 45,000 as long. Where a sample has several
# rows, as an lstm has steps, the more: with 25,000 and 50 steps 6 and 14 % less, with 360,000 and 10 as long.
_MOST_WEIGHTS = 20_000
# Elements for each row of a sample up to which a gradient's share pays whatever the others do: with those of
# a bias and of a kernel of one input a step of 1-300-1, an lstm of 10 steps, took 2 to 3 % less. Without
# several rows a sample, as dense layers have it, it made no difference.
_FEW = 1_000
_LINE = 16  # elements: shares begin on cache lines of their own


def pay(plan: Plan) -> bool:
    """Whether the plan's gradients are to be computed as shares of tasks."""
    weights = 0.0
    for variable, ops in plan.parameters.items():
        weights += math.prod(variable.shape) / max(op.attrs.get("rep", 1) for op in ops)
    return 0 < weights <= _MOST_WEIGHTS


def add_shares(plan: Plan, chunk: int, of_all: bool) -> None:
    """Moves products of gradients into the row phase.

    Args:
        chunk: Samples of one of its tasks.
        of_all: Whether those of all weights, or only of few weights for their rows.
    """
    tasks = -(-plan.capacity // chunk)
    makers = {out.root(): index for index, op in enumerate(plan.rows) for out in op.outs}
    added: list[tuple[int, Op]] = []
    for ops in (ops for stage in plan.stages for _, ops in stage):
        for index, op in enumerate(ops):
            if op.name not in ("grad_matmul", "grad_bias") or not (of_all or _is_small(op)):
                continue
            # Behind both factors: of a recurrent kernel the left one is made last.
            made = [makers[x.root()] for x in op.ins if x is not None and x.root() in makers]
            if any(plan.rows[maker].batch for maker in made):
                continue
            at = max(made)
            g = op.outs[0]
            stride = -(-g.width // _LINE) * _LINE
            shares = Buffer("shares", (tasks, stride), f"shares of {g.name}")
            name = op.name.replace("grad", "share")
            added.append((at, Op(name, [shares], op.ins, {**op.attrs, "stride": stride}, op.label)))
            attrs = {"stride": stride, "chunk": chunk, "accumulate": op.attrs["accumulate"]}
            ops[index] = Op("grad_shares", [g], [shares], attrs, op.label)
    for at, op in sorted(added, key=lambda entry: entry[0], reverse=True):
        plan.rows.insert(at + 1, op)


def _is_small(op: Op) -> bool:
    rep: int = op.attrs["rep"]
    return rep > 1 and op.outs[0].width <= _FEW * rep
