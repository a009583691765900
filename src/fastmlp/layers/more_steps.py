"""Sequences made longer: UpSampling1D, ZeroPadding1D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, check_int, is_int
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class UpSampling1D(Layer):
    """Repeats each step: `(batch, steps, features)` becomes `(batch, size · steps, features)`.

    `y[b, t] = x[b, ⌊t / size⌋]`

    Args:
        size: How often each step comes.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, size · steps, features)`

    Raises:
        ValueError: `size` is no positive integer, or the input is no sequence.

    Example:

    >>> import numpy as np
    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]])).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]

    Source: Keras 3; as `numpy.repeat`.
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = check_int(f"UpSampling1D '{self.name}'", "size", size, 1)

    def call(self, x: Tensor) -> Any:
        _check_sequence(self, x)
        return ops.repeat(x, self.size, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


class ZeroPadding1D(Layer):
    """Adds steps of zeros before and after a sequence.

    `y[b, t] = x[b, t - before]` for `before <= t < before + steps`, else 0.

    Args:
        padding: How many on each side; or a pair, before and after.
        data_format: `'channels_last'` (or `None`): `(batch, steps, features)`; `'channels_first'`:
            steps last.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, before + steps + after, features)`

    Raises:
        ValueError: An argument is not as described, or the input is no sequence.

    Example:

    >>> import numpy as np
    >>> ZeroPadding1D((1, 2))(np.array([[[1.0], [2.0]]])).tolist()
    [[[0.0], [1.0], [2.0], [0.0], [0.0]]]

    Source: Keras 3; as `numpy.pad`.
    """

    def __init__(
        self,
        padding: int | Sequence[int] = 1,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = f"ZeroPadding1D '{self.name}'"
        pair = (padding, padding) if isinstance(padding, (int, np.integer)) else padding
        whole = isinstance(pair, (list, tuple)) and len(pair) == 2
        if not whole or any(not is_int(n) or n < 0 for n in pair):
            raise bad_argument(where, "a number of steps, or two", "padding", padding)
        if data_format not in (None, "channels_last", "channels_first"):
            expected = "'channels_last', 'channels_first' or None"
            raise bad_argument(where, expected, "data_format", data_format)
        self.padding = (int(pair[0]), int(pair[1]))
        self.data_format = data_format or "channels_last"

    def call(self, x: Tensor) -> Any:
        _check_sequence(self, x)
        sides = [(0, 0), self.padding, (0, 0)]
        return ops.pad(x, sides if self.data_format == "channels_last" else [*sides[::2], sides[1]])

    def get_config(self) -> dict[str, Any]:
        own = {"padding": self.padding, "data_format": self.data_format}
        return {**super().get_config(), **own}


def _check_sequence(layer: Layer, x: Tensor) -> None:
    if x.ndim != 3:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected inputs (batch, steps, features). "
            f"Received: shape={x.shape}"
        )
