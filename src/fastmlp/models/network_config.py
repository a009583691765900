"""A network as a config, in Keras's form, and back.

    layers          every layer with its config, and for each of its calls the arguments
    input_layers    the structure of the inputs, each as [layer, call, tensor]
    output_layers   that of the outputs

A tensor is named by the layer that it comes from, the number of that layer's call within the
network, and its number among what the call returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp import _tree, calls, ops
from fastmlp.calls import Call, Operation
from fastmlp.errors import unknown_name
from fastmlp.graph import Tensor
from fastmlp.layers import InputLayer, lookup
from fastmlp.layers.base import Layer
from fastmlp.models import keras_operations
from fastmlp.models.network import Network

_Address = tuple[str, int, int]


def network_to_config(network: Network) -> dict[str, Any]:
    """The config of a network.

    Raises:
        ValueError: Something in it has no config, as a function that nobody registered.
    """
    addresses: dict[Tensor, _Address] = {}
    calls_of: dict[str, list[Call]] = {layer.name: [] for layer in network.layers}
    for call in (*(calls.of(t) for t in network.inputs), *network.calls):
        name = call.layer.name
        for k, tensor in enumerate(_tree.flatten(call.outputs)):
            addresses[tensor] = (name, len(calls_of[name]), k)
        calls_of[name].append(call)

    def nodes(layer: Any) -> list[dict[str, Any]]:
        if isinstance(layer, InputLayer):
            return []
        where = f"{network.where}: '{layer.name}'"
        return [
            {
                "args": [_encode(where, arg, addresses) for arg in call.args],
                "kwargs": {k: _encode(where, v, addresses) for k, v in call.kwargs.items()},
            }
            for call in calls_of[layer.name]
        ]

    return {
        "layers": [
            {**_layer_config(layer), "name": layer.name, "inbound_nodes": nodes(layer)}
            for layer in network.layers
        ],
        "input_layers": _tree.apply(lambda t: list(addresses[t]), network.input_structure),
        "output_layers": _tree.apply(lambda t: list(addresses[t]), network.output_structure),
    }


def network_from_config(config: Mapping[str, Any]) -> tuple[Any, Any]:
    """Makes the layers and calls them.

    Args:
        config: What `network_to_config` returned, or Keras's config of a functional model.

    Returns:
        The structures of the inputs and of the outputs.

    Raises:
        ValueError: The config makes no sense.
    """
    made: dict[str, list[list[Tensor]]] = {}  # of each layer the tensors of each call
    waiting: list[tuple[str, Any, list[Any]]] = []
    for entry in config["layers"]:
        if keras_operations.is_operation(entry):
            entry = keras_operations.translated(entry)
        layer = _make_layer(entry)
        name = entry.get("name") or entry["config"]["name"]
        made[name] = []
        if isinstance(layer, InputLayer):
            made[name].append([layer.tensor])
        else:
            nodes = [_node_of_keras_2(node) for node in entry["inbound_nodes"]]
            waiting.append((name, layer, nodes))
    while waiting:
        left = sum(len(nodes) for _, _, nodes in waiting)
        for name, layer, nodes in waiting:
            while nodes and all(_is_made(a, made) for a in _addresses(nodes[0])):
                args, kwargs = _arguments(nodes.pop(0), made)
                made[name].append(_tree.flatten(layer(*args, **kwargs)))
        waiting = [one for one in waiting if one[2]]
        if left == sum(len(nodes) for _, _, nodes in waiting):
            names = ", ".join(name for name, _, _ in waiting)
            raise ValueError(f"Config of a model: the inputs of these layers are missing: {names}")
    for entry in config["layers"]:
        if entry["class_name"] == "Functional":  # Keras counts its calls from 1, in these two lists
            made[entry["name"]].insert(0, [])
    return _find_all(config["input_layers"], made), _find_all(config["output_layers"], made)


# Layers.


def _layer_config(layer: Any) -> dict[str, Any]:
    if isinstance(layer, Layer):
        found: dict[str, Any] = lookup.serialize(layer)
        return found
    if isinstance(layer, Operation):
        inner = {"name": layer.name, "function": layer.function.__name__}
        return {"module": "fastmlp.ops", "class_name": "Operation", "config": inner}
    raise ValueError(
        f"'{layer.name}': has no config. Hint: make the tensors that a model begins or ends with "
        "outside of any call()"
    )


def _make_layer(entry: Mapping[str, Any]) -> Any:
    if entry["class_name"] != "Operation":
        return lookup.deserialize(entry)
    name = entry["config"]["function"]
    function = getattr(ops, name, None) if name in ops.__all__ else None
    if not hasattr(function, "__wrapped__"):
        raise unknown_name("function of fastmlp.ops", name, ops.__all__)
    return Operation(function.__wrapped__, entry["config"]["name"])  # type: ignore[union-attr]


# Arguments: tensors as addresses, and what JSON does not have.


def _encode(where: str, value: Any, addresses: Mapping[Tensor, _Address]) -> Any:
    def tagged(kind: str, **config: Any) -> dict[str, Any]:
        return {"class_name": f"__{kind}__", "config": config}

    if isinstance(value, Tensor):
        return tagged(
            "keras_tensor",
            shape=list(value.shape),
            dtype=value.dtype,
            keras_history=list(addresses[value]),
        )
    if isinstance(value, slice):
        return tagged("slice", start=value.start, stop=value.stop, step=value.step)
    if value is Ellipsis:
        return tagged("ellipsis")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return tagged("numpy", value=value.tolist(), dtype=value.dtype.name)
    if isinstance(value, tuple):
        return tagged("tuple", value=[_encode(where, part, addresses) for part in value])
    if isinstance(value, list):
        return [_encode(where, part, addresses) for part in value]
    if isinstance(value, Mapping):
        return {key: _encode(where, part, addresses) for key, part in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(
        f"{where}: was called with {value!r:.80}, which has no config. Hint: hold it in a layer of "
        "your own that has a get_config()"
    )


def _decode(value: Any, made: Mapping[str, list[list[Tensor]]]) -> Any:
    if isinstance(value, list):
        return [_decode(part, made) for part in value]
    if not isinstance(value, Mapping):
        return value
    inner = value.get("config", {})
    match value.get("class_name"):
        case "__keras_tensor__":
            return _find(inner["keras_history"], made)
        case "__slice__":
            return slice(inner["start"], inner["stop"], inner["step"])
        case "__ellipsis__":
            return Ellipsis
        case "__numpy__" | "__tensor__":
            return np.array(inner["value"], inner["dtype"])
        case "__tuple__":
            return tuple(_decode(part, made) for part in inner["value"])
    return {key: _decode(part, made) for key, part in value.items()}


def _node_of_keras_2(node: Any) -> Any:
    """A call `[[layer, call, tensor, kwargs], …]` of Keras 2 as one of today."""
    if not isinstance(node, list):
        return node
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": one[:3]}} for one in node
    ]
    kwargs = node[0][3] if len(node[0]) > 3 else {}
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}


def _arguments(node: Any, made: Mapping[str, list[list[Tensor]]]) -> tuple[Any, dict[str, Any]]:
    kwargs = _decode(node.get("kwargs", {}), made)
    return _decode(list(node["args"]), made), {k: v for k, v in kwargs.items() if v is not None}


def _addresses(value: Any) -> list[Any]:
    """Every tensor that is named anywhere within."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"]]
        return [address for part in value.values() for address in _addresses(part)]
    if isinstance(value, list):
        return [address for part in value for address in _addresses(part)]
    return []


def _is_made(address: Any, made: Mapping[str, list[list[Tensor]]]) -> bool:
    return bool(len(made.get(address[0], ())) > address[1])


def _find(address: Any, made: Mapping[str, list[list[Tensor]]]) -> Tensor:
    name, call, number = address
    if name not in made:
        raise unknown_name("layer in the config", name, list(made))
    try:
        tensor: Tensor = made[name][call][number]
        return tensor
    except IndexError:
        raise ValueError(
            f"Config of a model: '{name}' has no tensor {number} of call {call}."
        ) from None


def _find_all(structure: Any, made: Mapping[str, list[list[Tensor]]]) -> Any:
    """The structure with tensors in place of their addresses."""
    if isinstance(structure, Mapping):
        return {key: _find_all(part, made) for key, part in structure.items()}
    if len(structure) == 3 and isinstance(structure[0], str):
        return _find(structure, made)
    return _tree.like(structure, [_find_all(part, made) for part in structure])
