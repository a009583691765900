"""From a config in a file to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastmlp.custom_objects import custom_object_scope
from fastmlp.layers import lookup

# What a config that makes no sense may raise while objects are made from it.
ERRORS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError,
    TypeError, ValueError,
)  # fmt: skip


@contextmanager
def from_file(where: str, custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Within, names may be the user's, and what a config raises is told of the file.

    Args:
        where: For errors.
        custom_objects: The user's classes and functions by name.

    Raises:
        ValueError: In place of any of `ERRORS`.
    """
    try:
        with custom_object_scope(custom_objects or {}):
            yield
    except ERRORS as error:
        hint = ""
        if "Unknown" in str(error):
            hint = " Hint: pass classes and functions of your own in custom_objects."
        raise ValueError(f"{where}: {str(error).removeprefix(f'{where}: ')}{hint}") from error


def make_model(config: Mapping[str, Any]) -> Any:
    """The model of a config, built for the `input_shape` in it, if that is there."""
    model = lookup.deserialize(config)
    if not hasattr(model, "save_weights"):
        raise ValueError(f"expected a model. Received: {type(model).__name__}")
    if not model.built and config.get("input_shape") is not None:
        model.build(config["input_shape"])
    return model
