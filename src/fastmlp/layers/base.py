"""The base of all layers: names, weights, building, and calls on tensors and arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastmlp import _names, config, graph, initializers, ops, regularizers
from fastmlp._seed import next_seed
from fastmlp._spelling import accepts_old, missing
from fastmlp.errors import bad_argument, unknown_keywords
from fastmlp.function import Function
from fastmlp.graph import Shape, Tensor
from fastmlp.registry import snake_case
from fastmlp.variables import Variable

_DTYPES = ("float32", "float64")


class Layer:
    """A named function with weights.

    A layer stores its arguments in `__init__`, makes its weights in `build(input_shape)`, and
    describes in `call(x)` what it computes, with functions of `fastmlp.ops` and other layers.

    Args:
        name: Name; made from the class's name if `None`.
        dtype: `'float32'` or `'float64'`; `None`: `fastmlp.config.floatx()`.
        trainable: Whether `fit` updates its weights.
        activity_regularizer: Penalty on its outputs.
        input_shape: Shape of one sample, for a layer that is the first of a model.
        input_dim: The same for flat samples: `input_dim=4` is `input_shape=(4,)`.
        weights: Values that its weights start from, in the order of `get_weights`.

    Raises:
        ValueError: An argument is not as described, or unknown.
    """

    @accepts_old
    def __init__(
        self,
        *,
        name: str | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if name is not None and not isinstance(name, str):
            raise bad_argument(kind, "a string or None", "name", name)
        self.name = name or _names.unique_name(snake_case(kind))
        dtype = getattr(dtype, "name", dtype) or config.floatx()
        if dtype not in _DTYPES:
            raise bad_argument(f"{kind} '{self.name}'", "'float32' or 'float64'", "dtype", dtype)
        self.dtype: str = dtype
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        self._trainable = bool(trainable)
        self._variables: list[Variable] = []
        self._constants: set[Variable] = set()  # made with trainable=False
        self._functions: dict[Any, Function] = {}
        self._first_weights = kwargs.pop("weights", None)
        self.given_input_shape = self._take_input_shape(kwargs)
        kwargs.pop("autocast", None)
        if kwargs:
            raise unknown_keywords(f"{kind} '{self.name}'", kwargs, self._known_arguments())

    def _known_arguments(self) -> list[str]:
        code = inspect.unwrap(type(self).__init__).__code__
        own = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        common = ["name", "dtype", "trainable", "activity_regularizer", "input_shape", "input_dim"]
        return list(dict.fromkeys([*own, *common, "weights"]))

    def _take_input_shape(self, kwargs: dict[str, Any]) -> tuple[int, ...] | None:
        shape = kwargs.pop("input_shape", None)
        batch_shape = kwargs.pop("batch_input_shape", None)
        dim = kwargs.pop("input_dim", None)
        kwargs.pop("batch_size", None)
        if batch_shape is not None:
            shape = tuple(batch_shape)[1:]
        if dim is not None:
            shape = (dim,)
        return None if shape is None else check_shape(f"Layer '{self.name}'", shape)

    if not TYPE_CHECKING:  # so that type checkers see names that are not there

        def __getattr__(self, name: str) -> Any:
            return missing(self, name)

    # For subclasses.

    def build(self, input_shape: Shape) -> None:
        """Makes the weights for inputs of this shape, the batch included."""

    def call(self, x: Any) -> Any:
        """What the layer computes from a symbolic tensor."""
        raise NotImplementedError(
            f"{type(self).__name__} '{self.name}': a layer needs a call(self, x) method."
        )

    def add_weight(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = "glorot_uniform",
        dtype: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str = "weight",
    ) -> Variable:
        """Makes a weight; for use in `build`.

        Args:
            shape: Its shape.
            initializer: Gives its first value.
            dtype: Its type; the layer's if `None`.
            trainable: Whether `fit` updates it while the layer is trainable.
            regularizer: Penalty added to the loss.
            constraint: Applied after each update.
            name: Name within the layer.
        """
        dtype = dtype or self.dtype
        value = np.asarray(initializers.get(initializer)(tuple(shape), dtype=dtype))
        if value.shape != tuple(shape):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected the initializer of '{name}' to "
                f"return shape {tuple(shape)}. Received: shape={value.shape}"
            )
        variable = Variable(value, name, dtype, trainable, regularizer, constraint)
        variable.path = f"{self.name}/{name}"
        self._variables.append(variable)
        if not trainable:
            self._constants.add(variable)
        self._apply_trainable()
        return variable

    # Calls.

    def __call__(self, x: Any, training: bool | None = None) -> Any:
        """Applies the layer.

        Args:
            x: A symbolic tensor, or an array `(batch, …)`.
            training: For an array: whether to behave as in training (dropout). Default: no.

        Returns:
            A symbolic tensor, or a new array.
        """
        if isinstance(x, Tensor):
            return self._call_symbolic(x)
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise TypeError(
                f"{type(self).__name__} '{self.name}': expected numbers. Received: dtype={x.dtype}"
            )
        if x.ndim < 2:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected inputs (batch, features). "
                f"Received: shape={x.shape}. Hint: x[None] makes a batch of one sample."
            )
        key = (x.shape[1:], bool(training), *(v.trainable for v in self._variables))
        if key not in self._functions:
            entry = graph.input_tensor((None, *x.shape[1:]), self.dtype)
            self._functions[key] = Function([entry], [self(entry)], bool(training))
        return self._functions[key]([x], next_seed() if training else 0)[0]

    def _call_symbolic(self, x: Tensor) -> Tensor:
        with graph.layer_scope(self.name):
            self._ensure_built(x.shape)
            y: Tensor = self.call(x)
            regularizer = self.activity_regularizer
            if regularizer is not None:
                y = ops.activity_penalty(y, regularizer.l1, regularizer.l2)
        if self.output_shape is None:
            self.input_shape, self.output_shape = x.shape, y.shape
        return y

    def _ensure_built(self, input_shape: Shape) -> None:
        if self.built:
            return
        known = len(self._variables)
        try:
            self.build(input_shape)
            if self._first_weights is not None:
                self.set_weights(self._first_weights)
        except BaseException:
            del self._variables[known:]  # so that building again does not make them twice
            raise
        self.built = True

    def unbuild(self) -> None:
        """Forgets the weights and the input's shape: the data that told it were refused."""
        self.built = False
        self.input_shape = self.output_shape = None
        self._variables, self._constants, self._functions = [], set(), {}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for inputs of this shape, the batch included."""
        x = graph.input_tensor(tuple(input_shape), self.dtype)
        with graph.layer_scope(self.name):
            self._ensure_built(x.shape)
            shape: Shape = self.call(x).shape
        return shape

    # Weights.

    @property
    def trainable(self) -> bool:
        """Whether `fit` updates its weights; compile the model again after a change."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self._apply_trainable()

    def _apply_trainable(self) -> None:
        for variable in self._variables:
            variable.trainable = self._trainable and variable not in self._constants

    @property
    def weights(self) -> list[Variable]:
        """All weights, trainable ones first made first."""
        return list(self._variables)

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        return [v for v in self._variables if v.trainable]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self._variables if not v.trainable]

    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights' values."""
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
        """Number of elements of all weights.

        Raises:
            ValueError: The layer has not been built.
        """
        if not self.built and type(self).build is not Layer.build:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': has no weights yet. "
                "Hint: give the model an Input, or call it on data first."
            )
        return sum(v.size for v in self.weights)

    # Configs.

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes a layer from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def check_shape(where: str, shape: Any) -> tuple[int, ...]:
    """A sample's shape as a tuple of positive integers.

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
    whole = all(isinstance(d, (int, np.integer)) and not isinstance(d, bool) for d in sizes)
    if not whole or any(int(d) < 1 for d in sizes):
        raise bad_argument(where, "a shape of positive integers without the batch", "shape", given)
    return tuple(int(d) for d in sizes)


def set_values(where: str, variables: list[Variable], values: Any) -> None:
    """Sets several weights; all or none.

    Raises:
        ValueError: The number of values or a shape differs.
    """
    arrays = [np.asarray(value) for value in values]
    expected = [v.shape for v in variables]
    if [a.shape for a in arrays] != expected:
        raise ValueError(
            f"{where}: expected {len(expected)} weights of shapes {expected}. "
            f"Received: {len(arrays)} of shapes {[a.shape for a in arrays]}"
        )
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{where}: expected numbers. Received: dtype={array.dtype}")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
