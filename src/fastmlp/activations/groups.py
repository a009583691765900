"""Activations of groups: each result depends on several values along an axis."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.activations.lookup import registry
from fastmlp.activations.smooth import sigmoid


@registry.register
def softmax(x: Any, axis: int = -1) -> Any:
    """Probabilities that grow with x: y = exp(x) / Σ exp(x), summed over `axis`.

    Args:
        x: Array or symbolic tensor.
        axis: Axis whose elements sum to 1. Default: the last.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Example:

    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0]], "float32"))
    array([[0.5, 0.5]], dtype=float32)

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """
    return ops.softmax(x, axis=axis)


@registry.register
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of softmax: y = x - log(Σ exp(x)), summed over `axis`.

    Args:
        x: Array or symbolic tensor.
        axis: Axis of the sum. Default: the last.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values <= 0.

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """
    return ops.log_softmax(x, axis=axis)


@registry.register
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest probabilities: the point of the simplex closest to x, in which many are 0.

    y = max(x - tau, 0), with tau such that the sum along the axis is 1.

    Args:
        x: Array, or symbolic tensor, of which `axis` must be the last.
        axis: Axis along which the results sum to 1. Default: the last one.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `x` has no such axis.

    Example:

    >>> import numpy as np
    >>> sparsemax(np.array([[1.0, 0.5, -1.0]]))
    array([[0.75, 0.25, 0.  ]])

    Source: Martins, Astudillo, "From softmax to sparsemax", 2016. Keras 3.15 takes a wrong tau.
    """
    return ops.sparsemax(x, axis)


@registry.register
def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit: y = a · sigmoid(b), where a and b are the halves of x along an axis.

    Args:
        x: Array or symbolic tensor with an even number of elements along `axis`.
        axis: Axis to split; not the batch. Default: the last one.

    Returns:
        Array or symbolic tensor, half as long along `axis`.

    Raises:
        ValueError: If there is no such axis, or its length is odd.

    Source: Dauphin et al., "Language modeling with gated convolutional networks", 2017.
    """
    shape = ops.shape(x)
    if not -len(shape) <= axis < len(shape) or (shape[axis] or 1) % 2:
        raise ValueError(f"glu: expected an even length. Received: axis={axis}, shape={shape}")
    a, b = ops.split(x, 2, axis)
    return ops.multiply(a, sigmoid(b))
