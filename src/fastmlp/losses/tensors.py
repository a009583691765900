"""What the native losses are of symbolic tensors: formulas of `fastmlp.ops`.

`losses.mean_squared_error(y_true, y_pred)` within a loss, a layer or an `add_loss` of the user's own
becomes ops of the plan. A loss that `compile` is given needs no formula: it is one native op.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from fastmlp import config, ops
from fastmlp._core import losses as native
from fastmlp.errors import unknown_name
from fastmlp.losses.axes import classes_last
from fastmlp.losses.rows import align
from fastmlp.ops.ranks import reshaped

_FORMULAS: dict[str, Callable[..., Any]] = {}


def row_tensor(
    kind: str, y_true: Any, y_pred: Any, params: Sequence[float] = (), axis: int = -1
) -> Any:
    """The loss of each row, of tensors; as `rows.row_values` of arrays.

    Raises:
        ValueError: If the shapes do not fit each other, or there is no formula.
    """
    if kind not in _FORMULAS:
        raise unknown_name("loss of symbolic tensors", kind, tuple(sorted(_FORMULAS)))
    y_true, y_pred = classes_last(kind, y_true, y_pred, axis, native.TARGETS[kind] == "class")
    t, p = align(kind, tuple(y_true.shape), tuple(y_pred.shape))
    return _FORMULAS[kind](reshaped(y_true, t), reshaped(y_pred, p), *params)


def reduced(values: Any, sample_weight: Any, reduction: str | None) -> Any:
    """Weights values and reduces them; as `base.reduce_weighted` of arrays."""
    weights = None
    if sample_weight is not None:
        shape = tuple(sample_weight.shape)
        if len(shape) > len(values.shape):  # (batch, 1) for values (batch,)
            shape = shape[:-1]
        weights = reshaped(sample_weight, (*shape, *(1,) * (len(values.shape) - len(shape))))
        values = values * weights
    if reduction in (None, "none") or tuple(values.shape) == ():
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        total = ops.sum(weights + ops.zeros_like(values))
        return ops.sum(values) / ops.maximum(total, config.epsilon())
    return ops.mean(values)


def _formula(function: Callable[..., Any]) -> Callable[..., Any]:
    _FORMULAS[function.__name__.removeprefix("_")] = function
    return function


@_formula
def _mean_squared_error(t: Any, p: Any) -> Any:
    return ops.mean(ops.square(p - t), -1)


@_formula
def _mean_absolute_error(t: Any, p: Any) -> Any:
    return ops.mean(ops.abs(p - t), -1)


@_formula
def _mean_absolute_percentage_error(t: Any, p: Any) -> Any:
    return 100.0 * ops.mean(ops.abs(p - t) / ops.maximum(ops.abs(t), config.epsilon()), -1)


@_formula
def _mean_squared_logarithmic_error(t: Any, p: Any) -> Any:
    logs = [ops.log1p(ops.maximum(x, config.epsilon())) for x in (t, p)]
    return ops.mean(ops.square(logs[1] - logs[0]), -1)


@_formula
def _huber(t: Any, p: Any, delta: float) -> Any:
    d = ops.abs(p - t)
    return ops.mean(ops.where(d <= delta, 0.5 * d * d, delta * d - 0.5 * delta**2), -1)


@_formula
def _log_cosh(t: Any, p: Any) -> Any:
    return ops.mean(ops.logaddexp(p - t, t - p) - math.log(2.0), -1)


@_formula
def _poisson(t: Any, p: Any) -> Any:
    return ops.mean(p - t * ops.log(p + config.epsilon()), -1)


@_formula
def _kl_divergence(t: Any, p: Any) -> Any:
    y, q = (ops.clip(x, config.epsilon(), 1.0) for x in (t, p))
    return ops.sum(y * ops.log(y / q), -1)


@_formula
def _cosine_similarity(t: Any, p: Any) -> Any:
    least = config.epsilon() ** 2
    u, v = (x * ops.rsqrt(ops.maximum(ops.sum(x * x, -1, keepdims=True), least)) for x in (t, p))
    return -ops.sum(u * v, -1)


@_formula
def _hinge(t: Any, p: Any) -> Any:
    return ops.mean(ops.maximum(1.0 - ops.where(ops.equal(t, 0.0), -1.0, t) * p, 0.0), -1)


@_formula
def _squared_hinge(t: Any, p: Any) -> Any:
    y = ops.where(ops.equal(t, 0.0), -1.0, t)
    return ops.mean(ops.square(ops.maximum(1.0 - y * p, 0.0)), -1)


@_formula
def _categorical_hinge(t: Any, p: Any) -> Any:
    return ops.maximum(ops.max((1.0 - t) * p, -1) - ops.sum(t * p, -1) + 1.0, 0.0)


@_formula
def _binary_crossentropy(t: Any, p: Any, smoothing: float) -> Any:
    y = t * (1.0 - smoothing) + 0.5 * smoothing
    q = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    return -ops.mean(y * ops.log(q) + (1.0 - y) * ops.log(1.0 - q), -1)


@_formula
def _binary_crossentropy_logits(t: Any, p: Any, smoothing: float) -> Any:
    y = t * (1.0 - smoothing) + 0.5 * smoothing
    return ops.mean(ops.softplus(p) - p * y, -1)


def _smooth(t: Any, smoothing: float) -> Any:
    return t * (1.0 - smoothing) + smoothing / t.shape[-1]


@_formula
def _categorical_crossentropy(t: Any, p: Any, smoothing: float) -> Any:
    return ops.categorical_crossentropy(_smooth(t, smoothing), p)


@_formula
def _categorical_crossentropy_logits(t: Any, p: Any, smoothing: float) -> Any:
    return ops.categorical_crossentropy(_smooth(t, smoothing), p, from_logits=True)


@_formula
def _sparse_categorical_crossentropy(t: Any, p: Any) -> Any:
    return _of_classes(t, p, ops.sparse_categorical_crossentropy(t, p))


@_formula
def _sparse_categorical_crossentropy_logits(t: Any, p: Any) -> Any:
    return _of_classes(t, p, ops.sparse_categorical_crossentropy(t, p, from_logits=True))


def _of_classes(t: Any, p: Any, values: Any) -> Any:
    """The values; NaN where a target is no class, as of arrays."""
    label = ops.squeeze(t, -1)
    inside = ops.logical_and(label >= 0, label < p.shape[-1])
    known = ops.logical_and(inside, ops.equal(label, ops.floor(label)))
    return ops.where(known, values, math.nan)


@_formula
def _categorical_accuracy(t: Any, p: Any) -> Any:
    return ops.cast(ops.equal(ops.argmax(t, -1), ops.argmax(p, -1)), p.dtype)


@_formula
def _sparse_categorical_accuracy(t: Any, p: Any) -> Any:
    return ops.cast(ops.equal(ops.squeeze(t, -1), ops.argmax(p, -1)), p.dtype)
