"""Pass 3: two ops become one where a kernel does both at the price of one."""

from __future__ import annotations

from itertools import pairwise

from fastmlp.plan.ir import Buffer, Op, Plan

# An output activation and the loss behind it: together their gradient is (p - t), which needs
# neither the division by p nor the sum over classes.
_LOSS_OF_LOGITS = {
    ("softmax_fwd", "categorical_crossentropy"): "categorical_crossentropy_softmax",
    ("softmax_fwd", "sparse_categorical_crossentropy"): "sparse_categorical_crossentropy_softmax",
    ("act_fwd", "binary_crossentropy"): "binary_crossentropy_sigmoid",
}


_GATES = ("relu", "tanh")  # whose gradients dense_bwd can take


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
    """dense_bwd, act_bwd → dense_bwd that also reads what the activation made, on the micro-kernel

    Of relu, tanh, and dropout behind relu: dense_bwd, dropout_bwd, act_bwd. Only what is kept of relu is positive, so
    the mask says nothing that the output does not.
    """
    readers = _readers(plan)
    makers = {out: op for op in plan.rows for out in op.outs}
    for act in [op for op in plan.rows if op.name == "act_bwd" and op.attrs["kind"] in _GATES]:
        ops, y, factor = [act], act.ins[1], 1.0
        maker = makers.get(_input(act))
        if maker is not None and maker.name == "dropout_bwd" and act.attrs["kind"] == "relu":
            dropout = makers[_input(maker, 1)]
            if dropout.ins == [y]:
                ops, y, factor = [maker, act], dropout.outs[0], dropout.attrs["scale"]
        dense = makers.get(_input(ops[0]))
        if dense is None or dense.name != "dense_bwd" or dense.attrs["blas"]:
            continue
        if any(readers[a.outs[0]] != [b] for a, b in pairwise([dense, *ops])):
            continue
        dense.outs, dense.ins = act.outs, [*dense.ins, y]
        dense.attrs |= {"act": act.attrs["kind"], "factor": factor}
        for op in ops:
            plan.rows.remove(op)
    readers = _readers(plan)
    for op in plan.rows:
        if op.name == "dropout_fwd" and op.outs[1] not in readers:
            del op.outs[1:]


def _input(op: Op, number: int = 0) -> Buffer:
    buffer = op.ins[number]
    assert buffer is not None
    return buffer


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
