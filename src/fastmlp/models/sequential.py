"""A model that is a list of layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastmlp import graph
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer, check_shape
from fastmlp.layers.input import InputLayer
from fastmlp.models.model import Model
from fastmlp.variables import move_to_arena


class Sequential(Model):
    """Layers one after the other.

    Args:
        layers: Layers, of which the first may be an `Input`. Without one, and without
            `input_shape=` or `input_dim=` at the first layer, weights are made when the model first
            sees data.
        trainable: Whether `fit` updates the weights.
        name: Name of the model.

    Raises:
        TypeError: Something in the list is no layer.
        ValueError: A layer does not fit the one before, or a name is taken twice.

    Example:

    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((8,)), layers.Dense(12, activation="relu"), layers.Dense(1)])
    >>> model.output_shape, model.count_params()
    ((None, 1), 121)
    """

    def __init__(
        self,
        layers: Iterable[Any] | Any | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._input: Tensor | None = None
        self._layers: list[Layer] = []
        self._arena: Any = None
        if isinstance(layers, (Layer, Tensor)):
            layers = [layers]
        for layer in layers or []:
            self._append(layer)
        self._rebuild()
        if not trainable:
            self.trainable = False

    def add(self, layer: Any) -> None:
        """Appends a layer; the model is to be compiled again.

        Raises:
            TypeError: It is no layer.
            ValueError: It does not fit the one before, or its name is taken.
        """
        before = (self._input, list(self._layers))
        try:
            self._append(layer)
            self._rebuild()
        except Exception:
            self._input, self._layers = before
            raise

    def pop(self, rebuild: bool = True) -> Layer | None:
        """Removes the last layer and returns it; the model is to be compiled again."""
        if not self._layers:
            return None
        layer = self._layers.pop()
        if not self._layers and self._input is None:
            self.inputs, self.outputs = [], []
        elif rebuild:
            self._rebuild()
        return layer

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of this shape, the batch included."""
        if self.built or input_shape is None:
            return
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 2:
            expected = "a shape with the batch first, as (None, 4)"
            raise bad_argument(f"Sequential '{self.name}'", expected, "input_shape", input_shape)
        self._ensure_built(check_shape(f"Sequential '{self.name}'", tuple(input_shape)[1:]))

    def _append(self, layer: Any) -> None:
        if isinstance(layer, Tensor) and layer.node.op == "input":
            self._add_input(layer)
            return
        if isinstance(layer, InputLayer):
            self._add_input(layer.output)
            return
        if not isinstance(layer, Layer):
            hint = ". Hint: write Dense(4), not Dense" if isinstance(layer, type) else ""
            raise TypeError(f"Sequential '{self.name}': expected layers. Received: {layer!r}{hint}")
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"Sequential '{self.name}': expected layers with different names. "
                f"Received: two layers named '{layer.name}'"
            )
        if not self._layers and self._input is None and layer.given_input_shape is not None:
            self._set_input(layer.given_input_shape, layer.dtype)
        self._layers.append(layer)

    def _add_input(self, tensor: Tensor) -> None:
        if self._layers or self._input is not None:
            raise ValueError(
                f"Sequential '{self.name}': expected an Input only as the first entry."
            )
        self._input = tensor

    def _set_input(self, shape: tuple[int, ...], dtype: str | None = None) -> None:
        dtype = dtype or (self._layers[0].dtype if self._layers else "float32")
        self._input = graph.input_tensor((None, *shape), dtype, "input_layer")

    def _rebuild(self) -> None:
        """Calls the layers again, from the input on."""
        self._functions = {}
        if self._input is None or not self._layers:
            self.inputs, self.outputs = [], []
            return
        dtypes = {layer.dtype for layer in self._layers}
        if len(dtypes) > 1:
            raise ValueError(
                f"Sequential '{self.name}': expected layers of one dtype. "
                f"Received: {', '.join(sorted(dtypes))}"
            )
        self.dtype = self._layers[0].dtype
        if self._input.dtype != self.dtype:
            self._input = graph.input_tensor(self._input.shape, self.dtype, self._input.name)
        y = self._call_symbolic(self._input)
        self.inputs, self.outputs = [self._input], [y]
        self._executables = {}
        self._arena = move_to_arena(self.weights) if self._arena is None else self._arena

    def _call_symbolic(self, x: Tensor) -> Tensor:
        for layer in self._layers:
            x = layer(x)
        return x

    def _ensure_built(self, row_shape: tuple[int, ...]) -> list[Any]:
        if not self._layers:
            raise ValueError(f"Sequential '{self.name}': has no layers yet. Hint: add one")
        if self.built:
            return []
        new = [layer for layer in self._layers if not layer.built]
        try:
            self._set_input(row_shape or (1,))
            self._rebuild()
        except BaseException:
            self._unbuild(new)
            raise
        return new

    def _unbuild(self, layers: list[Any]) -> None:
        if not layers:
            return
        for layer in layers:
            layer.unbuild()
        self._input, self._arena = None, None
        self._rebuild()
