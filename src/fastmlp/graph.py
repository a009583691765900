"""Symbolic tensors and nodes: what layers build, and what plans are compiled from.

A graph is nothing but nodes that point at the tensors they read. It is built forwards, so it has
no cycles unless somebody edits it; `order` checks that all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._operators import Operators, of_numpy
from fastmlp._record import Record, fresh
from fastmlp._spelling import MissingName
from fastmlp.variables import Values, Variable, recording

if TYPE_CHECKING:
    from fastmlp.calls import Call

Shape = tuple[int | None, ...]

_names = itertools.count()
_layer: ContextVar[str] = ContextVar("layer", default="")
_training: ContextVar[bool | None] = ContextVar("training", default=None)


COMPUTE_LOSS = "compute_loss"
"""The scope in which a model's own `compute_loss` is traced."""


@contextmanager
def layer_scope(name: str) -> Iterator[None]:
    """Nodes made inside belong to the layer of this name; `''`: to no layer."""
    token = _layer.set(name)
    try:
        yield
    finally:
        _layer.reset(token)


def current_layer() -> str:
    """Name of the layer being called, or `''`."""
    return _layer.get()


def is_tracing() -> bool:
    """Whether weights stand for tensors: in `call` of a layer or model, in a loss, in an update."""
    return bool(_layer.get()) or recording.get() is not None


@contextmanager
def no_trace() -> Iterator[None]:
    """Inside, weights and random numbers are those of now, as initializers want them."""
    token = recording.set(None)
    try:
        with layer_scope(""):
            yield
    finally:
        recording.reset(token)


@contextmanager
def training_scope(training: bool | None) -> Iterator[None]:
    """Nodes made inside behave as told: as in training, as outside, or `None`: as the plan says."""
    token = _training.set(training)
    try:
        yield
    finally:
        _training.reset(token)


def current_training() -> bool | None:
    """What the layer being called was told of training."""
    return _training.get()


class Samples(int):
    """How many samples a batch has: a tensor's first size, in a graph that is for so many alone."""


class KnownBatch(Record):
    """Samples of every batch of the graph that is being built, and what operations take for granted.

    Attributes:
        samples: How many.
        wholes: Of tensors with the batch, all samples as one value; see `whole_batch.py`.
    """

    samples: int
    wholes: dict[Tensor, Tensor] = fresh(default_factory=dict)


_known_batch: ContextVar[KnownBatch | None] = ContextVar("known_batch", default=None)


@contextmanager
def batch_of(samples: int | None) -> Iterator[None]:
    """Tensors made inside have batches of so many samples; `None`: of any number."""
    token = _known_batch.set(None if samples is None else KnownBatch(samples))
    try:
        yield
    finally:
        _known_batch.reset(token)


def known_batch() -> KnownBatch | None:
    """The batch of the graph that is being built, if its size is known."""
    return _known_batch.get()


def is_batch(size: Any) -> bool:
    """Whether a tensor's first size says that it has the batch."""
    return size is None or type(size) is Samples


