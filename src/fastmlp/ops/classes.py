"""Classes and probabilities, named as in `keras.ops.nn`: one-hot vectors and cross-entropies."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import config
from fastmlp.calls import operation
from fastmlp.ops import core, math, nonlinear, reductions, shapes, spec
from fastmlp.ops.layers import log_softmax


@operation
def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """1 at the place that x names, 0 elsewhere: on a new axis of `num_classes` places.

    Args:
        x: Integers; those outside of [0, num_classes) give zeros.
        num_classes: Size of the new axis.
        axis: Where it comes.
        dtype: Of the result of an array. Default: `config.floatx()`.
        sparse: Only `False`.

    Example:

    >>> one_hot([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    if sparse:
        raise ValueError(f"{spec.where('one_hot')}: expected sparse=False. Received: sparse=True")
    x = x if spec.is_symbolic(x) else spec.array(x)
    rank = len(x.shape) + 1
    at = axis % rank
    places = np.arange(num_classes).reshape([-1 if i == at else 1 for i in range(rank)])
    if spec.is_symbolic(x):
        if at == 0 and x.per_sample:
            raise ValueError(
                f"{spec.where('one_hot')}: expected an axis after the batch. Received: axis={axis}"
            )
        hot = math.equal(shapes.expand_dims(x, at), places[0] if x.per_sample else places)
        return core.cast(hot, dtype or config.floatx())
    return core.cast(np.expand_dims(x, at) == places, dtype or config.floatx())


@operation
def multi_hot(
    inputs: Any,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
) -> Any:
    """1 at each place that a sample's integers name, 0 elsewhere: the largest of their `one_hot`.

    Example:

    >>> multi_hot([[0, 2]], 3)
    array([[1., 0., 1.]], dtype=float32)
    """
    if num_classes is None:
        raise ValueError(f"{spec.where('multi_hot')}: expected num_classes. Received: None")
    hot = one_hot(inputs, num_classes, axis, dtype, sparse)
    return reductions.max(hot, 1 if len(hot.shape) > 2 else 0)


@operation
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the prediction of each target class is among the k largest; ties count as inside.

    NaN counts as less than any number.

    Args:
        targets: Classes `(batch,)`.
        predictions: Scores `(batch, classes)`.
        k: How many.
    """
    hot = one_hot(targets, predictions.shape[-1])
    own = reductions.sum(math.where(hot, predictions, 0.0), -1, keepdims=True)
    larger = math.greater(predictions, math.where(math.isnan(own), -np.inf, own))
    return math.less(reductions.sum(core.cast(larger, "float32"), -1), k)


@operation
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-target log(output) - (1 - target) log(1 - output), element by element.

    Args:
        target: Probabilities, most often 0 and 1.
        output: Predicted probabilities; with `from_logits` what sigmoid makes them from.
        from_logits: Whether `output` are logits.
    """
    target, output = _same_shapes("binary_crossentropy", target, output)
    if from_logits:
        first = math.multiply(target, nonlinear.log_sigmoid(output))
        second = math.multiply(
            math.subtract(1.0, target), nonlinear.log_sigmoid(math.negative(output))
        )
        return math.negative(math.add(first, second))
    output = math.clip(output, config.epsilon(), 1.0 - config.epsilon())
    first = math.multiply(target, math.log(output))
    second = math.multiply(math.subtract(1.0, target), math.log(math.subtract(1.0, output)))
    return math.negative(math.add(first, second))


@operation
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """-Σ target · log(output) along an axis.

    Args:
        target: Probabilities of classes, most often one-hot.
        output: Predicted probabilities, which are divided by their sum; or logits.
        from_logits: Whether `output` are logits, that is what softmax makes probabilities from.
        axis: The axis of classes.
    """
    target, output = _same_shapes("categorical_crossentropy", target, output)
    logs = _log_probabilities(output, from_logits, axis)
    return math.negative(reductions.sum(math.multiply(target, logs), axis))


@operation
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """-log(output of the target's class), with classes as integers.

    Args:
        target: Classes `(…)` or `(…, 1)`.
        output: Predicted probabilities `(…, classes)`, which are divided by their sum; or logits.
        from_logits: Whether `output` are logits.
        axis: The axis of classes.
    """
    target, output = (v if hasattr(v, "shape") else spec.array(v) for v in (target, output))
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = shapes.squeeze(target, -1)
    if tuple(target.shape) != tuple(output.shape[:-1]):
        raise ValueError(
            f"{spec.where('sparse_categorical_crossentropy')}: expected target and output of the same "
            f"shape but for the last axis. Received: shapes {target.shape} and {output.shape}"
        )
    hot = one_hot(target, output.shape[axis], axis)
    logs = _log_probabilities(output, from_logits, axis)
    return math.negative(reductions.sum(math.multiply(hot, logs), axis))


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return log_softmax(output, axis)
    output = math.divide(output, reductions.sum(output, axis, keepdims=True))
    return math.log(math.clip(output, config.epsilon(), 1.0 - config.epsilon()))


def _same_shapes(name: str, target: Any, output: Any) -> list[Any]:
    values = [v if hasattr(v, "shape") else spec.array(v) for v in (target, output)]
    first, second = (tuple(v.shape) for v in values)
    if first != second:
        raise ValueError(
            f"{spec.where(name)}: expected target and output of one shape. "
            f"Received: shapes {first} and {second}"
        )
    return values
