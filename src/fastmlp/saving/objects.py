"""Any object of fastmlp as a config, and back."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from fastmlp._seed import SeedGenerator
from fastmlp.custom_objects import custom_object_scope, get_registered_object, registered_name
from fastmlp.errors import bad_argument, unknown_name
from fastmlp.optimizers import schedules

_PLAIN = (str, int, float, bool, type(None))
_SPECIAL = ("__bytes__", "__ellipsis__", "__numpy__", "__slice__", "__tuple__")

# Families: the module's name in configs → module, base class.
_FAMILIES: dict[str, tuple[Any, Any]] = {
    "layers": (layers, layers.Layer),
    "losses": (losses, losses.Loss),
    "metrics": (metrics, metrics.Metric),
    "schedules": (schedules, schedules.LearningRateSchedule),
    "optimizers": (optimizers, optimizers.Optimizer),
    "initializers": (initializers, initializers.Initializer),
    "regularizers": (regularizers, regularizers.Regularizer),
    "constraints": (constraints, constraints.Constraint),
    "activations": (activations, ()),
}


def serialize_keras_object(obj: Any) -> Any:
    """The config of an object: names, numbers, lists and dicts, as JSON has them.

    Args:
        obj: A layer, model, loss, metric, optimizer, schedule, initializer, regularizer, constraint
            or activation function; something with `get_config` that was registered; a number, a
            string, an array; or a list, tuple or dict of such.

    Returns:
        `{"module": …, "class_name": …, "config": …, "registered_name": …}` of an object, in the form
        that Keras has.

    Raises:
        ValueError: It is something else, as a lambda.

    Example:

    >>> from fastmlp import losses
    >>> config = serialize_keras_object(losses.Huber(delta=2.0))
    >>> config["module"], config["class_name"], config["config"]["delta"]
    ('fastmlp.losses', 'Huber', 2.0)
    >>> deserialize_keras_object(config).delta
    2.0
    """
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        parts = [serialize_keras_object(one) for one in obj]
        return tuple(parts) if isinstance(obj, tuple) else parts
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, np.generic) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return _special("numpy", value=obj.tolist(), dtype=obj.dtype.name)
    if isinstance(obj, bytes):
        return _special("bytes", value=obj.decode("utf-8"))
    if isinstance(obj, slice):
        ends = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return _special("slice", **serialize_keras_object(ends))
    if obj is Ellipsis:
        return _special("ellipsis")
    if inspect.isfunction(obj):
        return _function_config(obj)
    if not hasattr(obj, "get_config") or inspect.isclass(obj):
        raise bad_argument("serialize_keras_object", "an object with get_config()", "obj", obj)
    own = registered_name(type(obj))
    module = next((name for name, (_, base) in _FAMILIES.items() if isinstance(obj, base)), None)
    return {
        "module": _home(obj, module, own),
        "class_name": type(obj).__name__,
        "config": serialize_keras_object(obj.get_config()),
        "registered_name": own,
    }


def _home(obj: Any, family: str | None, own: str | None) -> str | None:
    """The module that a config names; none of what is the user's own."""
    if isinstance(obj, SeedGenerator):
        return "fastmlp.random"
    return None if family is None or own is not None else _module(family)


def _module(family: str) -> str:
    return "fastmlp.optimizers.schedules" if family == "schedules" else f"fastmlp.{family}"


def _special(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": f"__{kind}__", "config": config}


def _function_config(function: Any) -> dict[str, Any]:
    own = registered_name(function)
    homes = [n for n, (m, _) in _FAMILIES.items() if getattr(m, function.__name__, 0) is function]
    name = function.__name__
    if (
        own is None and not homes and name.isidentifier()
    ):  # as Keras does: who loads it must have it
        kind = "function"
        return {"module": "builtins", "class_name": kind, "config": name, "registered_name": kind}
    if own is None and not homes:
        raise ValueError(
            f"serialize_keras_object: expected a function of fastmlp, or a registered one. Received: "
            f"{function.__name__!r}. Hint: @fastmlp.saving.register_keras_serializable() above its def"
        )
    return {
        "module": None if own is not None else _module(homes[0]),
        "class_name": "function",
        "config": own or function.__name__,
        "registered_name": own,
    }


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Makes an object from its config.

    No code comes from the config, and no module is imported for it: names are looked up among those of
    fastmlp, the registered ones and `custom_objects`.

    Args:
        config: What `serialize_keras_object` returned, or Keras's config of the same class.
        custom_objects: Further classes and functions by name.
        safe_mode: Accepted; there is no other.

    Returns:
        The object.

    Raises:
        ValueError: A name is not known, or the config makes no sense.
    """
    if custom_objects:
        with custom_object_scope(custom_objects):
            return deserialize_keras_object(config)
    if isinstance(config, _PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize_keras_object(one) for one in config)
    if not isinstance(config, Mapping):
        raise bad_argument("deserialize_keras_object", "a config", "config", config)
    if "class_name" not in config:
        return {key: deserialize_keras_object(value) for key, value in config.items()}
    name, inner = config["class_name"], config.get("config")
    if isinstance(name, str) and name.startswith("__") and isinstance(inner, Mapping):
        return _special_from(name, inner)
    return _made(config, name, inner)


def _special_from(name: str, config: Mapping[str, Any]) -> Any:
    if name == "__numpy__":
        return np.array(config["value"], np.dtype(config["dtype"]))
    if name == "__bytes__":
        return str(config["value"]).encode("utf-8")
    if name == "__slice__":
        return slice(*(deserialize_keras_object(config[key]) for key in ("start", "stop", "step")))
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__tuple__":
        return tuple(deserialize_keras_object(one) for one in config["value"])
    raise unknown_name("kind of config", name, _SPECIAL)


def _made(config: Mapping[str, Any], name: Any, inner: Any) -> Any:
    is_function = name == "function"
    wanted = inner if is_function else name
    for spelling in (config.get("registered_name"), wanted):
        custom = get_registered_object(spelling) if isinstance(spelling, str) else None
        if custom is not None:
            return custom if not inspect.isclass(custom) else _from_config(custom, inner)
    if name == "SeedGenerator":
        return SeedGenerator.from_config(inner)
    family = _family(config.get("module"), wanted)
    return family.deserialize(wanted if is_function else {"class_name": name, "config": inner})


def _from_config(kind: Any, config: Any) -> Any:
    given = deserialize_keras_object(config or {})
    return kind.from_config(given) if hasattr(kind, "from_config") else kind(**given)


def _family(module: Any, name: Any) -> Any:
    """The module that makes an object of a config."""
    last = str(module or "").rpartition(".")[2]
    if last in _FAMILIES:
        return _FAMILIES[last][0]
    models = sys.modules.get("fastmlp.models")
    if name == "Functional" or hasattr(models, str(name)):
        return layers
    for family, _ in _FAMILIES.values():
        if hasattr(family, str(name)):
            return family
    raise ValueError(
        f"Unknown class {name!r}. Hint: pass classes and functions of your own in custom_objects"
    )
