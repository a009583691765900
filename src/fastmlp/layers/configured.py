"""What of a layer goes into configs, and how a layer comes out of one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

from fastmlp import regularizers
from fastmlp.layers.holder import WeightHolder
from fastmlp.layers.shapes import map_shapes

# Arguments of Keras's layers; without effect if None or False.
_LOW_RANK = "fastmlp has no low-rank updates; layer.trainable = False keeps weights as they are"
KERAS_ALONE = {
    "quantization_config": "fastmlp computes in float32 and float64",
    "lora_rank": _LOW_RANK,
    "lora_alpha": _LOW_RANK,
    "rms_scaling": "use RMSNormalization",
}


class Configured(WeightHolder):
    """Base of `Layer`: the arguments and the shape that make an equal layer."""

    name: str
    dtype: str
    activity_regularizer: Any
    _given: tuple[tuple[Any, ...], dict[str, Any]]  # to __init__
    _build_shape: Any  # the shape it was built for

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        layer._given = (args, kwargs)
        return layer

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer.

        A subclass with arguments of its own adds them; if it has no `get_config`, they are those it
        was called with.
        """
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return {**self._given_arguments(), **config}

    def _given_arguments(self) -> dict[str, Any]:
        """What a layer without a `get_config` of its own was made with, by name."""
        kind = type(self)
        if not _is_foreign(kind, "__init__") or _is_foreign(kind, "get_config"):
            return {}
        args, kwargs = self._given
        bound = inspect.signature(kind.__init__).bind(self, *args, **kwargs)
        found: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            parameter = bound.signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL and value:
                raise NotImplementedError(
                    f"{kind.__name__} '{self.name}': expected a get_config() method, since __init__ "
                    f"takes *{name}"
                )
            if parameter.kind is parameter.VAR_KEYWORD:
                found.update(value)
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found[name] = value
        return found

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build_from_config` needs to make the weights: the input's shape; `None` before."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: Mapping[str, Any] | None) -> None:
        """Makes the weights as those of the layer whose `get_build_config` returned this.

        Example:

        >>> from fastmlp import layers
        >>> first, second = layers.Dense(2), layers.Dense(2)
        >>> first.build((None, 3))
        >>> second.build_from_config(first.get_build_config())
        >>> second.count_params()
        8
        """
        if config:
            self.build(map_shapes(lambda shape: shape, config["input_shape"]))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes a layer from what `get_config` returned.

        Raises:
            TypeError: The class does not take what is in the config.
        """
        config = {k: v for k, v in config.items() if v or k not in KERAS_ALONE}
        try:
            return cls(**config)
        except TypeError as error:
            hint = "its __init__ takes **kwargs and passes them to super().__init__()"
            raise TypeError(
                f"{cls.__name__}.from_config: {error}. Expected that {hint}. Received: {dict(config)}"
            ) from error


def _is_foreign(kind: type, method: str) -> bool:
    """Whether a method is one of a class of the user's own."""
    owner = next(c for c in kind.__mro__ if method in vars(c))
    return not owner.__module__.startswith("fastmlp.")


@functools.cache
def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a method's arguments, without `self`."""
    found = list(inspect.signature(function).parameters.values())[1:]
    names = [p.name for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return tuple(names)
