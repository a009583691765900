"""Pass 2: the backward half. Each op's gradient rule stands beside it in `fastmlp.ops`."""

from __future__ import annotations

from fastmlp import ops
from fastmlp.plan.ir import Builder

_LOSSES = {"loss": 1, "loss_values": 0, "loss_scalar": 0}  # which input gets a gradient


def differentiate(b: Builder) -> None:
    """Adds the gradients of all losses to the plan.

    Losses write the gradient of their predictions. The forward ops are then visited last to
    first; when an op is reached, everything that reads its output has added its share.
    """
    forward = list(b.plan.rows)
    for op in forward:
        predicted = op.ins[_LOSSES[op.name]] if op.name in _LOSSES else None
        if predicted is not None and b.differentiable(predicted):
            gradient = b.result([predicted], predicted.shape, f"d_{predicted.name}")
            op.outs.append(gradient)
            b.label = op.label
            b.add_gradient(predicted, gradient)
    for op in reversed(forward):
        spec = ops.GRADIENTS.get(op.name)
        gradients = [dy for y in op.outs if (dy := b.gradient(y)) is not None]
        if spec is None or not (gradients or spec.adds_loss):
            continue
        b.label = op.label
        if any(b.differentiable(x) for x in op.ins):
            spec.bwd(b, op, gradients[0] if gradients else None)
