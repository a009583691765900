"""Pass 4: what nobody reads is not computed."""

from __future__ import annotations

from fastmlp.plan.ir import Buffer, Plan

_EFFECTS = {"gather", "store"}


def prune(plan: Plan) -> None:
    """Drops ops whose outputs are neither read, stored nor added up as a term of the plan."""
    terms = {term.op for term in plan.terms}
    needed: set[Buffer] = set()
    for ops in plan.parameters.values():
        needed.update(x for op in ops for x in op.ins if x is not None)
    kept = []
    for op in reversed(plan.rows):
        if op.name in _EFFECTS or op in terms or any(y in needed for y in op.outs):
            needed.update(x for x in op.ins if x is not None)
            kept.append(op)
    plan.rows = kept[::-1]
