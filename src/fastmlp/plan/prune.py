"""Pass 4: what nobody reads is not computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fastmlp.plan.ir import Buffer, Op, Plan

_EFFECTS = {"gather", "store", "average"}


def prune(plan: Plan) -> None:
    """Drops ops whose outputs are neither read, stored nor added up as a term of the plan."""
    read = {x for op in plan.later() for x in op.ins if x is not None}
    plan.rows = needed(plan.rows, {term.op for term in plan.terms}, read)


def needed(ops: Iterable[Op], wanted: Collection[Op], read: Iterable[Buffer] = ()) -> list[Op]:
    """The ops that are wanted or have effects, and those that their inputs come from, in order.

    Args:
        ops: In order.
        wanted: Ops to keep.
        read: Buffers that something else reads.
    """
    buffers = set(read)
    kept = []
    for op in reversed(list(ops)):
        if op.name in _EFFECTS or op in wanted or any(y in buffers for y in op.outs):
            buffers.update(x for x in op.ins if x is not None)
            kept.append(op)
    return kept[::-1]
