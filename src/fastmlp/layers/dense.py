"""The densely connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import activations, constraints, graph, initializers, ops, regularizers
from fastmlp._spelling import accepts_old
from fastmlp.errors import check_int
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.activation import ActivationAttribute
from fastmlp.layers.base import Layer
from fastmlp.layers.phase import may_be_told
from fastmlp.variables import Variable


class Dense(Layer):
    """A densely connected layer: `y = activation(x · kernel + bias)`.

    Args:
        units: Number of outputs.
        activation: Name or function; `None`: linear.
        use_bias: Whether there is a bias.
        kernel_initializer: First value of the kernel.
        bias_initializer: First value of the bias.
        kernel_regularizer: Penalty on the kernel, added to the loss.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Projection of the kernel after each update.
        bias_constraint: Projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`, `input_dim`, `weights`.

    Input shape:
        `(batch, …, inputs)`

    Output shape:
        `(batch, …, units)`

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> layer = Dense(2, kernel_initializer="ones")
    >>> layer(np.array([[1.0, 2.0, 3.0]]))
    array([[6., 6.]], dtype=float32)
    >>> layer.kernel.shape, layer.bias.shape
    ((3, 2), (2,))

    Source: Rosenblatt, "The perceptron", 1958; Rumelhart, Hinton, Williams, "Learning
    representations by back-propagating errors", 1986.
    """

    supports_masking = True
    activation = ActivationAttribute()

    @accepts_old
    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = check_int(f"Dense '{self.name}'", "units", units, 1)
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._kernel: Variable | None = None
        self._bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        inputs = input_shape[-1]
        if len(input_shape) < 2 or inputs is None or isinstance(inputs, tuple):
            hint = (
                ". Hint: np.stack makes one array of several" if isinstance(inputs, tuple) else ""
            )
            raise ValueError(
                f"Dense '{self.name}': expected inputs (batch, …, features). "
                f"Received: shape={input_shape}{hint}"
            )
        self._kernel = self.add_weight(
            (inputs, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self._bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    @may_be_told
    def call(self, x: Tensor) -> Tensor:
        assert self._kernel is not None
        inputs = self._kernel.shape[0]
        if x.shape[-1] != inputs:
            flat = int(np.prod([d or 0 for d in x.shape[1:]]))
            hint = ". Hint: add Flatten() before it" if flat == inputs else ""
            raise ValueError(
                f"Dense '{self.name}': expected inputs with {inputs} features. "
                f"Received: shape={x.shape}{hint}"
            )
        if type(self).kernel is Dense.kernel and type(self).bias is Dense.bias:
            y = ops.dense(x, self._kernel, self._bias)
        else:  # a subclass makes them of weights
            y = ops.matmul(x, self.kernel)
            y = y if self.bias is None else ops.add(y, self.bias)
        activated: Tensor = self.activation(y)
        return activated

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    @property
    def kernel(self) -> Any:
        """Live view `(inputs, units)`: what is written there is what the model uses. Within `call`, the weight."""
        return graph.shown(self._built(self._kernel))

    @property
    def bias(self) -> Any:
        """Live view `(units,)`, or `None` without a bias. Within `call`, the weight."""
        return graph.shown(self._built(self._bias)) if self.use_bias else None

    def _built(self, variable: Variable | None) -> Variable:
        if variable is None:
            raise AttributeError(
                f"Dense '{self.name}': has no weights yet. "
                "Hint: give the model an Input, or call it on data first."
            )
        return variable

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
