"""From symbolic inputs to outputs: which calls lie between, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastmlp import _tree, calls, graph, open_sizes
from fastmlp.calls import Call
from fastmlp.graph import Shape, Tensor
from fastmlp.layers import InputLayer, eager, masks
from fastmlp.layers.base import Layer
from fastmlp.layers.shapes import map_shapes
from fastmlp.ops.ranks import reshaped
from fastmlp.training.checks import fits, same
from fastmlp.training.structure import Slots


class Network:
    """The graph between inputs and outputs, seen call by call.

    Args:
        where: The model, for errors.
        inputs: Structure of symbolic tensors that are given.
        outputs: Structure of symbolic tensors that are computed.
        unique_names: Whether two layers of one name are an error.

    Attributes:
        input_structure: The inputs as given; where they were computed by layers, new Inputs stand
            in their places and the calls are repeated on those.
        output_structure: The outputs.
        inputs: The inputs, flat.
        outputs: The outputs, flat.
        calls: Every call, each after those it needs.
        layers: What was called, inputs included, in the order of Keras: farthest from the outputs
            first.

    Raises:
        TypeError: Something is no symbolic tensor.
        ValueError: An output needs an input that is not given, or names are taken twice.
    """

    def __init__(self, where: str, inputs: Any, outputs: Any, unique_names: bool = True) -> None:
        self.where = where
        _check_tensors(where, "inputs", inputs)
        _check_tensors(where, "outputs", outputs)
        if any(t.node.op != "input" for t in _tree.flatten(inputs)):
            inputs, outputs = _on_new_inputs(where, inputs, outputs)
        self.input_structure, self.output_structure = inputs, outputs
        self.inputs: list[Tensor] = _tree.flatten(inputs)
        self.outputs: list[Tensor] = _tree.flatten(outputs)
        self.calls, first_seen = _walk(where, self.inputs, self.outputs)
        self.layers = _by_depth(self.calls, first_seen, self.inputs)
        if unique_names:
            _check_names(where, self.layers)
        self.input_names = _names(inputs, [t.name for t in self.inputs])
        self.output_names = _names(outputs, [_name(t) for t in self.outputs])

    def run(
        self, inputs: list[Any], call: Callable[[Call, dict[Tensor, Any]], Any] | None = None
    ) -> Any:
        """Repeats all calls on other tensors.

        Args:
            inputs: One for each input.
            call: Does one call, given what stands for each tensor so far; `None`: `Call.again`.

        Returns:
            The structure of the new outputs.
        """
        values: dict[Tensor, Any] = dict(zip(self.inputs, inputs, strict=True))
        for one in self.calls:
            made = one.again(values) if call is None else call(one, values)
            pairs = zip(_tree.flatten(one.outputs), _tree.flatten(made), strict=True)
            values.update((old, new) for old, new in pairs)
        return _tree.apply(lambda t: values[t], self.output_structure)

    @property
    def is_open(self) -> bool:
        """Whether an input leaves a size to the data."""
        return any(map(open_sizes.is_open, self.inputs))

    def sizes_of(self, row_shapes: Any) -> tuple[Shape, ...] | None:
        """Shapes of a sample of each input, as data have them; `None` if they are not for these inputs.

        Args:
            row_shapes: A tuple, or a list or dict of them.

        Raises:
            ValueError: The inputs leave sizes open, and data do not have those that they tell.
        """
        found: list[Any] = []
        if isinstance(row_shapes, Mapping) and set(self.input_names) <= set(row_shapes):
            row_shapes = [row_shapes[name] for name in self.input_names]
        map_shapes(found.append, row_shapes)
        declared = [t.shape[1:] for t in self.inputs]
        if len(found) == len(declared):
            found = [_squeezed(*both) for both in zip(found, declared, strict=True)]
        if not self.is_open:
            alike = [len(shape) for shape in found] == [len(shape) for shape in declared]
            return tuple(found) if alike else None
        if len(found) == len(declared) and all(map(same, found, declared)):
            return tuple(found)
        expected = ", ".join(map(str, declared))
        raise ValueError(
            f"{self.where}: expected samples of shape {expected}. "
            f"Received: {', '.join(map(str, found))}"
        )

    def inputs_of(self, sizes: Sequence[Shape]) -> list[Tensor]:
        """Inputs like these, of these sizes."""
        return [
            graph.input_tensor((None, *size), tensor.dtype, tensor.name, graph.batch_size(tensor))
            for tensor, size in zip(self.inputs, sizes, strict=True)
        ]

    def trace_again(self) -> None:
        """Runs `call` of its layers again: their tensors stand for what they are with attributes of now.

        Raises:
            ValueError: A tensor would have another shape; nothing has changed then.
        """
        before: list[tuple[Tensor, Any, Any]] = []
        try:
            for call in self.calls:
                if isinstance(call.layer, Layer):
                    for tensor, new in call.layer._compute_again(call):
                        before.append((tensor, tensor.node, tensor.mask))
                        tensor.stand_for(new)
        except BaseException:
            for tensor, node, mask in before:
                tensor.node, tensor.mask = node, mask
            raise

    def match(self, given: Any, sizes: Sequence[Shape] | None = None) -> list[Any]:
        """What was given for each input, in order.

        Args:
            given: Arrays or tensors.
            sizes: Of a sample of each input, that are expected; `None`: those that the inputs declare.

        Raises:
            ValueError: Some are missing, or of another shape.
        """
        names = self.input_names
        if _tree.same_form(given, self.input_structure):  # also dicts within dicts
            found = _tree.flatten(given)
        elif isinstance(given, dict):
            received = [key for key in given if given[key] is not None]
            for name in names:  # what is for none of them is left aside, as in fit
                if name not in received:
                    raise ValueError(
                        f"{self.where}: expected the inputs {names}. "
                        f"Received: {received}, where '{name}' is missing"
                    )
            found = [given[name] for name in names]
        else:
            Slots("input", tuple(names), self.input_structure).check_keys(self.where, given)
            found = _tree.flatten(given)
        if len(found) != len(names):
            raise ValueError(
                f"{self.where}: expected {len(names)} inputs, {names}. Received: {len(found)}"
            )
        sizes = [t.shape[1:] for t in self.inputs] if sizes is None else sizes
        found = [_as_input(*both) for both in zip(found, sizes, strict=True)]
        for x, tensor, expected in zip(found, self.inputs, sizes, strict=True):
            if not same(x.shape[1:], expected):
                which = f" for '{tensor.name}'" if len(names) > 1 else ""
                raise ValueError(
                    f"{self.where}: expected inputs of shape {(None, *expected)}{which}. "
                    f"Received: shape={x.shape}"
                )
            if tensor.dtype != "string" and eager.holds_strings(x):
                raise TypeError(
                    f"{self.where}: expected numbers for '{tensor.name}'. Received: dtype={x.dtype}"
                )
        return found


def _as_input(x: Any, expected: Shape) -> Any:
    """An array or a tensor without a last axis of size 1 that the input has not, or with one."""
    sizes = _squeezed(x.shape[1:], expected)
    if sizes == x.shape[1:]:
        return x
    y = reshaped(x, (x.shape[0], *sizes))
    return masks.masked(y, x.mask) if isinstance(x, Tensor) else y


def _squeezed(sizes: Shape, expected: Shape) -> Shape:
    """Sizes of a sample, without a last one of 1 that is not expected, or with one that is."""
    if same(sizes, expected) or not fits(sizes, expected):
        return sizes
    return sizes[:-1] if len(sizes) > len(expected) else (*sizes, 1)


def _check_tensors(where: str, name: str, structure: Any) -> None:
    found = _tree.flatten(structure)
    if not found:
        raise ValueError(
            f"{where}: expected {name} to hold symbolic tensors. Received: {structure!r}"
        )
    for leaf in found:
        if not isinstance(leaf, Tensor):
            hint = ". Hint: write Dense(4)(x), not Dense(4)" if callable(leaf) else ""
            raise TypeError(
                f"{where}: expected {name} to be symbolic tensors, as Input(...) returns them. "
                f"Received: {leaf!r}{hint}"
            )
        if name == "outputs" and leaf.dtype == "string":
            raise TypeError(
                f"{where}: expected outputs that are numbers. Received: strings, {leaf!r}"
            )
    if name == "inputs" and len(set(found)) < len(found):
        raise ValueError(f"{where}: expected each input once. Received: {structure!r}")


def _on_new_inputs(where: str, inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same calls on new Inputs, for a model that starts amid another."""
    flat = _tree.flatten(inputs)

    def fresh(t: Tensor) -> Tensor:
        if t.node.op == "input":
            return t
        return InputLayer(t.shape[1:], dtype=t.dtype, name=f"{calls.of(t).layer.name}_input").tensor

    new = {t: fresh(t) for t in flat}
    values: dict[Tensor, Any] = dict(new)
    for call in _walk(where, flat, _tree.flatten(outputs))[0]:
        made = call.again(values)
        values.update(zip(_tree.flatten(call.outputs), _tree.flatten(made), strict=True))
    return _tree.apply(new.__getitem__, inputs), _tree.apply(values.__getitem__, outputs)


