"""Weights: named arrays that live in one arena per model and are seen as live NumPy views."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastmlp import _names, config
from fastmlp._core.home import Home, address
from fastmlp._dtype_names import dtype_name
from fastmlp._operators import Operators
from fastmlp.errors import bad_argument

if TYPE_CHECKING:
    import numpy.typing as npt

ALIGNMENT = 64  # bytes: a cache line, and the widest SIMD register


def aligned_empty(n: int, dtype: npt.DTypeLike) -> np.ndarray:
    """An uninitialised array `(n,)` whose data starts at a multiple of 64 bytes."""
    itemsize = np.dtype(dtype).itemsize
    raw = np.empty(n * itemsize + ALIGNMENT, np.uint8)
    start = -address(raw) % ALIGNMENT
    return raw[start : start + n * itemsize].view(dtype)


def padded(n: int, dtype: npt.DTypeLike) -> int:
    """`n` rounded up so that the next array starts on a cache line."""
    step = ALIGNMENT // np.dtype(dtype).itemsize
    return -(-n // step) * step


class Values(np.ndarray):
    """A live view of a weight: an array that also answers to the methods of the variable that it is in Keras.

    What NumPy's functions of elements make of it is a plain array.

    Attributes:
        variable: The weight that it is all of; `None` of a part or a copy.
    """

    variable: Variable | None = None

    @property
    def name(self) -> str:
        """The weight's name."""
        return self._weight().name

    @property
    def path(self) -> str:
        """The weight's path, as `'dense/kernel'`."""
        return self._weight().path

    @property
    def value(self) -> np.ndarray:
        """The same as a plain array."""
        return self._weight().value

    @property
    def trainable(self) -> bool:
        """Whether `fit` updates the weight; may be set, as the next two."""
        return self._weight().trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._weight().trainable = value

    @property
    def regularizer(self) -> Any:
        """The weight's penalty, or `None`."""
        return self._weight().regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._weight().regularizer = value

    @property
    def constraint(self) -> Any:
        """What is applied to the weight after each update, or `None`."""
        return self._weight().constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._weight().constraint = value

    def _weight(self) -> Variable:
        if self.variable is None:
            raise AttributeError("expected a layer's weight. Received: a part or a copy of one")
        return self.variable

    def numpy(self) -> np.ndarray:
        """A copy, as a plain array."""
        return np.array(self)

    def assign(self, value: npt.ArrayLike) -> Values:
        """Writes there; the shape must agree.

        Raises:
            ValueError: `value` has another shape.
            TypeError: It is a copy, not the weight, or a `call` is being traced.
        """
        if self.flags.owndata:
            raise TypeError("assign: expected a layer's weight. Received: a copy of one")
        if recording.get() is not None:
            hint = "assign to the variable in layer.weights"
            raise TypeError(f"assign: expected no call of a layer to be traced. Hint: {hint}")
        new = np.asarray(value)
        if new.shape != self.shape:
            raise ValueError(f"assign: expected shape {self.shape}. Received: shape={new.shape}")
        self[...] = new
        return self

    def assign_add(self, value: Any) -> Values:
        """Adds a value; see `assign`."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Values:
        """Subtracts a value; see `assign`."""
        return self.assign(self - value)

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()  # a copy is a plain array

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array


class _Setting:
    """A number of an optimizer, as it was when it was asked for; and whose it is.

    Args:
        value: The number.
        optimizer: Whose attribute it is.
        name: That attribute.
    """

    _of: tuple[Any, str]

    def __new__(cls, value: Any, optimizer: Any, name: str) -> Self:
        number = super().__new__(cls, value)  # type: ignore[call-arg]  # float's or int's
        number._of = optimizer, name
        return number

    @property
    def value(self) -> Any:
        """The number as a NumPy scalar."""
        return self.numpy()

    @property
    def dtype(self) -> str:
        """The element type of `value`."""
        return str(self.numpy().dtype)

    def numpy(self) -> Any:
        """The number as it is kept."""
        raise NotImplementedError

    def assign(self, value: Any) -> Any:
        """Sets the optimizer's attribute; returns what it is now."""
        is_one = isinstance(value, (np.ndarray, Variable)) and value.size == 1
        setattr(*self._of, np.asarray(value).item() if is_one else value)
        return getattr(*self._of)

    def assign_add(self, value: Any) -> Any:
        """Adds a value; see `assign`."""
        return self.assign(getattr(*self._of) + value)

    def assign_sub(self, value: Any) -> Any:
        """Subtracts a value; see `assign`."""
        return self.assign(getattr(*self._of) - value)


