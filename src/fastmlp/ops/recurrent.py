"""Recurrent cells as one op: the loop over time runs natively."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._core import _native
from fastmlp.graph import Node, Tensor
from fastmlp.ops.reduce import reduced
from fastmlp.ops.spec import OpSpec
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op

GATES = {"simple": 1, "gru": 3, "lstm": 4}
_OPERANDS = ("b", "h0", "c0", "mask")

# Activations whose gradient needs their result alone.
ACTIVATIONS = tuple(name for name, saves in _native.ACTIVATIONS.items() if saves == "y")


class Recurrent(OpSpec):
    """hc (S, T + 1, u) = states before the first step of x (T, G u), and after each

    S = 2, h and c, for lstm, else 1. What a step computes stands at the top of _core/recurrent.pyx.
    """

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        attrs = dict(node.attrs)
        given = dict(zip(attrs.pop("operands"), ins[1:], strict=True))
        u = b.weight(node.weights[0])
        assert u is not None
        steps, units, kind = attrs["steps"], attrs["units"], attrs["kind"]
        width = GATES[kind] * units
        hc = b.value((2 if kind == "lstm" else 1, steps + 1, units))
        outs = [hc] if kind == "simple" else [hc, b.value((steps, 4, units))]
        operands = [ins[0], u, *(given.get(name) for name in _OPERANDS)]
        flops = 2 * steps * units * width
        b.emit("rnn_fwd", outs, operands, flops=flops, **attrs)
        return hc

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx of each step, last to first    du = Σ_steps h_beforeᵀ · di    db = Σ di"""
        x, u, bias, h0, c0, mask = op.ins
        assert x is not None and u is not None
        steps, units, kind = (op.attrs[name] for name in ("steps", "units", "kind"))
        width = GATES[kind] * units
        dx, dh0 = b.value(x.shape, f"d_{x.name}"), b.value((units,))
        outs = [dx, dh0]
        if kind == "gru":
            outs.append(b.value(x.shape, f"d_{op.label}"))
        elif kind == "lstm":
            outs.append(b.value((units,)))
        saved = None if kind == "simple" else op.outs[1]
        first = any(b.differentiable(state) for state in (h0, c0))
        dy, given = _given(b, dy, steps, units)
        b.emit(
            "rnn_bwd", outs, [dy, u, saved, op.outs[0], mask], first=first, given=given, **op.attrs
        )
        di = outs[2] if kind == "gru" else dx
        b.add_gradient(x, dx)
        if b.differentiable(u):
            before = b.value((steps, units))
            index = np.arange(steps * units, dtype=np.int32).reshape(steps, units)
            b.emit("take", [before], [op.outs[0]], index=index)
            sizes = {"rep": steps, "k": units, "n": width}
            b.add_weight_gradient("grad_matmul", u, [before, di], **sizes, zeros=h0 is None)
        if bias is not None and b.differentiable(bias):
            b.add_gradient(bias, reduced(b, di, "sum", [0], bias.shape))
        if h0 is not None and b.differentiable(h0):
            b.add_gradient(h0, dh0)
        if c0 is not None and b.differentiable(c0):
            b.add_gradient(c0, outs[2])


def _given(b: Builder, dy: Buffer, steps: int, units: int) -> tuple[Buffer, str]:
    """The gradient of the states, without the zeros around that of each h or of the last one."""
    makers = [op for op in b.plan.rows if dy in op.outs]
    if len(makers) == 1 and makers[0].name == "put" and makers[0].attrs["zero"]:
        index = makers[0].attrs["index"].reshape(-1)
        for given, first in (("each", 1), ("last", steps)):
            (part,) = makers[0].ins
            if part and np.array_equal(index, np.arange(first * units, (steps + 1) * units)):
                return part, given
    return dy, "all"


def recurrent(
    x: Tensor,
    u: Variable,
    kind: str,
    activation: str,
    recurrent_activation: str = "sigmoid",
    b: Tensor | None = None,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Runs a recurrent cell over time.

    Args:
        x: Products of inputs and kernel with the bias, `(batch, steps, gates · units)`.
        u: Recurrent weights `(units, gates · units)`.
        kind: `'simple'`, `'gru'` (its reset gate after the product) or `'lstm'`.
        activation: One of `ACTIVATIONS`.
        recurrent_activation: The same, of gates.
        b: Bias of a gru's recurrent product, `(3 · units)`.
        h0: State before the first step `(batch, units)`; `None`: zeros.
        c0: Cell state of an lstm, the same.
        mask: `(batch, steps)`: at 0 the states stay as they are.

    Returns:
        `(batch, states, steps + 1, units)`: the states before the first step and after each; of an
        lstm two, `h` and `c`.
    """
    units, steps = u.shape[0], int(x.shape[1] or 0)
    given: dict[str, Any] = {"b": b, "h0": h0, "c0": c0, "mask": mask}
    names = tuple(name for name in _OPERANDS if given[name] is not None)
    attrs = {"kind": kind, "steps": steps, "units": units, "operands": names}
    attrs |= {"activation": activation, "recurrent_activation": recurrent_activation}
    shape = (None, 2 if kind == "lstm" else 1, steps + 1, units)
    inputs = [x, *(given[name] for name in names)]
    return Node("recurrent", inputs, shape, x.dtype, [u], attrs).output
