"""What `compile` was told, as JSON and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from fastmlp import losses, metrics, optimizers
from fastmlp.custom_objects import get_registered_object

_PLAIN = (str, int, float, bool, type(None))


def compile_config(model: Any) -> dict[str, Any] | None:
    """The arguments of `compile`, or `None` for a model that is not compiled.

    Raises:
        ValueError: A loss or metric is a function without a name.
    """
    given = model._compiled
    if given is None or model.optimizer is None:
        return None
    return {
        "optimizer": optimizers.serialize(model.optimizer),
        "loss": _pack(given.loss, losses.serialize),
        "loss_weights": _pack(given.loss_weights, losses.serialize),
        "metrics": _pack(given.metrics, metrics.serialize),
        "weighted_metrics": _pack(given.weighted_metrics, metrics.serialize),
        "run_eagerly": bool(getattr(model, "run_eagerly", False)),
        "steps_per_execution": getattr(model, "steps_per_execution", 1),
    }


def compile_from_config(model: Any, config: Mapping[str, Any]) -> None:
    """Compiles a model as another was compiled.

    Args:
        model: The model.
        config: What `compile_config` returned.

    Raises:
        ValueError: The config is not understood.
    """
    arguments = dict(config)
    optimizer = optimizers.deserialize(arguments.pop("optimizer", None))
    for name, family in (("loss", losses), ("metrics", metrics), ("weighted_metrics", metrics)):
        arguments[name] = _unpack(arguments.get(name), family.deserialize)
    model.compile(optimizer=optimizer, **arguments)


def _pack(given: Any, serialize: Callable[[Any], Any]) -> Any:
    """A name, number, object or function, or a structure of such, as JSON."""
    if isinstance(given, _PLAIN):
        return given
    if isinstance(given, Mapping):
        return {str(key): _pack(value, serialize) for key, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [_pack(value, serialize) for value in given]
    if inspect.isclass(given):
        given = given()
    try:
        return serialize(given)
    except ValueError:
        name = getattr(given, "__name__", "<lambda>")
        if not name.isidentifier():
            raise ValueError(
                f"save: expected losses and metrics that have a name. Received: {given!r}. Hint: "
                "write a function with def; load_model then finds it in custom_objects"
            ) from None
        return {"class_name": "function", "config": name}


def _unpack(config: Any, deserialize: Callable[[Any], Any]) -> Any:
    if isinstance(config, str):  # a name stays what the user wrote, unless it is one of their own
        own = get_registered_object(config)
        return config if own is None else own
    if isinstance(config, list):
        return [_unpack(value, deserialize) for value in config]
    if isinstance(config, Mapping):
        if "class_name" in config:
            return deserialize(config)
        return {key: _unpack(value, deserialize) for key, value in config.items()}
    return config
