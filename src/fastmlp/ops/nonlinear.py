"""Activations and normalisations, named as in `keras.ops.nn`.

Element-wise activations are one native kernel each, but `threshold`: it keeps integers. Their
parameters are numbers; where one is a weight, it takes part as in the formula, and trains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp import config
from fastmlp.calls import operation
from fastmlp.errors import is_int
from fastmlp.ops import math, reductions, shapes, spec
from fastmlp.ops.layers import activation

_PI = 3.141592653589793


def _of_one(x: Any, kind: str, parameter: Any, formula: Callable[[], Any]) -> Any:
    """An activation with a parameter: the kernel for a number, the formula for a weight or tensor."""
    if isinstance(parameter, (int, float, np.number)):
        return activation(x, kind, (float(parameter),))
    return formula()


@operation
def relu(x: Any) -> Any:
    """Rectified linear unit: max(x, 0)."""
    return activation(x, "relu")


@operation
def relu6(x: Any) -> Any:
    """Rectified linear unit cut at 6: min(max(x, 0), 6)."""
    return activation(x, "relu6")


@operation
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where x > 0, else negative_slope · x."""

    def formula() -> Any:
        return math.subtract(relu(x), math.multiply(negative_slope, relu(math.negative(x))))

    return _of_one(x, "leaky_relu", negative_slope, formula)


@operation
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha · (eˣ - 1)."""

    def formula() -> Any:
        return math.add(relu(x), math.multiply(alpha, math.expm1(math.minimum(x, 0.0))))

    return _of_one(x, "elu", alpha, formula)


@operation
def selu(x: Any) -> Any:
    """1.0507 · elu(x, 1.6733): activations keep mean 0 and variance 1."""
    return activation(x, "selu")


@operation
def celu(x: Any, alpha: float = 1.0) -> Any:
    """max(x, 0) + min(0, alpha · (exp(x / alpha) - 1))."""
    return _of_one(x, "celu", alpha, lambda: math.multiply(alpha, elu(math.divide(x, alpha))))


@operation
def gelu(x: Any, approximate: bool = True) -> Any:
    """x · Φ(x), Φ the normal distribution function; `approximate`: by tanh. Default: as in Keras."""
    return activation(x, "gelu_tanh" if approximate else "gelu")


@operation
def silu(x: Any) -> Any:
    """x · sigmoid(x), also called swish."""
    return activation(x, "silu")


@operation
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return activation(x, "sigmoid")


@operation
def log_sigmoid(x: Any) -> Any:
    """log(1 / (1 + e⁻ˣ)), without overflow."""
    return activation(x, "log_sigmoid")


@operation
def hard_sigmoid(x: Any) -> Any:
    """min(max(x / 6 + 0.5, 0), 1)."""
    return activation(x, "hard_sigmoid")


@operation
def hard_silu(x: Any) -> Any:
    """x · hard_sigmoid(x), also called hard swish."""
    return activation(x, "hard_silu")


@operation
def sparse_sigmoid(x: Any) -> Any:
    """min(max((x + 1) / 2, 0), 1)."""
    return activation(x, "sparse_sigmoid")


@operation
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return activation(x, "tanh")


@operation
def hard_tanh(x: Any) -> Any:
    """min(max(x, -1), 1)."""
    return activation(x, "hard_tanh")


@operation
def tanh_shrink(x: Any) -> Any:
    """x - tanh(x)."""
    return activation(x, "tanh_shrink")


@operation
def softplus(x: Any) -> Any:
    """log(1 + eˣ), without overflow."""
    return activation(x, "softplus")


@operation
def squareplus(x: Any, b: float = 4) -> Any:
    """(x + √(x² + b)) / 2."""

    def formula() -> Any:
        scale = math.sqrt(b)
        return math.multiply(scale, squareplus(math.divide(x, scale), 1.0))

    return _of_one(x, "squareplus", b, formula)


@operation
def sparse_plus(x: Any) -> Any:
    """0 for x ≤ -1, (x + 1)² / 4 between, x for x ≥ 1."""
    return activation(x, "sparse_plus")


@operation
def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return activation(x, "softsign")


@operation
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x pulled towards 0 by `threshold`, and 0 nearer to it than that."""

    def formula() -> Any:
        above = relu(math.subtract(x, threshold))
        return math.subtract(above, relu(math.subtract(math.negative(x), threshold)))

    return _of_one(x, "soft_shrink", threshold, formula)


