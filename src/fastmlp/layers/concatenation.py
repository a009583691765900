"""Concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, check_int
from fastmlp.layers import eager
from fastmlp.layers.base import Layer
from fastmlp.layers.merging import check_list, unfit, where


class Concatenate(Layer):
    """Puts its inputs side by side along an axis.

    `y[…, j] = a[…, j]` for `j < m`, else `b[…, j - m]`, with m the size of a there.

    Args:
        axis: The axis; 0 puts the samples one after the other. Default: the last one.
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of inputs of one shape, but along the axis.

    Raises:
        ValueError: The shapes do not fit; the error names the layers that they come from.

    Example:

    >>> import numpy as np
    >>> Concatenate()([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([[1., 2., 3.]], dtype=float32)

    Source: Keras 3; as `numpy.concatenate`.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = check_int(where(self), "axis", axis)

    def call(self, inputs: Any) -> Any:
        tensors = check_list(self, inputs)
        first = tensors[0]
        axis = self.axis + first.ndim if self.axis < 0 else self.axis
        if not 0 <= axis < first.ndim:
            raise bad_argument(where(self), f"an axis of {first.shape}", "axis", self.axis)
        for other in tensors[1:]:
            if _without(first.shape, axis) != _without(other.shape, axis):
                raise unfit(self, f"inputs that differ along axis {axis} alone", first, other)
        return first if len(tensors) == 1 else ops.concatenate(tensors, axis)

    def _call_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Without a plan, which has one number of samples, if the inputs have several."""
        given = eager.to_arrays(where(self), args[0]) if args else None
        if isinstance(given, (list, tuple)) and len(set(map(len, given))) > 1:
            return self.call([np.asarray(x, self.dtype) for x in given])
        return super()._call_arrays(args, kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks side by side; beside features, a step counts where it counts in one input."""
        if previous_mask is None or all(mask is None for mask in previous_mask):
            return None
        masks = []
        for x, mask in zip(inputs, previous_mask, strict=True):
            ones = ops.ones_like(x, "bool")
            if mask is not None and mask.ndim < x.ndim:
                mask = ops.multiply(ops.expand_dims(mask, -1), ones)
            masks.append(ones if mask is None else mask)
        return ops.any(ops.concatenate(masks, self.axis), -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def _without(shape: tuple[int | None, ...], axis: int) -> tuple[int | None, ...]:
    return (len(shape), *shape[:axis], *shape[axis + 1 :])


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """The inputs side by side: `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis, **kwargs)(inputs)
