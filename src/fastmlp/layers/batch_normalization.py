"""Batch normalisation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp import config, graph, initializers, ops
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_number
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.phase import may_be_told
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

    With `renorm`, training is corrected towards slower moving statistics, for small batches:

    ```
    y = gamma · ((x - mean) / √(variance + epsilon) · r + d) + beta
    r = √(variance + epsilon) / renorm_stddev     d = (mean - renorm_mean) / renorm_stddev
    ```
    `r` and `d` are clipped, and have no gradient. `moving_variance` then follows from a moving average of
    the standard deviation.

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
        renorm: Whether to correct by `r` and `d`.
        renorm_clipping: Limits of these: any of `rmin`, `rmax` and `dmax` (`d` lies between `-dmax`
            and `dmax`).
        renorm_momentum: Of `renorm_mean` and `renorm_stddev`.
        synchronized: Accepted: a model trains in one process, which sees the whole batch.
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
    covariate shift", 2015; Ioffe, "Batch renormalization", 2017.
    """

    moving_mean: Variable
    moving_variance: Variable
    moving_stddev: Variable
    renorm_mean: Variable
    renorm_stddev: Variable

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
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
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
        self.renorm, self.synchronized = bool(renorm), bool(synchronized)
        self.renorm_clipping = self._limits(renorm_clipping) if self.renorm else renorm_clipping
        self.renorm_momentum = check_number(self._where(), "renorm_momentum", renorm_momentum, 0, 1)
        self.axis = axis
        self.momentum = check_number(self._where(), "momentum", momentum, 0, 1)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def _limits(self, given: Mapping[str, float] | None) -> dict[str, float]:
        limits = dict(given or {})
        low, high, most = (limits.get(key) for key in ("rmin", "rmax", "dmax"))
        if not limits.keys() <= {"rmin", "rmax", "dmax"}:
            expected = "keys rmin, rmax and dmax"
        elif low is not None and high is not None and low > high:
            expected = "rmin <= rmax"
        elif most is not None and most < 0:
            expected = "dmax >= 0"
        else:
            return limits
        raise bad_argument(self._where(), expected, "renorm_clipping", given)

    def build(self, input_shape: Shape) -> None:
        (at,) = known_axes(self._where(), input_shape, self.axis)
        shape = (input_shape[at],)
        self.add_scale(shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        if self.renorm:
            deviation = functools.partial(_deviation, self.moving_variance_initializer)
            for name, first in (
                ("moving_stddev", deviation),
                ("renorm_mean", self.moving_mean_initializer),
                ("renorm_stddev", deviation),
            ):
                setattr(self, name, self.add_weight(shape, first, trainable=False, name=name))

    @may_be_told
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
        scale: Any = self.gamma
        offset: Any = self.beta
        if self.renorm:
            r, d, variance = self._corrections(mean, variance)
            scale, offset = (r, d) if scale is None else (r * scale, d * scale)
            offset = offset if self.beta is None else offset + self.beta
        else:
            variance = ops.moving_average(variance, self.moving_variance, self.momentum, self)
        mean = ops.moving_average(mean, self.moving_mean, self.momentum, self)
        y: Tensor = ops.batch_normalization(x, mean, variance, at, offset, scale, self.epsilon)
        return y

    def _corrections(self, mean: Any, variance: Any) -> tuple[Any, Any, Any]:
        """`r` and `d`, which outside training are 1 and 0; and the variance to divide by."""
        limits: Any = self.renorm_clipping
        stddev = ops.sqrt(variance + self.epsilon)
        # Copies of what the averages were: computed before anything that depends on the batch.
        old_mean = ops.multiply(self.renorm_mean, 1.0)
        old_stddev = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        kept = ops.multiply(self.moving_stddev, self.momentum)
        r, d = stddev / old_stddev, (mean - old_mean) / old_stddev
        r = ops.maximum(r, limits["rmin"]) if limits.get("rmin") is not None else r
        r = ops.minimum(r, limits["rmax"]) if limits.get("rmax") is not None else r
        d = ops.clip(d, -limits["dmax"], limits["dmax"]) if limits.get("dmax") is not None else d
        ones = graph.constant_tensor(np.ones(self.moving_mean.shape), self.dtype)
        r = graph.phase(ops.stop_gradient(r), ones, self)
        d = graph.phase(ops.stop_gradient(d), ops.multiply(ones, 0.0), self)
        moved = kept + (1 - self.momentum) * stddev
        used = ops.track(variance, mean, self.renorm_mean, self.renorm_momentum, self)
        used = ops.track(used, stddev, self.renorm_stddev, self.renorm_momentum, self)
        used = ops.track(used, stddev, self.moving_stddev, self.momentum, self)
        moved = ops.relu(moved * moved - self.epsilon)
        used = ops.track(used, moved, self.moving_variance, 0.0, self)
        return r, d, graph.phase(used, graph.weight_tensor(self.moving_variance), self)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": self.synchronized,
        }


def _masked_moments(x: Tensor, mask: Tensor, axes: list[int]) -> tuple[Any, Any]:
    """Mean and variance over the steps that count."""
    counts = ops.multiply(ops.expand_dims(mask, -1), ops.ones_like(x))
    n = ops.sum(counts, axes) + config.epsilon()
    mean = ops.sum(ops.where(counts, x, 0.0), axes) / n
    at = next(i for i in range(x.ndim) if i not in axes)
    around = ops.reshape(mean, [-1 if i == at else 1 for i in range(x.ndim)])
    return mean, ops.sum(ops.square(ops.where(counts, x - around, 0.0)), axes) / n


def _deviation(initializer: Any, shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """The root of a variance's first values."""
    return np.sqrt(initializer(shape, dtype))