@operation
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where |x| > threshold, else 0."""

    def formula() -> Any:
        return math.where(math.greater(math.absolute(x), threshold), x, 0.0)

    return _of_one(x, "hard_shrink", threshold, formula)


@operation
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where x > threshold, else default_value."""
    return math.where(math.greater(x, threshold), x, default_value)


@operation
def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit: the first half along an axis times the sigmoid of the second."""
    first, second = shapes.split(x, 2, axis)
    return math.multiply(first, sigmoid(second))


def polar(abs_: Any, angle: Any) -> Any:
    """The complex numbers abs_ · exp(i · angle); of arrays only.

    Raises:
        TypeError: Symbolic tensors have no complex numbers.
    """
    if spec.is_symbolic(abs_, angle):
        raise TypeError(f"{spec.where('polar')}: expected arrays. Received: a symbolic tensor")
    size, turn = spec.arrays(abs_, angle, floating=True)
    return size * np.exp(1j * turn)


@operation
def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[Any, Any]:
    """Mean and variance along axes; along the batch, of the samples that a step has.

    `synchronized` makes no difference: a step sees its whole batch.
    """
    return reductions.mean(x, axes, keepdims), reductions.var(x, axes, keepdims)


@operation
def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """x / max(‖x‖, epsilon), with the norm of vectors along an axis.

    Args:
        x: Tensor or array.
        axis: An axis, or several.
        order: Of the norm, at least 1: (Σ |x|ᵒʳᵈᵉʳ)^(1/order).
        epsilon: Smallest divisor. Default: `config.epsilon()`.

    Raises:
        ValueError: `order` is no integer ≥ 1.

    Example:

    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]], dtype=float32)
    """
    if not is_int(order) or order < 1:
        raise ValueError(
            f"{spec.where('normalize')}: expected order to be an integer >= 1. Received: {order!r}"
        )
    least = config.epsilon() if epsilon is None else epsilon
    if not spec.is_symbolic(x):
        x = np.atleast_1d(*spec.arrays(x, floating=True))
    if order == 2:
        squares = reductions.sum(math.square(x), axis, keepdims=True)
        return math.multiply(x, math.minimum(math.rsqrt(squares), 1.0 / least))
    return math.divide(x, math.maximum(reductions.norm(x, order, axis, keepdims=True), least))


@operation
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """(x - mean) / √(variance + epsilon) · scale + offset, of vectors along one axis."""
    inverse = math.rsqrt(math.add(_along(variance, x, axis), epsilon))
    if scale is not None:
        inverse = math.multiply(inverse, _along(scale, x, axis))
    y = math.multiply(math.subtract(x, _along(mean, x, axis)), inverse)
    return y if offset is None else math.add(y, _along(offset, x, axis))


@operation
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """(x - mean) / √(variance + epsilon) · gamma + beta, with the moments along `axis`."""
    mean, variance = moments(x, axis, keepdims=True)
    least = config.epsilon() if epsilon is None else epsilon
    inverse = math.rsqrt(math.add(variance, least))
    if gamma is not None:
        inverse = math.multiply(inverse, _along(gamma, x, axis))
    y = math.multiply(math.subtract(x, mean), inverse)
    return y if beta is None else math.add(y, _along(beta, x, axis))


@operation
def rms_normalization(
    x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """x / √(mean of squares + epsilon) · scale, with the mean along `axis`."""
    least = config.epsilon() if epsilon is None else epsilon
    squares = reductions.mean(math.square(x), axis, keepdims=True)
    y = math.multiply(x, math.rsqrt(math.add(squares, least)))
    return y if scale is None else math.multiply(y, scale)


def _along(v: Any, x: Any, axis: Any) -> Any:
    """A vector, or what else has the sizes of some axes of x, so that it broadcasts along them."""
    v = v if hasattr(v, "shape") else spec.array(v)
    axes = spec.axes_of("normalization", x, axis)
    if len(v.shape) == len(x.shape) or axes == tuple(range(len(x.shape) - len(axes), len(x.shape))):
        return v
    shape = [x.shape[i] if i in axes else 1 for i in range(len(x.shape))]
    return shapes.reshape(v, shape)


@operation
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Peak signal-to-noise ratio in decibel: 20 log₁₀ max_val - 10 log₁₀ mean((x1 - x2)²)."""
    error = reductions.mean(math.square(math.subtract(x1, x2)))
    peak = 20 * np.log10(max_val)
    return math.subtract(float(peak), math.multiply(math.log10(error), 10.0))


swish = silu
hard_swish = hard_silu