class Tensor(Operators):
    """A symbolic array: the output of a node.

    Python's operators on it are the functions of `fastmlp.ops`: `a + b`, `2 * x`, `x[:, :3]`.

    Args:
        shape: Its shape; the first entry is `None`, the batch, unless it is one value for all
            samples, as a weight is. Where the batch is known (`batch_of`) it becomes `Samples`.
        dtype: `'float32'` or `'float64'`; `'string'` of an input that holds strings.
        node: The node that computes it; `None`: it is an input, as `fastmlp.Input` returns.

    Attributes:
        call: The layer's or operation's call that returned it; `None` for an input, and inside
            of a layer.
        codes: The same numbers, found outside of the plan; see `boundary.py`.
        mask: Which of its steps count, a tensor of zeros and ones; `None`: all. See
            `layers/masks.py`.
    """

    __slots__ = ("call", "codes", "dtype", "mask", "name", "node", "shape")

    def __init__(
        self,
        shape: Shape,
        dtype: str = "float32",
        node: Node | None = None,
        name: str | None = None,
    ) -> None:
        if shape and shape[0] is None and (batch := _known_batch.get()) is not None:
            shape = (Samples(batch.samples), *shape[1:])
        self.shape = tuple(shape)
        self.dtype = dtype
        if node is None:
            node = Node("input", (), self.shape, dtype)
            node.output = self
        self.node = node
        self.name = name or f"tensor_{next(_names)}"
        self.call: Call | None = None
        self.codes: Tensor | None = None
        self.mask: Tensor | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def per_sample(self) -> bool:
        """Whether its first axis is the batch; else it is one value for all samples."""
        return bool(self.shape) and is_batch(self.shape[0])

    def __getattr__(self, name: str) -> Any:
        raise MissingName("a symbolic tensor", name, Tensor, [])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return of_numpy(ufunc, method, inputs, options)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} is symbolic and has no values. "
            "Hint: use fastmlp.ops on it, or give the model an array."
        )

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is symbolic: it is neither true nor false before there is data. "
            "Hint: use fastmlp.ops.where in place of `if`"
        )

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice) and key == slice(None) and self.shape[:1] == (None,):
            raise ValueError(
                f"{self!r}: expected a slice of known bounds along the batch. Received: [:], which is "
                "also [:n] and [n:] where the number of samples n is not known. Hint: a layer's call "
                "gets it from ops.shape(x)[0]; x[:, :] takes all of every sample"
            )
        return super().__getitem__(key)

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"{self!r} is symbolic and has no length. Hint: look at its shape")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"{self!r} is symbolic: it cannot be iterated over. Hint: slice it")
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        raise TypeError(f"{self!r} is symbolic and has no values. Hint: use fastmlp.ops on it")

    def stand_for(self, other: Tensor) -> None:
        """From now on it is what `other` is; what was computed from it follows."""
        node = Node("identity", [other], self.shape, self.dtype)
        node.layer, node.output = self.node.layer, self
        self.node, self.mask = node, other.mask

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def strings_are_no_numbers(name: str) -> TypeError:
    """The error for a tensor of strings where one of numbers is needed."""
    where = f"Layer '{current_layer()}'" if current_layer() else name
    return TypeError(
        f"{where}: expected numbers. Received: a tensor of strings. Hint: StringLookup or Hashing "
        "makes numbers of them"
    )


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
        training: Whether it behaves as in training; `None`: as the plan says.
    """

    __slots__ = ("attrs", "inputs", "layer", "op", "output", "training", "weights")

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
        for t in self.inputs:
            if t.dtype == "string" and op not in ("encode", "open"):
                raise strings_are_no_numbers(op)
            if None in t.shape[1:] and op not in ("open", "identity"):
                raise ValueError(
                    f"Layer {current_layer() or op!r}: expected sizes that are known. Received: {t.shape} "
                    f"from '{t.name}'. Hint: make a Model of it, which learns them from the data, or give "
                    "all sizes to Input"
                )
        self.weights = tuple(weights)
        self.attrs = dict(attrs or {})
        self.layer = current_layer()
        self.training = current_training()
        self.output: Tensor = Tensor(shape, dtype, self)

    def reads(self, training: bool | None) -> tuple[Tensor, ...]:
        """The inputs that count: of a `phase` node the one for training, or the other."""
        training = training if self.training is None else self.training
        if self.op != "phase" or training is None:
            return self.inputs
        owner = self.attrs.get("owner")
        return (self.inputs[0 if training and (owner is None or owner.trainable) else 1],)

    def __repr__(self) -> str:
        return f"<Node {self.op} {self.layer!r} -> {self.output.shape}>"


def input_tensor(
    shape: Shape, dtype: str, name: str | None = None, batch_size: int | None = None
) -> Tensor:
    """A tensor that the user feeds.

    Args:
        shape: With the batch, as `None`.
        dtype: Its type.
        name: Its name.
        batch_size: Samples of every batch, if that is known.
    """
    attrs = {} if batch_size is None else {"batch_size": batch_size}
    tensor = Node("input", (), shape, dtype, attrs=attrs).output
    tensor.name = name or tensor.name
    return tensor


def weight_tensor(variable: Variable) -> Tensor:
    """A weight as an operand, or what stands for it while recording; without a batch axis."""
    assigned = (recording.get() or {}).get(variable, variable)
    if isinstance(assigned, Tensor):
        return assigned
    if isinstance(assigned, Variable):
        return memory_tensor(assigned)
    return constant_tensor(assigned, variable.dtype)


def shown(variable: Variable) -> Any:
    """What a layer's attribute gives for a weight: a live view; the weight itself while it stands for a tensor."""
    if is_tracing():
        return variable
    view = variable.value.view(Values)
    view.variable = variable
    return view


