"""Functions of tensors that `keras.backend` had, in its own arguments.

Most are functions of `fastmlp.ops` under the same name; the others are written here with them. What has
no counterpart is told by `_gone`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp import activations, layers, ops, random
from fastmlp.config import floatx
from fastmlp.errors import warn_old_spelling

# Functions of `fastmlp.ops` with the same arguments, or more of them.
_SAME = (
    "abs", "all", "any", "binary_crossentropy", "cast", "categorical_crossentropy", "cos",
    "dot", "dtype", "elu", "equal", "exp", "greater", "greater_equal", "less", "less_equal",
    "log", "logsumexp", "max", "maximum", "mean", "min", "minimum", "ndim", "not_equal",
    "ones", "ones_like", "prod", "round", "shape", "sigmoid", "sign", "sin", "softmax",
    "softplus", "softsign", "sparse_categorical_crossentropy", "square", "squeeze", "stack",
    "std", "stop_gradient", "sum", "tanh", "tile", "transpose", "var", "zeros", "zeros_like",
)  # fmt: skip

_ADAPTED: dict[str, tuple[str, Callable[..., Any]]] = {
    "random_normal": ("random.normal", random.normal),
    "random_uniform": ("random.uniform", random.uniform),
    "truncated_normal": ("random.truncated_normal", random.truncated_normal),
}


def find(name: str) -> Callable[..., Any]:
    """A function of `keras.backend`, with the warning of an old spelling.

    Raises:
        AttributeError: There is none of that name.
    """
    function: Callable[..., Any]
    if name in _SAME:
        today, function = f"ops.{name}", getattr(ops, name)
    elif name in _ADAPTED:
        today, function = _ADAPTED[name]
    else:
        raise AttributeError(name)
    warn_old_spelling(f"backend.{name}", today)
    return function


def _adapted(today: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers what has other arguments now, and says what is written today."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _ADAPTED[function.__name__.removesuffix("_")] = today, function
        return function

    return register


@_adapted("ops.argmax(x, axis)")
def argmax(x: Any, axis: int = -1) -> Any:
    return ops.argmax(x, axis)


@_adapted("ops.argmin(x, axis)")
def argmin(x: Any, axis: int = -1) -> Any:
    return ops.argmin(x, axis)


@_adapted("ops.arange(start, stop)")
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    return ops.arange(start, stop, step, dtype)


@_adapted("layers.dot([x, y], axes)")
def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    if axes is None:
        axes = (len(x.shape) - 1, max(1, len(y.shape) - 2))
    return layers.dot([x, y], axes)


@_adapted("layers.Flatten()(x)")
def batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


@_adapted("ops.batch_normalization(x, mean, variance, axis, offset, scale)")
def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    return ops.batch_normalization(x, mean, var, axis, beta, gamma, epsilon)


@_adapted("ops.cast(x, fastmlp.config.floatx())")
def cast_to_floatx(x: Any) -> Any:
    return ops.cast(x, floatx())


@_adapted("ops.clip(x, x_min, x_max)")
def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    return ops.clip(x, min_value, max_value)


@_adapted("ops.concatenate(xs, axis)")
def concatenate(tensors: Any, axis: int = -1) -> Any:
    return ops.concatenate(tensors, axis)


@_adapted("ops.convert_to_tensor(value), or the number itself")
def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    array = np.asarray(value, dtype or floatx())
    return array if shape is None else np.broadcast_to(array.reshape(-1), shape).copy()


@_adapted("math.prod(x.shape)")
def count_params(x: Any) -> int:
    return math.prod(x.shape)


@_adapted("ops.cumprod(x, axis)")
def cumprod(x: Any, axis: int = 0) -> Any:
    return ops.cumprod(x, axis)


@_adapted("ops.cumsum(x, axis)")
def cumsum(x: Any, axis: int = 0) -> Any:
    return ops.cumsum(x, axis)


@_adapted("np.asarray(x)")
def eval_(x: Any) -> Any:
    return _value(x)


@_adapted("ops.expand_dims(x, axis)")
def expand_dims(x: Any, axis: int = -1) -> Any:
    return ops.expand_dims(x, axis)


@_adapted("ops.eye(size)")
def eye(size: int, dtype: Any = None, name: str | None = None) -> Any:
    return ops.eye(size, dtype=dtype)


@_adapted("ops.take(x, indices, axis=0)")
def gather(reference: Any, indices: Any) -> Any:
    return ops.take(reference, indices, axis=0)


@_adapted("variable.numpy(), and the value itself where it is a number or an array")
def get_value(x: Any) -> Any:
    return _value(x)


@_adapted("[variable.numpy() for variable in variables]")
def batch_get_value(tensors: Any) -> list[Any]:
    return [_value(x) for x in tensors]


def _value(x: Any) -> Any:
    return x if isinstance(x, (int, float)) else ops.convert_to_numpy(x)


@_adapted("ops.clip(0.2 * x + 0.5, 0, 1), or ops.hard_sigmoid(x), which has 1 / 6")
def hard_sigmoid(x: Any) -> Any:
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


@_adapted("ops.in_top_k(targets, predictions, k)")
def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    return ops.in_top_k(targets, predictions, k)


@_adapted("x.shape")
def int_shape(x: Any) -> tuple[int | None, ...]:
    return tuple(x.shape)


@_adapted("ops.normalize(x, axis)")
def l2_normalize(x: Any, axis: Any = None) -> Any:
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, keepdims=True), 1e-12))


@_adapted("ops.one_hot(x, num_classes)")
def one_hot(indices: Any, num_classes: int) -> Any:
    return ops.one_hot(indices, num_classes)


@_adapted("ops.transpose(x, axes)")
def permute_dimensions(x: Any, pattern: Any) -> Any:
    return ops.transpose(x, pattern)


@_adapted("ops.power(x, a)")
def pow_(x: Any, a: Any) -> Any:
    return ops.power(x, a)


@_adapted("activations.relu(x, negative_slope, max_value, threshold)")
def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    return activations.relu(x, alpha, max_value, threshold)


@_adapted("layers.RepeatVector(n)(x)")
def repeat(x: Any, n: int) -> Any:
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


@_adapted("ops.repeat(x, repeats, axis)")
def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    return ops.repeat(x, rep, axis)


@_adapted("ops.reshape(x, newshape)")
def reshape(x: Any, shape: Any) -> Any:
    return ops.reshape(x, shape)


@_adapted("ops.flip(x, axis)")
def reverse(x: Any, axes: Any) -> Any:
    return ops.flip(x, axes)


@_adapted("x.assign(value)")
def set_value(x: Any, value: Any) -> None:
    if not hasattr(x, "assign"):
        raise TypeError(
            f"set_value: expected a weight or an optimizer's learning rate. Received: x={x!r:.80}."
        )
    x.assign(value)


@_adapted("variable.assign(value)")
def batch_set_value(tuples: Any) -> None:
    for x, value in tuples:
        set_value(x, value)


@_adapted("ops.sqrt(ops.maximum(x, 0))")
def sqrt(x: Any) -> Any:
    return ops.sqrt(ops.maximum(x, 0.0))


@_adapted("ops.where(condition, x1, x2)")
def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    x1, x2 = (x() if callable(x) else x for x in (then_expression, else_expression))
    return ops.where(condition, x1, x2)
