"""Calls of layers and operations on symbolic tensors: the graph as its user sees it.

A node (`graph.py`) is what a plan computes; a call is what somebody wrote, as `Dense(4)(x)` or
`a + b`, and may stand for several nodes. Models are walked, drawn, saved and cloned call by call.
Calls inside of a layer belong to that layer and are not recorded.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastmlp import _names, _tree, graph, open_sizes, whole_batch
from fastmlp.graph import Node, Tensor

F = TypeVar("F", bound=Callable[..., Any])


class Call:
    """One call of a layer, model or operation on symbolic tensors.

    Args:
        layer: What was called; has a `name`.
        args: Its positional arguments, with tensors anywhere inside.
        kwargs: Its keyword arguments.
        outputs: What it returned: a structure of tensors.

    Attributes:
        inputs: Flat list of the tensors among the arguments.
    """

    __slots__ = ("args", "inputs", "kwargs", "layer", "outputs")

    def __init__(
        self, layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        self.layer = layer
        self.args = args
        self.kwargs = dict(kwargs)
        self.outputs = outputs
        self.inputs = tensors((args, self.kwargs))

    def arguments(self, values: Mapping[Tensor, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments and keyword arguments with `values` in place of the call's inputs."""
        args, kwargs = _tree.apply(
            lambda leaf: values[leaf] if isinstance(leaf, Tensor) else leaf,
            (self.args, self.kwargs),
        )
        return args, kwargs

    def again(self, values: Mapping[Tensor, Any], layer: Any = None) -> Any:
        """Repeats the call on other tensors.

        Args:
            values: What stands for each of the call's inputs.
            layer: Called instead of the call's own layer.
        """
        args, kwargs = self.arguments(values)
        return (layer or self.layer)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Call of {self.layer!r}>"


def tensors(structure: Any) -> list[Tensor]:
    """The symbolic tensors of a structure, in order."""
    return [leaf for leaf in _tree.flatten(structure) if isinstance(leaf, Tensor)]


def record(layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any) -> Any:
    """Notes that `layer` was called, unless inside of another layer.

    Args:
        layer: What was called; with a list `calls`, the call is appended there.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        outputs: What it computed.

    Returns:
        The outputs; one that is an input, or that another call returned, gets a new name.
    """
    if graph.current_layer():
        return outputs
    taken = set(tensors((args, kwargs)))

    def own(tensor: Tensor) -> Tensor:
        if tensor in taken or tensor.call is not None or tensor.node.op == "input":
            with graph.layer_scope(layer.name):
                new = Node("identity", [tensor], tensor.shape, tensor.dtype).output
            new.mask = tensor.mask
            tensor = new
        taken.add(tensor)
        return tensor

    outputs = _tree.apply(own, outputs)
    call = Call(layer, args, kwargs, outputs)
    for tensor in _tree.flatten(outputs):
        tensor.call = call
    layer.calls.append(call)
    return outputs


def of(tensor: Tensor) -> Call:
    """The call that returned a tensor; for a node that nobody recorded, one of that node alone."""
    if tensor.call is None:
        node = tensor.node
        tensor.call = Call(NodeOperation(node), node.inputs, {}, tensor)
    return tensor.call


def source(tensor: Tensor) -> str:
    """Name of the layer, input or operation that a tensor comes from."""
    if tensor.call is not None:
        return str(tensor.call.layer.name)
    return tensor.node.layer or tensor.name


def described(*tensors: Any) -> str:
    """Shapes, and the layers, inputs and operations that they come from, for errors."""
    return " and ".join(f"{tuple(t.shape)}{_origin(t)}" for t in tensors)


def _origin(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f" of weight '{value.name}'" if hasattr(value, "trainable") else " of an array"
    if value.node.op == "constant":
        return " of an array"
    if value.node.op == "weight":
        return _origin(value.node.weights[0])
    return f" from '{source(value)}'"


class NodeOperation:
    """A node as a step of a model."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = _names.unique_name(node.op)
        self.calls: list[Call] = []

    def __call__(self, *inputs: Tensor) -> Tensor:
        node = self.node
        dtype = node.output.dtype
        again = Node(node.op, inputs, node.output.shape, dtype, node.weights, node.attrs)
        again.training = node.training
        of(again.output)
        return again.output

    def copy(self) -> NodeOperation:
        """Itself: it has nothing that a copy would need to have for itself."""
        return self

    def __repr__(self) -> str:
        return f"<Operation {self.node.op} name={self.name}>"


class Operation:
    """A function of `fastmlp.ops` as a step of a model: what `a + b` on tensors leaves behind.

    Args:
        function: The function.
        name: Name of the step; made from the function's if `None`.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or _names.unique_name(function.__name__)
        self.calls: list[Call] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outputs = open_sizes.call(self._compute, args, kwargs)
        return record(self, args, kwargs, outputs)

    def _compute(self, *args: Any, **kwargs: Any) -> Any:
        with graph.layer_scope(self.name):
            return self.function(*args, **kwargs)

    @property
    def kind(self) -> str:
        """What is shown as its type: `GetItem` of `get_item`."""
        return "".join(part.capitalize() for part in self.function.__name__.split("_"))

    @property
    def output_shape(self) -> Any:
        """Shape of what its last call returned."""
        return _tree.apply(lambda t: t.shape, self.calls[-1].outputs) if self.calls else None

    def copy(self) -> Operation:
        """The same step for another model."""
        return Operation(self.function, self.name)

    def __getstate__(self) -> dict[str, Any]:
        """With the public function, which pickle finds by its name, in place of the inner one."""
        inner = self.function
        public = getattr(sys.modules.get(inner.__module__), inner.__name__, inner)
        found = getattr(public, "__wrapped__", None) is inner
        return {**self.__dict__, "function": public if found else inner, "inner": found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        function, inner = state["function"], state.pop("inner")
        self.__dict__.update(state, function=function.__wrapped__ if inner else function)

    def __repr__(self) -> str:
        return f"<Operation {self.function.__name__} name={self.name}>"


def operation(function: F) -> F:
    """Decorates a function of `fastmlp.ops`: used on symbolic tensors, it is recorded."""

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        if graph.known_batch() is not None:
            return whole_batch.call(function, args, kwargs)
        if graph.current_layer() or not tensors((args, kwargs)):
            return function(*args, **kwargs)
        return Operation(function)(*args, **kwargs)

    return recorded  # type: ignore[return-value]