def memory_tensor(variable: Variable) -> Tensor:
    """What is in a weight's memory, as an operand."""
    return Node("weight", (), variable.shape, variable.dtype, [variable]).output


def constant_tensor(value: Any, dtype: str) -> Tensor:
    """Numbers that never change, as an operand; without a batch axis."""
    array = np.array(value, dtype)
    array.flags.writeable = False
    return Node("constant", (), array.shape, dtype, attrs={"value": array}).output


def phase(train: Tensor, infer: Tensor, owner: Any = None) -> Tensor:
    """`train` while a plan trains, `infer` otherwise; of one shape.

    Args:
        train: For training.
        infer: For the rest.
        owner: A layer; while it is not `trainable`, training is as the rest.

    Raises:
        ValueError: The shapes differ.
    """
    if train.shape != infer.shape:
        raise ValueError(
            f"Layer '{current_layer()}': expected one output shape with training=True and "
            f"training=False. Received: {train.shape} and {infer.shape}"
        )
    attrs = None if owner is None else {"owner": owner}
    output = Node("phase", [train, infer], train.shape, train.dtype, attrs=attrs).output
    output.mask = train.mask
    if train.mask is not None and infer.mask is not None and train.mask is not infer.mask:
        output.mask = phase(train.mask, infer.mask)
    return output


def batch_size(tensor: Tensor) -> int | None:
    """Samples of every batch, where an input that the tensor comes from tells."""
    sizes = (node.attrs.get("batch_size") for node in order([tensor]) if node.op == "input")
    return next((n for n in sizes if n is not None), None)


def order(
    outputs: Iterable[Tensor], inputs: Iterable[Tensor] = (), training: bool | None = None
) -> list[Node]:
    """All nodes that the outputs need, each after the nodes it reads.

    Args:
        outputs: What is wanted.
        inputs: Tensors that are given: their nodes, and what only these read, are left out.
        training: Which side of `phase` nodes is needed; `None`: both.

    Raises:
        ValueError: The nodes form a cycle.
    """
    done: dict[Node, bool] = {t.node: True for t in inputs}  # False while inputs are visited
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
            for tensor in reversed(node.reads(training)):
                if not done.get(tensor.node, True):
                    raise ValueError(f"The graph has a cycle through {tensor.node!r}.")
                stack.append((tensor.node, False))
    return result


# Ops whose output holds what the last tensor they read does, and those of kind `map` that give truth values.
_SAME = ("identity", "reshape", "take", "whole", "each")
_TRUTH = (
    "equal", "not_equal", "less", "less_equal", "logical_and", "logical_or", "logical_xor", "logical_not",
    "isnan", "isinf", "isfinite",
)  # fmt: skip


def kind_of(tensor: Tensor, training: bool = False) -> str | None:
    """What a tensor holds, of which plans make floats: `'int32'` for places, `'bool'` or another type.

    `None`: numbers of the plan's type.
    """
    node = tensor.node
    while "to" not in node.attrs:
        if node.op == "phase":
            node = node.reads(training)[0].node
            continue
        kind = node.attrs.get("kind")
        if node.op == "argsort" or kind in ("argmax", "argmin"):
            return "int32"
        if node.op == "encode":
            return "int64"
        if node.op == "map" and kind in _TRUTH:
            return "bool"
        extreme = node.op == "reduce" and kind in ("max", "min")
        if not (extreme or node.op in _SAME) or not node.inputs:
            return None
        node = node.inputs[-1].node
    to: str = node.attrs["to"]
    return None if to.startswith("float") else to


def of_kind(array: np.ndarray, kind: str | None) -> np.ndarray:
    """What a plan computed, as an array of what its tensor holds."""
    return array if kind is None else array.astype(kind)
