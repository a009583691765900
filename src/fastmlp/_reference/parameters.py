"""What happens to weights after their gradients, in NumPy: twins of the parameter phase's ops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastmlp._reference import updates
from fastmlp.plan.ir import Op
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp._reference.step import State


def _penalty_loss(op: Op, s: State) -> None:
    w = s[op.ins[0]]
    value = op.attrs["l1"] * np.abs(w).sum() + op.attrs["l2"] * np.square(w).sum()
    s.add_sums(op, s.m * value)


def _penalty(op: Op, s: State) -> None:
    w = s[op.ins[0]]
    s.put(op.outs[0], s[op.outs[0]] + op.attrs["l1"] * np.sign(w) + 2 * op.attrs["l2"] * w)


def _clip(op: Op, s: State) -> None:
    s.put(op.outs[0], np.clip(s[op.outs[0]], -op.attrs["limit"], op.attrs["limit"]))


def _sumsq(op: Op, s: State) -> None:
    value = np.square(s[op.ins[0]], dtype=np.float64).sum()
    cell = op.outs[0]
    s.put(cell, np.array([value + (s[cell][0] if op.attrs["accumulate"] else 0), 0.0]))


def _clip_factor(op: Op, s: State) -> None:
    cell = s[op.outs[0]]
    cell[1] = op.attrs["limit"] / max(np.sqrt(cell[0]), op.attrs["limit"])


def _scale(op: Op, s: State) -> None:
    s.put(op.outs[0], s[op.outs[0]] * s[op.ins[0]][1])


def weight_of(op: Op, index: int = 0) -> Variable:
    buffer = op.ins[index]
    assert buffer is not None and buffer.variable is not None
    return buffer.variable


def _due(op: Op, s: State) -> bool:
    return bool((s.t + 1) % op.attrs["every"] == 0)


def _hyper(op: Op, s: State) -> tuple[float, ...]:
    """The optimizer's constants, with the learning rate of this step."""
    hyper = s.hyper[op.attrs["part"]] if isinstance(s.hyper[0], tuple) else s.hyper
    rate = hyper[0]
    first = float(rate.rates(s.t, 1)[0]) if hasattr(rate, "rates") else rate
    return (first, *hyper[1:])


def _accumulate(op: Op, s: State) -> None:
    total = op.ins[0]
    assert total is not None and total.variable is not None
    slots = s.slots[total.variable]
    g = s[op.outs[0]] + slots[total.slot]
    s.put(op.outs[0], g / op.attrs["every"])
    slots[total.slot] = np.zeros_like(g) if _due(op, s) else g


def _decay(op: Op, s: State) -> None:
    w = weight_of(op)
    if _due(op, s):
        s.weights[w] = s.weights[w] * (1 - op.attrs["weight_decay"] * _hyper(op, s)[0])


def _descend(op: Op, s: State) -> None:
    w = op.outs[0].variable
    assert w is not None
    x, dy = s.rows(op.ins[0], op.attrs["k"]), s.rows(op.ins[1], op.attrs["n"])
    s.weights[w] = s.weights[w] - _hyper(op, s)[0] * (x.T @ dy)


def _update(op: Op, s: State) -> None:
    w = weight_of(op)
    slots = s.slots.get(w, [])
    if not _due(op, s):
        return
    n = len(op.ins) - 3
    t = s.t // op.attrs["every"]
    s.weights[w], new = updates.update(
        op.attrs["kind"], s.weights[w], s[op.ins[1]], slots[:n], _hyper(op, s), t
    )
    s.slots[w] = [*new, *slots[n:]]


def _ema(op: Op, s: State) -> None:
    w, average = weight_of(op), op.ins[1]
    assert average is not None
    t = s.t // op.attrs["every"]
    momentum = op.attrs["momentum"] if t else 0
    mean = momentum * s.slots[w][average.slot] + (1 - momentum) * s.weights[w]
    s.slots[w][average.slot] = mean
    if op.attrs["frequency"] and (t + 1) % op.attrs["frequency"] == 0:
        s.weights[w] = mean.copy()


def _scalar(op: Op, s: State) -> None:
    values = {7: _hyper(op, s)[0], 0: s.t // op.attrs["every"]}
    s.put(op.outs[0], np.asarray(values[op.attrs["number"]]))


def _assign(op: Op, s: State) -> None:
    if _due(op, s):
        s.weights[weight_of(op)] = np.array(s[op.ins[1]])


def _constrain(op: Op, s: State) -> None:
    w = weight_of(op)
    s.weights[w] = op.attrs["constraint"](s.weights[w])


OPS = {
    "penalty_loss": _penalty_loss,
    "penalty": _penalty,
    "clip": _clip,
    "sumsq": _sumsq,
    "clip_factor": _clip_factor,
    "scale": _scale,
    "accumulate": _accumulate,
    "decay": _decay,
    "descend": _descend,
    "update": _update,
    "ema": _ema,
    "scalar": _scalar,
    "assign": _assign,
    "constrain": _constrain,
}
