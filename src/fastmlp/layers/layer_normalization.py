"""Normalisation of each sample by itself: over its features, or over groups of them."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_number, is_int
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.scaled import Scaled, known_axes
from fastmlp.variables import Variable


class LayerNormalization(Scaled):
    """Gives each sample mean 0 and variance 1 over its features, then scales and shifts them.

    y = gamma · (x - mean) / √(variance + epsilon) + beta, with the moments along `axis`

    Args:
        axis: The axis of features, or several. Default: the last.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: First values of `beta`.
        gamma_initializer: First values of `gamma`.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Applied to `beta` after each update.
        gamma_constraint: Applied to `gamma` after each update.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        Any with features; the output has the same.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> LayerNormalization(epsilon=0.0)([[1.0, 3.0]])
    array([[-1.,  1.]], dtype=float32)

    Source: Ba, Kiros, Hinton, "Layer normalization", 2016.
    """

    @accepts_old
    def __init__(self, axis: Any = -1, epsilon: float = 1e-3, *args: Any, **kwargs: Any) -> None:
        super().__init__(epsilon, *args, **kwargs)
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        axes = known_axes(self._where(), input_shape, self.axis)
        self.add_scale(tuple(input_shape[i] for i in axes))

    def call(self, x: Tensor) -> Tensor:
        axes = known_axes(self._where(), x.shape, self.axis)
        y: Tensor = ops.layer_normalization(x, self.gamma, self.beta, axes, self.epsilon)
        return y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class GroupNormalization(Scaled):
    """Gives each group of features of a sample mean 0 and variance 1, then scales and shifts them.

    `y = gamma · (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of each group.

    Args:
        groups: How many groups; -1: each feature is one.
        axis: The axis of features. Default: the last.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: First values of `beta`.
        gamma_initializer: First values of `gamma`.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Applied to `beta` after each update.
        gamma_constraint: Applied to `gamma` after each update.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        Any with features; the output has the same.

    Raises:
        ValueError: An argument is not as described, or the groups are not equally large.

    Example:

    >>> GroupNormalization(2, epsilon=0.0)([[1.0, 3.0, 10.0, 30.0]])
    array([[-1.,  1., -1.,  1.]], dtype=float32)

    Source: Wu, He, "Group normalization", 2018.
    """

    @accepts_old
    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(epsilon, *args, **kwargs)
        if not is_int(groups) or (groups < 1 and groups != -1):
            raise bad_argument(self._where(), "a positive number, or -1", "groups", groups)
        self.groups, self.axis = groups, axis

    def build(self, input_shape: Shape) -> None:
        (at,) = known_axes(self._where(), input_shape, self.axis)
        features = input_shape[at]
        if features and self.groups != -1 and features % self.groups:
            expected = f"groups of equal size for {features} features"
            raise bad_argument(self._where(), expected, "groups", self.groups)
        self.add_scale((features,))

    def call(self, x: Tensor) -> Tensor:
        (at,) = known_axes(self._where(), x.shape, self.axis)
        sizes = [int(d or 0) for d in x.shape[1:]]
        features = sizes[at - 1]
        groups = features if self.groups == -1 else self.groups
        shape = [-1, *sizes[: at - 1], groups, features // groups, *sizes[at:]]
        parts = ops.reshape(x, shape)
        axes = [i for i in range(1, len(shape)) if i != at]
        mean, variance = ops.moments(parts, axes, keepdims=True)
        parts = (parts - mean) * ops.rsqrt(variance + self.epsilon)
        y: Tensor = ops.reshape(parts, (-1, *sizes))
        wide = [features if i == at else 1 for i in range(1, x.ndim)]
        if self.gamma is not None:
            y = y * ops.reshape(self.gamma, wide)
        return y if self.beta is None else y + ops.reshape(self.beta, wide)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


class RMSNormalization(Layer):
    """Divides each sample by the root of its mean square, then scales it.

    y = scale · x / √(mean of x² + epsilon), with the mean along `axis`

    Args:
        axis: The axis of features, or several. Default: the last.
        epsilon: Added to the mean square.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        Any with features; the output has the same.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> RMSNormalization(epsilon=0.0)([[3.0, 3.0, -3.0, -3.0]])
    array([[ 1.,  1., -1., -1.]], dtype=float32)

    Source: Zhang, Sennrich, "Root mean square layer normalization", 2019.
    """

    scale: Variable

    @accepts_old
    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        where = f"RMSNormalization '{self.name}'"
        self.epsilon = check_number(where, "epsilon", epsilon, 0)

    def build(self, input_shape: Shape) -> None:
        axes = known_axes(f"RMSNormalization '{self.name}'", input_shape, self.axis)
        shape = tuple(input_shape[i] for i in axes)
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, x: Tensor) -> Tensor:
        axes = known_axes(f"RMSNormalization '{self.name}'", x.shape, self.axis)
        y: Tensor = ops.rms_normalization(x, self.scale, axes, self.epsilon)
        return y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(Layer):
    """Divides each sample by its length: y = x / ‖x‖ along `axis`.

    Args:
        axis: The axis of features, or several. Default: the last.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any with features; the output has the same.

    Example:

    >>> UnitNormalization()([[3.0, 4.0]])
    array([[0.6, 0.8]], dtype=float32)

    Source: Keras 3; the Euclidean norm.
    """

    supports_masking = True
    takes_a_vector = True

    @accepts_old
    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x: Tensor) -> Tensor:
        axes = known_axes(f"UnitNormalization '{self.name}'", x.shape, self.axis)
        y: Tensor = ops.normalize(x, axes, 2, 1e-12)
        return y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
