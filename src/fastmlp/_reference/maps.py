"""Twins of the ops of `fastmlp.ops`: element-wise functions, reductions, moves, products.

A buffer has a first axis of samples, or of length 1 where all samples share it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.ops.elementwise import FUNCTIONS
from fastmlp.ops.order import argsorted
from fastmlp.plan.ir import Buffer, Op

if TYPE_CHECKING:
    from fastmlp._reference.step import State

_LN2, _LN10 = math.log(2), math.log(10)

# Gradients: dy (or a, the first operand) times a slope.
GRADIENTS: dict[str, Callable[..., np.ndarray]] = {
    "absolute_dx": lambda dy, x: dy * np.sign(x),
    "square_dx": lambda dy, x: dy * 2 * x,
    "sqrt_dx": lambda dy, y: dy / (2 * y),
    "rsqrt_dx": lambda dy, y: dy * -(y**3) / 2,
    "reciprocal_dx": lambda dy, y: dy * -(y**2),
    "divide_db": lambda dy, a, b: dy * -a / b**2,
    "maximum_da": lambda dy, a, b: dy * np.where(a > b, 1, np.where(a == b, 0.5, 0)),
    "minimum_da": lambda dy, a, b: dy * np.where(a < b, 1, np.where(a == b, 0.5, 0)),
    "power_da": lambda dy, a, b: np.where(b == 0, 0, dy * b * a ** np.where(b == 0, 1, b - 1)),
    "power_db": lambda dy, a, b: np.where(
        a > 0, dy * a**b * np.log(np.where(a > 0, a, 1)), np.where((a == 0) & (b > 0), 0, np.nan)
    ),
    "mod_db": lambda dy, a, b: dy * -np.floor(a / b),
    "where_da": lambda dy, c: np.where(c != 0, dy, 0),
    "where_db": lambda dy, c: np.where(c != 0, 0, dy),
    "expm1_dx": lambda dy, y: dy * (y + 1),
    "exp2_dx": lambda dy, y: dy * y * _LN2,
    "log1p_dx": lambda dy, x: dy / (1 + x),
    "log2_dx": lambda dy, x: dy / (x * _LN2),
    "log10_dx": lambda dy, x: dy / (x * _LN10),
    "exp_gap": lambda dy, x, y: dy * np.exp(x - y),
    "erf_dx": lambda dy, x: dy * 2 / math.sqrt(math.pi) * np.exp(-x * x),
    "sin_dx": lambda dy, x: dy * np.cos(x),
    "cos_dx": lambda dy, x: dy * -np.sin(x),
    "tan_dx": lambda dy, y: dy * (1 + y * y),
    "arcsin_dx": lambda dy, x: dy / np.sqrt(1 - x * x),
    "arccos_dx": lambda dy, x: -dy / np.sqrt(1 - x * x),
    "arctan_dx": lambda dy, x: dy / (1 + x * x),
    "arctan2_da": lambda dy, a, b: dy * b / (a * a + b * b),
    "arctan2_db": lambda dy, a, b: dy * -a / (a * a + b * b),
    "sinh_dx": lambda dy, x: dy * np.cosh(x),
    "cosh_dx": lambda dy, x: dy * np.sinh(x),
    "arcsinh_dx": lambda dy, x: dy / np.sqrt(x * x + 1),
    "arccosh_dx": lambda dy, x: dy / np.sqrt(x * x - 1),
    "arctanh_dx": lambda dy, x: dy / (1 - x * x),
}


def function(kind: str) -> Callable[..., Any]:
    """What an element-wise kernel computes."""
    return GRADIENTS.get(kind) or FUNCTIONS[kind].numpy


def _items(s: State, buffer: Buffer | None, rank: int = 0) -> np.ndarray:
    """A buffer's value with an axis of samples in front, and axes of 1 up to a rank."""
    assert buffer is not None
    value = s[buffer]
    value = value if buffer.per_sample else value[None]
    return value.reshape(len(value), *[1] * (rank - len(buffer.shape)), *buffer.shape)


def _give(s: State, buffer: Buffer, value: np.ndarray) -> None:
    """Stores a value with an axis of samples in front, all of which may be equal."""
    samples = s.m if buffer.per_sample else 1
    s.put(buffer, np.broadcast_to(value, (samples, *value.shape[1:])))


def _map(op: Op, s: State) -> None:
    y = op.outs[0]
    operands = [_items(s, x, len(y.shape)) for x in op.ins]
    with np.errstate(all="ignore"):
        value = np.asarray(function(op.attrs["kind"])(*operands)) * 1.0
    _give(s, y, np.broadcast_to(value, (len(value), *y.shape)))


def _blocks(op: Op, s: State, buffer: Buffer | None) -> np.ndarray:
    """A value as (outer, n, inner), what `reduce` sees."""
    if op.attrs["over_batch"]:
        return s[buffer].reshape(1, s.m, -1)
    return s[buffer].reshape(-1, op.attrs["n"], op.attrs["inner"])


def _logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    top = x.max(axis, keepdims=True)
    return (np.log(np.exp(x - top).sum(axis, keepdims=True)) + top).squeeze(axis)


def _reduce(op: Op, s: State) -> None:
    kind = op.attrs["kind"]
    function = _logsumexp if kind == "logsumexp" else getattr(np, kind)
    s.put(op.outs[0], np.asarray(function(_blocks(op, s, op.ins[0]), axis=1), float))


