"""What holds weights: its own, and those of the layers in its attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import numpy as np

from fastmlp import _names, constraints, graph, initializers, regularizers
from fastmlp._dtype_names import dtype_name
from fastmlp._spelling import accepts_name_first
from fastmlp.errors import bad_argument
from fastmlp.graph import Shape
from fastmlp.variables import Variable, first_value


def _is_holder(kind: type) -> bool:
    """Whether it is a layer or may contain some, by its type: to look into each takes longer."""
    return issubclass(kind, (WeightHolder, list, tuple, dict, Mapping))


_may_hold_layers: Callable[[Any], bool] = lru_cache(1024)(_is_holder)


_PLAIN = frozenset({str, int, float, bool, type(None), np.ndarray})
# Attributes of every layer or model that hold no layers; of what was given, what __init__ made of it counts.
_NO_PARTS = frozenset({
    "_given", "_variables", "_build_shape", "_functions", "_executables", "_by_sizes", "_kept_objectives",
})  # fmt: skip


class WeightHolder:
    """Base of `Layer`: weights made by `add_weight` or set as attributes, and layers found in these.

    A layer that stands in an attribute, or in a list, tuple or dict in one, is a part of the
    holder. So is a variable that no other holder has.
    """

    name: str
    dtype: str
    _last_edit = 0  # of all holders: how many attributes were set on built ones
    _edited = 0  # its number at the last one of this holder

    def __init__(self, trainable: bool) -> None:
        self._trainable = check_trainable(type(self).__name__, trainable)
        self._variables: list[Variable] = []
        self._constants: set[Variable] = set()  # made with trainable=False

    @accepts_name_first
    def add_weight(
        self,
        shape: Shape | int = (),
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: Any = None,
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight; for use in `build` or `__init__`.

        Args:
            shape: Its shape.
            initializer: Gives its first value. Default: `'glorot_uniform'`, zeros for whole numbers.
            dtype: Its type; the layer's if `None`.
            trainable: Whether `fit` updates it while the layer is trainable.
            autocast: Accepted and not needed.
            regularizer: Penalty added to the loss.
            constraint: Applied after each update.
            aggregation: Accepted and not needed.
            overwrite_with_gradient: Only `False`.
            name: Name within the layer. Default: `'variable'`, `'variable_1'`, …

        Raises:
            ValueError: A size is `None`, as of an input that leaves it open.

        Example:

        >>> from fastmlp import Layer, ops
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
        ...     def call(self, x):
        ...         return x * self.scale
        >>> layer = Scale()
        >>> layer([[1.0, 2.0]]), [w.path for w in layer.weights]
        (array([[1., 2.]], dtype=float32), ['scale/scale'])
        """
        name = name or _names.unique_name("variable")
        if overwrite_with_gradient:
            where = f"{type(self).__name__} '{self.name}': weight '{name}'"
            expected = "overwrite_with_gradient=False"
            raise bad_argument(where, expected, "overwrite_with_gradient", True)
        given = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        shape = tuple(d for d in given if d is not None)
        if len(shape) < len(given):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected sizes that are known for the weight "
                f"'{name}'. Received: shape={given}. Hint: give the Input all sizes but the number of steps"
            )
        dtype = dtype_name(dtype) or self.dtype
        default = "glorot_uniform" if np.dtype(dtype).kind == "f" else "zeros"
        first = initializers.get(default if initializer is None else initializer)
        with graph.no_trace():
            value = first_value(shape, dtype, first)
        if value.shape != shape:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected the initializer of '{name}' to "
                f"return shape {shape}. Received: shape={value.shape}"
            )
        variable = Variable(
            value,
            dtype=dtype,
            trainable=trainable,
            name=name,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        self._adopt(variable)
        return variable

    def _adopt_all(self, value: Any) -> None:
        """Makes weights of the variables in an attribute that belong to nobody yet."""
        parts = value.values() if isinstance(value, dict) else value
        for part in (value,) if isinstance(value, Variable) else parts:
            if isinstance(part, Variable) and not part.has_owner:
                self._adopt(part)

    def _adopt(self, variable: Variable) -> None:
        """Makes a variable one of the weights."""
        variable.path, variable.has_owner = f"{self.name}/{variable.name}", True
        self._variables.append(variable)
        if not variable.trainable:
            self._constants.add(variable)
        self._apply_trainable()

    def add_variable(
        self,
        shape: tuple[int, ...] | int,
        initializer: Any,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """The same as `add_weight`."""
        return self.add_weight(
            shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name
        )

    # Layers within.

    def _sublayers(self) -> list[WeightHolder]:
        """The layers that are parts of this one, each once."""
        found: dict[int, WeightHolder] = {}
        attributes = list(vars(self).items())  # another thread may set some meanwhile
        for name, value in [one for one in attributes if type(one[1]) not in _PLAIN]:
            if name not in _NO_PARTS and _may_hold_layers(type(value)):
                try:
                    layers = list(_layers_in(value))
                except RecursionError:
                    layers = _layers_around(value)
                for layer in layers:
                    found.setdefault(id(layer), layer)
        found.pop(id(self), None)
        return list(found.values())

    def _all_layers(self) -> Iterator[WeightHolder]:
        """This layer and all within it, each once."""
        seen: set[int] = set()
        stack: list[WeightHolder] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack.extend(reversed(layer._sublayers()))

    def _traced_with(self) -> tuple[int, ...]:
        """What a trace of `call` depends on beside the inputs: edits, and which layers and weights train."""
        layers = list(self._all_layers())
        trainable = [layer.trainable for layer in layers]
        trainable += [v.trainable for layer in layers for v in layer._variables]
        return (max(layer._edited for layer in layers), *trainable)

    # Weights.

    @property
    def trainable(self) -> bool:
        """Whether `fit` updates its weights, and those of the layers within it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        trainable = check_trainable(f"{type(self).__name__} '{self.name}'", value)
        for layer in self._all_layers():
            layer._trainable = trainable
            layer._apply_trainable()

    def _apply_trainable(self) -> None:
        for variable in self._variables:
            variable.trainable = self._trainable and variable not in self._constants

    @property
    def weights(self) -> list[Variable]:
        """All weights, each once: its own, trainable ones first, then those of layers within."""
        found: dict[Variable, None] = {}
        for layer in self._all_layers():
            own = layer._variables
            if layer._constants:
                found.update(dict.fromkeys(v for v in own if v not in layer._constants))
            found.update(dict.fromkeys(own))
        return list(found)

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that `fit` updates."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that `fit` leaves alone."""
        trainable = set(self.trainable_weights)
        return [v for v in self.weights if v not in trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights' values."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Sets the values of all weights.

        Args:
            weights: Arrays as `get_weights` returns them.

        Raises:
            ValueError: Their number or a shape differs; nothing is changed then.

        Example:

        >>> import numpy as np
        >>> from fastmlp import layers
        >>> layer = layers.Dense(1)
        >>> layer.build((None, 2))
        >>> layer.set_weights([np.array([[1.0], [2.0]]), np.array([0.5])])
        >>> layer([[1.0, 1.0]])
        array([[3.5]], dtype=float32)
        """
        set_values(f"{type(self).__name__} '{self.name}'", self.weights, weights)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Puts the weights that are its own, not those of layers within, into a dict.

        Args:
            store: Gets an array for each: `"0"`, `"1"`, …, trainable ones first.
        """
        for i, variable in enumerate(self._own_weights()):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Sets the weights that are its own from what `save_own_variables` stored.

        Args:
            store: An array for each weight.

        Raises:
            ValueError: Their number or a shape differs; nothing is changed then.
        """
        where = f"{type(self).__name__} '{self.name}': load_own_variables"
        own = self._own_weights()
        names = [str(i) for i in range(len(own))]
        if set(store) != set(names):
            raise ValueError(f"{where}: expected the arrays {names}. Received: {list(store)}")
        set_values(where, own, [store[name] for name in names])

    def _own_weights(self) -> list[Variable]:
        return sorted(self._variables, key=lambda variable: variable in self._constants)

    @property
    def path(self) -> str:
        """Where it stands: its name, after those of the layers around it, as in its weights' paths."""
        first = self._variables[0] if self._variables else None
        return self.name if first is None else first.path.rpartition("/")[0]

    @property
    def losses(self) -> list[Any]:
        """The penalties of the regularizers of all trainable weights, computed from their values.

        Those that depend on data, by `add_loss` and `activity_regularizer`, are parts of the loss that
        `fit` minimises, and not in this list. While a model's `compute_loss` is traced there are none:
        they are added to what it returns.

        Example:

        >>> from fastmlp import layers
        >>> dense = layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l1")
        >>> dense.build((None, 3))
        >>> [round(float(loss), 4) for loss in dense.losses]
        [0.06]
        """
        if graph.current_layer() == graph.COMPUTE_LOSS:
            return []
        return [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]

    @property
    def metrics(self) -> list[Any]:
        """The metrics in its attributes, and in those of the layers within; each once."""
        from fastmlp.metrics.base import metrics_in  # metrics may use layers

        held = [list(vars(layer).values()) for layer in self._all_layers()]
        return list({id(metric): metric for metric in metrics_in(held)}.values())

    def count_params(self) -> int:
        """Number of elements of all weights.

        Raises:
            ValueError: The layer has not been built.
        """
        if not self.built and self._makes_weights():
            raise ValueError(
                f"{type(self).__name__} '{self.name}': has no weights yet. "
                "Hint: give the model an Input, or call it on data first."
            )
        return sum(v.size for v in self.weights)

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        raise NotImplementedError

    def _makes_weights(self) -> bool:
        """Whether there will be weights once it is built."""
        raise NotImplementedError


def _layers_in(value: Any) -> Iterator[WeightHolder]:
    if isinstance(value, WeightHolder):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            if _may_hold_layers(type(part)):
                yield from _layers_in(part)
    elif isinstance(value, (dict, Mapping)):  # a dict is told much sooner than a Mapping
        for part in list(value.values()):
            if _may_hold_layers(type(part)):
                yield from _layers_in(part)


def _layers_around(value: Any) -> list[WeightHolder]:
    """The layers of a structure that contains itself."""
    found, seen, stack = [], set(), [value]
    while stack:
        part = stack.pop()
        if isinstance(part, WeightHolder):
            found.append(part)
        elif id(part) not in seen and isinstance(part, (list, tuple, Mapping)):
            seen.add(id(part))
            parts = part.values() if isinstance(part, Mapping) else part
            stack.extend(reversed(list(parts)))
    return found


def check_trainable(where: str, value: Any) -> bool:
    """What `trainable` is to be.

    Raises:
        ValueError: It is neither true nor false.
    """
    if isinstance(value, (bool, np.bool_, int)) and value in (0, 1):
        return bool(value)
    hint = "layers go in a list" if isinstance(value, WeightHolder) else None
    raise bad_argument(where, "trainable to be True or False", "trainable", value, hint)


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
