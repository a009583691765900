"""Types, shapes and constants, named as in `keras.ops`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config, graph
from fastmlp._operators import Operators
from fastmlp.calls import operation
from fastmlp.errors import unknown_name
from fastmlp.graph import Node, Tensor
from fastmlp.ops import math as elementwise
from fastmlp.ops import spec
from fastmlp.ops.spec import OpSpec

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder

_TYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip


class StopGradient(OpSpec):
    """y = x, where no gradient passes"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, ins[0].shape)
        b.emit("stop_gradient", [y], ins)
        y.alias = ins[0]
        return y


@operation
def stop_gradient(variable: Any) -> Any:
    """The same numbers as those of `variable`, as constants: training does not see what they depend on."""
    if not spec.is_symbolic(variable):
        return spec.array(variable)
    (x,) = spec.operands("stop_gradient", variable)
    return spec.node("stop_gradient", [x], x.shape)


@operation
def cast(x: Any, dtype: Any) -> Any:
    """Another type of number.

    A plan computes in one type. On symbolic tensors a cast to integers cuts the fraction, one to bool
    gives 1 and 0, and one to another float type changes nothing.
    """
    name = type_name(dtype)
    if not spec.is_symbolic(x):
        return spec.array(x).astype(name)
    if name == "bool":
        return elementwise.not_equal(x, 0)
    (x,) = spec.operands("cast", x)
    whole = graph.kind_of(x) is not None
    if name.startswith("float") and not whole:
        return x
    if not (whole or name.startswith("float")):
        x = elementwise.trunc(x)
    return spec.node("identity", [x], x.shape, to=name)


def type_name(dtype: Any) -> str:
    """The name of a type of numbers; of `None`, `config.floatx()`.

    Raises:
        ValueError: There is no such type.
    """
    name: str
    try:
        name = np.dtype(getattr(dtype, "name", dtype) or config.floatx()).name
    except TypeError:
        name = str(dtype)
    if name not in _TYPES:
        raise unknown_name("dtype", name, _TYPES)
    return name


def dtype(x: Any) -> str:
    """The name of the type of the numbers, as `'float32'`."""
    return str(getattr(x, "dtype", None) or spec.array(x).dtype)


@operation
def saturate_cast(x: Any, dtype: Any) -> Any:
    """Another type of number, with the nearest one that it has for those beyond its range.

    Example:

    >>> saturate_cast([-1.0, 256.0], "uint8")
    array([  0, 255], dtype=uint8)
    """
    name = type_name(dtype)
    if name.startswith("float") or name == "bool":
        return cast(x, name)
    limits = np.iinfo(name)
    return cast(elementwise.clip(x, float(limits.min), float(limits.max)), name)


def array(x: Any, dtype: Any = None) -> Any:
    """An array of a copy of the numbers, by the rules of `convert_to_tensor`."""
    found = convert_to_tensor(x, dtype)
    return np.array(found) if isinstance(found, np.ndarray) else found


def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """An array: Python floats become float32, integers int32. Symbolic tensors stay what they are.

    Args:
        x: Tensor, weight, array, number, or a list of numbers or strings.
        dtype: Of the result.
        sparse: Not `True`: arrays are dense.
        ragged: Not `True`: rows are equally long.
    """
    if sparse or ragged:
        raise ValueError(
            f"{spec.where('convert_to_tensor')}: expected neither sparse nor ragged. "
            f"Received: {sparse=}, {ragged=}"
        )
    if dtype is not None:
        return cast(x, dtype)
    if spec.is_symbolic(x):
        return spec.operands("convert_to_tensor", x)[0]
    strings = isinstance(x, (str, list, tuple)) and np.asarray(x).dtype.kind == "U"
    return np.asarray(x) if strings else spec.array(x)


