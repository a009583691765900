"""Activations made of straight pieces and parabolas."""

from __future__ import annotations

import math
from typing import Any

from fastmlp import ops
from fastmlp.activations.lookup import registry
from fastmlp.errors import check_number


@registry.register
def linear(x: Any) -> Any:
    """The identity: y = x.

    Args:
        x: Array or symbolic tensor.

    Returns:
        `x` itself.

    Source: The identity function.
    """
    return x


@registry.register
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """Rectified linear unit: y = max(x, 0).

    With the further arguments:

    ```
    y = max_value                            x >= max_value
        x                                    threshold < x < max_value
        negative_slope · (x - threshold)     otherwise
    ```

    Args:
        x: Array or symbolic tensor.
        negative_slope: Slope below the threshold. Default: 0.
        max_value: Largest value; `None`: no limit.
        threshold: Values up to it are cut or damped. Default: 0.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If an argument is not a finite number.

    Example:

    >>> import numpy as np
    >>> relu(np.array([-1.0, 2.0], "float32"))
    array([0., 2.], dtype=float32)
    >>> relu(np.array([-1.0, 2.0], "float32"), negative_slope=0.5, max_value=1)
    array([-0.5,  1. ], dtype=float32)

    Source: Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """
    slope = check_number("relu", "negative_slope", negative_slope)
    threshold = check_number("relu", "threshold", threshold)
    if max_value is None and threshold == 0:
        if slope == 0:
            return ops.activation(x, "relu")
        return ops.activation(x, "leaky_relu", (slope,))
    limit = math.inf if max_value is None else check_number("relu", "max_value", max_value, 0)
    return ops.activation(x, "relu_general", (slope, limit, threshold))


@registry.register
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Leaky rectified linear unit: y = x where x > 0, else negative_slope · x.

    Args:
        x: Array or symbolic tensor.
        negative_slope: Slope below 0. Default: 0.2.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `negative_slope` is not a finite number.

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.
    """
    slope = check_number("leaky_relu", "negative_slope", negative_slope)
    return ops.activation(x, "leaky_relu", (slope,))


@registry.register
def relu6(x: Any) -> Any:
    """Rectified linear unit cut at 6: y = min(max(x, 0), 6).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """
    return ops.activation(x, "relu6")


@registry.register
def hard_sigmoid(x: Any) -> Any:
    """Three straight lines near sigmoid: y = min(max(x / 6 + 0.5, 0), 1).

    Keras 1 and 2 had slope 0.2; this is that of Keras 3.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [0, 1].

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """
    return ops.activation(x, "hard_sigmoid")


@registry.register
def hard_tanh(x: Any) -> Any:
    """Piecewise linear tanh: y = min(max(x, -1), 1).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Collobert, "Large scale machine learning", 2004.
    """
    return ops.activation(x, "hard_tanh")


@registry.register("hard_swish")
def hard_silu(x: Any) -> Any:
    """Piecewise quadratic silu: y = x · min(max(x + 3, 0), 6) / 6; also called hard_swish.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """
    return ops.activation(x, "hard_silu")


@registry.register
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Small values become 0: y = x where |x| > threshold, else 0.

    Args:
        x: Array or symbolic tensor.
        threshold: Up to where, >= 0. Default: 0.5.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `threshold` is not a finite number >= 0.

    Source: Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.
    """
    limit = check_number("hard_shrink", "threshold", threshold, 0)
    return ops.activation(x, "hard_shrink", (limit,))


@registry.register
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """All values move towards 0: y = sign(x) · max(|x| - threshold, 0).

    Args:
        x: Array or symbolic tensor.
        threshold: Up to where, >= 0. Default: 0.5.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `threshold` is not a finite number >= 0.

    Source: Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.
    """
    limit = check_number("soft_shrink", "threshold", threshold, 0)
    return ops.activation(x, "soft_shrink", (limit,))


@registry.register
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Values up to a threshold are replaced: y = x where x > threshold, else default_value.

    Args:
        x: Array or symbolic tensor.
        threshold: Values must exceed it to stay.
        default_value: What replaces the others.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If an argument is not a finite number.

    Example:

    >>> import numpy as np
    >>> threshold(np.array([0.5, 2.0]), 1.0, -1.0)
    array([-1.,  2.])

    Source: Keras 3; PyTorch's `Threshold`.
    """
    limit = check_number("threshold", "threshold", threshold)
    value = check_number("threshold", "default_value", default_value)
    return ops.activation(x, "threshold", (limit, value))


@registry.register
def sparse_plus(x: Any) -> Any:
    """Softplus with limits that are reached: y = 0 for x <= -1, (x + 1)² / 4 between, x for x >= 1.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Martins, Astudillo, "From softmax to sparsemax", 2016.
    """
    return ops.activation(x, "sparse_plus")


@registry.register
def sparse_sigmoid(x: Any) -> Any:
    """Sigmoid with limits that are reached: y = min(max(x + 1, 0), 2) / 2.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Martins, Astudillo, "From softmax to sparsemax", 2016.
    """
    return ops.activation(x, "sparse_sigmoid")


@registry.register
def step(x: Any) -> Any:
    """Threshold of the perceptron: y = 1 where x >= 0, else 0.

    Its true gradient is 0 everywhere; in training the gradient of the identity stands for it
    (straight-through), so that `Dense(1, activation="step")` with SGD and mean squared error learns
    by the perceptron rule. Keras has no such function.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, of zeros and ones.

    Source: Rosenblatt, "The perceptron", 1958; Bengio, Léonard, Courville, "Estimating or
    propagating gradients through stochastic neurons", 2013 (the gradient).
    """
    return ops.activation(x, "step")
