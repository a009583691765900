"""Weights whose largest stretch is 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from fastmlp import _tree, graph, initializers, ops
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_int
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.phase import may_be_told
from fastmlp.variables import Variable, recording


class SpectralNormalization(Layer):
    """Runs a layer with its kernel divided by the kernel's largest singular value.

    ```
    v = u · kernelᵀ / ‖u · kernelᵀ‖     u = v · kernel / ‖v · kernel‖     power_iterations times
    σ = v · kernel · uᵀ                 the layer runs with kernel / σ
    ```
    The layer then stretches no vector: its Lipschitz constant is 1, up to its activation. `u` is kept
    from step to step in training, so that one iteration a step is enough. The layer's own kernel
    stays as it is and is what the optimizer moves, with the gradient through σ.

    Args:
        layer: With a `kernel`, as `Dense`, or `embeddings`.
        power_iterations: How often `u` is improved in each step, at least 1.
        **kwargs: `name`, `dtype`, `trainable`.

    Input shape:
        The layer's.

    Output shape:
        The layer's.

    Raises:
        TypeError: `layer` is no layer.
        ValueError: `power_iterations` is no positive integer, or the layer has no kernel.

    Example:

    >>> from fastmlp.layers import Dense
    >>> layer = SpectralNormalization(Dense(1, kernel_initializer="ones", use_bias=False))
    >>> layer([[1.0, 1.0, 1.0, 1.0]]).round(3)
    array([[2.]], dtype=float32)

    Source: Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial
    networks", 2018.
    """

    vector_u: Variable

    @accepts_old
    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"SpectralNormalization '{self.name}'"
        if not isinstance(layer, Layer):
            raise TypeError(f"{where}: expected a layer. Received: layer={layer!r}")
        self.layer = layer
        self.supports_masking = layer.supports_masking
        self.power_iterations = check_int(where, "power_iterations", power_iterations, 1)

    def build(self, input_shape: Shape) -> None:
        self.layer.build(input_shape)
        kernel = self._kernel()
        self._variables.append(kernel)  # also its own, as in Keras: the first of its weights
        u = initializers.TruncatedNormal(stddev=0.02)
        self.vector_u = self.add_weight((1, kernel.shape[-1]), u, trainable=False, name="vector_u")
        self.layer._apply_trainable()

    def _kernel(self) -> Variable:
        """The layer's weight that is normalised."""
        for variable in self.layer.weights:
            if variable.name in ("kernel", "embeddings") and variable.ndim >= 2:
                return variable
        expected = "a layer with a kernel or embeddings"
        raise bad_argument(f"SpectralNormalization '{self.name}'", expected, "layer", self.layer)

    @may_be_told
    def call(self, x: Tensor) -> Any:
        kernel = self._kernel()
        matrix = ops.reshape(ops.multiply(kernel, 1.0), (-1, kernel.shape[-1]))
        u: Any = ops.multiply(self.vector_u, 1.0)
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        u = ops.track(u, u, self.vector_u, 0.0, self)
        sigma = ops.sum(ops.multiply(ops.matmul(v, matrix), u))
        sigma = ops.where(ops.equal(sigma, 0.0), 1.0, sigma)  # of a kernel of zeros
        if kernel.name == "embeddings":  # rows of a table: the result is divided, not the table
            return ops.divide(self.layer(x), sigma)
        token = recording.set({kernel: ops.divide(kernel, sigma)})
        try:
            y = self.layer(x)
        finally:
            recording.reset(token)
        nodes = graph.order(_tree.flatten(y), [x])
        if any(kernel in node.weights for node in nodes if node.op != "weight"):
            raise ValueError(
                f"SpectralNormalization '{self.name}': expected a layer that multiplies by its kernel. "
                f"Received: {self.layer!r}, which uses it otherwise"
            )
        return y

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.layer.compute_mask(inputs, previous_mask)

    def normalized_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """The improved `u`, and the kernel that the layer runs with now."""
        kernel = self._kernel().value
        matrix = kernel.reshape(-1, kernel.shape[-1])
        u = self.vector_u.value
        for _ in range(self.power_iterations):
            v = _unit_array(u @ matrix.T)
            u = _unit_array(v @ matrix)
        sigma = (v @ matrix @ u.T).item()
        return u, kernel / (sigma or 1.0)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        return self.layer.compute_output_shape(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        from fastmlp.layers import lookup  # which lists this layer, too

        layer = lookup.serialize(self.layer)
        return {
            **super().get_config(),
            "layer": layer,
            "power_iterations": self.power_iterations,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from fastmlp.layers import lookup

        return super().from_config({**config, "layer": lookup.deserialize(config["layer"])})


def _unit(x: Tensor) -> Any:
    """A vector divided by its length; zeros stay zeros."""
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), 1e-30)))


def _unit_array(x: np.ndarray) -> np.ndarray:
    unit: np.ndarray = x / max(float(np.linalg.norm(x)), 1e-15)
    return unit
