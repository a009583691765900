"""Layers that make one of several inputs, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from fastmlp import calls, ops
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class Merge(Layer):
    """Base of layers that are called on a list of inputs.

    A subclass says in `merge(a, b)` what is made of two; more are merged from the left. Axes of
    size 1 are repeated, and inputs of fewer axes get axes of size 1 after the batch.
    """

    def merge(self, a: Tensor, b: Tensor) -> Any:
        """What is made of two inputs of equally many axes."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        return self._merge_function(self.aligned(inputs))

    def _merge_function(self, inputs: list[Tensor]) -> Any:
        """What is made of all inputs, which have equally many axes."""
        return reduce(self.merge, inputs)

    def aligned(self, inputs: Any) -> list[Tensor]:
        """The inputs, checked, with equally many axes."""
        tensors = check_list(self, inputs)
        check_broadcast(self, tensors)
        ndim = max(t.ndim for t in tensors)
        return [_with_axes(t, ndim) for t in tensors]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """A step counts where it counts in one of the inputs; all count if one has no mask."""
        if previous_mask is None or any(mask is None for mask in previous_mask):
            return None
        return reduce(ops.logical_or, previous_mask)


class Add(Merge):
    """The sum of its inputs.

    `y = x₁ + x₂ + …`

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of inputs of one shape, or of shapes that fit each other.

    Raises:
        ValueError: The shapes do not fit; the error names the layers that they come from.

    Example:

    >>> import numpy as np
    >>> Add()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[4., 6.]], dtype=float32)

    Source: Keras 3; as `numpy.add`.
    """

    def merge(self, a: Tensor, b: Tensor) -> Any:
        return ops.add(a, b)


class Subtract(Merge):
    """The difference of two inputs: `y = a - b`. Takes what `Add` takes.

    Example:

    >>> import numpy as np
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])])
    array([[-2., -3.]], dtype=float32)

    Source: Keras 3; as `numpy.subtract`.
    """

    def call(self, inputs: Any) -> Any:
        check_list(self, inputs, 2)
        return super().call(inputs)

    def merge(self, a: Tensor, b: Tensor) -> Any:
        return ops.subtract(a, b)


class Multiply(Merge):
    """The product of its inputs, element by element. Takes what `Add` takes.

    `y = x₁ · x₂ · …`

    A step that is masked in an input counts as 1 there; one that is masked in all inputs is 0.

    Example:

    >>> import numpy as np
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[3., 8.]], dtype=float32)

    Source: Keras 3; as `numpy.multiply`.
    """

    def _merge_function(self, inputs: list[Tensor]) -> Any:
        masks = [_mask_of(x) for x in inputs]
        pairs = zip(inputs, masks, strict=True)
        y = reduce(self.merge, [x if m is None else ops.where(m, x, 1.0) for x, m in pairs])
        known = [m for m in masks if m is not None]
        return y if len(known) < len(masks) else ops.where(reduce(ops.logical_or, known), y, 0.0)

    def merge(self, a: Tensor, b: Tensor) -> Any:
        return ops.multiply(a, b)


class Average(Merge):
    """The mean of its inputs, element by element. Takes what `Add` takes.

    `y = (x₁ + x₂ + … + x_n) / n`

    Example:

    >>> import numpy as np
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[2., 3.]], dtype=float32)

    Source: Keras 3; as `numpy.mean`.
    """

    def _merge_function(self, inputs: list[Tensor]) -> Any:
        return ops.multiply(super()._merge_function(inputs), 1.0 / len(inputs))

    def merge(self, a: Tensor, b: Tensor) -> Any:
        return ops.add(a, b)


class _Extreme(Merge):
    """Base of maximum and minimum: where a step is masked in one of two, it is that of the other."""

    def _merge_function(self, inputs: list[Tensor]) -> Any:
        y, *others = inputs
        mask = _mask_of(y)
        for x in others:
            own = _mask_of(x)
            if own is not None:
                x = ops.where(own, x, y)
            if mask is not None:
                y = ops.where(mask, y, x)
            mask = None if own is None or mask is None else ops.logical_or(mask, own)
            y = self.merge(y, x)
        return y