def _walk(
    where: str, inputs: list[Tensor], outputs: list[Tensor]
) -> tuple[list[Call], dict[int, int]]:
    """The calls that the outputs need, each after those it needs.

    Returns:
        The calls, and for the id of each layer the number at which the walk first met it.
    """
    given = set(inputs)
    done: dict[Call, bool] = {}  # False while what it needs is being visited
    result: list[Call] = []
    first_seen: dict[int, int] = {}
    stack: list[tuple[Tensor, Call | None]] = [(t, None) for t in reversed(outputs)]
    while stack:
        tensor, finished = stack.pop()
        if finished is not None:
            done[finished] = True
            result.append(finished)
            continue
        call = calls.of(tensor)
        first_seen.setdefault(id(call.layer), len(first_seen))
        if tensor in given:
            continue
        if tensor.node.op == "input":
            raise ValueError(
                f"{where}: its outputs need the input '{tensor.name}', which is not among inputs. "
                f"Received: inputs={[t.name for t in inputs]}. Hint: add it to them"
            )
        if call in done:
            if not done[call]:
                raise ValueError(f"{where}: the graph has a cycle through '{call.layer.name}'.")
            continue
        done[call] = False
        stack.append((tensor, call))
        stack.extend((t, None) for t in reversed(call.inputs))
    _check_reached(where, given, outputs, result)
    return result, first_seen


