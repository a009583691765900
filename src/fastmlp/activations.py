"""Activation functions, on arrays and on symbolic tensors alike.

Accepted wherever a layer takes an activation: a name (case counts, as in Keras), one of these
functions, a function written with `fastmlp.ops`, or `None` for `linear`. Each is one native kernel,
forward and backward.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from fastmlp import ops
from fastmlp.errors import check_number
from fastmlp.registry import Registry

_registry = Registry("activation function")


@_registry.register
def linear(x: Any) -> Any:
    """The identity: y = x.

    Args:
        x: Array or symbolic tensor.

    Returns:
        `x` itself.
    """
    return x


@_registry.register
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


@_registry.register
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


@_registry.register
def relu6(x: Any) -> Any:
    """Rectified linear unit cut at 6: y = min(max(x, 0), 6).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.
    """
    return ops.activation(x, "relu6")


@_registry.register
def sigmoid(x: Any) -> Any:
    """Logistic function: y = 1 / (1 + exp(-x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [0, 1].
    """
    return ops.activation(x, "sigmoid")


@_registry.register
def tanh(x: Any) -> Any:
    """Hyperbolic tangent: y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [-1, 1].
    """
    return ops.activation(x, "tanh")


@_registry.register
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
    """
    return ops.softmax(x, axis=axis)


@_registry.register
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of softmax: y = x - log(Σ exp(x)), summed over `axis`.

    Args:
        x: Array or symbolic tensor.
        axis: Axis of the sum. Default: the last.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values <= 0.
    """
    return ops.log_softmax(x, axis=axis)


@_registry.register
def softplus(x: Any) -> Any:
    """Smooth relu: y = log(1 + exp(x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.
    """
    return ops.activation(x, "softplus")


@_registry.register
def softsign(x: Any) -> Any:
    """A slower tanh: y = x / (1 + |x|).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [-1, 1].
    """
    return ops.activation(x, "softsign")


@_registry.register
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit: y = x where x > 0, else alpha · (exp(x) - 1).

    Args:
        x: Array or symbolic tensor.
        alpha: Minus the limit for x towards minus infinity. Default: 1.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `alpha` is not a finite number.

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2016.
    """
    return ops.activation(x, "elu", (check_number("elu", "alpha", alpha),))


@_registry.register
def selu(x: Any) -> Any:
    """Scaled exponential linear unit: y = 1.0507 · elu(x, 1.6733); for `lecun_normal` weights.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017.
    """
    return ops.activation(x, "selu")


@_registry.register
def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit: y = x · Φ(x), Φ the normal distribution function.

    ```
    Φ(x) = (1 + erf(x / √2)) / 2                                    approximate=False
    Φ(x) ≈ (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2             approximate=True
    ```

    Args:
        x: Array or symbolic tensor.
        approximate: Whether to use the second formula. Default: False.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Hendrycks, Gimpel, "Gaussian error linear units", 2016.
    """
    return ops.activation(x, "gelu_tanh" if approximate else "gelu")


@_registry.register("swish")
def silu(x: Any) -> Any:
    """Sigmoid linear unit, also called swish: y = x · sigmoid(x).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Ramachandran, Zoph, Le, "Searching for activation functions", 2017.
    """
    return ops.activation(x, "silu")


@_registry.register
def exponential(x: Any) -> Any:
    """Exponential function: y = exp(x).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.
    """
    return ops.activation(x, "exponential")


@_registry.register
def hard_sigmoid(x: Any) -> Any:
    """Three straight lines near sigmoid: y = min(max(x / 6 + 0.5, 0), 1).

    Keras 1 and 2 had slope 0.2; this is that of Keras 3.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [0, 1].
    """
    return ops.activation(x, "hard_sigmoid")


@_registry.register
def mish(x: Any) -> Any:
    """A smooth relu that dips below 0: y = x · tanh(log(1 + exp(x))).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """
    return ops.activation(x, "mish")


@_registry.register
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


swish = silu


def get(identifier: Any) -> Callable[..., Any]:
    """Returns the activation function that a user means.

    Args:
        identifier: A name, a config as `serialize` returns it, a function, or `None`.

    Returns:
        A function; `linear` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("relu").__name__, get(None).__name__
    ('relu', 'linear')
    >>> get("ReLU")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: Unknown activation function 'ReLU'. Did you mean 'relu'? Known: ...
    """
    found: Callable[..., Any] = linear if identifier is None else _registry.get(identifier)
    return found


def serialize(activation: Any) -> Any:
    """Returns the name of one of these functions, or the config of an object."""
    return _registry.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes an activation function from its name or config.

    Args:
        config: What `serialize` returned.
        custom_objects: Further functions and classes by name.

    Returns:
        A function.

    Raises:
        ValueError: If the name or config is not understood.
    """
    return _registry.deserialize(config, custom_objects)