class Maximum(_Extreme):
    """The largest of its inputs, element by element. Takes what `Add` takes.

    `y = max(x₁, x₂, …)`

    Where a step is masked in one of two inputs, it is that of the other one.

    Example:

    >>> import numpy as np
    >>> Maximum()([np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])])
    array([[3., 5.]], dtype=float32)

    Source: Keras 3; as `numpy.maximum`.
    """

    def merge(self, a: Tensor, b: Tensor) -> Any:
        return ops.maximum(a, b)


class Minimum(_Extreme):
    """The smallest of its inputs, element by element. Takes what `Add` takes.

    `y = min(x₁, x₂, …)`

    Where a step is masked in one of two inputs, it is that of the other one.

    Example:

    >>> import numpy as np
    >>> Minimum()([np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])])
    array([[1., 4.]], dtype=float32)

    Source: Keras 3; as `numpy.minimum`.
    """

    def merge(self, a: Tensor, b: Tensor) -> Any:
        return ops.minimum(a, b)


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of the inputs: `Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The difference of two inputs: `Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of the inputs: `Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of the inputs: `Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of the inputs: `Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of the inputs: `Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


# Checks, for the other merging layers too.


def check_list(layer: Layer, inputs: Any, count: int | None = None) -> list[Tensor]:
    """The inputs of a merging layer.

    Args:
        layer: For errors.
        inputs: What it was called on.
        count: How many there must be.

    Raises:
        ValueError: It is no list, or one of another length.
    """
    expected = "a list of inputs" if count is None else f"a list of {count} inputs"
    if not isinstance(inputs, (list, tuple)) or not inputs or len(inputs) != (count or len(inputs)):
        many = isinstance(inputs, (list, tuple))
        received = f"a list of {len(inputs)}" if many else f"{inputs!r}"
        raise ValueError(
            f"{where(layer)}: expected {expected}. Received: {received}. "
            f"Hint: write {type(layer).__name__}()([a, b])"
        )
    return list(inputs)


def check_broadcast(layer: Layer, tensors: Sequence[Tensor]) -> None:
    """Refuses shapes that do not fit each other.

    Raises:
        ValueError: Two do not fit; it names the layers that they come from.
    """
    first = tensors[0]
    for other in tensors[1:]:
        for a, b in zip(first.shape[:0:-1], other.shape[:0:-1], strict=False):
            if a != b and 1 not in (a, b):
                raise unfit(layer, "inputs of shapes that fit each other", first, other)
        first = max(first, other, key=lambda t: (t.ndim, t.shape[1:]))


def unfit(layer: Layer, expected: str, a: Tensor, b: Tensor) -> ValueError:
    """The error of two inputs that do not go together."""
    return ValueError(f"{where(layer)}: expected {expected}. Received: {calls.described(a, b)}")


def where(layer: Layer) -> str:
    """The layer, for errors."""
    return f"{type(layer).__name__} '{layer.name}'"


def _with_axes(x: Tensor, ndim: int) -> Any:
    """The tensor with axes of size 1 after the batch, until it has `ndim`."""
    sizes = [int(d or 0) for d in x.shape[1:]]
    return x if x.ndim == ndim else ops.reshape(x, (-1, *[1] * (ndim - x.ndim), *sizes))


def _mask_of(x: Tensor) -> Any:
    """The tensor's mask, with axes of size 1 for those that it has not; `None` without one."""
    mask = x.mask
    if mask is None or mask.ndim == x.ndim:
        return mask
    sizes = [int(d or 0) for d in mask.shape[1:]]
    return ops.reshape(mask, (-1, *sizes, *[1] * (x.ndim - mask.ndim)))
