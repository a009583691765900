"""Whether data fit a model, told before anything has changed."""

from __future__ import annotations

import math
from typing import Any

from fastmlp.graph import Tensor
from fastmlp.training.data import Source


def samples(row_shape: tuple[int, ...]) -> str:
    """The shape of data for messages: `(samples, 28, 28)`."""
    return f"(samples, {', '.join(map(str, row_shape))})" if row_shape else "(samples,)"


def fits(row_shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    """Whether samples are of a shape, or have a last axis of size 1 more or less, as in Keras.

    Example:

    >>> fits((3,), (3, 1)), fits((3, 1), (3,)), fits((3, 1), (1, 3))
    (True, True, False)
    """
    return any(
        map(same, (row_shape, (*row_shape, 1), row_shape), (expected, expected, (*expected, 1)))
    )


def same(row_shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    """Whether two shapes are the same, where both are known."""
    if row_shape == expected:
        return True
    pairs = zip(row_shape, expected, strict=False)
    return len(row_shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in pairs
    )


def check_input(model: Any, tensor: Tensor, source: Source) -> None:
    """Compares the samples with one of the model's inputs.

    Args:
        model: With `inputs` and `layers`.
        tensor: The input.
        source: The samples.

    Raises:
        ValueError: A sample has another shape than the model takes.
    """
    expected = tuple(int(d or 0) for d in tensor.shape[1:])
    shape = source.row_shape
    if fits(shape, expected):
        return
    layer = next((la for la in model.layers if la.weights), model)
    where = f"{type(layer).__name__} '{layer.name}'"
    if len(model.inputs) > 1:
        where = source.name
    what = f"{expected[0]} features" if len(expected) == 1 else f"shape {samples(expected)}"
    hint = ""
    if len(expected) == 1 and len(shape) > 1 and math.prod(shape) == expected[0]:
        hint = ". Hint: add Flatten() before it"
    elif len(shape) + 1 == len(expected) or (shape == expected[1:] and source.n == expected[0]):
        hint = ". Hint: x[None] makes a batch of one sample"
    raise ValueError(
        f"{where}: expected inputs with {what}. Received: shape={(source.n, *shape)}{hint}"
    )
