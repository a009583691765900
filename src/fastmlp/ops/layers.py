"""The ops that layers are made of: dense, activations, softmax, dropout.

m = samples, k = inputs, n = units, rep = rows of a sample (1, or the middle axes of a rank 3 input).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph
from fastmlp._core import activations as _activations
from fastmlp.calls import operation
from fastmlp.errors import is_int, unknown_name, warn_user
from fastmlp.graph import Node, Shape, Tensor, current_layer
from fastmlp.ops import math, products, shapes, spec
from fastmlp.ops.reduce import reduction
from fastmlp.ops.spec import OpSpec
from fastmlp.variables import Variable, recording

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op


class Dense(OpSpec):
    """y (m·rep, n) = x (m·rep, k) · w (k, n) + bias (n)"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        w, bias = (b.weight(v) for v in node.weights)
        assert w is not None
        k, n = w.shape
        y = b.value((*ins[0].shape[:-1], n))
        b.emit("dense_fwd", [y], [ins[0], w, bias], rep=y.width // n, k=k, n=n, relu=False)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = dy · wᵀ    dw = xᵀ · dy    dbias = Σ_rows dy"""
        x, w, bias = op.ins
        assert x is not None and w is not None
        rep, k, n = (op.attrs[a] for a in ("rep", "k", "n"))
        b.add_weight_gradient("grad_matmul", w, [x, dy], rep=rep, k=k, n=n)
        if bias is not None:
            b.add_weight_gradient("grad_bias", bias, [dy], rep=rep, n=n)
        if b.differentiable(x):
            dx = b.value(x.shape, f"d_{x.name}")
            b.emit("dense_bwd", [dx], [dy, w], rep=rep, k=k, n=n)
            b.add_gradient(x, dx)


class Activation(OpSpec):
    """y = f(x), element by element"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, ins[0].shape)
        b.emit("act_fwd", [y], ins, kind=node.attrs["kind"], params=node.attrs["params"])
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = dy · f'(x), from x or y as the kernel asks for"""
        (x,) = op.ins
        assert x is not None
        saved = op.outs[0] if _activations.ACTIVATIONS[op.attrs["kind"]] == "y" else x
        dx = b.result([x, dy], x.shape, f"d_{x.name}")
        b.emit("act_bwd", [dx], [dy, b.beside(saved, dy)], **op.attrs)
        b.add_gradient(x, dx)


class Softmax(OpSpec):
    """y = exp(x) / Σ exp(x) over the last axis; log_softmax is its logarithm, sparsemax the nearest point"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, ins[0].shape)
        n = y.shape[-1]
        b.emit(f"{node.op}_fwd", [y], ins, rep=y.width // n, n=n)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = y · (dy - Σ y·dy)    (log_softmax: dx = dy - exp(y) · Σ dy;
        sparsemax: dx = dy - their mean where y > 0)
        """
        (x,) = op.ins
        assert x is not None
        dx = b.result([x, dy], x.shape, f"d_{x.name}")
        saved = b.beside(op.outs[0], dy)
        b.emit(op.name.replace("_fwd", "_bwd"), [dx], [dy, saved], **op.attrs)
        b.add_gradient(x, dx)


class Dropout(OpSpec):
    """y = x · mask / (1 - rate); the identity outside training"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        if not training or node.attrs["rate"] == 0:
            return ins[0]
        if not ins[0].per_sample:
            return _dropped_once(b, ins[0], **node.attrs)
        y = b.value(ins[0].shape)
        mask = b.mask(y.shape)
        shared = node.attrs["noise_shape"] is not None
        rate = node.attrs["rate"]
        scale = 1 / (1 - rate) if rate < 1 else 0.0
        attrs = {**node.attrs, "stream": b.stream(node.attrs["stream"]), "scale": scale}
        b.emit("dropout_noise_fwd" if shared else "dropout_fwd", [y, mask], ins, **attrs)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = dy · mask / (1 - rate)"""
        (x,) = op.ins
        assert x is not None
        dx = b.value(x.shape, f"d_{x.name}")
        b.emit("dropout_bwd", [dx], [dy, op.outs[1]], scale=op.attrs["scale"])
        b.add_gradient(x, dx)


def _dropped_once(
    b: Builder, x: Buffer, rate: float, stream: int | None, noise_shape: Shape | None
) -> Buffer:
    """Dropout of what all samples share, as weights: one decision for the batch, from normal numbers."""
    from statistics import NormalDist  # a slow import, and only this needs it

    axes = zip(noise_shape or [None] * len(x.shape), x.shape, strict=True)
    noise = b.batch([d if n is None else n for n, d in axes])
    b.emit("normal", [noise], [], stream=b.stream(stream))
    if rate == 1:
        bound, scale = np.inf, 0.0
    else:
        bound, scale = NormalDist().inv_cdf(rate), 1 / (1 - rate)
    drops, scaled, y = b.batch(noise.shape), b.batch(x.shape), b.batch(x.shape)
    constants = [b.constant(np.array(value, b.plan.dtype)) for value in (bound, 0.0)]
    b.emit("map", [drops], [noise, constants[0]], kind="less")
    b.emit("affine", [scaled], [x], scale=scale, offset=0.0)
    b.emit("map", [y], [drops, constants[1], scaled], kind="where")
    return y


class Pass(OpSpec):
    """y = x, and nothing to do: the identity, and the side of a phase that counts"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        return ins[0]


class RandomNormal(OpSpec):
    """y normal, with mean 0 and variance 1"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        sizes, per_sample = [int(n or 0) for n in node.output.shape], node.output.per_sample
        y = b.value(sizes[1:]) if per_sample else b.batch(sizes)
        b.emit("normal", [y], [], stream=b.stream(node.attrs["stream"]))
        return y


class Track(OpSpec):
    """y = x; in training a weight keeps a moving average of a value"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        x, value = ins
        if training and node.attrs["owner"].trainable:
            w = b.weight(node.weights[0])
            b.emit("average", [], [w, value], momentum=node.attrs["momentum"])
        return x


class Affine(OpSpec):
    """y = scale · x + offset"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, ins[0].shape)
        b.emit("affine", [y], ins, **node.attrs)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = scale · dy"""
        (x,) = op.ins
        assert x is not None
        dx = b.result([x, dy], x.shape, f"d_{x.name}")
        b.emit("affine", [dx], [dy], scale=op.attrs["scale"], offset=0.0)
        b.add_gradient(x, dx)


class Reshape(OpSpec):
    """The same numbers, seen with another shape: no op, only another name for the buffer"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        shape = node.output.shape[1:] if ins[0].per_sample else node.output.shape
        y = b.result(ins, [int(d or 0) for d in shape])
        b.emit("reshape", [y], ins)
        y.alias = ins[0]
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        (x,) = op.ins
        assert x is not None
        dx = b.result([dy], x.shape, f"d_{x.name}")
        b.emit("reshape", [dx], [dy])
        dx.alias = dy
        b.add_gradient(x, dx)


class SumSamples(OpSpec):
    """y = Σ_samples x, one value for the batch"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.batch(ins[0].shape)
        b.emit("sum_samples", [y], ins)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = dy for each sample"""
        (x,) = op.ins
        assert x is not None
        dx = b.value(x.shape, f"d_{x.name}")
        b.emit("repeat_samples", [dx], [dy])
        b.add_gradient(x, dx)


class RepeatSamples(OpSpec):
    """y = x for each sample, of one value for the batch"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.value(ins[0].shape)
        b.emit("repeat_samples", [y], ins)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = Σ_samples dy: `add_gradient` adds up what the samples have"""
        (x,) = op.ins
        assert x is not None
        b.add_gradient(x, dy)


class CopyRows(OpSpec):
    """y = x: all samples as one value for the batch (whole), or the rows of one value (each)"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        shape = spec.sample(node.output)
        y = b.value(shape) if node.op == "each" else b.batch(shape)
        b.emit("copy_rows", [y], ins)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx = dy, the other way round"""
        (x,) = op.ins
        assert x is not None
        dx = b.result([x], x.shape, f"d_{x.name}")
        b.emit("copy_rows", [dx], [dy])
        b.add_gradient(x, dx)


class ActivityPenalty(OpSpec):
    """y = x; the loss grows by Σ_samples (l1 Σ|x| + l2 Σ x²) / m"""

    adds_loss = True

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        b.add_penalty(b.emit("activity_loss", [], ins, **node.attrs))
        y = b.value(ins[0].shape)
        b.emit("activity_penalty", [y], ins, **node.attrs)
        y.alias = ins[0]
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer | None) -> None:
        """dx = dy + (l1 sign(x) + 2 l2 x) / m"""
        (x,) = op.ins
        assert x is not None
        dx = b.value(x.shape, f"d_{x.name}")
        b.emit("activity_penalty_bwd", [dx], [dy, x], **op.attrs)
        b.add_gradient(x, dx)