def _reduce_bwd(op: Op, s: State) -> None:
    dx, kind = op.outs[0], op.attrs["kind"]
    shape = _blocks(op, s, op.ins[1]).shape if op.ins[1] is not None else None
    if shape is None:
        n = s.m if op.attrs["over_batch"] else op.attrs["n"]
        shape = (-1 if n else 0, n, dx.width if op.attrs["over_batch"] else op.attrs["inner"])
    dy = s[op.ins[0]].reshape(-1, 1, shape[2])
    if kind in ("sum", "mean"):
        slope = np.full((1, shape[1], 1), 1 / shape[1] if kind == "mean" else 1.0)
    else:
        x, y = _blocks(op, s, op.ins[1]), s[op.ins[2]].reshape(-1, 1, shape[2])
        slope = _slope(kind, x, y)
    s.put(dx, dy * slope)


def _slope(kind: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if kind == "logsumexp":
        return np.exp(x - y)
    if kind == "prod":
        others = [np.delete(x, i, axis=1).prod(axis=1) for i in range(x.shape[1])]
        return np.stack(others, axis=1)
    best = x == y
    return best / best.sum(axis=1, keepdims=True)


def _cumsum(op: Op, s: State) -> None:
    x = s[op.ins[0]]
    blocks = x.reshape(-1, op.attrs["n"], op.attrs["inner"])
    if op.attrs["reverse"]:
        blocks = blocks[:, ::-1].cumsum(axis=1)[:, ::-1]
    else:
        blocks = blocks.cumsum(axis=1)
    s.put(op.outs[0], blocks.reshape(x.shape))


def _take(op: Op, s: State) -> None:
    x = _items(s, op.ins[0])
    index = op.attrs["index"].reshape(-1)
    value = x.reshape(len(x), -1)[:, index]
    _give(s, op.outs[0], np.where(index < 0, 0, value))


def _put(op: Op, s: State) -> None:
    y, x = op.outs[0], _items(s, op.ins[0])
    index = op.attrs["index"].reshape(-1)
    known = s.values.get(y)
    if known is None or op.attrs["zero"] or known.size != len(x) * y.width:  # of another step
        known = np.zeros((len(x), y.width), x.dtype)
    value = known.reshape(len(x), -1).copy()
    x = x.reshape(len(x), -1)[:, index >= 0]
    if op.attrs["add"]:
        np.add.at(value.T, index[index >= 0], x.T)
    else:
        value[:, index[index >= 0]] = x
    _give(s, y, value)


def _bmm(op: Op, s: State) -> None:
    stack, m, n, k = (op.attrs[name] for name in ("stack", "m", "n", "k"))
    left, right = (_items(s, x) for x in op.ins)
    a = left.reshape(len(left), stack, *((k, m) if op.attrs["transposed"] else (m, k)))
    b = right.reshape(len(right), stack, k, n)
    _give(s, op.outs[0], np.matmul(np.swapaxes(a, 2, 3) if op.attrs["transposed"] else a, b))


def _argsort(op: Op, s: State) -> None:
    x = s[op.ins[0]].reshape(-1, op.attrs["n"], op.attrs["inner"])
    s.put(op.outs[0], argsorted(x, 1, op.attrs["descending"])[:, : op.attrs["k"]] * 1.0)


def _along(op: Op, s: State, buffer: Buffer | None, n: int) -> np.ndarray:
    """A value as (items, outer, n, inner)."""
    value = _items(s, buffer)
    return value.reshape(len(value), op.attrs["outer"], n, op.attrs["inner"])


def _take_along(op: Op, s: State) -> None:
    n = op.attrs["n"]
    x = _along(op, s, op.ins[0], n)
    index = _along(op, s, op.ins[1], op.attrs["k"])
    items = max(len(x), len(index))
    x, index = (np.broadcast_to(v, (items, *v.shape[1:])) for v in (x, index))
    inside = (index >= -n) & (index < n)
    y = np.take_along_axis(x, np.where(inside, index, 0).astype(np.int64), axis=2)
    _give(s, op.outs[0], np.where(inside, y, np.nan))


def _take_along_bwd(op: Op, s: State) -> None:
    n = op.attrs["n"]
    dy = _along(op, s, op.ins[0], op.attrs["k"])
    index = _along(op, s, op.ins[1], op.attrs["k"])
    index = np.broadcast_to(index, dy.shape)
    inside = (index >= -n) & (index < n)
    dx = np.zeros((*dy.shape[:2], n, dy.shape[3]), dy.dtype)
    items, outer, _, inner = np.indices(dy.shape)
    places = np.where(inside, index, 0).astype(np.int64) % n
    np.add.at(dx, (items, outer, places, inner), np.where(inside, dy, 0))
    _give(s, op.outs[0], dx)


def _average(op: Op, s: State) -> None:
    w, x = op.ins
    assert w is not None and w.variable is not None
    momentum = op.attrs["momentum"]
    before = s.weights[w.variable] * momentum if momentum else 0
    s.weights[w.variable] = before + s[x] * (1 - momentum)


OPS: Mapping[str, Callable[[Op, State], Any]] = {
    "map": _map,
    "reduce": _reduce,
    "reduce_bwd": _reduce_bwd,
    "cumsum": _cumsum,
    "take": _take,
    "put": _put,
    "bmm": _bmm,
    "argsort": _argsort,
    "take_along": _take_along,
    "take_along_bwd": _take_along_bwd,
    "average": _average,
}
