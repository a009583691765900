"""Pass 7: every buffer of a step gets its place in one arena, fixed before anything runs.

An op writes in place where it may: its input is not needed again and its kernel allows it. Apart
from that two buffers share memory only if their rows are equally wide: then a worker that is far
ahead in its chunk writes rows that belong to its own chunk, never to another worker's.
"""

from __future__ import annotations

import numpy as np

from fastmlp.plan.ir import Buffer, Op, Plan
from fastmlp.variables import ALIGNMENT

# Ops with an output that may be one of their inputs: its number, and of the inputs the first that may
# be and the one behind the last. The first of them that nobody needs again is taken.
_IN_PLACE: dict[str, tuple[int, int, int | None]] = {
    **dict.fromkeys(("act_fwd", "dropout_fwd", "dropout_noise_fwd", "dropout_bwd"), (0, 0, 1)),
    "affine": (0, 0, 1),
    # These read more than their first input; only that is overwritten.
    **dict.fromkeys(("act_bwd", "activity_penalty_bwd"), (0, 0, 1)),
    **dict.fromkeys(("add", "map"), (0, 0, None)),
    "dense_bwd": (0, 2, 3),  # over what relu made, if it reads that
    "rnn_fwd": (1, 0, 1),  # gates over products, of an lstm
    "rnn_bwd": (0, 2, 3),  # gradients over gates
}


UNCUT = 256  # products of longer rows are cut, and partial sums would take the place of what is read last


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
    number, first, end = _IN_PLACE[op.name]
    if number >= len(op.outs) or op.outs[number].alias is not None:
        return
    if op.name == "dense_bwd" and (op.attrs["n"] > UNCUT or "turned" in op.attrs):
        return
    y = op.outs[number]
    for x in op.ins[first:end]:
        if x is None or x.root().kind != y.kind or x.width != y.width or last[x.root()] != index:
            continue
        if sum(other is not None and other.root() is x.root() for other in op.ins) > 1:
            continue
        last[x.root()] = max(index, last.pop(y, index))
        y.alias = x
        return


def place(plan: Plan, buffer: Buffer) -> None:
    """Gives a buffer memory of its own, behind everything placed before."""
    samples = (
        1 if buffer.kind == "batch" else (plan.room or plan.capacity) + (buffer.kind == "panels")
    )
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