def _check_reached(
    where: str, given: set[Tensor], outputs: list[Tensor], order: list[Call]
) -> None:
    """Every output must depend on an input: it has no samples else."""
    reached: set[Call] = set()
    for call in order:
        if any(t in given or calls.of(t) in reached for t in call.inputs):
            reached.add(call)
    for number, tensor in enumerate(outputs):
        if tensor not in given and calls.of(tensor) not in reached:
            raise ValueError(
                f"{where}: expected outputs that depend on its inputs, "
                f"{[t.name for t in given]}. Received: output {number}, "
                f"{calls.described(tensor)}, which depends on none of them"
            )


def _by_depth(order: list[Call], first_seen: dict[int, int], inputs: list[Tensor]) -> list[Any]:
    """What was called, each once: by the number of calls to the farthest output, as in Keras."""
    entries = [calls.of(t) for t in inputs]
    used = {id(t) for call in order for t in call.inputs}
    depth_of_call: dict[Call, int] = {}
    depth_of: dict[int, int] = {}
    layers: dict[int, Any] = {}
    for call in reversed([*entries, *order]):
        layer = call.layer
        depth = max(depth_of_call.get(call, 0), depth_of.get(id(layer), 0))
        depth_of[id(layer)] = depth_of_call[call] = depth
        layers[id(layer)] = layer
        for tensor in call.inputs:
            before = calls.of(tensor)
            depth_of_call[before] = max(depth + 1, depth_of_call.get(before, 0))
    for entry in entries:
        if id(entry.outputs) not in used:
            first_seen.setdefault(id(entry.layer), -1)
    return sorted(layers.values(), key=lambda layer: (-depth_of[id(layer)], first_seen[id(layer)]))


def _check_names(where: str, layers: list[Any]) -> None:
    twice = [name for name, n in Counter(layer.name for layer in layers).items() if n > 1]
    if twice:
        kinds = [type(layer).__name__ for layer in layers if layer.name == twice[0]]
        raise ValueError(
            f"{where}: expected layers of different names. Received: {' and '.join(kinds)}, both "
            f"named '{twice[0]}'. Hint: give one of them another name="
        )


def _name(output: Tensor) -> str:
    while output.node.op == "phase":
        output = output.node.inputs[1]
    name: str = calls.of(output).layer.name
    return name


def _names(structure: Any, found: list[str]) -> list[str]:
    """The keys of a dict of tensors; else the names found, made different by `_1`, `_2` …"""
    if isinstance(structure, dict) and all(isinstance(t, Tensor) for t in structure.values()):
        return [str(key) for key in _tree.keys(structure)]
    seen: Counter[str] = Counter()
    names = []
    for name in found:
        names.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
