"""Normal noise in training: added, or multiplied."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp._spelling import accepts_old, give_names
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.input_spec import InputSpec


class _Noise(Layer):
    """Base class of both: the stream of random numbers."""

    supports_masking = True
    input_spec = InputSpec()  # one input

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"{type(self).__name__} '{self.name}'"
        self.seed = None if seed is None else check_int(where, "seed", seed)

    def _noise(self, x: Tensor) -> Tensor:
        stream = None if self.seed is None else self.seed % 2**31
        return ops.random_normal(x.shape, x.dtype, stream)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


class GaussianNoise(_Noise):
    """Adds normal noise in training: y = x + stddev · n. Outside training it changes nothing.

    The noise depends on the seed, the step and the element alone, not on the number of threads.

    Args:
        stddev: Standard deviation of the noise, at least 0.
        seed: Of this layer's noise, besides the seed of `fit`; `None`: a number of its own among the
            random ops of the model.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> y = GaussianNoise(2.0)(np.zeros((500, 40)), training=True)
    >>> bool(abs(y.mean()) < 0.1 and abs(y.std() - 2) < 0.1)
    True

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.
    """

    takes_a_vector = True

    @accepts_old
    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = check_number(f"GaussianNoise '{self.name}'", "stddev", stddev, 0)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        return x + self.stddev * self._noise(x) if training and self.stddev else x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev}


class GaussianDropout(_Noise):
    """Multiplies by normal noise in training: y = x · (1 + √(rate / (1 - rate)) · n).

    The noise has the mean and the variance of dropout's factors. Outside training it changes nothing.

    Args:
        rate: Share that dropout would drop, from 0 up to 1, without 1.
        seed: As for `GaussianNoise`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        Any; the output has the same.

    Raises:
        ValueError: An argument is not as described.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    2014, section 10.
    """

    takes_a_vector = True

    @accepts_old
    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        where = f"GaussianDropout '{self.name}'"
        self.rate = check_number(where, "rate", rate, 0, 1, hint="20 % is 0.2")
        if self.rate == 1:
            raise bad_argument(where, "a rate below 1", "rate", rate)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return x
        deviation = (self.rate / (1 - self.rate)) ** 0.5
        y: Tensor = x * (1.0 + deviation * self._noise(x))
        return y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


give_names(__name__)  # AlphaDropout was in a module of this name
