"""Models from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmlp.custom_objects import custom_object_scope
from fastmlp.errors import bad_argument, warn_user
from fastmlp.layers import lookup
from fastmlp.models.model import Model


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a model, with new weights, from what `model.to_json()` returned.

    Args:
        json_string: The text.
        custom_objects: Classes and functions of your own that the model uses, by name.

    Returns:
        The model; compiled, if it was.

    Raises:
        ValueError: It is no JSON, no model, or a name in it is not known.

    Example:

    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(2)], name="small")
    >>> model_from_json(model.to_json())
    <Sequential name=small, built=True>
    """
    import json  # when used: few programs need it

    expected = "what model.to_json() returned"
    try:
        config = json.loads(json_string)
    except (TypeError, ValueError) as error:
        raise bad_argument("model_from_json", expected, "json_string", json_string) from error
    model = lookup.deserialize(config, custom_objects)
    if not isinstance(model, Model):
        raise bad_argument("model_from_json", expected, "json_string", json_string)
    compiled = config.get("compile_config")
    if compiled is not None:
        try:
            with custom_object_scope(custom_objects or {}):
                model.compile_from_config(compiled)
        except (TypeError, ValueError) as error:
            warn_user(f"model_from_json: the model is not compiled: {error}")
    return model
