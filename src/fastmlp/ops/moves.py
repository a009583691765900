"""Elements that change place: slices, transposes, flips, repeats, concatenation; and their gradients.

Whatever NumPy does to the places of elements is done once, to an array of the elements' numbers: a
table `index` that tells for each element of the result which element of a sample it is (-1: zero).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.graph import Node
from fastmlp.ops import spec
from fastmlp.ops.reduce import reshaped
from fastmlp.ops.spec import OpSpec

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op


class Take(OpSpec):
    """y_j = x at index_j, within a sample"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        index = node.attrs["index"]
        if index.size == ins[0].width and np.array_equal(index.reshape(-1), np.arange(index.size)):
            return reshaped(b, ins[0], index.shape)
        y = b.result(ins, index.shape)
        b.emit("take", [y], ins, index=index)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx at index_j += dy_j"""
        (x,) = op.ins
        assert x is not None
        dx = b.result([x, dy], x.shape, f"d_{x.name}")
        index = op.attrs["index"].reshape(-1)
        counts = np.bincount(index[index >= 0], minlength=x.width)
        if (counts == 1).all() and index.size == x.width:  # a permutation
            b.emit("take", [dx], [dy], index=np.argsort(index).astype(np.int32))
        else:
            add = bool((counts > 1).any())
            zero = bool((counts != 1).any())
            b.emit("put", [dx], [dy], index=op.attrs["index"], zero=zero, add=add)
        b.add_gradient(x, dx)


class Put(OpSpec):
    """y at index_j = x_j: a part of y, whose other elements other ops write"""

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx_j = dy at index_j"""
        (x,) = op.ins
        assert x is not None
        if b.differentiable(x):
            dx = b.result([dy], x.shape, f"d_{x.name}")
            b.emit("take", [dx], [dy], index=op.attrs["index"])
            b.add_gradient(x, dx)


class Concatenate(OpSpec):
    """y = several x, side by side along one axis: a `put` for each"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, spec.sample(node.output))
        axis = node.attrs["axis"]
        places = np.arange(y.width, dtype=np.int32).reshape(y.shape)
        parts = np.split(places, np.cumsum([x.shape[axis] for x in ins])[:-1], axis)
        for x, index in zip(ins, parts, strict=True):
            b.emit("put", [y], [x], index=index, zero=False, add=False)
        return y


def blocks(index: np.ndarray) -> tuple[int, np.ndarray]:
    """Length and starts of the longest equal blocks of neighbours that a table consists of."""
    flat = np.ascontiguousarray(index, np.int32).reshape(-1)
    follows = np.append(np.flatnonzero(np.diff(flat) != 1) + 1, flat.size)
    run = int(np.gcd.reduce(follows)) if (flat >= 0).all() else 1
    return run, np.ascontiguousarray(flat[::run])


def rearranged(name: str, x: Any, move: Callable[[np.ndarray], Any], hint: str = "") -> Any:
    """What `move` makes of `x`, of which it may repeat, drop and reorder elements.

    A symbolic tensor's move must leave the batch axis first, and do the same to every sample.

    Raises:
        ValueError: It does not, or it leaves nothing.
    """
    if not spec.is_symbolic(x):
        return move(spec.array(x))
    (x,) = spec.operands(name, x)
    shape = spec.sample(x)
    numbers = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    if not x.per_sample:
        index = _not_empty(name, x, np.asarray(move(numbers)))
        return spec.node("take", [x], index.shape, index=index)
    index = np.asarray(
        move(np.stack([numbers, numbers + numbers.size, numbers + 2 * numbers.size]))
    )
    # A zero (-1) of one sample is a zero of all; the third sample tells x[:2] from x.
    alike = index.shape[:1] == (3,) and all(
        np.array_equal(np.where(index[0] < 0, -1, index[0] + i * numbers.size), index[i])
        for i in (1, 2)
    )
    if not alike:
        raise spec.changes_batch(name, x, hint)
    _not_empty(name, x, index)
    return spec.node("take", [x], (None, *index.shape[1:]), index=index[0])


def _not_empty(name: str, x: Any, index: np.ndarray) -> np.ndarray:
    if index.size == 0 and spec.numel(x):
        shape = (None, *index.shape[1:]) if x.per_sample else index.shape
        raise ValueError(
            f"{spec.where(name)}: expected at least one element. Received: shape={shape} of "
            f"shape={x.shape}"
        )
    return index
