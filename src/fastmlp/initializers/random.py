"""Initializers that draw from one distribution whatever the shape, and Orthogonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.errors import bad_argument, check_number
from fastmlp.initializers.base import RandomInitializer, registry


def truncated_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draws standard normal numbers again until all lie in [-2, 2]; float64."""
    x = generator.standard_normal(shape)
    outside = np.abs(x) > 2
    while n := np.count_nonzero(outside):
        x[outside] = generator.standard_normal(n)
        outside = np.abs(x) > 2
    return x


@registry.register("normal")
class RandomNormal(RandomInitializer):
    """Normally distributed: x ~ N(mean, stddev²).

    `w = mean + stddev · n`, with n of the standard normal distribution.

    Args:
        mean: Mean. Default: 0.
        stddev: Standard deviation, >= 0. Default: 0.05.
        seed: Integer >= 0; `None`: drawn from the global seed.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> x = RandomNormal(stddev=0.1, seed=0)((100, 100))
    >>> round(float(x.std()), 2)
    0.1

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
    networks", 2012.
    """

    config_names = ("mean", "stddev")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean = check_number(type(self).__name__, "mean", mean)
        self.stddev = check_number(type(self).__name__, "stddev", stddev, 0)
        super().__init__(seed)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * self._generator().standard_normal(shape)


@registry.register
class TruncatedNormal(RandomNormal):
    """Normally distributed within two standard deviations of the mean; the rest is drawn again.

    `w = mean + stddev · n`, with n of the standard normal distribution and `|n| < 2`.

    The standard deviation after truncation is 0.8796 · `stddev`.

    Args:
        mean: Mean. Default: 0.
        stddev: Standard deviation before truncation, >= 0. Default: 0.05.
        seed: Integer >= 0; `None`: drawn from the global seed.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> x = TruncatedNormal(stddev=1.0, seed=0)((100, 100), "float64")
    >>> bool(abs(x).max() <= 2)
    True

    Source: Keras 3's initializer of that name.
    """

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * truncated_normal(self._generator(), shape)


@registry.register("uniform")
class RandomUniform(RandomInitializer):
    """Uniformly distributed: minval <= x < maxval, before rounding to the weight's dtype.

    `w = minval + (maxval - minval) · u`, with u uniform in [0, 1).

    Args:
        minval: Lower bound. Default: -0.05.
        maxval: Upper bound, >= `minval`. Default: 0.05.
        seed: Integer >= 0; `None`: drawn from the global seed.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> x = RandomUniform(0.0, 1.0, seed=0)((100, 100))
    >>> round(float(x.mean()), 1)
    0.5

    Source: Keras 3's initializer of that name.
    """

    config_names = ("minval", "maxval")

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval = check_number("RandomUniform", "minval", minval)
        self.maxval = check_number(
            "RandomUniform", "maxval", maxval, self.minval, hint="it is not below minval"
        )
        super().__init__(seed)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._generator().uniform(self.minval, self.maxval, shape)


@registry.register("OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal columns, or rows if there are more columns, times `gain`.

    `Q, R = qr(normal)`; `w = gain · Q · sign(diag(R))`

    Q of the QR decomposition of a normal matrix, with R's diagonal made positive: so Q is uniformly
    distributed over the orthogonal matrices. A shape of more axes is taken as
    `(product of all but the last, last)`.

    Args:
        gain: Factor. Default: 1.
        seed: Integer >= 0; `None`: drawn from the global seed.

    Raises:
        ValueError: If an argument is outside of its range, or the shape of rank < 2.

    Example:

    >>> q = Orthogonal(seed=0)((3, 3), "float64")
    >>> np.allclose(q.T @ q, np.eye(3))
    True

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2014; Mezzadri, "How to generate random matrices from the
    classical compact groups", 2007 (the signs).
    """

    config_names = ("gain",)

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = check_number("Orthogonal", "gain", gain)
        super().__init__(seed)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise bad_argument("Orthogonal", "a shape of rank >= 2", "shape", shape)
        rows, cols = int(np.prod(shape[:-1])), shape[-1]
        normal = self._generator().standard_normal((max(rows, cols), min(rows, cols)))
        q, r = np.linalg.qr(normal)
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        if rows < cols:
            q = q.T
        return (self.gain * q).reshape(shape)
