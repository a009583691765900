"""Dropout."""

from __future__ import annotations

from typing import Any

from fastmlp import graph, ops
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.input_spec import InputSpec
from fastmlp.layers.phase import may_be_told


class Dropout(Layer):
    """Sets a share `rate` of its inputs to zero in training, and scales the rest by `1/(1 - rate)`.

    Outside training it changes nothing. Which elements are dropped depends on the seed, the step
    and the element alone: not on the number of threads. The share is rounded to 1/65536.

    Args:
        rate: Share to drop, from 0 to 1.
        noise_shape: Shape of the mask where axes of size 1 share one decision; its first entry is
            the batch: `None`, its size if the `Input` tells it, or 1 to share the mask between samples.
        seed: Of this layer's mask, besides the seed of `fit`; `None`: a number of its own among
            the random ops of the model.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Raises:
        ValueError: `rate` or `noise_shape` is not as described.

    Example:

    >>> import numpy as np
    >>> x = np.ones((1, 4), "float32")
    >>> Dropout(0.5)(x)
    array([[1., 1., 1., 1.]], dtype=float32)
    >>> sorted(set(Dropout(0.5)(np.ones((1, 1000)), training=True).ravel().tolist()))
    [0.0, 2.0]

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    2014; scaled in training, as is usual since.
    """

    supports_masking = True
    input_spec = InputSpec()  # one input
    takes_a_vector = True

    @accepts_old
    def __init__(
        self,
        rate: float,
        noise_shape: tuple[int | None, ...] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = f"Dropout '{self.name}'"
        self.rate = check_number(where, "rate", rate, 0, 1, hint="20 % is 0.2")
        self.seed = None if seed is None else check_int(where, "seed", seed)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    @may_be_told
    def call(self, x: Tensor) -> Tensor:
        stream = None if self.seed is None else self.seed % 2**31
        return ops.dropout(x, self.rate, stream, self._noise_shape(x))

    def _noise_shape(self, x: Tensor) -> tuple[int | None, ...] | None:
        """The mask's shape, or `None` where every element has a decision of its own."""
        given, shape = self.noise_shape, x.shape
        if given is None:
            return None
        if given[:1] == (graph.batch_size(x),):
            given = (None, *given[1:])
        noise = tuple(s if n is None else n for n, s in zip(given, shape, strict=False))
        if len(given) != len(shape) or any(
            n not in (1, s) for n, s in zip(noise, shape, strict=True)
        ):
            expected = f"one entry for each axis of {shape}: its size, None, or 1"
            raise bad_argument(f"Dropout '{self.name}'", expected, "noise_shape", given)
        return None if noise == shape else noise

    def get_config(self) -> dict[str, Any]:
        own = {"rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **own}
