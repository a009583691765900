"""What an op is to the plan, and what all public functions start from: operands and shapes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastmlp import calls, config, graph
from fastmlp.graph import Node, Tensor, current_layer
from fastmlp.variables import Variable, variable_of

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op

F = TypeVar("F", bound=Callable[..., Any])


class OpSpec:
    """Base: `fwd` returns the output buffer; `bwd` adds gradients through the builder.

    Attributes:
        adds_loss: Whether the op has a gradient even where its output has none; `dy` is `None` then.
    """

    adds_loss = False

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        raise NotImplementedError

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Any) -> None:
        raise NotImplementedError


def where(name: str) -> str:
    """Where an error happened: the function, and the layer if one is being called."""
    layer = current_layer()
    return f"{name} {layer!r}" if layer else name


def is_symbolic(*values: Any) -> bool:
    """Whether a function of these values builds a node; values may be lists.

    A weight alone is a number like any other, except while a layer, a model's `call` or a loss is traced.
    """
    for value in map(variable_of, values):
        if isinstance(value, Tensor) or (isinstance(value, Variable) and graph.is_tracing()):
            return True
        if isinstance(value, (list, tuple)) and is_symbolic(*value):
            return True
    return False


def of_arrays(function: F) -> F:
    """Decorates a function that computes now, of arrays and weights: symbolic tensors are refused."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if is_symbolic(value):
                raise TypeError(
                    f"{where(function.__name__)}: expected arrays. Received: {value!r}. "
                    "Hint: NumPy code with a gradient of its own becomes part of a model by "
                    "fastmlp.custom_gradient"
                )
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


def operands(name: str, *values: Any) -> list[Tensor]:
    """Tensors, weights, arrays and numbers as tensors of one dtype.

    Raises:
        TypeError: A value is no number.
    """
    values = tuple(map(variable_of, values))
    dtypes = [v.dtype for v in values if isinstance(v, (Tensor, Variable))]
    if "string" in dtypes:
        raise graph.strings_are_no_numbers(where(name))
    return [_operand(name, value, dtypes[0]) for value in values]


def _operand(name: str, value: Any, dtype: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Variable):
        return graph.weight_tensor(value)
    if isinstance(value, (list, tuple)) and is_symbolic(value):
        raise TypeError(
            f"{where(name)}: expected a tensor, an array or a number. Received: a "
            f"{type(value).__name__} with symbolic tensors in it. Hint: use ops.stack."
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{where(name)}: expected a tensor, an array or a number. Received: {value!r}"
        )
    return graph.constant_tensor(array, dtype)


def changes_batch(name: str, x: Tensor, hint: str = "") -> ValueError:
    """The error for a function that would not treat each sample alike."""
    return ValueError(
        f"{where(name)}: expected to change the axes of a sample and to leave the batch, the "
        f"first axis. Received: shape={x.shape}{hint}"
    )


def sample(x: Tensor) -> tuple[int, ...]:
    """Shape of one sample, or of the whole if it has no batch axis."""
    return tuple(int(d or 0) for d in (x.shape[1:] if x.per_sample else x.shape))


def numel(x: Tensor) -> int:
    """Elements of one sample, or of the whole if it has no batch axis."""
    return math.prod(sample(x))


def numel_of(x: Any, axes: Iterable[int]) -> int:
    """Elements along some axes of a tensor, of which none is the batch, or of an array."""
    return math.prod(int(x.shape[a] or 0) for a in axes)


def with_batch(shape: Iterable[int], per_sample: bool) -> tuple[int | None, ...]:
    """The shape of a tensor whose samples have this one."""
    return (None, *shape) if per_sample else tuple(shape)


def node(op: str, inputs: Sequence[Tensor], shape: Iterable[int | None], **attrs: Any) -> Tensor:
    """The output of a new node."""
    return Node(op, inputs, tuple(shape), inputs[0].dtype, attrs=attrs).output


