"""Part of pass 8: factors are copied into panels, in the order the micro-kernel reads them.

A product then reads its right factor from first to last and packs nothing (csrc/kernels/gemm.inc.c).
Weights are copied tile by tile by their update, gradients of activations by the row phase.
"""

from __future__ import annotations

from fastmlp._core import _native
from fastmlp.plan import memory
from fastmlp.plan.ir import Buffer, Op, Plan, Stage
from fastmlp.variables import Variable

_UPDATE = ("update", "assign")
_CONSTRAIN = ("constrain", "python_constrain")


def add_weight_copies(plan: Plan, native: set[Op], forward: bool) -> list[Op]:
    """Gives native products copies of their weights in panels, refreshed by each update.

    Recurrent ops and dense_bwd, of wᵀ, always read one; dense_fwd where weights are trained. A dense
    weight of one row or column needs none: its transpose is the same numbers in the same order.

    Args:
        native: The `dense_fwd` and `dense_bwd` ops that run on the micro-kernel.
        forward: Whether a copy for dense_fwd pays: each step makes it anew.

    Returns:
        The ops that fill the copies before the first step.
    """
    copies: dict[tuple[Variable, bool], Buffer] = {}
    forward = forward and any(op.name in _UPDATE for op in plan.ops())
    for op in plan.rows:
        recurrent = op.name in ("rnn_fwd", "rnn_bwd")
        w = op.ins[1] if recurrent or op in native else None
        transposed = op.name in ("dense_bwd", "rnn_bwd")
        if w is None or w.variable is None:
            continue
        if not recurrent and (1 in w.shape or not (forward or transposed)):
            continue
        k, n = w.shape[::-1] if transposed else w.shape
        shape = (_native.panels_size(k, n),)
        name = f"{w.variable.path} in panels{', transposed' * transposed}"
        copy = Buffer("packed", shape, name, w.variable)
        op.ins[1] = copies.setdefault((w.variable, transposed), copy)
        op.attrs["packed"] = True
    last: dict[Variable, list[Op]] = {}
    for stage in plan.stages:
        for op, entry in ((op, ops) for _, ops in stage for op in ops):
            w = op.ins[0] if op.ins else None
            if op.name in (*_UPDATE, "ema", *_CONSTRAIN) and w is not None and w.variable:
                last[w.variable] = entry
    refreshes: list[Op] = []
    constrained: Stage = []
    for (variable, transposed), copy in copies.items():
        source = Buffer("weight", variable.shape, variable.path, variable)
        k, n = variable.shape
        attrs = {"k": k, "n": n, "transposed": transposed}
        refreshes.append(Op("pack", [copy], [source], attrs, variable.path))
        if variable not in last:
            continue
        again = Op("pack", [copy], [source], attrs, variable.path)
        if any(op.name in ("assign", *_CONSTRAIN) for op in last[variable]):
            constrained.append((variable, [again]))
        else:
            last[variable].append(again)
    if constrained:
        plan.stages.append(constrained)
    return refreshes


def add_gradient_copies(plan: Plan) -> None:
    """Gives native weight gradients a copy of their right factor, all samples' dy.

    Without it every task packs the whole of dy for its few rows of the weight. Half a panel's
    columns are not worth a copy.
    """
    width = _native.panels_size(1, 1)
    copies: dict[Buffer, Buffer] = {}
    makers = {out.root(): op for op in plan.rows for out in op.outs}
    for _, ops in (entry for stage in plan.stages for entry in stage):
        for op in ops:
            if op.name != "grad_matmul" or op.attrs["blas"] or op.attrs["n"] < width:
                continue
            dy = op.ins[1]
            assert dy is not None
            maker = makers[dy.root()]
            if maker.batch:
                continue
            if dy not in copies:
                rep, n = op.attrs["rep"], op.attrs["n"]
                copies[dy] = Buffer(
                    "panels", (rep * _native.panels_size(1, n),), f"{dy.name} in panels"
                )
                memory.place(plan, copies[dy])
                pack = Op("pack_samples", [copies[dy]], [dy], {"rep": rep, "n": n}, op.label)
                plan.rows.insert(plan.rows.index(maker) + 1, pack)
            op.ins[1] = copies[dy]
            op.attrs["packed"] = True