class Rate(_Setting, float):
    """A learning rate: a number that also answers to the methods of the variable that it is in Keras.

    Example:

    >>> from fastmlp import optimizers
    >>> optimizer = optimizers.SGD(0.1)
    >>> optimizer.learning_rate.assign(optimizer.learning_rate / 2)
    0.05
    """

    def numpy(self) -> np.float32:
        """The number, as Keras keeps it."""
        return np.float32(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)  # a copy has no optimizer


class Count(_Setting, int):
    """A number of steps, likewise."""

    def numpy(self) -> np.int64:
        """The number, as fastmlp keeps it."""
        return np.int64(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)


class InCall(dict["Variable", Any]):
    """What a layer's `call` has assigned: of the other variables, it may also look at the values."""


# What stands for variables as operands, instead of their values: what has been assigned to them, while
# an optimizer's `update_step` or a layer's `call` is traced; or what a wrapper computes from the weights of its layer.
recording: ContextVar[dict[Variable, Any] | None] = ContextVar("recording", default=None)


def variable_of(x: Any) -> Any:
    """The variable of a live view; anything else as it is."""
    return x.variable if isinstance(x, Values) and x.variable is not None else x


@cache
def _name_of(dtype: np.dtype[Any]) -> str:
    return dtype.name  # which NumPy puts together anew each time


