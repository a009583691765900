"""Configs in Keras's words: every object with the module that it has in Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmlp import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from fastmlp.errors import warn_user
from fastmlp.layers import lookup
from fastmlp.layers.shapes import shapes
from fastmlp.models import keras_operations
from fastmlp.optimizers import schedules
from fastmlp.saving.objects import serialize_keras_object

# Keras's names of the modules that classes are in, and where those classes are here.
_FAMILIES: dict[str, Any] = {
    "keras.layers": layers,
    "keras.initializers": initializers,
    "keras.regularizers": regularizers,
    "keras.constraints": constraints,
    "keras.optimizers": optimizers,
    "keras.optimizers.schedules": schedules,
    "keras.losses": losses,
    "keras.metrics": metrics,
}
# Which of them the ends of keys tell.
_BY_KEY = {
    "_initializer": "keras.initializers",
    "_regularizer": "keras.regularizers",
    "_constraint": "keras.constraints",
    "learning_rate": "keras.optimizers.schedules",
    "optimizer": "keras.optimizers",
    "loss": "keras.losses",
    "metrics": "keras.metrics",
}
_MODELS = {
    "Sequential": ("keras", "Sequential"),
    "Model": ("keras.src.models.functional", "Functional"),
}
# Classes and activations that Keras does not have.
NOT_IN_KERAS = {"ArrayInitializer", "LBFGS", "LevenbergMarquardt", "step"}


def model_config(model: Any) -> dict[str, Any]:
    """The config of a model, and how it is compiled, as Keras has them.

    Warns of what Keras does not have.

    Raises:
        ValueError: A part has no config, or no counterpart in Keras.
    """
    config = _entry(lookup.serialize(model), "keras.layers")
    if model.inputs:
        config["build_config"] = {"input_shape": shapes(model.input)}
    compiled = model.get_compile_config()
    if compiled is not None:
        config["compile_config"] = _inner(serialize_keras_object(compiled), "")
    unknown = sorted(_not_in_keras(config))
    if unknown:
        warn_user(
            f"save: Keras does not have {', '.join(unknown)}: the file of '{model.name}' opens in fastmlp only"
        )
    return config


def _not_in_keras(config: Any, key: str = "") -> set[str]:
    """The names in a config that Keras does not have; those of the user's own classes do not count."""
    if isinstance(config, list):
        return set().union(*(_not_in_keras(part) for part in config))
    if isinstance(config, Mapping):
        own = "module" in config and config["module"] is None
        parts = [(k, part) for k, part in config.items() if not (own and k == "class_name")]
        return set().union(*(_not_in_keras(part, k) for k, part in parts))
    named = key == "class_name" or key.endswith("activation")
    return {config} & NOT_IN_KERAS if named else set()


def _inner(value: Any, family: str) -> Any:
    """A config, or a part of one; `family` is that of the objects in it, if its key tells."""
    if isinstance(value, (list, tuple)):
        return [_inner(part, family) for part in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("class_name"), str) and "config" in value:
        return _entry(value, family)
    return {key: _inner(part, _family_of(str(key)) or family) for key, part in value.items()}


def _family_of(key: str) -> str:
    return next((family for end, family in _BY_KEY.items() if key.endswith(end)), "")


def _entry(config: Mapping[str, Any], family: str) -> dict[str, Any]:
    """An object's config, with its module."""
    name, inner = config["class_name"], config["config"]
    if name == "function":
        told = {"module": "builtins", "class_name": name, "config": inner}
        return {**told, "registered_name": name}
    if name.startswith("__"):
        return {"class_name": name, "config": _inner(inner, family)}
    if name == "Operation":
        return keras_operations.as_in_keras(config)
    own = config.get("registered_name")
    module, kind = (None, name) if own else _home(name, family)
    result = {
        **config,
        "module": module,
        "class_name": kind,
        "config": _inner(inner, ""),
        "registered_name": own or (None if module else name),
    }
    if kind == "SpatialDropout1D":  # which takes all others that layers take
        result["config"].pop("trainable", None)
    if kind == "Functional":
        _count_as_keras(result["config"])
    if "inbound_nodes" in result:
        result["inbound_nodes"] = _inner(result["inbound_nodes"], "")
    return result


def _home(name: str, family: str) -> tuple[str | None, str]:
    """The module and name of a class in Keras; no module of what is the user's own."""
    if name in _MODELS:
        return _MODELS[name]
    candidates = [family, *_FAMILIES] if family else list(_FAMILIES)
    for module in candidates:
        if name in getattr(_FAMILIES[module], "__all__", ()) or hasattr(_FAMILIES[module], name):
            return module, name
    return None, name


def _count_as_keras(config: dict[str, Any]) -> None:
    """Keras counts the calls of a graph within a graph from 1, where it lists outputs."""
    graphs = {one["name"] for one in config["layers"] if one["class_name"] == "Functional"}

    def count(structure: Any) -> Any:
        if isinstance(structure, Mapping):
            return {key: count(part) for key, part in structure.items()}
        if len(structure) == 3 and isinstance(structure[0], str):
            name, call, number = structure
            return [name, call + (name in graphs), number]
        return [count(part) for part in structure]

    for key in ("input_layers", "output_layers"):
        config[key] = count(config[key])
