"""What all models share: layers, their graph, calls and the summary."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from fastmlp import _names, _tree, calls, graph, open_sizes, whole_batch
from fastmlp._spelling import accepts_old
from fastmlp.custom_objects import custom_object_scope
from fastmlp.errors import bad_argument, closest
from fastmlp.function import Function
from fastmlp.graph import Shape, Tensor
from fastmlp.layers import InputLayer, eager, lookup, masks
from fastmlp.layers.base import Layer
from fastmlp.layers.shapes import check_shape, map_shapes
from fastmlp.models.network import Network
from fastmlp.models.persistent import Persistent
from fastmlp.models.with_network import WithNetwork
from fastmlp.training.checks import fits
from fastmlp.training.trainer import Trainer

# Functions of arrays that are kept, unless they have more memory than this; then so many.
_KEPT, _KEPT_BYTES, _KEPT_LARGE = 48, 1 << 26, 4

_SHAPE = "a shape with the batch first, as (None, 4)"


class Model(Persistent, WithNetwork, Trainer, build_once=False):
    """Layers with inputs and outputs, which can be trained; itself a layer.

    Either made of symbolic tensors, `Model(inputs, outputs)`, or a subclass with layers in its
    attributes and a method `call`, which is run once, on symbolic tensors, when the model first
    sees data.

    Args:
        inputs: Tensors made by `Input`, or computed from such: one, or a list, tuple or dict.
        outputs: Tensors computed from them: one, or a list, tuple or dict.
        name: Name; made from the class's name if `None`.
        trainable: Whether `fit` updates the weights.

    Raises:
        TypeError: Something is no symbolic tensor.
        ValueError: An output needs an input that is not given, or a name is taken twice.

    Example:

    >>> from fastmlp import Input, layers
    >>> a, b = Input((3,), name="a"), Input((2,), name="b")
    >>> hidden = layers.Dense(2, activation="relu")(a)
    >>> model = Model(inputs=[a, b], outputs=layers.Dense(1)(hidden + b))
    >>> model.output_shape, model.count_params()
    ((None, 1), 11)
    """

    @accepts_old
    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if (inputs is None) != (outputs is None):
            missing = "inputs" if inputs is None else "outputs"
            raise TypeError(f"{kind}: expected inputs and outputs. Received: no {missing}")
        if type(self) is Model and name is None:
            name = _names.unique_name("functional")
        Trainer.__init__(self)
        Layer.__init__(self, name=name, trainable=trainable, **kwargs)
        self._network: Network | None = None
        self._given_network: Network | None = None  # beneath a `call` of one's own
        self._arena_room: Any = None
        if inputs is not None:
            self._take_network(Network(f"{kind} '{self.name}'", inputs, outputs))
            if not trainable:
                self.trainable = False

    # The graph.

    def _has_own_call(self) -> bool:
        return type(self).call is not Model.call

    @property
    def _has_call(self) -> bool:
        return self._network is not None or self._has_own_call()

    @property
    def built(self) -> bool:
        """Whether the weights exist, since its inputs are known or it was called."""
        return self._network is not None or self._shapes is not None

    @built.setter
    def built(self, value: bool) -> None:
        self._has_built = bool(value)

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs, flat; none before the model is built."""
        return [] if self._network is None else list(self._network.inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs, flat; none before the model is built."""
        self._trace_own_call()
        return [] if self._network is None else list(self._network.outputs)

    @property
    def input_names(self) -> list[str]:
        """A name for each input: its key in a dict of inputs, or its own."""
        return [] if self._network is None else list(self._network.input_names)

    @property
    def output_names(self) -> list[str]:
        """A name for each output: its key in a dict of outputs, or the name of its layer."""
        self._trace_own_call()
        return [] if self._network is None else list(self._network.output_names)

    @property
    def _input_structure(self) -> Any:
        return self._graph().input_structure

    @property
    def _output_structure(self) -> Any:
        """That of results: one output in a list comes without it, as in Keras."""
        self._trace_own_call()
        found = self._graph().output_structure
        return found[0] if isinstance(found, (list, tuple)) and len(found) == 1 else found

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure in which they were given.

        Of a `Sequential` or a model with a `call` alone that was called on symbolic tensors, as a part
        of another model: these tensors, as of any layer.
        """
        return super().input if self._is_called_as_layer() else self._input_structure

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure in which they were given.

        Of a part of another model as `input`: the tensors that its first call returned.
        """
        return super().output if self._is_called_as_layer() else self._graph().output_structure

    def _is_called_as_layer(self) -> bool:
        """Whether it is a part of another model, and was not described by tensors of its own."""
        return bool(self.calls) and not self._is_functional()

    @property
    def input_shape(self) -> Any:
        """Shape of the input, the batch included; a list of them for several."""
        return _one_or_list([t.shape for t in self._graph().inputs])

    @property
    def output_shape(self) -> Any:
        """Shape of the output, the batch included; a list of them for several."""
        return _one_or_list([t.shape for t in self._graph().outputs])

    @property
    def operations(self) -> list[Any]:
        """Layers, inputs and functions of `fastmlp.ops`: all that is called between in and out."""
        return list((self._given_network or self._graph()).layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers; of `Model(inputs, outputs)` its inputs, too."""
        if self._is_functional():
            network = self._given_network or self._graph()
            return [layer for layer in network.layers if isinstance(layer, Layer)]
        return [layer for layer in super()._sublayers() if isinstance(layer, Layer)]

    def _is_functional(self) -> bool:
        """Whether the layers are known from symbolic tensors, not from attributes."""
        known = self._given_network is not None or not self._has_own_call()
        return self._network is not None and known

    def _sublayers(self) -> list[Any]:
        found = super()._sublayers()
        if not self._is_functional():
            return found
        first = self.layers
        known = set(map(id, first))
        return [*first, *(layer for layer in found if id(layer) not in known)]

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss, and the metrics given to `compile`, after the last pass.

        And those in attributes of the model and its layers.
        """
        compiled = self._compiled_metrics()
        own = [metric for metric in super().metrics if not any(metric is c for c in compiled)]
        return compiled + own

    def count_params(self) -> int:
        """Number of elements of all weights."""
        if not self.built:
            self._graph()  # says what to do
        return sum(v.size for v in self.weights)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its position.

        Args:
            name: Its name.
            index: Or its position in `layers`, from the end if negative.

        Raises:
            ValueError: There is none, or neither or both arguments are given.

        Example:

        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(3, name="hidden"), layers.Dense(1)])
        >>> model.get_layer("hidden").units, model.get_layer(index=-1).units
        (3, 1)
        """
        if (name is None) == (index is None):
            raise bad_argument("get_layer", "either name or index", "name", name)
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise bad_argument("get_layer", f"one of {len(layers)} layers", "index", index)
            return layers[index]
        names = [layer.name for layer in layers]
        if name in names:
            return layers[names.index(name)]
        near = closest(str(name), names)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"No layer {name!r} in '{self.name}'.{hint} Layers: {', '.join(names)}.")

    # Configs.

    def get_config(self) -> dict[str, Any]:
        """The layers with their configs, and how they are connected.

        Of a subclass with an `__init__` of its own: the arguments of that.
        """
        if not self._is_functional() or type(self).__init__ is not Model.__init__:
            return super().get_config()
        from fastmlp.models.network_config import network_to_config

        own = {"name": self.name, "trainable": self.trainable}
        return {**own, **network_to_config(self._given_network or self._graph())}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Makes a model, with new weights, from what `get_config` returned.

        Args:
            config: The config, or Keras's of a functional model.
            custom_objects: Classes and functions of your own, by name.
        """
        from fastmlp.models.network_config import network_from_config

        with custom_object_scope(custom_objects or {}):
            if "output_layers" not in config:
                return cls(**config)
            inputs, outputs = network_from_config(config)
        name, trainable = config.get("name"), config.get("trainable", True)
        return cls(inputs, outputs, name=name, trainable=trainable)

    def to_json(self, **kwargs: Any) -> str:
        """The config as JSON, for `fastmlp.models.model_from_json`; also how it is compiled.

        That is left out where a loss or metric has no name.

        Args:
            **kwargs: For `json.dumps`, as `indent=2`.
        """
        import json  # when used: few programs need it

        from fastmlp.saving.model_file import plain

        config = lookup.serialize(self)
        if self.compiled and type(self).compile is Model.compile:
            with contextlib.suppress(ValueError):
                config = {**config, "compile_config": self.get_compile_config()}
        return json.dumps(config, default=plain, **kwargs)

    @property
    def shown_type(self) -> str:
        """What tables show as its type: `Functional` of `Model(inputs, outputs)`, as Keras does."""
        return "Functional" if type(self) is Model else type(self).__name__

    def network_to_show(self) -> Network | None:
        """The graph, of a model whose layers are known from symbolic tensors alone."""
        return (self._given_network or self._network) if self._is_functional() else None

    # Building.

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of this shape, the batch included; or several shapes.

        Raises:
            ValueError: It is no shape.
        """
        if self._network is None and input_shape is not None:
            where = f"{type(self).__name__} '{self.name}'"
            if not isinstance(input_shape, (tuple, list, dict)):
                raise bad_argument(where, _SHAPE, "input_shape", input_shape)
            self._ensure_built(map_shapes(lambda shape: _sample(where, shape), input_shape))

    def _build_once(self, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> None:
        if type(self).build is not Model.build and not self._is_building:
            super()._build_once(args, kwargs)

    def _ensure_built(self, row_shapes: Any) -> list[Any]:
        """Builds the model for samples of these shapes, if need be.

        Args:
            row_shapes: Shape of a sample, a tuple; or a list or dict of them.

        Returns:
            The layers that were built, for `_unbuild`.
        """
        if self._network is not None:
            self._trace_own_call()
            return []
        new = [layer for layer in self._all_layers() if not layer.built]
        try:
            self._set_network(self._trace_network(row_shapes))
            self._trace_own_call()
        except BaseException:
            self._unbuild(new)
            raise
        return new

    def _trace_network(self, row_shapes: Any) -> Network:
        """The graph of `call`, with the calls of the layers inside on record."""
        new = [layer for layer in self._all_layers() if not layer.built]
        given: list[Shape] = []
        map_shapes(given.append, row_shapes)
        try:
            return self._network_on(_inputs(row_shapes, self.dtype))
        except whole_batch.REFUSALS:
            if () not in given:
                raise
        self._unbuild(new)  # numbers (n,) may be samples (n, 1)
        columns = map_shapes(lambda shape: shape or (1,), row_shapes)
        return self._network_on(_inputs(columns, self.dtype))

    def _network_on(self, inputs: Any) -> Network:
        self._build_once((inputs,))
        with graph.layer_scope(""):
            outputs = open_sizes.across(self._trace, ((inputs,), {}), {})
        where = f"{type(self).__name__} '{self.name}'"
        return Network(where, inputs, self._check_outputs(outputs), unique_names=False)

    def _unbuild(self, layers: list[Any]) -> None:
        if not layers:
            return
        for layer in layers:
            if layer is not self:
                layer.unbuild()
        self._arena_room = None
        self._set_network(None)

    def unbuild(self) -> None:
        """Forgets the graph, and the weights that were made for it."""
        super().unbuild()
        self._unbuild(list(self._all_layers()))

    # Calls.

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """The outputs for given inputs, with their masks; a subclass describes its own here.

        That of `Model(inputs, outputs)` and of a `Sequential` may call this one, `super().call(inputs)`.
        """
        network = self._given_network or self._network
        if network is None:
            raise NotImplementedError(
                f"{type(self).__name__} '{self.name}': a model needs inputs and outputs, or a "
                "method call(self, inputs)."
            )
        if not calls.tensors(inputs):
            model: Any = self
            if network is self._given_network:
                model = Model(network.input_structure, network.output_structure, name=self.name)
            return model(inputs, training=training, mask=mask)
        sizes = None
        if self._takes_sizes:
            sizes = network.sizes_of(_tree.apply(lambda t: t.shape[1:], inputs))
        found = network.match(inputs, sizes)
        if isinstance(mask, dict):
            mask = [mask.get(name) for name in network.input_names]
        given = list(mask) if isinstance(mask, (list, tuple)) else [mask]
        given += [None] * (len(found) - len(given))
        pairs = [(x, m if x.mask is None else None) for x, m in zip(found, given, strict=False)]
        told = graph.current_training() if training is None else bool(training)
        with graph.training_scope(told):
            return network.run([masks.masked(x, m) for x, m in pairs])

    def _call_takes(self) -> tuple[str, ...]:
        """Without `training`, which layers ask for themselves, there is one graph for both."""
        return super()._call_takes() if self._has_own_call() else ("inputs", "mask")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Outputs for one batch, without batching or a progress bar.

        Args:
            *args: Arrays `(batch, …)` or symbolic tensors: one, or a list, tuple or dict.
            **kwargs: `training`: whether layers behave as in training (dropout). Default: no. `mask`:
                masks of the inputs, in their form.

        Returns:
            New arrays `(batch, …)`, or symbolic tensors, in the structure of the outputs.
        """
        if len(args) == 1 and not kwargs:
            known = self._functions.get(False)
            y = self._quick.call(self, args[0]) if known is None else known.on_array(args[0])
            if y is not None:
                return y
        return super().__call__(*args, **kwargs)

    def _call_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Outputs for one batch, without batching or a progress bar."""
        if len(args) != 1 or any(kwargs[k] is not None for k in kwargs if k != "training"):
            return super()._call_arrays(args, kwargs)
        kinds = eager.ANYTHING if any(t.dtype == "string" for t in self.inputs) else eager.NUMBERS
        given = eager.by_columns(args[0], self.input_names)
        if len(self.inputs) == 1 and eager.is_rows(given):
            given = np.array(given)
        if any(t.shape[1:] == (1,) for t in self.inputs):  # numbers (n,) are samples (n, 1)
            given = _tree.apply(_column, given)
        x = eager.to_arrays(f"'{self.name}'", given, kinds=kinds)
        is_vector = isinstance(x, np.ndarray) and x.ndim == 1
        if is_vector and self.inputs and not fits((), self.inputs[0].shape[1:]):
            raise eager.no_batch(f"'{self.name}'", x)
        self._ensure_built(_tree.apply(lambda array: array.shape[1:], x))
        sized = self._sized
        if not isinstance(x, np.ndarray) or sized.sizes != (x.shape[1:],):
            sized = self._sized_for(_tree.apply(lambda array: array.shape[1:], x))
        arrays = self._graph().match(x, sized.sizes)
        sized = self._with_batch(sized, len(arrays[0]))
        training = bool(kwargs.get("training"))
        simple = len(arrays) == 1 and isinstance(self._output_structure, Tensor)
        simple = simple and sized.samples is None and not self._overrides("predict")
        frozen = training and tuple(not one.trainable for one in sized.boundary.owners)
        key = (training, sized.sizes, sized.samples, frozen)
        function = self._functions.get(key)
        if function is None:
            function = Function(sized.inputs, sized.outputs, training, sized.samples)
            kept = [*self._functions.items(), (key, function)]
            large = sum(one.arena_bytes for _, one in kept) > _KEPT_BYTES
            self._functions = dict(kept[-_KEPT_LARGE if large else -_KEPT :])
        if simple and self._functions.get(training) is not function:  # where a call looks first
            self._functions = {**self._functions, training: function}
        outputs = function(arrays)
        if not (training or simple):
            self._quick.keep_call(self, function, arrays, self._output_structure, args[0])
        return _tree.pack(self._output_structure, outputs)

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
            expand_nested: Whether to show the layers of models within this one.
            show_trainable: Whether to tell which layers are trainable.
            layer_range: `(first, last)` names of layers to show.
        """
        from fastmlp.models.summary import print_summary

        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def reset_states(self) -> None:
        """Sets the states that stateful recurrent layers keep between batches to zeros.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> entry = Input((5, 3), batch_size=2)
        >>> model = Sequential([entry, layers.GRU(4, stateful=True)])
        >>> x = np.ones((2, 5, 3))
        >>> first, second = model(x), model(x)
        >>> model.reset_states()
        >>> bool((second == first).all()), bool((model(x) == first).all())
        (False, True)
        """
        from fastmlp.layers.rnn import RNN

        for layer in self._all_layers():
            if isinstance(layer, RNN):
                layer.reset_state()

    def plan_summary(self, batch_size: int | None = None, print_fn: Any = None) -> None:
        """Prints the ops of a compiled training step, in the order in which they run.

        For each: the layer or weight it is of, its result, who computes it (a kernel, BLAS or Python
        code), millions of floating-point operations, and the memory it reads and writes. Ops of one
        phase need not wait for each other; Python code is a phase of its own, and its share in the
        time of `fit` is told.

        Args:
            batch_size: Samples a step; `None`: the plan that `fit` used last, or 32.
            print_fn: Called with the text instead of `print`.

        Raises:
            RuntimeError: The model is not compiled or not built.
        """
        from fastmlp.training.plan_summary import plan_summary

        plan_summary(self, batch_size, print_fn)


lookup.registry.register(Model, "Functional")


def _one_or_list(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else found


def _inputs(row_shapes: Any, dtype: str) -> Any:
    """Symbolic inputs for samples of these shapes."""
    return map_shapes(lambda shape: InputLayer(shape, dtype=dtype).tensor, row_shapes)


def _column(x: Any) -> Any:
    return x[:, None] if isinstance(x, np.ndarray) and x.ndim == 1 else x


def _sample(where: str, shape: Any) -> Shape:
    """The shape of a sample, from one with the batch first."""
    if len(shape) < 2:
        raise bad_argument(where, _SHAPE, "input_shape", shape)
    return check_shape(where, shape[1:], may_be_open=True)
