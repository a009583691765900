"""Activations with arguments, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import activations, constraints, graph, initializers, ops, regularizers
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_int, check_number, is_int
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.input_spec import InputSpec
from fastmlp.layers.scaled import known_axes
from fastmlp.variables import Variable

_NEVER = -1e9  # its exponential is 0 beside that of any other number


class ReLU(Layer):
    """Rectified linear unit: `y = max(x, 0)`, with a slope below, a largest value and a threshold.

    Args:
        max_value: Largest output >= 0; `None`: no limit.
        negative_slope: Slope below the threshold, >= 0.
        threshold: Below it, the output is `negative_slope · (x - threshold)`; >= 0.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        ValueError: An argument is not as described.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> ReLU(max_value=2.0)(np.array([[-1.0, 1.0, 3.0]]))
    array([[0., 1., 2.]], dtype=float32)

    Source: Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input
    takes_a_vector = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = f"ReLU '{self.name}'"
        self.max_value = (
            None if max_value is None else check_number(where, "max_value", max_value, 0)
        )
        self.negative_slope = check_number(where, "negative_slope", negative_slope, 0)
        self.threshold = check_number(where, "threshold", threshold, 0)

    def call(self, x: Tensor) -> Any:
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        own = {"max_value": self.max_value, "negative_slope": self.negative_slope}
        return {**super().get_config(), **own, "threshold": self.threshold}


class LeakyReLU(Layer):
    """Leaky rectified linear unit: `y = x` where `x > 0`, else `negative_slope · x`.

    Args:
        negative_slope: Slope below 0. Default: 0.3.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        ValueError: The slope is no finite number.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([[-1.0, 1.0]]))
    array([[-0.5,  1. ]], dtype=float32)

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input
    takes_a_vector = True

    @accepts_old
    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"LeakyReLU '{self.name}'"
        self.negative_slope = check_number(where, "negative_slope", negative_slope)

    def call(self, x: Tensor) -> Any:
        return activations.leaky_relu(x, self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(Layer):
    """Exponential linear unit: `y = x` where `x > 0`, else `alpha · (exp(x) - 1)`.

    Args:
        alpha: Minus the limit for `x` towards minus infinity. Default: 1.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        ValueError: `alpha` is no finite number.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> ELU()(np.array([[0.0, 1.0]]))
    array([[0., 1.]], dtype=float32)

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2016.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input
    takes_a_vector = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = check_number(f"ELU '{self.name}'", "alpha", alpha)

    def call(self, x: Tensor) -> Any:
        return activations.elu(x, self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(Layer):
    """Probabilities that grow with `x`: `y = exp(x) / Σ exp(x)`, summed over an axis.

    Args:
        axis: The axis, or several; not 0, the batch. Default: the last one.
        **kwargs: `name`, `dtype`, `input_shape`.

    With a mask, the probabilities are those of the elements that count; the others are 0. It has the
    shape of `x`, or one that is repeated to that. One of the steps `(batch, steps)` changes nothing.

    Raises:
        ValueError: There is no such axis.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> Softmax()(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]], dtype=float32)

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input
    takes_a_vector = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Softmax '{self.name}'"
        if isinstance(axis, (list, tuple)):
            self.axis: Any = tuple(check_int(where, "axis", a) for a in axis)
        else:
            self.axis = check_int(where, "axis", axis)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Any:
        axes = known_axes(f"Softmax '{self.name}'", x.shape, self.axis)
        if mask is not None and (mask.ndim == x.ndim or not getattr(mask, "per_sample", False)):
            y = ops.softmax(ops.where(mask, x, _NEVER), axes)
            return ops.where(mask, y, 0.0)
        return ops.softmax(x, axes)

    def _call_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x, *more = args
        mask = more[0] if more else kwargs.pop("mask", None)
        if mask is not None:
            mask, shape = np.asarray(mask), np.shape(x)
            steps = mask.ndim > 1 and mask.shape == shape[: mask.ndim]
            kwargs["mask"] = mask if steps else np.broadcast_to(mask, shape)
        return super()._call_arrays((x,), kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class PReLU(Layer):
    """Rectified linear unit with a trained slope below 0: `y = max(x, 0) + alpha · min(x, 0)`.

    Args:
        alpha_initializer: First value of the slopes.
        alpha_regularizer: Penalty on them, added to the loss.
        alpha_constraint: Projection of them after each update.
        shared_axes: Axes, counted from 1, along which there is one slope.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Raises:
        ValueError: An argument is not as described.

    Input shape:
        Any; the output has the same.

    Example:

    >>> import numpy as np
    >>> PReLU("ones")(np.array([[-1.0, 2.0]]))
    array([[-1.,  2.]], dtype=float32)

    Source: He et al., "Delving deep into rectifiers", 2015.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, (int, np.integer)) else shared_axes
        self.shared_axes = None if axes is None else list(axes)
        self._alpha: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not is_int(axis) or not 1 <= axis < len(input_shape):
                expected = f"axes of {input_shape}, counted from 1"
                raise bad_argument(f"PReLU '{self.name}'", expected, "shared_axes", axis)
            sizes[axis - 1] = 1
        self._alpha = self.add_weight(
            tuple(sizes),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    @property
    def alpha(self) -> Any:
        """Live view of the slopes: what is written there is what the model uses. Within `call`, the weight."""
        if self._alpha is None:
            raise AttributeError(
                f"PReLU '{self.name}': has no weights yet. "
                "Hint: give the model an Input, or call it on data first."
            )
        return graph.shown(self._alpha)

    def call(self, x: Tensor) -> Any:
        below = ops.multiply(self._alpha, activations.relu(ops.negative(x)))
        return ops.subtract(activations.relu(x), below)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
