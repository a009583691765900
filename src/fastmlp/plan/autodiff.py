"""Pass 2: the backward half. Each op's gradient rule stands beside it in `fastmlp.ops`."""

from __future__ import annotations

from fastmlp import ops
from fastmlp.plan.ir import Builder


def differentiate(b: Builder) -> None:
    """Adds the gradients of all losses to the plan.

    Losses write the gradient of their predictions. The forward ops are then visited last to
    first; when an op is reached, everything that reads its output has added its share.
    """
    forward = list(b.plan.rows)
    for op in forward:
        y = op.ins[1] if op.name == "loss" else None
        if y is not None and b.differentiable(y):
            dy = b.value(y.shape, f"d_{y.name}")
            op.outs.append(dy)
            b.label = op.label
            b.add_gradient(y, dy)
    for op in reversed(forward):
        spec = ops.GRADIENTS.get(op.name)
        gradient = b.gradient(op.outs[0]) if op.outs else None
        if spec is None or gradient is None:
            continue
        b.label = op.label
        if any(b.differentiable(x) for x in op.ins):
            spec.bwd(b, op, gradient)
