"""A model that is a list of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from fastmlp import calls, graph, whole_batch
from fastmlp.custom_objects import custom_object_scope
from fastmlp.graph import Tensor
from fastmlp.layers import lookup
from fastmlp.layers.base import Layer
from fastmlp.layers.holder import check_trainable
from fastmlp.layers.input import InputLayer
from fastmlp.layers.shapes import map_shapes, shapes
from fastmlp.models.model import Model
from fastmlp.models.network import Network


class Sequential(Model, build_once=False):
    """Layers one after the other.

    Args:
        layers: Layers, of which the first may be an `Input`. Without one, and without
            `input_shape=` or `input_dim=` at the first layer, and where it is no model that knows
            its input, weights are made when the model first sees data.
        trainable: Whether `fit` updates the weights.
        name: Name of the model.

    Raises:
        TypeError: Something in the list is no layer.
        ValueError: A layer does not fit the one before, or a name is taken twice; or layers are given
            without a list.

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
        trainable = check_trainable("Sequential", trainable)
        super().__init__(name=name)
        self._input: Tensor | None = None
        self._layers: list[Layer] = []
        if isinstance(layers, (Layer, Tensor)):
            layers = [layers]
        for layer in layers or []:
            self._append(layer)
        self._rebuild()
        if not trainable:
            self.trainable = False

    def add(self, layer: Any) -> None:
        """Appends a layer; the model is to be compiled again.

        Args:
            layer: The layer, or model; an `Input` at first.

        Raises:
            TypeError: It is no layer.
            ValueError: It does not fit the one before, or its name is taken.

        Example:

        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential()
        >>> model.add(Input((4,)))
        >>> model.add(layers.Dense(3, activation="relu"))
        >>> model.output_shape
        (None, 3)
        """
        before = (self._input, list(self._layers))
        try:
            self._append(layer)
            self._rebuild()
        except Exception:
            self._input, self._layers = before
            raise

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of this shape, the batch included; again, checks that it is the same.

        Args:
            input_shape: The shape; with sizes of `None` where they are open.

        Raises:
            ValueError: It is no shape, or not that of the model's input.
        """
        known = self.inputs[0].shape if len(self.inputs) == 1 else None
        super().build(input_shape)
        if known is None or not isinstance(input_shape, (tuple, list)):
            return
        if len(input_shape) == len(known) and any(
            None not in sizes and sizes[0] != sizes[1]
            for sizes in zip(input_shape[1:], known[1:], strict=True)
        ):
            raise ValueError(
                f"Sequential '{self.name}': expected the shape that it has been made for, {known}. "
                f"Received: input_shape={tuple(input_shape)}"
            )

    def pop(self, rebuild: bool = True) -> Layer | None:
        """Removes the last layer and returns it; the model is to be compiled again.

        Args:
            rebuild: Whether to make the graph of the layers that stay; `False`: the next layer does.

        Example:

        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
        >>> model.pop().units, model.output_shape
        (1, (None, 3))
        """
        if not self._layers:
            return None
        layer = self._layers.pop()
        if not self._layers and self._input is None:
            self._set_network(None)
        elif rebuild:
            self._rebuild()
        return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._layers)

    def _is_called_as_layer(self) -> bool:
        return bool(self.calls)

    def network_to_show(self) -> Network | None:
        """`None`: a list of layers is no graph to show."""
        return None

    def get_config(self) -> dict[str, Any]:
        """The name and the configs of the layers, the input first if it is known."""
        layers: list[Any] = list(self._layers)
        if self._input is not None:
            layers.insert(0, calls.of(self._input).layer)
        found = [lookup.serialize(layer) for layer in layers]
        return {"name": self.name, "trainable": self.trainable, "layers": found}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Makes a model, without weights of its own, from what `get_config` returned.

        Args:
            config: The config, or Keras's of a Sequential.
            custom_objects: Further classes by name.
        """
        with custom_object_scope(custom_objects or {}):
            layers = [lookup.deserialize(layer) for layer in config["layers"]]
        return cls(layers, name=config.get("name"))

    def _append(self, layer: Any) -> None:
        if isinstance(layer, Tensor) and layer.node.op == "input":
            self._add_input(layer)
            return
        if isinstance(layer, InputLayer):
            self._add_input(layer.tensor)
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
            dtype = layer.given_input_dtype or layer.dtype
            self._set_input(layer.given_input_shape, dtype, layer.given_batch_size)
        elif not self._layers and self._input is None and isinstance(layer, Model):
            self._take_input_of(layer)
        self._layers.append(layer)

    def _take_input_of(self, model: Model) -> None:
        """A model of one input, as the first layer, tells what this one takes."""
        if model.inputs and isinstance(model._input_structure, Tensor):
            (tensor,) = model.inputs
            shape: Any = tensor.shape[1:]
            self._set_input(shape, tensor.dtype, graph.batch_size(tensor))

    def _add_input(self, tensor: Tensor) -> None:
        if self._layers or self._input is not None:
            raise ValueError(
                f"Sequential '{self.name}': expected an Input only as the first entry."
            )
        self._input = tensor

    def _set_input(
        self, shape: tuple[int, ...], dtype: str | None = None, batch_size: int | None = None
    ) -> None:
        if dtype is None and self._layers:
            dtype = self._layers[0].given_input_dtype or self._layers[0].dtype
        self._input = InputLayer(shape, batch_size, dtype).tensor

    def _rebuild(self) -> None:
        """Calls the layers again, from the input on."""
        self._set_network(None)
        if self._input is None or not self._layers:
            return
        dtypes = {layer.dtype for layer in self._layers}
        if len(dtypes) > 1:  # layers without weights take any
            dtypes = {layer.dtype for layer in self._layers if _holds_weights(layer)} or dtypes
        if len(dtypes) > 1:
            raise ValueError(
                f"Sequential '{self.name}': expected layers of one dtype. "
                f"Received: {', '.join(sorted(dtypes))}"
            )
        (dtype,) = dtypes
        if self._input.dtype not in (dtype, "string"):
            self._input = InputLayer(
                self._input.shape[1:], graph.batch_size(self._input), dtype, name=self._input.name
            ).tensor
        self._take_network(self._row_on(self._input))

    def _row_on(self, inputs: Any) -> Network:
        """The layers, called one after the other."""
        y = inputs
        with graph.layer_scope(""), graph.training_scope(None):
            for layer in self._layers:
                y = layer(y)
        return Network(f"Sequential '{self.name}'", inputs, y)

    def _network_on(self, inputs: Any) -> Network:
        if self._given_network is None:
            network = self._row_on(inputs)
            if not self._has_own_call():
                return network
            self._take_network(network)
        return super()._network_on(inputs)

    def _build_once(self, args: tuple[Any, ...], kwargs: Any = None) -> None:
        if self._network is None:
            self._ensure_built(map_shapes(lambda shape: shape[1:], shapes(args[0])))

    def _ensure_built(self, row_shapes: Any) -> list[Any]:
        if not self._layers:
            raise ValueError(f"Sequential '{self.name}': has no layers yet. Hint: add one")
        return super()._ensure_built(row_shapes)

    @property
    def _has_call(self) -> bool:
        return True

    @property
    def _takes_sizes(self) -> bool:
        """Layers in a row take what they can, as in Keras, whatever the `Input` says."""
        return self._network is not None

    def _trace_network(self, row_shapes: Any) -> Network:
        if not isinstance(row_shapes, tuple) or any(isinstance(d, tuple) for d in row_shapes):
            return super()._trace_network(row_shapes)  # several inputs: no single one to remember
        new = [layer for layer in self._layers if not layer.built]
        try:
            self._set_input(row_shapes)
            self._rebuild()
        except whole_batch.REFUSALS:
            if row_shapes:
                raise
            self._unbuild(new)  # numbers (n,) may be samples (n, 1)
            self._set_input((1,))
            self._rebuild()
        return self._graph()

    def _unbuild(self, layers: list[Any]) -> None:
        if layers:
            self._input = None
            super()._unbuild(layers)


lookup.registry.register(Sequential)


def _holds_weights(layer: Layer) -> bool:
    """Whether it has or will have weights, or a layer within it."""
    return any(part._makes_weights() or part._variables for part in layer._all_layers())
