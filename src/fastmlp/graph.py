"""Symbolic tensors and nodes: what layers build, and what plans are compiled from.

A graph is nothing but nodes that point at the tensors they read. It is built forwards, so it has
no cycles unless somebody edits it; `order` checks that all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from fastmlp.variables import Variable

Shape = tuple[int | None, ...]

_names = itertools.count()
_layer: ContextVar[str] = ContextVar("layer", default="")


@contextmanager
def layer_scope(name: str) -> Iterator[None]:
    """Nodes made inside belong to the layer of this name, for messages."""
    token = _layer.set(name)
    try:
        yield
    finally:
        _layer.reset(token)


def current_layer() -> str:
    """Name of the layer being called, or `''`."""
    return _layer.get()


class Tensor:
    """A symbolic array: the output of a node.

    Args:
        shape: Its shape; the first entry is `None`, the batch, unless it is one value for all
            samples, as a weight is.
        dtype: `'float32'` or `'float64'`.
        node: The node that computes it.
    """

    __slots__ = ("dtype", "name", "node", "shape")

    def __init__(self, shape: Shape, dtype: str, node: Node, name: str | None = None) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.node = node
        self.name = name or f"tensor_{next(_names)}"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def per_sample(self) -> bool:
        """Whether its first axis is the batch; else it is one value for all samples."""
        return bool(self.shape) and self.shape[0] is None

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} is symbolic and has no values. "
            "Hint: use fastmlp.ops on it, or give the model an array."
        )

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


class Node:
    """One op applied to tensors and weights.

    Args:
        op: Name of an op in `fastmlp.ops`.
        inputs: Tensors it reads.
        shape: Shape of its output.
        weights: Weights it reads, in the op's order; `None` for one that is absent.
        attrs: Everything else that the op needs to know.

    Attributes:
        layer: Name of the layer that made it, for messages.
    """

    __slots__ = ("attrs", "inputs", "layer", "op", "output", "weights")

    def __init__(
        self,
        op: str,
        inputs: Sequence[Tensor],
        shape: Shape,
        dtype: str,
        weights: Sequence[Variable | None] = (),
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.weights = tuple(weights)
        self.attrs = dict(attrs or {})
        self.layer = current_layer()
        self.output = Tensor(shape, dtype, self)

    def __repr__(self) -> str:
        return f"<Node {self.op} {self.layer!r} -> {self.output.shape}>"


def input_tensor(shape: Shape, dtype: str, name: str | None = None) -> Tensor:
    """A tensor that the user feeds; `shape` includes the batch."""
    tensor = Node("input", (), shape, dtype).output
    tensor.name = name or tensor.name
    return tensor


def weight_tensor(variable: Variable) -> Tensor:
    """A weight as an operand; without a batch axis."""
    return Node("weight", (), variable.shape, variable.dtype, [variable]).output


def constant_tensor(value: Any, dtype: str) -> Tensor:
    """Numbers that never change, as an operand; without a batch axis."""
    array = np.array(value, dtype)
    array.flags.writeable = False
    return Node("constant", (), array.shape, dtype, attrs={"value": array}).output


def order(outputs: Iterable[Tensor]) -> list[Node]:
    """All nodes that the outputs need, each after the nodes it reads.

    Raises:
        ValueError: The nodes form a cycle.
    """
    done: dict[Node, bool] = {}  # False while its inputs are being visited
    result: list[Node] = []
    stack: list[tuple[Node, bool]] = [(t.node, False) for t in reversed(list(outputs))]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            done[node] = True
            result.append(node)
        elif node not in done:
            done[node] = False
            stack.append((node, True))
            for tensor in reversed(node.inputs):
                if not done.get(tensor.node, True):
                    raise ValueError(f"The graph has a cycle through {tensor.node!r}.")
                stack.append((tensor.node, False))
    return result
