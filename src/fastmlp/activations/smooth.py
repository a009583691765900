"""Smooth activations."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.activations.lookup import registry
from fastmlp.errors import check_number


@registry.register
def sigmoid(x: Any) -> Any:
    """Logistic function: y = 1 / (1 + exp(-x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [0, 1].

    Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors",
    1986.
    """
    return ops.activation(x, "sigmoid")


@registry.register
def log_sigmoid(x: Any) -> Any:
    """Logarithm of the sigmoid: y = log(1 / (1 + exp(-x))) = -log(1 + exp(-x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Keras 3; the logarithm of the logistic function.
    """
    return ops.activation(x, "log_sigmoid")


@registry.register
def tanh(x: Any) -> Any:
    """Hyperbolic tangent: y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [-1, 1].

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.4.
    """
    return ops.activation(x, "tanh")


@registry.register
def tanh_shrink(x: Any) -> Any:
    """What tanh takes away: y = x - tanh(x).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Keras 3; PyTorch's `Tanhshrink`.
    """
    return ops.activation(x, "tanh_shrink")


@registry.register
def softplus(x: Any) -> Any:
    """Smooth relu: y = log(1 + exp(x)).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Dugas, Bengio, Bélisle, Nadeau, Garcia, "Incorporating second-order functional knowledge
    for better option pricing", 2001.
    """
    return ops.activation(x, "softplus")


@registry.register
def squareplus(x: Any, b: float = 4) -> Any:
    """Softplus without exponentials: y = (x + sqrt(x² + b)) / 2.

    Args:
        x: Array or symbolic tensor.
        b: Roundness of the bend, >= 0. Default: 4.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `b` is not a finite number >= 0.

    Source: Barron, "Squareplus: a softplus-like algebraic rectifier", 2021.
    """
    return ops.activation(x, "squareplus", (check_number("squareplus", "b", b, 0),))


@registry.register
def softsign(x: Any) -> Any:
    """A slower tanh: y = x / (1 + |x|).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`, with values in [-1, 1].

    Source: Bergstra, Desjardins, Lamblin, Bengio, "Quadratic polynomials learn better image
    features", 2009.
    """
    return ops.activation(x, "softsign")


@registry.register
def exponential(x: Any) -> Any:
    """Exponential function: y = exp(x).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: The exponential function; McCullagh, Nelder, "Generalized linear models", 1989 (of
    counts).
    """
    return ops.activation(x, "exponential")


@registry.register
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


@registry.register
def celu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit of continuous slope.

    y = max(x, 0) + alpha · (exp(min(x, 0) / alpha) - 1)

    Args:
        x: Array or symbolic tensor.
        alpha: Limit for large negative x is -alpha; > 0. Default: 1.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Raises:
        ValueError: If `alpha` is not a finite number > 0.

    Source: Barron, "Continuously differentiable exponential linear units", 2017.
    """
    return ops.activation(x, "celu", (check_number("celu", "alpha", alpha, 0, above=True),))


@registry.register
def selu(x: Any) -> Any:
    """Scaled exponential linear unit: y = 1.0507 · elu(x, 1.6733); for `lecun_normal` weights.

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017.
    """
    return ops.activation(x, "selu")


@registry.register
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


@registry.register("swish")
def silu(x: Any) -> Any:
    """Sigmoid linear unit, also called swish: y = x · sigmoid(x).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Ramachandran, Zoph, Le, "Searching for activation functions", 2017.
    """
    return ops.activation(x, "silu")


@registry.register
def mish(x: Any) -> Any:
    """A smooth relu that dips below 0: y = x · tanh(log(1 + exp(x))).

    Args:
        x: Array or symbolic tensor.

    Returns:
        Array or symbolic tensor of the shape of `x`.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """
    return ops.activation(x, "mish")