def convert_to_numpy(x: Any) -> np.ndarray:
    """An array of a copy of the numbers."""
    return np.array(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor or an array."""
    return isinstance(x, (Tensor, np.ndarray))


def shape(x: Any) -> tuple[int | None, ...]:
    """The shape; the batch of a symbolic tensor is `None`."""
    return tuple(x.shape) if hasattr(x, "shape") else spec.array(x).shape


def ndim(x: Any) -> int:
    """Number of axes."""
    return len(shape(x))


def size(x: Any) -> Any:
    """Number of elements; of a symbolic tensor those of one sample times `None`: refused.

    Raises:
        ValueError: `x` has a batch axis, whose size is not known.
    """
    if None in shape(x):
        raise ValueError(
            f"{spec.where('size')}: expected a known shape. Received: {shape(x)}. "
            "Hint: ops.mean divides by the samples that a step has."
        )
    return math.prod(int(d or 0) for d in shape(x))


@operation
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A number for every element of `x`."""
    if not spec.is_symbolic(x):
        return np.full_like(spec.array(x), fill_value, None if dtype is None else type_name(dtype))
    (x,) = spec.operands("full_like", x)
    if not x.per_sample:
        return spec.operands("full_like", x, np.full(x.shape, fill_value))[1]
    (_, value), _ = spec.broadcast("full_like", spec.operands("full_like", x, fill_value))
    return Node("full", [value], x.shape, x.dtype).output


@operation
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """A 0 for every element of `x`."""
    return full_like(x, 0, dtype)


@operation
def ones_like(x: Any, dtype: Any = None) -> Any:
    """A 1 for every element of `x`."""
    return full_like(x, 1, dtype)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """An array of zeros: a constant. A first size of `None`, within `call` or a loss, is the batch's."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Any:
    """An array of ones: a constant. A first size of `None`, within `call` or a loss, is the batch's."""
    return full(shape, 1, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of one number: a constant. A first size of `None`, within `call` or a loss, is the batch's."""
    if isinstance(fill_value, Operators):
        return ones(shape, dtype) * fill_value
    sizes = (shape,) if shape is None or isinstance(shape, (int, np.integer)) else tuple(shape)
    kind = type_name(dtype or config.floatx())
    if sizes and graph.is_batch(sizes[0]):
        return spec.for_each_sample("full", np.full(sizes[1:], fill_value, kind))
    return np.full(sizes, fill_value, kind)


def empty(shape: Any, dtype: Any = None) -> Any:
    """An array of any numbers: zeros, as in Keras on JAX."""
    return zeros(shape, dtype)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """Any number for every element of `x`: a 0, as in Keras on JAX."""
    return zeros_like(x, dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """An array with ones on and below diagonal `k`: a constant."""
    return np.tri(N, M, k, type_name(dtype or config.floatx()))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """An array with ones on diagonal `k`: a constant."""
    return np.eye(N, M, k, type_name(dtype or config.floatx()))


def identity(n: int, dtype: Any = None) -> np.ndarray:
    """The identity matrix: a constant."""
    return eye(n, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> np.ndarray:
    """Numbers at equal distances: a constant."""
    values = np.arange(start, stop, 1 if step is None else step)
    return values.astype(type_name(dtype)) if dtype is not None else spec.array(values.tolist())


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """So many numbers between two: a constant.

    Args:
        start: The first, or an array of them.
        stop: The last.
        num: How many.
        endpoint: Whether `stop` is among them.
        retstep: Whether to return the distance between them, too.
        dtype: Default: `config.floatx()`.
        axis: Along which they stand, of an array.
    """
    kind = type_name(dtype or config.floatx())
    values, step = np.linspace(start, stop, num, endpoint, retstep=True, dtype=kind, axis=axis)
    return (values, np.asarray(step, values.dtype)) if retstep else values


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> np.ndarray:
    """The powers of `base` of so many numbers between two: a constant."""
    values = np.logspace(start, stop, num, endpoint, base, axis=axis)
    return values.astype(type_name(dtype or config.floatx()))


def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> np.ndarray:
    """So many numbers between two, each the one before times the same factor: a constant."""
    values = np.geomspace(start, stop, num, endpoint, axis=axis)
    return values.astype(type_name(dtype or config.floatx()))
