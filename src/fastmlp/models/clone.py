"""Copies of models with layers of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmlp import _tree, calls, graph
from fastmlp.calls import Call
from fastmlp.custom_objects import custom_object_scope, own_objects
from fastmlp.graph import Tensor
from fastmlp.layers import Input, InputLayer
from fastmlp.layers.base import Layer
from fastmlp.models.model import Model
from fastmlp.models.sequential import Sequential


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Makes a model of the same architecture: new layers, with new weights.

    It is compiled as the model is, with an optimizer and metrics of its own; unless the model has a `compile`
    of its own, or a loss or metric that is a function without a name.

    Args:
        model: A model.
        input_tensors: Symbolic tensors to start from instead of new Inputs, in the structure of
            the model's inputs; of `Model(inputs, outputs)` and Sequential only.
        clone_function: Called with each layer, for the layer that stands in its place; default:
            one made from the layer's config.
        call_function: Called with each new layer, the arguments and keyword arguments of its call;
            default: it calls the layer.
        recursive: Whether `clone_function` is called with the layers of inner models, too.

    Returns:
        The copy.

    Raises:
        ValueError: The model is no model, or no arguments but `model` apply to it.

    Example:

    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(2, name="out")])
    >>> twin = clone_model(model)
    >>> twin.get_layer("out") is model.get_layer("out"), twin.count_params()
    (False, 10)
    """
    if not isinstance(model, Model):
        raise ValueError(f"clone_model: expected a model. Received: {model!r}")
    known: dict[int, Any] = {}

    def cloned(layer: Any) -> Any:
        if id(layer) not in known:
            known[id(layer)] = _clone_layer(layer, clone_function, recursive)
        return known[id(layer)]

    def call(one: Call, values: dict[Tensor, Any]) -> Any:
        layer = cloned(one.layer)
        if call_function is None or not isinstance(layer, Layer):
            return one.again(values, layer)
        args, kwargs = one.arguments(values)
        return call_function(layer, *args, **kwargs)

    if isinstance(model, Sequential):
        return _compiled(_clone_sequential(model, input_tensors, cloned, call_function), model)
    if not model._is_functional():
        if any(given is not None for given in (input_tensors, clone_function, call_function)):
            raise ValueError(
                f"clone_model: expected a Sequential model or Model(inputs, outputs) for other "
                f"arguments than the model. Received: {type(model).__name__} '{model.name}'"
            )
        return _compiled(type(model).from_config(model.get_config()), model)
    network = model._graph()
    inputs = input_tensors
    if inputs is None:
        inputs = _tree.apply(lambda t: cloned(calls.of(t).layer).tensor, network.input_structure)
    outputs = network.run(_tree.flatten(inputs), call)
    made = type(model)(inputs, outputs, name=model.name, trainable=model.trainable)
    return _compiled(made, model)


def _compiled(copy: Model, model: Model) -> Model:
    """The copy, compiled as the model is."""
    if model.compiled and type(model).compile is Model.compile:
        try:
            with own_objects() as own:
                config = model.get_compile_config()
        except ValueError:  # a function without a name
            return copy
        if config is not None:
            with custom_object_scope(own):
                copy.compile_from_config(config)
    return copy


def _clone_layer(layer: Any, function: Callable[[Layer], Any] | None, recursive: bool) -> Any:
    if isinstance(layer, Model) and recursive:
        return clone_model(layer, clone_function=function, recursive=True)
    if not isinstance(layer, Layer):
        return layer.copy()
    if function is None or isinstance(layer, InputLayer):
        return layer._again()
    return function(layer)


def _clone_sequential(
    model: Sequential,
    input_tensors: Any,
    cloned: Callable[[Any], Any],
    call_function: Callable[..., Any] | None,
) -> Any:
    if call_function is not None:
        raise ValueError("clone_model: expected call_function=None for a Sequential model.")
    first = _tree.flatten(input_tensors)
    entry = model._input
    if not first and entry is not None:
        size = graph.batch_size(entry)
        first = [Input(entry.shape[1:], size, dtype=entry.dtype, name=entry.name)]
    layers = [cloned(layer) for layer in model.layers]
    return type(model)([*first, *layers], name=model.name, trainable=model.trainable)
