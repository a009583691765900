"""What all models share: layers, weights, calls and the summary."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import _names
from fastmlp._seed import next_seed
from fastmlp.errors import bad_argument, closest
from fastmlp.function import Function
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.base import Layer, set_values
from fastmlp.models.summary import print_summary
from fastmlp.registry import snake_case
from fastmlp.training.trainer import Trainer
from fastmlp.variables import Variable


class Model(Trainer):
    """Base of models; use `Sequential`.

    Args:
        name: Name; made from the class's name if `None`.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        if name is not None and not isinstance(name, str):
            raise bad_argument(type(self).__name__, "a string or None", "name", name)
        self.name = name or _names.unique_name(snake_case(type(self).__name__))
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self._functions: dict[bool, Function] = {}

    @property
    def layers(self) -> list[Layer]:
        """The layers, without inputs."""
        raise NotImplementedError

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return bool(self.outputs)

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, the batch included."""
        return self._built_tensors()[0][0].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, the batch included."""
        return self._built_tensors()[1][0].shape

    def _built_tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        if not self.built:
            raise RuntimeError(
                f"{type(self).__name__} '{self.name}': is not built, since it does not know its "
                "input. Hint: begin with Input((features,)), or call fit or build first"
            )
        return self.inputs, self.outputs

    # Weights.

    @property
    def weights(self) -> list[Variable]:
        """Weights of all layers, each once."""
        found = dict.fromkeys(v for layer in self.layers for v in layer.weights)
        return list(found)

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if v.trainable]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable]

    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether `fit` updates the weights; compile again after a change."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights' values."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Sets the values of all weights.

        Args:
            weights: Arrays as `get_weights` returns them.

        Raises:
            ValueError: Their number or a shape differs; nothing is changed then.
        """
        set_values(f"{type(self).__name__} '{self.name}'", self.weights, weights)

    def count_params(self) -> int:
        """Number of elements of all weights."""
        self._built_tensors()
        return sum(v.size for v in self.weights)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its position.

        Raises:
            ValueError: There is none, or neither or both arguments are given.
        """
        if (name is None) == (index is None):
            raise bad_argument("get_layer", "either name or index", "name", name)
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise bad_argument("get_layer", f"one of {len(self.layers)} layers", "index", index)
            return self.layers[index]
        names = [layer.name for layer in self.layers]
        if name in names:
            return self.layers[names.index(name)]
        near = closest(str(name), names)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"No layer {name!r} in '{self.name}'.{hint} Layers: {', '.join(names)}.")

    # Calls.

    def __call__(self, x: Any, training: bool | None = None) -> Any:
        """Outputs for one batch, without batching or a progress bar.

        Args:
            x: Array `(batch, …)`, or a symbolic tensor.
            training: Whether layers behave as in training (dropout). Default: no.

        Returns:
            A new array `(batch, …)`, or a symbolic tensor.
        """
        known = None if training else self._functions.get(False)
        if known is not None and (y := known.on_array(x)) is not None:
            return y
        if isinstance(x, Tensor):
            return self._call_symbolic(x)
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise TypeError(f"'{self.name}': expected numbers. Received: dtype={x.dtype}")
        if x.ndim < 2:
            raise ValueError(
                f"'{self.name}': expected inputs (batch, …). Received: shape={x.shape}. "
                "Hint: x[None] makes a batch of one sample"
            )
        self._ensure_built(x.shape[1:])
        self._check_row_shape(x.shape)
        key = bool(training)
        if key not in self._functions:
            self._functions[key] = Function(self.inputs, self.outputs, key)
        return self._functions[key]([x], next_seed() if training else 0)[0]

    def _call_symbolic(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _check_row_shape(self, shape: tuple[int, ...]) -> None:
        expected = self.input_shape
        if shape[1:] != expected[1:]:
            raise ValueError(
                f"'{self.name}': expected inputs of shape {expected}. Received: shape={shape}"
            )

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints a table of the layers, their output shapes and numbers of weights.

        Args:
            line_length: Width of the table in characters.
            positions: Where columns end, as shares of the width.
            print_fn: Called with the text instead of `print`.
            expand_nested: Accepted; a Sequential model holds no models.
            show_trainable: Whether to tell which layers are trainable.
            layer_range: `(first, last)` names of layers to show.
        """
        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
