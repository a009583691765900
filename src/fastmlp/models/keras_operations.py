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


# From fastmlp to Keras: the modules of classes that are not in `keras.src.ops.numpy`, and their names.
_MODULES = {
    "core": "cast saturate_cast scatter scatter_update slice slice_update stop_gradient unstack",
    "linalg": "cholesky cholesky_inverse det eig eigh inv lstsq lu_factor matrix_rank norm pinv qr solve "
    "solve_triangular svd",
    "math": "cdist erf erfc erfinv extract_sequences in_top_k logdet logsumexp rsqrt segment_max "
    "segment_min segment_prod segment_sum top_k view_as_complex view_as_real",
    "nn": "batch_normalization binary_crossentropy categorical_crossentropy celu elu gelu glu "
    "hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization leaky_relu log_sigmoid "
    "log_softmax moments multi_hot normalize one_hot polar psnr relu relu6 rms_normalization selu "
    "sigmoid silu soft_shrink softmax softplus softsign sparse_categorical_crossentropy sparse_plus "
    "sparse_sigmoid sparsemax squareplus tanh_shrink threshold",
}
_CLASSES = {
    "allclose": "AllClose", "batch_normalization": "BatchNorm", "cdist": "CDist", "isin": "IsIn",
    "layer_normalization": "LayerNorm", "psnr": "PSNR", "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted", "svd": "SVD",
}  # fmt: skip
# Arguments that belong to calls even where they are numbers; the others without a tensor are in configs.
_CALLED = frozenset(
    {"x", "x1", "x2", "condition", "fill_value", "indices", "key", "start_indices", "updates"}
)


def as_in_keras(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a function in a config of fastmlp, as a config of Keras has it.

    Raises:
        ValueError: It was called several times with different arguments, for which Keras has no
            config.
    """
    name = entry["config"]["function"]
    module = next((m for m, names in _MODULES.items() if name in names.split()), "numpy")
    kind = _CLASSES.get(name) or "".join(word.capitalize() for word in name.split("_"))
    split = [_split(name, node) for node in entry["inbound_nodes"]]
    if any(given != split[0][0] for given, _ in split):
        raise ValueError(f"Keras has no config for calls of '{entry['name']}' that differ")
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": kind,
        "config": {**(split[0][0] if split else {}), "name": entry["config"]["name"]},
        "registered_name": kind,
        "name": entry["name"],
        "inbound_nodes": [node for _, node in split],
    }


def _split(name: str, node: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of a call's arguments those that Keras has in the config, and the call with the others."""
    given: dict[str, Any] = {}
    args: list[Any] = []
    called = list(node["args"])
    for parameter in inspect.signature(getattr(ops, name)).parameters.values():
        if not called:
            break
        if parameter.kind is parameter.VAR_POSITIONAL:
            args += called
            called = []
        elif _is_called(parameter.name, called[0]):
            args.append(_listed(called.pop(0)))
        else:
            given[parameter.name] = _listed(called.pop(0))
    kwargs = {key: _listed(value) for key, value in node["kwargs"].items()}
    told = {key: value for key, value in kwargs.items() if _is_called(key, value)}
    given |= {key: value for key, value in kwargs.items() if key not in told}
    return given, {"args": args, "kwargs": told}


def _is_called(name: str, value: Any) -> bool:
    return name in _CALLED or "__keras_tensor__" in repr(value)


def _listed(value: Any) -> Any:
    """The value with lists for tuples, which Keras's JSON does not have."""
    if isinstance(value, list):
        return [_listed(part) for part in value]
    if isinstance(value, Mapping):
        if value.get("class_name") == "__tuple__":
            return _listed(value["config"]["value"])
        return {key: _listed(part) for key, part in value.items()}
    return value
