"""Normalization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmlp import config, ops
from fastmlp._spelling import give_names
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.encoding import numbers, parts_of


class Normalization(Layer):
    """Centres and scales features: `y = (x - mean) / max(√variance, ε)`, ε = `config.epsilon()`.

    Mean and variance are given, or found in data by `adapt`.

    Args:
        axis: Axes that have a mean and a variance for each position; `None`: one for all. Axis 0,
            the batch, cannot be among them.
        mean: Given mean, a number or an array that broadcasts over the kept axes.
        variance: Given variance, of the same shape.
        invert: Whether to compute `y = x · max(√variance, ε) + mean` instead.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, …)`; the output has the same.

    Raises:
        ValueError: Only one of mean and variance is given, their shapes differ, a variance is
            negative, or an axis is not there.

    Example:

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0, 4.0], [2.0, 9.0, 6.0]]))
    >>> layer(np.array([[0.0, 7.0, 4.0]]))
    array([[-1., -1., -1.]], dtype=float32)

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances" (1979), for data in parts.
    """

    supports_masking = True
    takes_a_vector = True

    def __init__(
        self,
        axis: int | Iterable[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = f"Normalization '{self.name}'"
        if axis is None:
            axis = ()
        self.axis = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, bool(invert)
        self.reset_state()
        if (mean is None) != (variance is None):
            raise ValueError(
                f"{where}: expected both mean and variance, or none of them. "
                f"Received: mean={mean}, variance={variance}"
            )
        if mean is not None:
            if np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis):
                raise ValueError(
                    f"{where}: expected mean and variance of one shape, with at most "
                    f"{len(self.axis)} axes. Received: shapes {np.shape(mean)} and "
                    f"{np.shape(variance)}"
                )
            if not np.all(np.asarray(variance) >= 0):
                raise bad_argument(where, "no negative number", "variance", variance)

    def build(self, input_shape: Any) -> None:
        where, rank = f"Normalization '{self.name}'", len(input_shape)
        self._kept = tuple(sorted(axis % rank if axis >= -rank else -1 for axis in self.axis))
        if any(not -rank <= axis < rank for axis in self.axis) or 0 in self._kept:
            raise bad_argument(where, f"axes within 1 … {rank - 1}", "axis", self.axis)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"{where}: expected known sizes along axis={self.axis}. "
                f"Received: input shape {tuple(input_shape)}"
            )
        self._built_shape = tuple(input_shape)
        shape = tuple(input_shape[axis] for axis in self._kept)
        if self.input_mean is None:
            self._mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self._variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds mean and variance, in float64 whatever the data's type.

        Args:
            data: An array or frame `(samples, …)`, or an iterable of batches, each an array, or a
                tuple of which the first is the inputs. Batches are read once, one after the other.
            steps: Batches that are read; `None`: all.

        Raises:
            ValueError: There are no samples, shapes differ, or mean and variance were given.
            TypeError: The data are no numbers.
        """
        self.reset_state()
        for part in parts_of(f"Normalization '{self.name}'", data, steps):
            self.update_state(part)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forgets what `update_state` has seen."""
        self._seen: tuple[int, Any, Any] = (0, np.zeros(()), np.zeros(()))
        self._seen_shape = self._built_shape[1:] if self.built else None

    def update_state(self, data: Any) -> None:
        """Takes a batch into account; `finalize_state` then sets mean and variance."""
        where = f"Normalization '{self.name}'"
        if self.input_mean is not None:
            raise ValueError(f"{where}: adapt is for layers made without mean and variance.")
        array, shape = numbers(where, data), self._seen_shape
        if array.ndim == 1 and not self.axis:  # one number a sample: one mean for all
            array = array[:, None]
        if array.ndim < 2 or (shape is not None and not self._fits(array.shape[1:], shape)):
            raise ValueError(
                f"{where}: expected samples of shape {shape or '(features,)'}. "
                f"Received: shape={array.shape}"
            )
        if not self.built:
            self.build((None, *array.shape[1:]))
        self._seen_shape = array.shape[1:] if shape is None else shape
        reduced = tuple(axis for axis in range(array.ndim) if axis not in self._kept)
        more = int(np.prod([array.shape[axis] for axis in reduced]))
        if more:
            count, mean, squares = self._seen
            middle = array.mean(axis=reduced, dtype=np.float64)
            spread = array.var(axis=reduced, dtype=np.float64) * more
            total, step = count + more, middle - mean
            squares = squares + spread + step * step * (count / total * more)
            self._seen = total, mean + step * (more / total), squares

    def finalize_state(self) -> None:
        """Sets mean and variance to those of what `update_state` has seen."""
        count, mean, squares = self._seen
        if self.input_mean is not None:
            raise ValueError(
                f"Normalization '{self.name}': adapt is for layers made without mean and variance."
            )
        if not count:
            raise ValueError(
                f"Normalization '{self.name}': expected at least one sample. Received: none"
            )
        self._mean.assign(mean)
        self._variance.assign(squares / count)

    @property
    def mean(self) -> NDArray[np.float64] | None:
        """The mean, with an axis of one element for each that has none; `None` before it is known."""
        return self._moment(self.input_mean, "_mean")

    @property
    def variance(self) -> NDArray[np.float64] | None:
        """The variance, as `mean`."""
        return self._moment(self.input_variance, "_variance")

    def _moment(self, given: Any, weight: str) -> NDArray[np.float64] | None:
        if not self.built:
            return None
        value = vars(self)[weight].value if given is None else given
        return self._spread(value, self._sizes())[None]

    def _sizes(self) -> list[int]:
        """The inputs' shape without the batch, with 1 where an axis is not kept."""
        rank = len(self._built_shape)
        return [self._built_shape[axis] if axis in self._kept else 1 for axis in range(1, rank)]

    def _fits(self, ours: tuple[int, ...], built: tuple[int, ...]) -> bool:
        """Whether samples have the sizes that the layer was built for, along the kept axes."""
        return len(ours) == len(built) and all(ours[k - 1] == built[k - 1] for k in self._kept)

    def call(self, x: Tensor) -> Tensor:
        sizes = self._sizes()
        if self.input_mean is None:
            mean = ops.reshape(self._mean, sizes)
            deviation = ops.reshape(ops.sqrt(self._variance), sizes)
            deviation = ops.maximum(deviation, config.epsilon())
        else:
            mean = self._spread(self.input_mean, sizes)
            variance = self._spread(self.input_variance, sizes)
            deviation = np.maximum(np.sqrt(variance), config.epsilon())
        y: Tensor = x * deviation + mean if self.invert else (x - mean) / deviation
        return y

    def _spread(self, given: Any, sizes: list[int]) -> NDArray[np.float64]:
        """A given mean or variance, over the kept axes from the last on."""
        array = np.asarray(given, np.float64)
        shape = [1] * len(sizes)
        for axis, size in zip(reversed(self._kept), reversed(array.shape), strict=False):
            shape[axis - 1] = size
        return np.broadcast_to(array.reshape(shape), sizes)

    def get_config(self) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return value if value is None else np.asarray(value).tolist()

        return {
            **super().get_config(),
            "axis": list(self.axis),
            "mean": plain(self.input_mean),
            "variance": plain(self.input_variance),
            "invert": self.invert,
        }


give_names(__name__)  # BatchNormalization was in a module of this name