def broadcast(name: str, tensors: Sequence[Tensor]) -> tuple[list[Tensor], tuple[int | None, ...]]:
    """Operands that fit each other, and the shape of what is computed from them.

    Tensors with a batch axis must have equally many axes, so that batch meets batch. One without
    may have as many if its first axis is 1.

    Raises:
        ValueError: The shapes do not fit.
    """
    ranks = {t.ndim for t in tensors if t.per_sample}
    received = f"Received: {calls.described(*tensors)}"
    if len(ranks) > 1:
        raise ValueError(
            f"{where(name)}: expected tensors with equally many axes, since the first of each is "
            f"the batch. {received}. Hint: use ops.expand_dims, ops.squeeze or ops.reshape."
        )
    rank = max(ranks, default=0)
    fitting = []
    for t in tensors:
        if ranks and not t.per_sample and t.ndim >= rank:
            if t.ndim > rank or t.shape[0] != 1:
                raise ValueError(
                    f"{where(name)}: expected operands without a batch axis to fit one sample. "
                    f"{received}. Hint: for numbers of each sample write ops.shape(x)[0], not a "
                    "constant batch size"
                )
            t = node("reshape", [t], t.shape[1:])
        fitting.append(t)
    try:
        shape = np.broadcast_shapes(*(sample(t) for t in fitting))
    except ValueError:
        raise ValueError(
            f"{where(name)}: expected shapes that fit each other, axis by axis from the last. "
            f"{received}"
        ) from None
    return fitting, with_batch(shape, bool(ranks))


def axes_of(name: str, x: Any, axis: Any) -> tuple[int, ...]:
    """The axes meant by `axis`: an integer, several, or `None` for all; each in [0, ndim).

    Raises:
        ValueError: There is no such axis, or one is named twice.
    """
    ndim = len(x.shape)
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    axes = []
    for a in given:
        if isinstance(a, bool) or not isinstance(a, (int, np.integer)) or not -ndim <= a < ndim:
            raise ValueError(
                f"{where(name)}: expected axes of an input with {ndim}. "
                f"Received: axis={axis!r}, shape={tuple(x.shape)}"
            )
        axes.append(int(a) % ndim)
    if len(set(axes)) < len(axes):
        raise ValueError(f"{where(name)}: expected different axes. Received: axis={axis!r}")
    return tuple(sorted(axes))


def arrays(*values: Any, floating: bool = False) -> list[Any]:
    """Operands of an eager function, of the type that Keras computes with.

    Python numbers take the type of the arrays beside them. Integers beside floats, and everything
    if `floating`, become floats of the widest type there is, or of `config.floatx()`.
    """
    values = tuple(v if isinstance(v, (bool, int, float)) else array(v) for v in values)
    known = [v.dtype for v in values if isinstance(v, np.ndarray)]
    weak_float = any(isinstance(v, float) for v in values)
    floats = [d for d in known if d.kind in "fc"]
    if floats:
        target: Any = np.result_type(*floats)
    elif floating or weak_float:
        target = np.dtype(config.floatx())
    elif known:
        target = np.result_type(*known)
        if target.kind == "b" and any(type(v) is int for v in values):
            target = np.dtype("int32")
    else:
        target = np.dtype("bool" if all(isinstance(v, bool) for v in values) else "int32")
    return [
        v if isinstance(v, np.ndarray) and v.dtype == target else np.asarray(v).astype(target)
        for v in values
    ]


def factors(*values: Any) -> list[Any]:
    """Operands of sums of products, which Keras computes in int32 of int8."""
    values = tuple(arrays(*values))
    return [v.astype("int32") if v.dtype == "int8" else v for v in values]


def array(value: Any) -> np.ndarray:
    """An eager operand as it is; Python floats and ints become float32 and int32, as in Keras."""
    if isinstance(value, Variable):
        return value.value
    if isinstance(value, np.ndarray):
        return value
    result = np.asarray(value)
    if result.dtype.kind not in "biufc":
        raise TypeError(f"expected a tensor, an array or numbers. Received: {value!r}")
    if isinstance(value, np.generic):
        return result
    if result.dtype == np.float64:
        return result.astype(config.floatx())
    return result.astype(np.int32) if result.dtype == np.int64 else result


def for_each_sample(name: str, x: Any, dtype: str | None = None) -> Tensor:
    """One value `(…)` as a tensor `(batch, …)`.

    Args:
        name: Who asks, for the error.
        x: An array, weight or tensor.
        dtype: That an array is to have; `None`: `fastmlp.config.floatx()`.

    Raises:
        ValueError: Nothing is being traced, so that nobody knows how many samples there are.
    """
    if not graph.is_tracing():
        raise ValueError(
            f"{where(name)}: expected sizes that are known. Received: None for the batch. Hint: "
            "within call(), a loss or a metric None stands for the samples of a batch"
        )
    if isinstance(x, Variable):
        x = graph.weight_tensor(x)
    if not isinstance(x, Tensor):
        x = graph.constant_tensor(x, dtype or config.floatx())
    return Node("repeat_samples", [x], (None, *x.shape), x.dtype).output
