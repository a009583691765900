"""Targets and predictions one of which has an axis of size 1 more than the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmlp.ops.shapes import reshape

Shape = tuple[int | None, ...]


def squeeze_or_expand(a: Shape, b: Shape) -> tuple[Shape, Shape]:
    """Makes two shapes of the same rank where one has a last axis of size 1 more, as Keras does.

    Example:

    >>> squeeze_or_expand((32,), (32, 1)), squeeze_or_expand((32, 5, 1), (32, 5))
    (((32, 1), (32, 1)), ((32, 5), (32, 5)))
    """
    if len(a) == len(b) + 1 and a[-1] == 1:
        return (a, (*b, 1)) if len(b) == 1 else (a[:-1], b)
    if len(b) == len(a) + 1 and b[-1] == 1:
        return ((*a, 1), b) if len(a) == 1 else (a, b[:-1])
    return a, b


def reshaped(x: Any, shape: Shape) -> Any:
    """`x` in a shape in which only the batch may be unknown."""
    return x if tuple(x.shape) == shape else reshape(x, [-1 if d is None else d for d in shape])


def of_one_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions, tensors or arrays, with equally many axes; see `squeeze_or_expand`."""
    t, p = squeeze_or_expand(tuple(y_true.shape), tuple(y_pred.shape))
    return reshaped(y_true, t), reshaped(y_pred, p)


def call_as_given(function: Callable[..., Any], y_true: Any, y_pred: Any) -> Any:
    """Calls a function that Keras gives both in the shapes in which they came.

    But of one rank where it cannot take these, and where targets of one axis meet predictions `(n, 1)`:
    their difference would be `(n, n)`.
    """
    known = len(y_true.shape) > 1 or y_pred.shape[-1:] != (1,)
    if known and len(y_true.shape) != len(y_pred.shape):
        try:
            return function(y_true, y_pred)
        except ValueError:
            pass
    return function(*of_one_rank(y_true, y_pred))
