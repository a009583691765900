"""Operations across the samples of a batch: all of them as one value, and back.

Most functions treat each sample alike, and tasks of a plan are some of the samples each. One that takes
the batch for an axis like others, as `matmul(x, transpose(x))`, needs all samples together and their
number: where that is known (`graph.batch_of`), it computes on one value for the batch, of as many rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastmlp import _tree, graph
from fastmlp.graph import Node, Tensor

T = TypeVar("T")

REFUSALS = (TypeError, ValueError, IndexError)
"""What code that takes the batch for an axis like others raises where the number of samples is not known."""


def either(first: Callable[[], T], second: Callable[[], T]) -> T:
    """What the first returns; if it refuses, what the second does.

    Raises:
        ValueError, TypeError, IndexError: The first's, with a note of the second's.
    """
    try:
        return first()
    except REFUSALS as error:
        try:
            return second()
        except REFUSALS as other:
            if _but_for_sizes(other) != _but_for_sizes(error):
                error.add_note(f"With all samples of a batch as an axis: {other}")
        raise


def _but_for_sizes(error: Exception) -> str:
    return re.sub(r"\d+|None", "", str(error))


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """`function(*args, **kwargs)`; where it refuses samples one by one, of all of them as one value."""

    def of_all() -> Any:
        wholes, named = _tree.apply(whole, (args, dict(kwargs)))
        return function(*wholes, **named)

    return either(lambda: function(*args, **kwargs), of_all)


def whole(x: Any) -> Any:
    """All samples of a tensor as one value; anything else as it is."""
    batch = graph.known_batch()
    if type(x) is graph.Samples:
        return int(x)
    if batch is None or not isinstance(x, Tensor) or not x.per_sample:
        return x
    if x not in batch.wholes:
        sizes = (batch.samples, *x.shape[1:])
        batch.wholes[x] = Node("whole", [x], sizes, x.dtype).output
    return batch.wholes[x]


def each(x: Any) -> Any:
    """Of one value with a row for each sample the rows, sample by sample; anything else as it is."""
    batch = graph.known_batch()
    if batch is None or not isinstance(x, Tensor) or x.per_sample or not x.shape:
        return x
    if x.shape[0] != batch.samples:
        return x
    return Node("each", [x], (None, *x.shape[1:]), x.dtype).output


def each_of(structure: Any) -> Any:
    """`each` of all that a structure holds."""
    return structure if graph.known_batch() is None else _tree.apply(each, structure)


def seen(x: Any) -> Any:
    """A tensor of a graph for any number of samples as one of the batch that is known."""
    if graph.known_batch() is None or not isinstance(x, Tensor):
        return x
    y = Node("identity", [x], (None, *x.shape[1:]) if x.per_sample else x.shape, x.dtype).output
    y.mask = seen(x.mask)
    return y
