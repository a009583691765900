"""Reductions: one op, `reduce`, along one run of axes at a time, within samples or over the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastmlp.graph import Node, Tensor
from fastmlp.ops import spec
from fastmlp.ops.spec import OpSpec

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op

KINDS = ("sum", "mean", "max", "min", "prod", "argmax", "argmin", "logsumexp")
_INDICES = ("argmax", "argmin")


class Reduce(OpSpec):
    """y (outer, inner) = Σ, mean, max … of x (outer, n, inner) along n"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        kind, shape = node.attrs["kind"], spec.sample(node.output)
        if node.attrs["over_batch"]:
            y = b.batch(shape)
            inner = ins[0].width
            b.emit("reduce", [y], ins, kind=kind, over_batch=True, outer=1, n=1, inner=inner)
            return y
        return reduced(b, ins[0], kind, node.attrs["axes"], shape)

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """sum: dx = dy    mean: dx = dy / n    max, min: dy, shared by all that equal y
        prod: dx = dy · the product of the others    logsumexp: dx = dy · exp(x - y)
        """
        (x,) = op.ins
        assert x is not None
        if op.attrs["kind"] in _INDICES:
            return
        dx = b.result([x, dy], x.shape, f"d_{x.name}")
        linear = op.attrs["kind"] in ("sum", "mean")
        saved = [None, None] if linear else [b.beside(x, dy), b.beside(op.outs[0], dy)]
        whole = op.attrs["over_batch"] and not linear  # ties are counted over the whole batch
        b.emit("reduce_bwd", [dx], [dy, *saved], batch=whole, **op.attrs)
        b.add_gradient(x, dx)


class Cumsum(OpSpec):
    """y_i = x_0 + … + x_i along one axis"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, ins[0].shape)
        b.emit("cumsum", [y], ins, **_sizes(y.shape, node.attrs["axis"], 1), reverse=False)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx_i = dy_i + … + dy_n"""
        (x,) = op.ins
        assert x is not None
        dx = b.result([x, dy], x.shape, f"d_{x.name}")
        b.emit("cumsum", [dx], [dy], **{**op.attrs, "reverse": not op.attrs["reverse"]})
        b.add_gradient(x, dx)


def _sizes(shape: Sequence[int], first: int, count: int) -> dict[str, Any]:
    """Elements before, along and after the axes `first` … `first + count - 1`."""
    return {
        "outer": math.prod(shape[:first]),
        "n": math.prod(shape[first : first + count]),
        "inner": math.prod(shape[first + count :]),
    }


def reduced(b: Builder, x: Buffer, kind: str, axes: Sequence[int], shape: Sequence[int]) -> Buffer:
    """Emits the reduction of `x` along axes of its samples; the result is seen as `shape`."""
    before = list(x.shape)
    last: int | None = None
    while axes:
        last = first = axes[-1]
        while first - 1 in axes:
            first -= 1
        axes = [a for a in axes if a < first]
        sizes = _sizes(before, first, last + 1 - first)
        before[first : last + 1] = []
        if sizes["n"] > 1 or kind in _INDICES:
            y = b.result([x], before)
            b.emit("reduce", [y], [x], kind=kind, over_batch=False, **sizes)
            x = y
    if x.shape != tuple(shape) or last is None:
        x = reshaped(b, x, shape)
    return x


def reshaped(b: Builder, x: Buffer, shape: Sequence[int]) -> Buffer:
    """Emits another name for a buffer, of another shape."""
    y = b.result([x], shape)
    b.emit("reshape", [y], [x])
    y.alias = x
    return y


def add_reduced(b: Builder, x: Buffer, dx: Buffer) -> None:
    """Adds dx to the gradient of x, summed over the axes along which x was broadcast to its shape."""
    if dx.shape != x.shape:
        padded = (*[1] * (len(dx.shape) - len(x.shape)), *x.shape)
        pairs = enumerate(zip(padded, dx.shape, strict=True))
        axes = [i for i, (own, wide) in pairs if own != wide]
        dx = reduced(b, dx, "sum", axes, x.shape)
    b.add_gradient(x, dx)


def reduction(kind: str, x: Any, axis: Any, keepdims: bool) -> Tensor:
    """A reduction of a symbolic tensor along an axis, several or all."""
    (t,) = spec.operands(kind, x)
    axes = spec.axes_of(kind, t, axis)
    kept = tuple(1 if i in axes else d for i, d in enumerate(t.shape))
    left = kept if keepdims else tuple(d for i, d in enumerate(t.shape) if i not in axes)
    if not axes:
        return t
    over_batch = t.per_sample and axes[0] == 0
    if over_batch and len(axes) > 1 and kind in _INDICES:
        raise ValueError(
            f"{spec.where(kind)}: expected one axis, since the batch is the first. "
            f"Received: axis={axis!r}, shape={t.shape}"
        )
    within = [a - t.per_sample for a in axes if not (over_batch and a == 0)]
    if within or not over_batch:
        shape = spec.with_batch([d for i, d in enumerate(spec.sample(t)) if i not in within], False)
        shape = (None, *shape) if t.per_sample else shape
        t = spec.node("reduce", [t], shape, kind=kind, axes=within, over_batch=False)
    if over_batch:
        shape = spec.sample(t)
        t = spec.node("reduce", [t], shape, kind=kind, axes=[], over_batch=True)
    return t if t.shape == left else spec.node("reshape", [t], left)
