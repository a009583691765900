"""Initializers without chance: Zeros, Ones, Constant, Identity, and arrays given by the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import bad_argument, check_number
from fastmlp.initializers.base import Initializer, registry

if TYPE_CHECKING:
    import numpy.typing as npt


@registry.register("zero")
class Zeros(Initializer):
    """All elements are 0.

    `w = 0`

    Example:

    >>> Zeros()((2,), "float32")
    array([0., 0.], dtype=float32)

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010 (for biases).
    """

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


@registry.register("one")
class Ones(Initializer):
    """All elements are 1.

    `w = 1`

    Example:

    >>> Ones()((2,), "float32")
    array([1., 1.], dtype=float32)

    Source: Keras 3's initializer of that name.
    """

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


@registry.register
class Constant(Initializer):
    """All elements are `value`.

    `w = value`

    Args:
        value: Any finite number, or an array that broadcasts to the weight's shape. Default: 0.

    Raises:
        ValueError: If `value` is not a finite number, nor such an array.

    Example:

    >>> Constant(0.5)((2,), "float32")
    array([0.5, 0.5], dtype=float32)

    Source: Keras 3's initializer of that name.
    """

    config_names = ("value",)

    def __init__(self, value: Any = 0.0) -> None:
        if np.ndim(value) == 0:
            self.value: Any = check_number("Constant", "value", value)
            return
        self.value = np.array(value)
        if self.value.dtype.kind not in "biuf" or not np.isfinite(self.value).all():
            raise bad_argument("Constant", "a finite number or an array of them", "value", value)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return np.broadcast_to(self.value, shape).astype(np.float64)
        except ValueError:
            expected = f"a weight that an array {np.shape(self.value)} broadcasts to"
            raise bad_argument("Constant", expected, "shape", shape) from None

    def get_config(self) -> dict[str, Any]:
        """Returns `value`, as nested lists if it is an array."""
        return {"value": np.asarray(self.value).tolist()}


@registry.register("IdentityInitializer")
class Identity(Initializer):
    """The identity matrix times `gain`, cut or padded with zeros if it is not square.

    `w[i, j] = gain` where `i = j`, else 0.

    Args:
        gain: Factor. Default: 1.

    Raises:
        ValueError: If `gain` is not a finite number, or the shape not of rank 2.

    Example:

    >>> Identity()((2, 3), "float32")
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)

    Source: Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear
    units", 2015.
    """

    config_names = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number("Identity", "gain", gain)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 2:
            raise bad_argument("Identity", "a shape of rank 2", "shape", shape)
        return self.gain * np.eye(*shape)


class ArrayInitializer(Initializer):
    """The values of a given array; `initializers.get(array)` makes one.

    Args:
        value: The array, or nested lists; copied.

    Raises:
        ValueError: If `value` is not numeric, or a weight of another shape asks.

    Example:

    >>> ArrayInitializer([[1, 2]])((1, 2), "float32")
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, value: npt.ArrayLike) -> None:
        self.value = np.array(value)
        if self.value.dtype.kind not in "biuf":
            raise bad_argument("ArrayInitializer", "an array of numbers", "value", value)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        if shape != self.value.shape:
            expected = f"a weight of the given array's shape {self.value.shape}"
            raise bad_argument("ArrayInitializer", expected, "shape", shape)
        return self.value.copy()

    def get_config(self) -> dict[str, Any]:
        """Returns the values as nested lists."""
        return {"value": self.value.tolist()}
