"""Batch normalisation."""

from __future__ import annotations

from typing import Any

from fastmlp import config, initializers, ops
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_number
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.scaled import Scaled, known_axes
from fastmlp.variables import Variable


class BatchNormalization(Scaled):
    """Gives each feature mean 0 and variance 1 over the batch, then scales and shifts it.

    ```
    training    y = gamma · (x - mean) / √(variance + epsilon) + beta
                moving_mean = momentum · moving_mean + (1 - momentum) · mean
                moving_variance = momentum · moving_variance + (1 - momentum) · variance
    else        the same y with moving_mean and moving_variance
    ```
    Mean and variance are those of the batch at hand, over all axes but `axis`; the variance is the mean
    square, without Bessel's correction. With a mask `(batch, steps)` they are those of the steps that
    count. A layer with `trainable = False` uses the moving statistics
    in training, too, and leaves them as they are.

    Args:
        axis: The axis of features. Default: the last.
        momentum: Of the moving statistics.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: First values of `beta`.
        gamma_initializer: First values of `gamma`.
        moving_mean_initializer: First values of `moving_mean`.
        moving_variance_initializer: First values of `moving_variance`.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Applied to `beta` after each update.
        gamma_constraint: Applied to `gamma` after each update.
        renorm: Only `False`.
        synchronized: Only `False`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        Any with features; the output has the same.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> layer = BatchNormalization(epsilon=0.0)
    >>> layer(np.array([[1.0], [3.0]], "float32"), training=True)
    array([[-1.],
           [ 1.]], dtype=float32)

    Source: Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal
    covariate shift", 2015.
    """

    moving_mean: Variable
    moving_variance: Variable

    @accepts_old
    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if renorm or synchronized:
            name = "renorm" if renorm else "synchronized"
            raise bad_argument(self._where(), f"{name}=False", name, True)
        self.axis = axis
        self.momentum = check_number(self._where(), "momentum", momentum, 0, 1)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        (at,) = known_axes(self._where(), input_shape, self.axis)
        shape = (int(input_shape[at] or 0),)
        self.add_scale(shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        (at,) = known_axes(self._where(), x.shape, self.axis)
        axes = [i for i in range(x.ndim) if i != at]
        if mask is None:
            mean, variance = ops.moments(x, axes)
        elif mask.ndim == x.ndim - 1:
            mean, variance = _masked_moments(x, mask, axes)
        else:
            expected = f"a mask of {x.ndim - 1} axes, for inputs of shape {x.shape}"
            raise bad_argument(self._where(), expected, "mask.shape", mask.shape)
        mean = ops.moving_average(mean, self.moving_mean, self.momentum, self)
        variance = ops.moving_average(variance, self.moving_variance, self.momentum, self)
        y: Tensor = ops.batch_normalization(
            x, mean, variance, at, self.beta, self.gamma, self.epsilon
        )
        return y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
        }


def _masked_moments(x: Tensor, mask: Tensor, axes: list[int]) -> tuple[Any, Any]:
    """Mean and variance over the steps that count."""
    counts = ops.multiply(ops.expand_dims(mask, -1), ops.ones_like(x))
    n = ops.sum(counts, axes) + config.epsilon()
    mean = ops.sum(ops.where(counts, x, 0.0), axes) / n
    at = next(i for i in range(x.ndim) if i not in axes)
    around = ops.reshape(mean, [-1 if i == at else 1 for i in range(x.ndim)])
    return mean, ops.sum(ops.square(ops.where(counts, x - around, 0.0)), axes) / n
