"""A function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

from fastmlp.layers.base import Layer
from fastmlp.registry import Registry

functions = Registry("function")  # those that the user registers


class Lambda(Layer):
    """Applies a function, written with `fastmlp.ops` and operators, to its inputs.

    `y = function(x, **arguments)`

    For files, the function needs a name: write it with `def`, and register it with
    `fastmlp.saving.register_keras_serializable`. `lambda x: …` has none. A subclass of `Layer` is as
    short and holds weights, too.

    Args:
        function: Called with a symbolic tensor, or with the structure of them that the layer is
            called on. If it takes `training`, it is told.
        output_shape: Accepted and not needed.
        mask: What `compute_mask` returns: a mask, or a function of the inputs and their mask. `None`:
            masks end at this layer. A function that takes `mask` gets that of its inputs.
        arguments: Further keyword arguments of the function.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any that the function takes.

    Output shape:
        What the function returns.

    Raises:
        TypeError: `function` cannot be called.

    Example:

    >>> import numpy as np
    >>> Lambda(lambda x: 2 * x + 1)(np.array([[1.0, 2.0]]))
    array([[3., 5.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function = functions.get(function)
        if not callable(self.function):
            raise TypeError(
                f"Lambda '{self.name}': expected a function. Received: function={function!r}"
            )
        self.mask = functions.get(mask) if isinstance(mask, (str, Mapping)) else mask
        self.supports_masking = mask is not None
        self.arguments = dict(arguments or {})

    def call(self, inputs: Any, **options: Any) -> Any:
        return self.function(inputs, **self.arguments, **options)

    def _call_takes(self) -> tuple[str, ...]:
        return ("inputs", *(name for name in ("training", "mask") if _takes(self.function, name)))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        try:
            return self._config(functions.serialize)
        except ValueError as error:
            raise ValueError(f"Lambda '{self.name}': {error}") from None

    def _again(self, **changes: Any) -> Self:
        """A layer of the same function, which needs no name for that."""
        if type(self) is not Lambda:  # which may have a config of its own
            return super()._again(**changes)
        return type(self).from_config({**self._config(lambda function: function), **changes})

    def _config(self, written: Callable[[Any], Any]) -> dict[str, Any]:
        return {
            **super().get_config(),
            "function": written(self.function),
            "arguments": self.arguments,
            **({} if self.mask is None else {"mask": written(self.mask)}),
        }


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # a function of C
        return False