class Penalty(OpSpec):
    """y = x; the loss grows by the sum of a penalty, one value or those of all samples"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        x, penalty = ins
        if b.is_first(node.attrs["key"]):
            b.add_penalty(b.emit_values(penalty, by_batch=node.attrs["by_batch"]))
        y = b.result([x], x.shape)
        b.emit("reshape", [y], [x])
        y.alias = x
        return y


def _node(op: str, inputs: Sequence[Tensor], shape: Shape, **attrs: Any) -> Tensor:
    return Node(op, inputs, shape, inputs[0].dtype, attrs=attrs).output


def dense(x: Tensor, w: Variable, b: Variable | None = None) -> Tensor:
    """`x · w + b` over the last axis of `x (batch, …, k)`, or `(…, k)`; the result is `(…, n)`."""
    if x.ndim < 2 or x.shape[-1] != w.shape[0]:
        raise ValueError(
            f"dense {current_layer()!r}: expected inputs with {w.shape[0]} features. "
            f"Received: shape={x.shape}"
        )
    stand_in = (recording.get() or {}).get(w)
    if stand_in is not None or not x.per_sample:
        y: Tensor = products.matmul(x, w if stand_in is None else stand_in)
        return y if b is None else math.add(y, b)
    shape = (*x.shape[:-1], w.shape[1])
    return Node("dense", [x], shape, x.dtype, [w, b]).output


@operation
def activation(x: Any, kind: str, params: Sequence[float] = ()) -> Any:
    """Applies an element-wise activation to a tensor or an array.

    Args:
        x: Symbolic tensor or array of any shape.
        kind: Name of a native activation, as `'relu'`.
        params: Its parameters, in the kernel's order.
    """
    if kind not in _activations.ACTIVATIONS:
        raise unknown_name("activation kernel", kind, _activations.ACTIVATIONS)
    if spec.is_symbolic(x):
        (x,) = spec.operands(kind, x)
        return _node("activation", [x], x.shape, kind=kind, params=tuple(params))
    return _forward(kind, spec.arrays(x, floating=True)[0], tuple(params))


def _forward(kind: str, x: np.ndarray, params: tuple[float, ...] = ()) -> np.ndarray:
    """The native function of an array; of float16 by way of float32."""
    if x.dtype == np.float16:
        return _forward(kind, x.astype(np.float32), params).astype(x.dtype)
    if kind == "sparsemax":
        from fastmlp._core import sparsemax

        return sparsemax.forward(x)
    return _activations.forward(kind, x, params)


def _rows_function(x: Any, op: str, axis: Any) -> Any:
    if not spec.is_symbolic(x):
        (x,) = spec.arrays(x, floating=True)
        axes = spec.axes_of(op, x, axis)
        if axes == (x.ndim - 1,):
            return _forward(op, x)
        last = range(-len(axes), 0)
        rows = np.moveaxis(x, axes, last)
        flat = rows.reshape(*rows.shape[: x.ndim - len(axes)], spec.numel_of(x, axes))
        return np.moveaxis(_forward(op, flat).reshape(rows.shape), last, axes)
    (x,) = spec.operands(op, x)
    axes = spec.axes_of(op, x, axis)
    if not axes or (x.per_sample and 0 in axes):
        raise ValueError(
            f"{spec.where(op)}: expected an axis of a sample. Received: axis={axis}, shape={x.shape}"
        )
    if axes == (x.ndim - 1,):
        return _node(op, [x], x.shape)
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    rows = shapes.transpose(x, order)
    flat = shapes.reshape(rows, (*_sizes(rows)[: x.ndim - len(axes)], spec.numel_of(x, axes)))
    y = shapes.reshape(_node(op, [flat], flat.shape), _sizes(rows))
    return shapes.transpose(y, np.argsort(order).tolist())


def _sizes(x: Tensor) -> list[int]:
    return [-1 if d is None else d for d in x.shape]


@operation
def softmax(x: Any, axis: Any = -1) -> Any:
    """`exp(x) / Σ exp(x)` along an axis or several."""
    along = (axis,) if is_int(axis) else tuple(axis or ())
    shape = tuple(getattr(x, "shape", ()))
    if len(along) == 1 and -len(shape) <= along[0] < len(shape) and shape[along[0]] == 1:
        warn_user(
            f"{spec.where('softmax')}: axis {along[0]} of a tensor of shape {shape} has size 1, so all "
            "values become 1. Did you mean a sigmoid?"
        )
    return _rows_function(x, "softmax", axis)


@operation
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """`x - log Σ exp(x)` along an axis or several."""
    return _rows_function(x, "log_softmax", axis)


@operation
def sparsemax(x: Any, axis: Any = -1) -> Any:
    """The point of the simplex nearest to `x`, along an axis; see `activations.sparsemax`."""
    return _rows_function(x, "sparsemax", axis)


def dropout(
    x: Tensor, rate: float, stream: int | None, noise_shape: tuple[int | None, ...] | None
) -> Tensor:
    """In training: `x` with elements zeroed at random, the others scaled by `1/(1 - rate)`.

    Args:
        x: Tensor.
        rate: Share of the elements that become 0.
        stream: Number of the random numbers' stream; `None`: a new one.
        noise_shape: Along axes of size 1 all elements share one decision; `None`: each has its own.
    """
    return _node("dropout", [x], x.shape, rate=rate, stream=stream, noise_shape=noise_shape)


def random_normal(shape: Shape, dtype: str, stream: int | None) -> Tensor:
    """Normal random numbers, of mean 0 and variance 1, drawn anew at each step.

    `shape` may begin with `None`, the batch. `stream` is the number of the random numbers' stream; `None`: a new one.
    """
    return Node("random_normal", (), shape, dtype, attrs={"stream": stream}).output


def affine(x: Tensor, scale: float, offset: float) -> Tensor:
    """`scale · x + offset`."""
    return _node("affine", [x], x.shape, scale=float(scale), offset=float(offset))


def moving_average(x: Tensor, average: Variable, momentum: float, owner: Any) -> Tensor:
    """In training `x`, and average = momentum · average + (1 - momentum) · x; else `average`.

    Args:
        x: One value for the batch, of the weight's shape.
        average: A weight that is not trained.
        momentum: From 0 to 1.
        owner: A layer; while it is not `trainable`, training is as the rest.
    """
    return graph.phase(track(x, x, average, momentum, owner), graph.weight_tensor(average), owner)


def track(x: Tensor, value: Tensor, average: Variable, momentum: float, owner: Any) -> Tensor:
    """`x`; in training also average = momentum · average + (1 - momentum) · value.

    Args:
        x: Any tensor: whoever computes it in training moves the average.
        value: One value for the batch, of the weight's shape.
        average: A weight that is not trained.
        momentum: From 0 to 1.
        owner: A layer; while it is not `trainable`, the average stays.
    """
    attrs = {"momentum": momentum, "owner": owner}
    return Node("track", [x, value], x.shape, x.dtype, [average], attrs).output


def sum_samples(x: Tensor) -> Tensor:
    """The sum of `x` over the samples of the batch: `(batch, …)` becomes `(…)`."""
    return _node("sum_samples", [x], x.shape[1:])


def repeat_samples(x: Tensor) -> Tensor:
    """`x`, one value for the batch, once for each sample: `(…)` becomes `(batch, …)`."""
    return _node("repeat_samples", [x], (None, *x.shape))


def activity_penalty(x: Tensor, l1: float, l2: float) -> Tensor:
    """`x`; adds the mean over its first axis, the samples, of `l1 Σ|x| + l2 Σ x²` to the loss."""
    if not x.per_sample:
        sums = (reduction("sum", f(x), None, False) for f in (math.absolute, math.square))
        values = [math.multiply(s, factor) for s, factor in zip(sums, (l1, l2), strict=True)]
        return penalty(x, math.divide(math.add(*values), (*x.shape, 1)[0]))
    y = _node("activity_penalty", [x], x.shape, l1=float(l1), l2=float(l2))
    y.mask = x.mask
    return y


def penalty(x: Tensor, value: Tensor, by_batch: bool = False, key: object | None = None) -> Tensor:
    """`x`; adds `value`, or the sum of its elements, to the loss of every plan that computes `x`.

    Args:
        x: Any tensor.
        value: What to add.
        by_batch: Whether to divide a value of the batch by its number of samples.
        key: What several calls share that mean one addition to the loss; `None`: this is one.
    """
    attrs = {"by_batch": by_batch, "key": object() if key is None else key}
    y = Node("penalty", [x, value], x.shape, x.dtype, attrs=attrs).output
    y.mask = x.mask
    return y
