"""Part of pass 8: factors are copied into panels, in the order the micro-kernel reads them.

A product then reads its right factor from first to last and packs nothing (csrc/kernels/gemm.inc.c).
The row phase leaves gradients of activations in them, too. A weight that only products read is in panels
for as long as an execution lasts: its update changes them, and what the user sees is written at the
end (784-512-512-10 with Adam: 7 % of a step). Other weights are copied tile by tile by their update.
"""

from __future__ import annotations

from fastmlp._core import _native
from fastmlp.plan import memory
from fastmlp.plan.ir import CHANGES_WEIGHTS, Buffer, Op, Plan, Stage
from fastmlp.plan.python import PYTHON
from fastmlp.variables import Variable

_APART = 1_024  # elements between copies of two workers: no core fetches ahead into another's
# Fewer rows of a gradient's product leave a tile no time to fetch its weights: with 16 a step took 2 % longer.
_FEWEST_ROWS = 32
_AT_ONCE = ("assign", "average", "constrain", "python_constrain")  # not by tiles of rows
_CHANGES = (*CHANGES_WEIGHTS, "ema", *_AT_ONCE)


def turn_weights(plan: Plan) -> None:
    """Lets each native dense_bwd turn the copy of dense_fwd block by block, if weights are updated.

    Copies of wᵀ for all cost more, as those of small networks do (`_add_own_copies`), and of larger ones
    a core's cache does not hold its own.
    """
    updated = {op.ins[0].variable for op in plan.ops() if op.name in CHANGES_WEIGHTS and op.ins[0]}
    for op in plan.rows:
        if op.name == "dense_bwd" and not op.attrs["blas"]:
            variable = op.ins[1].variable if op.ins[1] is not None else None
            if variable is not None and variable in updated and 1 not in variable.shape:
                op.attrs["turned"] = True


def add_weight_copies(
    plan: Plan, forward: bool
) -> tuple[list[tuple[Variable, Op]], list[tuple[Variable, Op]]]:
    """Gives native products copies of their weights in panels, refreshed by each update.

    Recurrent ops and dense_bwd, of wᵀ unless it is to be turned, always read one; dense_fwd where it
    pays. A dense weight of one row or column needs none: its transpose is the same numbers in the
    same order.

    Args:
        forward: Whether a copy for dense_fwd pays.

    Returns:
        The ops that fill the copies before the first step, and those that write weights back after
        the last one.
    """
    last: dict[Variable, list[Op]] = {}
    for stage in plan.stages:
        for op, entry in ((op, ops) for _, ops in stage for op in ops):
            w = op.ins[0] if op.ins else None
            if op.name in _CHANGES and w is not None and w.variable:
                last[w.variable] = entry
    copies: dict[tuple[Variable, bool], Buffer] = {}
    own: list[Op] = []
    for op in plan.rows:
        recurrent = op.name in ("rnn_fwd", "rnn_bwd")
        dense = op.name in ("dense_fwd", "dense_bwd") and not op.attrs["blas"]
        w = op.ins[1] if recurrent or dense else None
        turned = op.attrs.get("turned", False)
        transposed = op.name in ("dense_bwd", "rnn_bwd") and not turned
        if w is None or w.variable is None:
            continue
        if not recurrent and (1 in w.shape or not (forward or transposed or turned)):
            continue
        if op.name == "dense_bwd" and plan.private and w.variable in last and not turned:
            own.append(op)
            continue
        k, n = w.shape[::-1] if transposed else w.shape
        shape = (_native.panels_size(k, n),)
        name = f"{w.variable.path} in panels{', transposed' * transposed}"
        copy = Buffer("packed", shape, name, w.variable)
        op.ins[1] = copies.setdefault((w.variable, transposed), copy)
        op.attrs["packed"] = True
    _add_own_copies(plan, own, copies)
    before: list[tuple[Variable, Op]] = []
    after: list[tuple[Variable, Op]] = []
    constrained: Stage = []
    alone = _read_by_updates_only(plan)
    for (variable, transposed), copy in copies.items():
        source = Buffer("weight", variable.shape, variable.path, variable)
        before.append((variable, _pack(copy, source, transposed)))
        home = copies.get((variable, False))
        if variable not in last:
            continue
        if home is None or variable not in alone:
            again = _pack(copy, source, transposed)
        elif transposed:
            again = _pack(copy, home, transposed)
        else:
            update = alone[variable]
            update.ins[0] = copy
            update.attrs["panels"] = variable.shape[0]
            attrs = {"k": variable.shape[0], "n": variable.shape[1]}
            after.append((variable, Op("unpack", [source], [copy], attrs, variable.path)))
            continue
        if any(op.name in _AT_ONCE for op in last[variable]):
            constrained.append((variable, [again]))
        else:
            last[variable].append(again)
    if constrained:
        plan.stages.append(constrained)
    return before, after


