"""Functions of `keras.ops` between a model's layers, as Keras's configs have them: `x * 2` is a `Multiply`.

Keras makes an object of each use of a function: some of the arguments are in its config, the others
in its calls. Here a config names the function, and its calls have all arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from fastmlp import ops
from fastmlp.errors import unknown_name

# Classes that are not called as their functions are.
_NAMES = {
    "batchnorm": "batch_normalization",
    "layernorm": "layer_normalization",
    "rmsnorm": "rms_normalization",
}


def is_operation(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of a config's layers is a function of `keras.ops`."""
    return str(entry.get("module", "")).startswith("keras.src.ops.")


def translated(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as a config of fastmlp has it.

    Raises:
        ValueError: `fastmlp.ops` has no such function.
    """
    known = {name.replace("_", ""): name for name in ops.__all__}
    key = entry["class_name"].lower()
    name = _NAMES.get(key) or known.get(key)
    if name is None:
        what = f"function of fastmlp.ops for Keras's operation '{entry['config'].get('name', '')}'"
        raise unknown_name(what, entry["class_name"], ops.__all__)
    takes = inspect.signature(getattr(ops, name)).parameters
    given = {k: v for k, v in entry["config"].items() if k in takes}
    nodes = [_node(name, node, given) for node in entry["inbound_nodes"]]
    inner = {"name": entry["config"]["name"], "function": name}
    return {
        "module": "fastmlp.ops",
        "class_name": "Operation",
        "config": inner,
        "name": entry["name"],
        "inbound_nodes": nodes,
    }


def _node(name: str, node: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A call with the arguments of the config among its own, where the function has them."""
    left, called = dict(given), list(node["args"])
    args: list[Any] = []
    for parameter in inspect.signature(getattr(ops, name)).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            args += called
            called = []
        elif parameter.name in left:
            args.append(left.pop(parameter.name))
        elif called:
            args.append(called.pop(0))
        else:
            break
    if name == "get_item" and isinstance(args[1], list):  # JSON has no tuples
        args[1] = {"class_name": "__tuple__", "config": {"value": args[1]}}
    return {"args": args, "kwargs": {**node.get("kwargs", {}), **left}}
