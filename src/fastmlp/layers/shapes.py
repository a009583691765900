"""Shapes of nested structures, and of samples that a user names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastmlp import _tree
from fastmlp.errors import bad_argument
from fastmlp.graph import Shape


def shapes(structure: Any) -> Any:
    """The structure with shapes in place of tensors, the batch as `None`."""
    return _tree.apply(
        lambda leaf: (None, *leaf.shape[1:]) if hasattr(leaf, "shape") else leaf, structure
    )


def map_shapes(function: Callable[[Shape], Any], given: Any) -> Any:
    """The structure with `function(shape)` in place of each shape."""
    if isinstance(given, Mapping):
        return {key: map_shapes(function, given[key]) for key in given}
    if all(d is None or isinstance(d, (int, np.integer)) for d in given):
        return function(tuple(given))
    return _tree.like(given, [map_shapes(function, one) for one in given])


def check_shape(where: str, shape: Any, may_be_open: bool = False) -> tuple[Any, ...]:
    """A sample's shape as a tuple of positive integers; some `None` if it may be open.

    Raises:
        ValueError: It is something else.
    """
    given = shape
    if isinstance(shape, (int, np.integer)) and not isinstance(shape, bool):
        shape = (shape,)
    try:
        sizes = tuple(shape)
    except TypeError:
        sizes = (None,)
    known = [d for d in sizes if d is not None or not may_be_open or shape is None]
    whole = all(isinstance(d, (int, np.integer)) and not isinstance(d, bool) for d in known)
    if not whole or any(int(d) < 1 for d in known):
        hint = None
        if len(sizes) > 1 and sizes[0] is None:
            hint = "leave the batch out"
        expected = "a shape of positive integers without the batch"
        raise bad_argument(where, expected, "shape", given, hint)
    return tuple(None if d is None else int(d) for d in sizes)
