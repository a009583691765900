"""In place of pass 5: the gradient of each sample, all weights side by side, is an output of the plan.

grad_matmul   xᵀ · dy of the sample        grad_samples   its share in the gradient
grad_bias     Σ dy over its rows           then: one row of all weights, stored
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.ops.reduce import reduced, reshaped
from fastmlp.plan.ir import Buffer, Builder, Op
from fastmlp.variables import Variable


def add_rows(b: Builder, variables: Sequence[Variable]) -> None:
    """Makes an output of the gradients of all samples, `(batch, elements of the weights)`.

    Args:
        b: After differentiation of a loss that is a sum over samples.
        variables: The weights, in the order of their columns.

    Raises:
        ValueError: A gradient is not a sum of what each sample adds to it.
    """
    mixed = [op.label for op in b.plan.rows if op.batch and op.per_sample]
    mixed += [
        op.label for ops in b.plan.parameters.values() for op in ops if op.name == "grad_value"
    ]
    if mixed:
        raise ValueError(
            f"LevenbergMarquardt: expected layers that treat each sample by itself. "
            f"Received: '{mixed[0]}', which does not. Hint: use optimizer='lbfgs'"
        )
    row = b.value((sum(v.size for v in variables),), "gradient")
    start = 0
    for variable in variables:
        b.label = variable.path
        places = np.arange(start, start + variable.size, dtype=np.int32)
        start += variable.size
        for number, op in enumerate(b.plan.parameters.get(variable, [])):
            part = _share(b, op, variable)
            b.emit("put", [row], [part], index=places, zero=False, add=number > 0)
        if variable not in b.plan.parameters:
            zeros = b.value((variable.size,))
            b.emit("repeat_samples", [zeros], [b.constant(np.zeros(variable.size, b.plan.dtype))])
            b.emit("put", [row], [zeros], index=places, zero=False, add=False)
    b.plan.parameters.clear()
    b.label = "gradient"
    b.emit("store", [], [row], index=len(b.plan.fetches))
    b.plan.fetches.append(row)


def _share(b: Builder, op: Op, variable: Variable) -> Buffer:
    """What a sample adds to the gradient that an op computes, as one row."""
    ins = [x for x in op.ins if x is not None]
    flat = (variable.size,)
    if op.name == "grad_samples":
        return reshaped(b, ins[0], flat)
    rep, n = op.attrs["rep"], op.attrs["n"]
    if op.name == "grad_bias":
        dy = reshaped(b, ins[0], (rep, n))
        return reshaped(b, dy, flat) if rep == 1 else reduced(b, dy, "sum", [0], flat)
    assert op.name == "grad_matmul"
    k = op.attrs["k"]
    x, dy = reshaped(b, ins[0], (rep, k)), reshaped(b, ins[1], (rep, n))
    product = b.value((k, n))
    b.emit("bmm", [product], [x, dy], transposed=True, stack=1, m=k, n=n, k=rep)
    return reshaped(b, product, flat)
