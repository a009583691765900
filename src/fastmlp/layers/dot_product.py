"""Products of two inputs, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, is_int
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.merging import check_list, unfit, where


class Dot(Layer):
    """The products of two inputs along an axis of each: `y[…, …] = Σ_k a[…, k, …] · b[…, k, …]`.

    Args:
        axes: The axis of both inputs, or one for each; not 0, the batch.
        normalize: Whether to scale the inputs to length 1 along the axes: the product is the
            cosine of their angle then.
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of two inputs: `(batch, …)`.

    Output shape:
        The axes of the first input but its own, then those of the second; `(batch, 1)` of two
        vectors.

    Raises:
        TypeError: `axes` is no integer and no pair.
        ValueError: The axes have different sizes; the error names the layers that they come from.

    Example:

    >>> import numpy as np
    >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[11.]], dtype=float32)

    Source: Keras 3; as `numpy.einsum`.
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = [axes] if is_int(axes) else axes
        if not isinstance(pair, (list, tuple)):
            raise TypeError(f"{where(self)}: expected axes to be one or two integers. {axes=}")
        if not all(map(is_int, pair)) or (len(pair) != 2 and pair is axes):
            raise bad_argument(where(self), "one integer or two", "axes", axes)
        self.axes = axes
        self.normalize = bool(normalize)

    def call(self, inputs: Any) -> Any:
        a, b = check_list(self, inputs, 2)
        first, second = [self.axes] * 2 if isinstance(self.axes, (int, np.integer)) else self.axes
        i, j = self._axis(a, first), self._axis(b, second)
        if a.shape[i] != b.shape[j]:
            raise unfit(self, f"axis {i} and axis {j} to have one size", a, b)
        if self.normalize:
            a, b = _unit(a, i), _unit(b, j)
        left = [int(d or 0) for n, d in enumerate(a.shape) if n not in (0, i)]
        right = [int(d or 0) for n, d in enumerate(b.shape) if n not in (0, j)]
        k = int(a.shape[i] or 0)
        a = ops.transpose(a, [n for n in range(a.ndim) if n != i] + [i])
        b = ops.transpose(b, [0, j] + [n for n in range(1, b.ndim) if n != j])
        a = ops.reshape(a, (-1, math.prod(left), k))
        b = ops.reshape(b, (-1, k, math.prod(right)))
        return ops.reshape(ops.matmul(a, b), (-1, *([*left, *right] or [1])))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None

    def _axis(self, x: Tensor, axis: int) -> int:
        at = axis + x.ndim if axis < 0 else axis
        if not 0 < at < x.ndim:
            expected = f"an axis of {x.shape} that is not the batch"
            raise bad_argument(where(self), expected, "axes", self.axes)
        return at

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _unit(x: Tensor, axis: int) -> Any:
    """The vectors along an axis at length 1; no shorter vector than 1e-6 is made longer."""
    squares = ops.sum(ops.square(x), axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, 1e-12)))


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The products of two inputs: `Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes, **kwargs)(inputs)
