"""What all initializers share: the base classes, their registry, fans and shapes."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastmlp import config
from fastmlp._seed import SeedGenerator, next_seed
from fastmlp.errors import bad_argument, check_int
from fastmlp.registry import Configurable, Registry

if TYPE_CHECKING:
    import numpy.typing as npt


class Initializer(Configurable):
    """Base class: fills a new weight.

    One's own initializer overrides `__call__`, and `get_config` if it has arguments.

    Example:

    >>> class Twos(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.full(shape, 2.0, dtype)
    >>> Twos()((2,), "float32")
    array([2., 2.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: npt.DTypeLike | None = None) -> np.ndarray:
        """Returns the first value of a weight.

        Args:
            shape: Its shape.
            dtype: Its element type; `None`: `config.floatx()`.

        Returns:
            A new array.

        Raises:
            ValueError: If the shape or the element type does not suit.
        """
        values = self._values(_as_shape(type(self).__name__, shape))
        return values.astype(config.floatx() if dtype is None else dtype, order="C", copy=False)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        """Returns a new array, in double precision if random."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__().")

    def clone(self) -> Self:
        """Returns a new initializer of the same arguments; without a seed it draws other values."""
        return type(self).from_config(self.get_config())


class RandomInitializer(Initializer):
    """Base class of initializers that draw random numbers.

    An instance is stateless, as in Keras: it returns the same values each time it is called with
    the same shape. Numbers are drawn in double precision, so float32 and float64 weights of one
    seed agree to rounding.

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed when the instance is made. A
            `SeedGenerator`, or its config: other values each time.
    """

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, Mapping):
            seed = SeedGenerator.from_config(seed["config"])
        self._given_seed = seed
        self.seed: Any = seed
        if isinstance(seed, SeedGenerator):
            return
        if seed is None:
            self.seed = next_seed()
        else:
            self.seed = self._given_seed = check_int(type(self).__name__, "seed", seed, low=0)

    def __call__(self, shape: Sequence[int], dtype: npt.DTypeLike | None = None) -> np.ndarray:
        """Returns the first value of a weight, of a float element type."""
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise bad_argument(type(self).__name__, "a float dtype", "dtype", dtype)
        return super().__call__(shape, dtype)

    def _generator(self) -> np.random.Generator:
        drawn = isinstance(self.seed, SeedGenerator)
        return np.random.Generator(np.random.Philox(self.seed.next() if drawn else self.seed))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal initializer; the seed as it was given."""
        seed = self._given_seed
        if isinstance(seed, SeedGenerator):
            config = seed.get_config()
            seed = {"module": "fastmlp.random", "class_name": "SeedGenerator", "config": config}
        return {**super().get_config(), "seed": seed}


registry = Registry("initializer", base=Initializer)


def _as_shape(where: str, shape: Sequence[int]) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        sizes = (-1,)
    if any(size < 0 for size in sizes):
        expected = "shape to be a tuple of integers >= 0"
        raise bad_argument(where, expected, "shape", shape)
    return sizes


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Counts the inputs and outputs of a weight.

    Args:
        shape: The weight's shape: `(k, n)` for a Dense kernel, `(n,)` for a bias,
            `(*window, k, n)` for more axes.
        input_axes: Axes of the inputs; used if `output_axes` is given too.
        output_axes: Axes of the outputs.

    Returns:
        `(fan_in, fan_out)`.

    Example:

    >>> compute_fans((784, 128)), compute_fans((3, 16, 32))
    ((784, 128), (48, 96))
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        fan_in = int(np.prod([shape[axis] for axis in input_axes]))
        return fan_in, int(np.prod([shape[axis] for axis in output_axes]))
    if len(shape) < 2:
        fan = shape[0] if shape else 1
        return fan, fan
    window = int(np.prod(shape[:-2]))
    return shape[-2] * window, shape[-1] * window
