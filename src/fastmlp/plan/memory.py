"""Pass 7: every buffer of a step gets its place in one arena, fixed before anything runs.

An op writes in place where it may: its input is not needed again and its kernel allows it. Apart
from that two buffers share memory only if their rows are equally wide: then a worker that is far
ahead in its chunk writes rows that belong to its own chunk, never to another worker's.
"""

from __future__ import annotations

import numpy as np

from fastmlp.plan.ir import Buffer, Op, Plan
from fastmlp.variables import ALIGNMENT

# Ops whose first output may be one of their inputs (the first one that nobody needs again).
_IN_PLACE = {
    "act_fwd", "act_bwd", "dropout_fwd", "dropout_noise_fwd", "dropout_bwd", "affine", "add",
    "activity_penalty_bwd", "map",
}  # fmt: skip


def layout(plan: Plan) -> None:
    """Chooses in-place outputs, then offsets."""
    ops = plan.ops()
    last = _last_uses(plan, ops)
    for index, op in enumerate(ops):
        if op.name in _IN_PLACE:
            _try_in_place(op, index, last)
    _assign_offsets(plan, ops, last)


def _last_uses(plan: Plan, ops: list[Op]) -> dict[Buffer, int]:
    """Index of the last op that touches each root buffer; fetched ones are needed to the end."""
    last: dict[Buffer, int] = {}
    for index, op in enumerate(ops):
        for buffer in (*op.outs, *op.ins):
            if buffer is not None:
                last[buffer.root()] = index
    for buffer in plan.fetches:
        last[buffer.root()] = len(ops)
    return last


def _try_in_place(op: Op, index: int, last: dict[Buffer, int]) -> None:
    y = op.outs[0]
    if y.alias is not None:
        return
    # act_bwd and activity_penalty_bwd read more than their first input; only that is overwritten.
    candidates = op.ins if op.name in ("add", "map") else op.ins[:1]
    for x in candidates:
        if x is None or x.root().kind != y.kind or x.width != y.width or last[x.root()] != index:
            continue
        if sum(other is not None and other.root() is x.root() for other in op.ins) > 1:
            continue
        last[x.root()] = max(index, last.pop(y, index))
        y.alias = x
        return


def place(plan: Plan, buffer: Buffer) -> None:
    """Gives a buffer memory of its own, behind everything placed before."""
    samples = 1 if buffer.kind == "batch" else plan.capacity
    size = samples * buffer.width * (1 if buffer.kind == "mask" else np.dtype(plan.dtype).itemsize)
    buffer.offset = plan.arena_bytes
    plan.arena_bytes += -(-size // ALIGNMENT) * ALIGNMENT


def _assign_offsets(plan: Plan, ops: list[Op], last: dict[Buffer, int]) -> None:
    free: dict[tuple[str, int], list[int]] = {}  # places that may be used again, by row width
    live: list[Buffer] = []
    n_rows = len(plan.rows)
    for index, op in enumerate(ops):
        for buffer in op.outs:
            root = buffer.root()
            if root.kind not in ("value", "mask", "batch") or root.offset >= 0:
                continue
            places = free.get((root.kind, root.width), [])
            if places:
                root.offset = places.pop()
            else:
                place(plan, root)
            live.append(root)
        if index < n_rows:
            for root in [r for r in live if last[r] == index]:
                live.remove(root)
                free.setdefault((root.kind, root.width), []).append(root.offset)
