"""The base of all layers: names, building, and calls on tensors and arrays."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastmlp import _names, _tree, calls, config, graph, open_sizes, ops, regularizers, whole_batch
from fastmlp._dtype_names import dtype_name
from fastmlp._spelling import accepts_old, missing
from fastmlp.calls import Call
from fastmlp.custom_objects import custom_object_scope, own_objects
from fastmlp.errors import bad_argument, unknown_keywords
from fastmlp.function import Function
from fastmlp.graph import Tensor
from fastmlp.layers import eager, masks
from fastmlp.layers.building import once
from fastmlp.layers.configured import KERAS_ALONE, parameters
from fastmlp.layers.input_spec import check_inputs
from fastmlp.layers.shapes import check_shape, map_shapes, shapes
from fastmlp.layers.tracing import Traced
from fastmlp.registry import snake_case
from fastmlp.regularizers import has_factors
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp._dtype_policy import DTypePolicy

_DTYPES = ("float32", "float64")
_NO_EDITS = {  # attributes that no trace reads, or that are looked at each time
    "name", "dtype", "built", "trainable", "optimizer", "history", "stop_training",
    "stop_evaluating", "stop_predicting", "run_eagerly", "jit_compile", "steps_per_execution",
}  # fmt: skip
_MAY_HOLD = (list, tuple, dict)  # weights, in an attribute
_KEPT = 16  # functions of the last forms of inputs that a layer was called on


class Layer(Traced):
    """A named function with weights.

    A layer stores its arguments in `__init__`, makes its weights in `build(input_shape)`, and
    describes in `call(x)` what it computes, with functions of `fastmlp.ops` and other layers.
    `call` runs on symbolic tensors: once for each use of the layer. If it takes an argument
    `training`, it runs once for training and once for the rest.

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

    Example:

    >>> from fastmlp import ops
    >>> class Double(Layer):
    ...     def call(self, x):
    ...         return ops.add(x, x)
    >>> Double()([[1.0, 2.0]])
    array([[2., 4.]], dtype=float32)
    """

    supports_masking = False
    """Whether outputs have masks: those that `compute_mask` returns. May be set in `__init__`."""

    takes_a_vector = False
    """Whether an array of one axis is taken for one sample, since each row is worked on alone."""

    given_input_dtype: str | None = None  # of a model that begins with it; `None`: its dtype
    input_spec: Any = None
    """What its first argument must be: an `InputSpec`, or a list or dict of them."""

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
        super().__init__(trainable)
        kind = type(self).__name__
        if name is not None and not isinstance(name, str):
            raise bad_argument(kind, "a string or None", "name", name)
        self.name = name or _names.unique_name(snake_case(kind))
        dtype = dtype_name(dtype) or config.floatx()
        if dtype not in _DTYPES:
            raise bad_argument(f"{kind} '{self.name}'", "'float32' or 'float64'", "dtype", dtype)
        self.dtype: str = dtype
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._has_built = False
        self._build_shape = None
        self.calls: list[Call] = []
        self._shapes: tuple[Any, Any] | None = None  # of the first call's input and output
        self._made_in_init = 0  # weights that are older than build
        self._is_building = False
        self._functions: dict[Any, Any] = {}
        self._first_weights = kwargs.pop("weights", None)
        self.given_input_shape = self._take_input_shape(kwargs)
        kwargs.pop("autocast", None)
        self._refuse_keras_alone(kwargs)
        if kwargs:
            raise unknown_keywords(f"{kind} '{self.name}'", kwargs, self._known_arguments())

    def _refuse_keras_alone(self, kwargs: dict[str, Any]) -> None:
        """Takes what asks for nothing, and says what there is none of."""
        for name, hint in KERAS_ALONE.items():
            value = kwargs.pop(name, None)
            if value:
                where = f"{type(self).__name__} '{self.name}'"
                raise bad_argument(where, f"no {name}", name, value, hint)

    def _known_arguments(self) -> list[str]:
        own: list[str] = []
        for kind in type(self).__mro__:  # what one does not know it hands on to the next
            if "__init__" in vars(kind) and kind is not Layer and issubclass(kind, Layer):
                code = inspect.unwrap(kind.__init__).__code__
                own += code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        common = ["name", "dtype", "trainable", "activity_regularizer", "input_shape", "input_dim"]
        return list(dict.fromkeys([*own, *common, "weights"]))

    def _take_input_shape(self, kwargs: dict[str, Any]) -> tuple[int, ...] | None:
        shape = kwargs.pop("input_shape", None)
        batch_shape = kwargs.pop("batch_input_shape", None)
        dim, length = kwargs.pop("input_dim", None), kwargs.pop("input_length", None)
        self.given_batch_size = kwargs.pop("batch_size", None)
        if batch_shape is not None:
            self.given_batch_size, *shape = batch_shape
        if dim is not None:
            shape = (dim,) if length is None else (length, dim)
        return None if shape is None else check_shape(f"Layer '{self.name}'", shape, True)

    if not TYPE_CHECKING:  # so that type checkers see names that are not there

        def __setattr__(self, name: str, value: Any) -> None:
            kind = type(value)
            if kind is Variable or (kind in _MAY_HOLD and value):
                self._adopt_all(value)
            if name[0] == "_":
                object.__setattr__(self, name, value)
                return
            try:
                super().__setattr__(name, value)
            except AttributeError:
                if not isinstance(getattr(self, name, None), np.ndarray):
                    raise
                raise AttributeError(
                    f"{type(self).__name__} '{self.name}': {name} is a view of the weight. "
                    f"Hint: write into it: layer.{name}[...] = value"
                ) from None
            own = vars(self)
            built = own.get("_has_built") or own.get("_network")
            if built and name not in _NO_EDITS and not graph.is_tracing():
                Layer._last_edit += 1
                self._edited = Layer._last_edit

        def __getattr__(self, name: str) -> Any:
            return missing(self, name)

    # For subclasses.

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape, the batch included."""

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs; asked only if the layer supports masking.

        Args:
            inputs: The first argument of `call`: symbolic tensors, or arrays.
            previous_mask: Its mask, or those of its tensors, in their structure; `None`: none.

        Returns:
            A mask, or a list with one for each output; by default, that of the inputs. A layer that
            has a `compute_mask` of its own supports masking.

        Example:

        >>> import numpy as np
        >>> from fastmlp import layers
        >>> layers.Masking().compute_mask(np.array([[[1.0, 2.0], [0.0, 0.0]]]))
        array([[ True, False]])
        """
        return previous_mask

    # Calls.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Applies the layer.

        Args:
            *args: As `call` takes them: symbolic tensors or arrays `(batch, …)`, or lists, tuples
                and dicts of them.
            **kwargs: Further arguments of `call`; `training`: whether to behave as in training
                (dropout). Default: on arrays no; on tensors as the model that uses the result.

        Returns:
            Symbolic tensors, or new arrays.

        Raises:
            ValueError: The inputs do not suit the layer.
            TypeError: They are no numbers, or `call` returns something else than tensors.
        """
        if "_first_weights" not in vars(self):
            raise RuntimeError(
                f"{type(self).__name__}: __init__ did not call super().__init__(). "
                "Hint: make it the first line"
            )
        if kwargs and not args:
            first = next((n for n in (*self._call_takes()[:1], "inputs") if n in kwargs), None)
            args = () if first is None else (kwargs.pop(first),)
        if graph.is_tracing() and (self._makes_weights() or eager.holds_weights(args)):
            args = eager.to_constants(args, self.dtype)  # within call, whose weights may train
        tensors = calls.tensors((args, kwargs))
        if tensors:
            return self._call_symbolic(args, kwargs, any(map(open_sizes.is_open, tensors)))
        return self._call_arrays(args, kwargs)

    def _call_symbolic(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], is_open: bool = False
    ) -> Any:
        known = self._narrowed(args) if is_open else args
        around = functools.partial(self._building, args, kwargs)
        outputs = open_sizes.across(self._compute, known, kwargs, around, is_open)
        if self._shapes is None and not open_sizes.is_trying():
            self._shapes = (shapes(args[0]) if args else None, shapes(outputs))
        return calls.record(self, args, kwargs, outputs)

    def _narrowed(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with sizes that the layer knows in the place of open ones."""
        return args

    @contextmanager
    def _building(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[None]:
        """Builds for open inputs; what has been built until something fails is forgotten."""
        parts = (part for part in self._all_layers() if isinstance(part, Layer))
        new = [layer for layer in parts if not layer.built]
        try:
            with graph.layer_scope(self.name):
                self._check_spec(args)
                self._build_once(args, kwargs)
            yield
        except BaseException:
            for layer in new:
                layer.unbuild()
            raise

    def _check_spec(self, args: tuple[Any, ...]) -> None:
        if self.input_spec is not None:
            check_inputs(f"{type(self).__name__} '{self.name}'", self.input_spec, args[0])

    def _compute(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs, with penalties and masks, and no record of the call."""
        args = whole_batch.each_of(args)
        with graph.layer_scope(self.name):
            self._check_dtype(calls.tensors((args, kwargs)))
            self._check_spec(args)
            self._build_once(args, kwargs)
            told = masks.with_mask(args, kwargs, self._call_takes())
            outputs = self._check_outputs(whole_batch.each_of(self._trace(args, told)))
            regularizer = self.activity_regularizer
            if regularizer is not None:
                outputs = _tree.apply(lambda y: _penalized(y, regularizer), outputs)
            return masks.hand_on(self, args, told, outputs)

    def _compute_again(self, call: Call) -> list[tuple[Tensor, Tensor]]:
        """A call's outputs, and what they would be with the layer's attributes of now.

        Raises:
            ValueError: They would have other shapes.
        """
        with graph.training_scope(None):
            new = _tree.flatten(self._compute(*call.args, **call.kwargs))
        old = _tree.flatten(call.outputs)
        if [t.shape for t in new] != [t.shape for t in old]:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected outputs of the shapes that they had when "
                f"the model was made, {[t.shape for t in old]}. Received: {[t.shape for t in new]}, "
                "with attributes that were set since. Hint: make the model anew"
            )
        return list(zip(old, new, strict=True))

    def _check_dtype(self, inputs: list[Tensor]) -> None:
        dtypes = {t.dtype for t in inputs} - {"string"}
        if len(dtypes) > 1 or (self._variables and not dtypes <= {self.dtype}):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected inputs of dtype {self.dtype}. "
                f"Received: {', '.join(sorted(dtypes))}. Hint: give Inputs and layers one dtype, "
                "or set it for all by fastmlp.config.set_floatx"
            )

    def _call_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a function compiled for inputs of these shapes."""
        if self.takes_a_vector and eager.is_vector(args):
            return self._call_arrays((np.asarray(args[0])[None],), kwargs)[0]
        where = f"{type(self).__name__} '{self.name}'"
        training = bool(kwargs.pop("training", None))
        form = (
            tuple(eager.to_arrays(where, arg) for arg in args),
            eager.to_arrays(where, kwargs, options=True),
        )
        key = (eager.key(form), training, *self._traced_with())
        arrays = [leaf for leaf in _tree.flatten(form) if isinstance(leaf, np.ndarray)]
        rows = len(arrays[0]) if arrays else 0
        known = self._functions.get(key) or self._functions.get((rows, key))
        if known is None:
            try:
                samples, inputs, outputs = self._traced_on(form, rows)
            except whole_batch.REFUSALS as error:
                if len(arrays) != 1 or arrays[0].ndim > 1:
                    raise
                raise eager.no_batch(where, arrays[0]) from error
            known = Function(inputs, _tree.flatten(outputs), training, samples), outputs
            key = key if samples is None else (samples, key)
            self._functions = dict([*self._functions.items(), (key, known)][-_KEPT:])
        function, outputs = known
        return _tree.pack(outputs, function(arrays))

    def _traced_on(self, form: Any, rows: int) -> tuple[int | None, list[Tensor], Any]:
        """Symbolic inputs for arrays, and the outputs for them; before these `rows`, if all must be such."""

        def traced(samples: int | None) -> tuple[int | None, list[Tensor], Any]:
            with graph.batch_of(samples), graph.layer_scope(self.name):
                inputs, again = eager.to_tensors(form, self.dtype)
                return samples, inputs, self._call_symbolic(*again)

        return whole_batch.either(lambda: traced(None), lambda: traced(rows))

    def _build_once(self, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> None:
        """Makes the weights for these inputs, unless there are some already.

        `build` gets the shapes of the arguments of `call` that it names, as `query_shape` does; if it names
        none, in their order.
        """
        if self._has_built:
            return
        takes = parameters(type(self).build)
        if takes and not args:
            raise TypeError(f"{type(self).__name__} '{self.name}': expected inputs")
        given = {**dict(zip(self._call_takes(), args, strict=False)), **(kwargs or {})}
        named = {name: given[name[:-6]] for name in takes if name[:-6] in given}
        if len(takes) > 1 and named and all(name.endswith("_shape") for name in named):
            self.build(**{name: shapes(arg) for name, arg in named.items()})
        else:
            self.build(*[shapes(arg) for arg in args[: len(takes)]])

    def __init_subclass__(cls, build_once: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "compute_mask" in vars(cls) and "supports_masking" not in vars(cls):
            cls.supports_masking = True
        if build_once and "build" in vars(cls):
            cls.build = once(cls.build)  # type: ignore[method-assign]

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._has_built

    @built.setter
    def built(self, value: bool) -> None:
        self._has_built = bool(value)

    def _makes_weights(self) -> bool:
        return type(self).build is not Layer.build

    def unbuild(self) -> None:
        """Forgets the weights and the input's shape: the data that told it were refused."""
        self._has_built = False
        self._shapes = self._build_shape = None
        del self._variables[self._made_in_init :]
        self._functions, self.calls = {}, []

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes of the outputs for inputs of these shapes, the batch included."""
        input_shapes = (*args, *kwargs.values())
        sizes: list[int | None] = []  # of batches
        map_shapes(lambda shape: sizes.extend(shape[:1]), input_shapes)
        with graph.layer_scope(self.name):
            inputs = tuple(
                map_shapes(lambda shape: graph.input_tensor(shape, self.dtype), given)
                for given in input_shapes
            )
            self._build_once(inputs)

        def traced(*given: Any) -> Any:
            with graph.layer_scope(self.name):
                return whole_batch.each_of(self._trace(given, {}))

        outputs = open_sizes.call(traced, inputs, {})
        return _tree.apply(lambda y: (*sizes[:1], *y.shape[1:]), outputs)

    @property
    def compute_dtype(self) -> str:
        """The type that it computes in: `dtype`."""
        return self.dtype

    @property
    def variable_dtype(self) -> str:
        """The type of its weights: `dtype`."""
        return self.dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The same as an object of Keras, to hand on to other layers as `dtype`."""
        from fastmlp._dtype_policy import DTypePolicy  # seldom needed

        return DTypePolicy(self.dtype)

    @property
    def input_shape(self) -> Any:
        """Shape of the first input it was called on, the batch included; `None` before."""
        return None if self._shapes is None else self._shapes[0]

    @property
    def output_shape(self) -> Any:
        """Shape of the first output, the batch included; `None` before the first call."""
        return None if self._shapes is None else self._shapes[1]

    @property
    def input(self) -> Any:
        """The symbolic tensors of its first call."""
        args = self._first_call("input").args
        return args[0] if len(args) == 1 else list(args)

    @property
    def output(self) -> Any:
        """The symbolic tensors that its first call returned: to make a model that ends there."""
        return self._first_call("output").outputs

    def _first_call(self, what: str) -> Call:
        if not self.calls:
            raise AttributeError(
                f"{type(self).__name__} '{self.name}': has no {what} yet, since it was not called "
                "on a symbolic tensor. Hint: give the model an Input"
            )
        return self.calls[0]

    # Copies.

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_functions": {}}  # plans are made again when needed

    def _again(self, **changes: Any) -> Self:
        """A layer of the same config, but for `changes`, with weights of its own."""
        kinds = {type(layer) for layer in self._all_layers()}
        kinds = {kind for kind in kinds if not kind.__module__.startswith("fastmlp.")}
        with own_objects() as own:
            config = {**self.get_config(), **changes}
        with custom_object_scope({**own, **{kind.__name__: kind for kind in kinds}}):
            return type(self).from_config(config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _penalized(y: Tensor, regularizer: Any) -> Tensor:
    """`y`; its activity penalty, the mean over its first axis, the samples, is added to the loss."""
    if has_factors(regularizer):
        return ops.activity_penalty(y, regularizer.l1, regularizer.l2)
    if not y.per_sample:
        return ops.penalty(y, ops.divide(regularizer(y), (*y.shape, 1)[0]))
    return ops.penalty(y, regularizer(y), by_batch=True)


Layer.build = once(Layer.build)  # type: ignore[method-assign]
