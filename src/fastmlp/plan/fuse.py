"""Pass 3: two ops become one where a kernel does both at the price of one."""

from __future__ import annotations

from fastmlp.plan.ir import Buffer, Op, Plan

# An output activation and the loss behind it: together their gradient is (p - t), which needs
# neither the division by p nor the sum over classes.
_LOSS_OF_LOGITS = {
    ("softmax_fwd", "categorical_crossentropy"): "categorical_crossentropy_softmax",
    ("softmax_fwd", "sparse_categorical_crossentropy"): "sparse_categorical_crossentropy_softmax",
    ("act_fwd", "binary_crossentropy"): "binary_crossentropy_sigmoid",
}


def fuse(plan: Plan) -> None:
    """Fuses dense with relu, and output activations with their losses."""
    _fuse_loss(plan)
    _fuse_relu(plan)


def _readers(plan: Plan) -> dict[Buffer, list[Op]]:
    readers: dict[Buffer, list[Op]] = {}
    for op in (*plan.rows, *plan.later()):
        for buffer in op.ins:
            if buffer is not None:
                readers.setdefault(buffer, []).append(op)
    return readers


def _fuse_relu(plan: Plan) -> None:
    """dense_fwd, act_fwd(relu) → dense_fwd(relu=True)"""
    readers = _readers(plan)
    producer = {op.outs[0]: op for op in plan.rows if op.name == "dense_fwd"}
    for act in [op for op in plan.rows if op.name == "act_fwd" and op.attrs["kind"] == "relu"]:
        z = act.ins[0]
        dense = producer.get(z) if z is not None else None
        if dense is not None and readers[dense.outs[0]] == [act]:
            dense.outs = act.outs
            dense.attrs["relu"] = True
            plan.rows.remove(act)


def fuse_gates(plan: Plan) -> None:
    """dense_bwd, act_bwd(relu) → dense_bwd that also reads what relu made, on the micro-kernel"""
    readers = _readers(plan)
    producer = {op.outs[0]: op for op in plan.rows if op.name == "dense_bwd"}
    for act in [op for op in plan.rows if op.name == "act_bwd" and op.attrs["kind"] == "relu"]:
        dy, y = act.ins
        dense = producer.get(dy) if dy is not None else None
        if dense is not None and not dense.attrs["blas"] and readers[dense.outs[0]] == [act]:
            dense.outs, dense.ins = act.outs, [*dense.ins, y]
            plan.rows.remove(act)


def _fuse_loss(plan: Plan) -> None:
    """softmax, loss, softmax_bwd → softmax, loss of the logits; the same for sigmoid"""
    readers = _readers(plan)
    producer = {op.outs[0]: op for op in plan.rows if op.outs}
    for loss in [op for op in plan.rows if op.name == "loss" and op.outs]:
        y = loss.ins[1]
        act = producer.get(y) if y is not None else None
        if act is None or act.attrs.get("kind", "sigmoid") != "sigmoid":
            continue
        kind = _LOSS_OF_LOGITS.get((act.name, loss.attrs["kind"]))
        after = readers.get(loss.outs[0], [])
        if kind is None or len(after) != 1 or not after[0].name.endswith("_bwd"):
            continue
        backward = after[0]
        if backward.name != act.name.replace("_fwd", "_bwd"):
            continue
        loss.attrs["kind"] = kind
        loss.outs = backward.outs
        plan.rows.remove(backward)