class Variable(Operators, Home):
    """An array that changes in place: a weight of a layer, or a value of one's own.

    A variable that is set as an attribute of a layer or model becomes one of its weights.

    Args:
        initializer: Its first value, which is copied; or a function `f(shape, dtype=None)` that returns it,
            as an object of `fastmlp.initializers`.
        shape: Its shape, for a function.
        dtype: Its type. Default: `fastmlp.config.floatx()`, or that of the whole numbers given.
        trainable: Whether `fit` updates it while its layer is trainable.
        autocast: Accepted and not needed.
        aggregation: Accepted and not needed.
        synchronization: Accepted and not needed.
        name: Name within its layer, as `'kernel'`. Default: `'variable'`, `'variable_1'`, …
        regularizer: Penalty added to the loss, or `None`.
        constraint: Applied after each update, or `None`.

    Raises:
        ValueError: `initializer` is a string, or a function came without a shape.

    Example:

    >>> import fastmlp
    >>> count = fastmlp.Variable(0, name="count")
    >>> count.assign_add(2)
    <Variable path=count, shape=(), dtype=int32>
    >>> int(count)
    2
    """

    has_owner = False  # a layer or metric, which has it among its weights

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self.name = self.path = name or _names.unique_name("variable")
        first = _first(f"Variable '{self.name}'", initializer, shape, dtype)
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint
        self.in_arena = False
        self.value = aligned_empty(first.size, first.dtype).reshape(first.shape)
        self.value[...] = first

    @classmethod
    def apart(cls, value: Any, dtype: str, path: str) -> Variable:
        """A variable that is no weight of the layer that has it in an attribute."""
        variable = cls(value, dtype=dtype, trainable=False, name=path)
        variable.has_owner = True
        return variable

    @classmethod
    def around(cls, value: np.ndarray, name: str) -> Variable:
        """A variable that is not trained, on memory that exists: `value` itself, not a copy."""
        variable = cls.__new__(cls)
        variable.name = variable.path = name
        variable.trainable = False
        variable.regularizer = variable.constraint = None
        variable.in_arena = True
        variable.value = value
        return variable

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def dtype(self) -> str:
        return _name_of(self.value.dtype)

    @property
    def size(self) -> int:
        return self.value.size

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "value": self.value.copy(), "in_arena": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        value = state.pop("value")
        self.__dict__.update(state)
        self.value = aligned_empty(value.size, value.dtype).reshape(value.shape)
        self.value[...] = value

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        return self.value.copy()

    def assign(self, value: npt.ArrayLike) -> Variable:
        """Sets the value in place; the shape must agree.

        Raises:
            ValueError: `value` has another shape.
        """
        assigned = recording.get()
        new: Any = value if assigned is not None and hasattr(value, "shape") else np.asarray(value)
        if tuple(new.shape) != self.shape:
            raise ValueError(
                f"Weight '{self.path}': expected a value of shape {self.shape}. "
                f"Received: shape={tuple(new.shape)}"
            )
        if assigned is not None:
            assigned[self] = assigned.get(new, new) if isinstance(new, Variable) else new
        else:
            self.value[...] = new
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds a value; see `assign`."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts a value; see `assign`."""
        return self.assign(self + -1 * value)

    def __float__(self) -> float:
        return float(np.asarray(self))

    def __int__(self) -> int:
        return int(np.asarray(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        assigned = recording.get()
        if assigned is not None and (self in assigned or not isinstance(assigned, InCall)):
            raise TypeError(
                f"Weight '{self.path}' has no values while what changes it is traced. "
                "Hint: use fastmlp.ops on it"
            )
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


def _first(
    where: str, initializer: Any, shape: tuple[int, ...] | None, dtype: str | None
) -> np.ndarray:
    """The first value of a variable, in its type."""
    dtype = dtype_name(dtype)
    if isinstance(initializer, str):
        hint = f"fastmlp.initializers.get({initializer!r})"
        raise bad_argument(where, "numbers or a function", "initializer", initializer, hint)
    if callable(initializer):
        if shape is None:
            raise bad_argument(where, "a shape for the initializer", "shape", shape)
        initializer = initializer(shape, dtype=dtype or config.floatx())
    first = np.asarray(initializer)
    if dtype is None and first.dtype.kind == "f":
        dtype = config.floatx()
    elif dtype is None and first.dtype == np.int64 and not hasattr(initializer, "dtype"):
        dtype = "int32"  # Python's whole numbers
    return np.asarray(first, dtype)


_ROOM = 4_096  # elements of an arena: so many weights may be updated as one


def move_to_arena(
    variables: Iterable[Variable], room: np.ndarray | None = None
) -> np.ndarray | None:
    """Gathers variables into one flat block, each on a cache line of its own.

    A variable moves once, into the arena of the first model that holds it; a later model that
    shares the layer uses it where it is.

    Args:
        variables: Of a model.
        room: What is left of the arena that it had so far. Small layers that are added one by one
            then lie side by side, and nobody's view of a weight goes stale.

    Returns:
        What is left of the arena now `(n,)`, or `None` where there is none and nothing was to move.
    """
    moving = [v for v in dict.fromkeys(variables) if not v.in_arena]
    if not moving:
        return room
    dtype = moving[0].value.dtype
    moving = [v for v in moving if v.value.dtype == dtype]
    total = sum(padded(v.size, dtype) for v in moving)
    if room is None or room.dtype != dtype or total > room.size:
        room = aligned_empty(max(total, _ROOM), dtype)
    room[:total] = 0
    for variable in moving:
        view = room[: variable.size].reshape(variable.shape)
        view[...] = variable.value
        variable.value = view
        variable.in_arena = True
        room = room[padded(variable.size, dtype) :]
    return room


_allowed: ContextVar[Counter[tuple[int, ...] | None] | None] = ContextVar("allowed", default=None)


@contextmanager
def only_shapes(shapes: Iterable[tuple[int, ...]], others: int = 0) -> Iterator[None]:
    """Within, weights are made of these shapes alone, each once, and hold zeros.

    A file that tells of larger weights than it holds gets no memory for them.

    Args:
        shapes: The shapes.
        others: Elements that may have other shapes, all in all, as those of states that it does not hold.
    """
    allowed: Counter[tuple[int, ...] | None] = Counter(shapes)
    allowed[None] = others
    token = _allowed.set(allowed)
    try:
        yield
    finally:
        _allowed.reset(token)


def first_value(shape: tuple[int, ...], dtype: str, initializer: Any) -> np.ndarray:
    """The first value of a new weight: from its initializer, or zeros where values follow.

    Raises:
        ValueError: Within `only_shapes`: none of the shapes that are left.
    """
    allowed = _allowed.get()
    if allowed is None:
        return np.asarray(initializer(shape, dtype=dtype))
    if allowed[shape] < 1 and math.prod(shape) <= allowed[None]:
        allowed[None] -= math.prod(shape)
    elif allowed[shape] < 1:
        raise ValueError(f"expected weights of other shapes than {shape}, which it does not hold")
    else:
        allowed[shape] -= 1
    return np.zeros(shape, dtype)
