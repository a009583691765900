"""Building: a layer's weights are made once, or not at all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastmlp import graph

if TYPE_CHECKING:
    from fastmlp.layers.base import Layer


def once(build: Callable[..., None]) -> Callable[..., None]:
    """`build` that runs once, and undoes itself when it fails."""

    @functools.wraps(build)
    def build_once(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._is_building:  # super().build(...)
            build(self, *args, **kwargs)
        elif not self._has_built:
            self._made_in_init = known = len(self._variables)
            self._is_building = True
            try:
                with graph.no_trace():
                    build(self, *args, **kwargs)
                if self._first_weights is not None:
                    self.set_weights(self._first_weights)
            except BaseException:
                del self._variables[known:]  # so that building again does not make them twice
                raise
            finally:
                self._is_building = False
            self._has_built = True
            self._build_shape = args[0] if args else kwargs.get("input_shape")

    return build_once
