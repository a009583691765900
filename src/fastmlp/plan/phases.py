"""Pass 6: row ops and batch ops are put in an order that takes as few phases as it can.

A row op works on its samples alone, a batch op on all of them: between the two everybody waits. An
op's level counts the changes from one to the other on the way to it; ops of one level need not wait
for each other.

    level   -1      0      1       2      …
    ops     batch   rows   batch   rows   …       -1: batch ops of weights and constants alone
"""

from __future__ import annotations

from itertools import groupby

from fastmlp.plan.ir import Buffer, Op, Plan
from fastmlp.plan.python import PYTHON


def order(plan: Plan) -> None:
    """Sorts `plan.rows` by level; within a level ops stay in order."""
    level_of: dict[Buffer, int] = {}
    level: dict[Op, int] = {}
    for op in plan.rows:
        # Several ops may write parts of one buffer: it is known when the last of them has run.
        around = (*op.ins, *op.outs)
        before = max((level_of.get(b, -1) for b in around if b is not None), default=-1)
        renames = bool(op.outs) and op.outs[0].alias is not None
        if not renames and (before % 2 == 0) == op.batch:
            before += 1  # an odd level for a batch op, an even one for a row op
        level[op] = before
        level_of.update(dict.fromkeys(op.outs, before))
    plan.rows.sort(key=level.__getitem__)


def cut(ops: list[Op]) -> list[list[Op]]:
    """Neighbours that run in one phase: row ops, batch ops over samples, or those over none.

    Python code is alone.
    """
    return [list(run) for _, run in groupby(ops, key=_kind)]


def _kind(op: Op) -> object:
    return op if op.name in PYTHON else (op.batch, op.per_sample)