def _add_own_copies(plan: Plan, ops: list[Op], copies: dict[tuple[Variable, bool], Buffer]) -> None:
    """Gives each worker its own copies of wᵀ, which it makes in its first task of a step.

    Of a copy for all, made by the updates, a core would fetch from another one's cache what it can as
    well make of what it fetches for dense_fwd (16-64-64-1: 5 % of a step on two cores).
    """
    made: dict[Variable, Buffer] = {}
    for op in ops:
        w = op.ins[1]
        assert w is not None and w.variable is not None
        k, n = w.shape
        stride = (_native.panels_size(n, k) // _APART + 2) * _APART
        name = f"{w.variable.path} in panels, transposed, one for each thread"
        shape = (plan.room // plan.private * stride,)
        source = copies.get((w.variable, False), w)
        last = source if w.variable not in made else None
        copy = made.setdefault(w.variable, Buffer("packed", shape, name, w.variable))
        op.ins = [op.ins[0], copy, op.ins[2] if len(op.ins) > 2 else None, last]
        op.attrs |= {"packed": True, "own": (stride, source.kind == "packed")}


def _pack(copy: Buffer, source: Buffer, transposed: bool) -> Op:
    """From a weight, or from its other copy."""
    assert copy.variable is not None
    k, n = copy.variable.shape
    attrs = {"k": k, "n": n, "transposed": transposed, "panels": source.kind == "packed"}
    return Op("pack", [copy], [source], attrs, copy.variable.path)


def _read_by_updates_only(plan: Plan) -> dict[Variable, Op]:
    """Weights that nothing but one native update reads or writes where the user sees them; and that."""
    users: dict[Variable, list[Op]] = {}
    for op in plan.ops():
        if op.name in PYTHON:
            return {}  # it may look at any weight, within a step
        for root in [x.root() for x in (*op.outs, *op.ins) if x is not None]:
            if root.kind == "weight" and root.variable is not None:
                users.setdefault(root.variable, []).append(op)
    return {w: ops[0] for w, ops in users.items() if [op.name for op in ops] == ["update"]}


def leave_out_zeros(plan: Plan) -> None:
    """Takes rows of zeros, states before the first step, out of recurrent weights' gradients.

    Before memory is laid out. The copy of dy then lacks those rows, so nothing else may read it; a kernel
    of few inputs does not (plan/shares.py).
    """
    makers = {out: op for op in plan.rows for out in op.outs}
    copied = _copied(plan)
    for op in copied:
        x, dy = op.ins
        alone = sum(other.ins[1] is dy for other in copied) == 1
        if op.attrs.get("zeros") and op.attrs["rep"] > 1 and alone:
            assert x is not None
            take = makers[x]
            take.attrs["index"] = take.attrs["index"][1:]
            x.shape = take.attrs["index"].shape
            op.attrs["rep"] -= 1
            op.attrs["skip"] = 1


def _copied(plan: Plan) -> list[Op]:
    """The weight gradients that read a copy of dy. Half a panel's columns are not worth one."""
    width = _native.panels_size(1, 1)
    makers = {out.root(): op for op in plan.rows for out in op.outs}
    copied = []
    for op in (op for stage in plan.stages for _, ops in stage for op in ops):
        if op.name == "grad_matmul" and not op.attrs["blas"] and op.attrs["n"] >= width:
            dy = op.ins[1]
            if dy is not None and not makers[dy.root()].batch:
                copied.append(op)
    return copied


def add_gradient_copies(plan: Plan) -> None:
    """Gives native weight gradients a copy of their right factor, all samples' dy.

    Without it every task packs the whole of dy for its few rows of the weight. A product that reads panels itself
    stores dy twice (28-300×4-1 and 784-128-128-10 took 1 to 2 % less than with a pass that copies it, 784-512-512-10
    0.3 %, 16-64-64-1 up to 1 % more).
    """
    copies: dict[Buffer, Buffer] = {}
    makers = {out.root(): op for op in plan.rows for out in op.outs}
    for op in _copied(plan):
        dy = op.ins[1]
        assert dy is not None
        if dy not in copies:
            rep, n = op.attrs["rep"], op.attrs["n"]
            size = rep * _native.panels_size(1, n)
            copies[dy] = Buffer("panels", (size,), f"{dy.name} in panels")
            memory.place(plan, copies[dy])
            maker, skip = makers[dy.root()], op.attrs.get("skip", 0)
            reads_panels = maker.attrs.get("packed") or maker.attrs.get("turned")
            if maker.name == "dense_bwd" and reads_panels and not skip:
                maker.outs.append(copies[dy])
            else:
                attrs = {"rep": rep, "n": n, "skip": skip}
                pack = Op("pack_samples", [copies[dy]], [dy], attrs, op.label)
                plan.rows.insert(plan.rows.index(maker) + 1, pack)
        op.ins[1] = copies[dy]
        op.attrs["packed"] = True


def descend(plan: Plan) -> None:
    """Makes one op of a weight's gradient and plain gradient descent, if nothing comes in between.

    Then the gradient leaves no register, and the weight is fetched while it is computed (784-128-128-10 took 1 to 4 %
    less, 28-300×4-1 4 to 5 %, 784-256-256-10 with batches of 32 6 % on two cores and 9 % on one).
    """
    for ops in (ops for stage in plan.stages for _, ops in stage):
        if [op.name for op in ops[:2]] == ["grad_matmul", "update"]:
            gradient, update = ops[:2]
            (x, dy), (w, g, *_, scalars) = gradient.ins, update.ins
            assert w is not None
            attrs = {**gradient.attrs, **update.attrs}
            plain = attrs["kind"] == "sgd" and attrs["every"] <= 1 and not attrs["accumulate"]
            in_panels = attrs["panels"] and attrs.get("packed")
            fits = _FEWEST_ROWS <= plan.capacity * attrs["rep"] <= memory.UNCUT
            if plain and in_panels and fits and not any(g in op.ins for op in ops[2:]):
                ops[:2] = [Op("descend", [w], [x, dy, scalars], attrs, gradient.label)]
