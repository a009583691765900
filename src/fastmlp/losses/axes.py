"""Losses and metrics along another axis than the last one: that axis is moved to the end first."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor


def check_axis(where: str, axis: Any) -> int:
    """Checks that an axis is a whole number."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise bad_argument(where, "axis to be a whole number", "axis", axis)
    return int(axis)


def classes_last(
    where: str, y_true: Any, y_pred: Any, axis: int, sparse: bool = False
) -> tuple[Any, Any]:
    """Moves an axis of targets and predictions, tensors or arrays, to the end.

    Args:
        where: Who asks, for errors.
        y_true: Targets of the predictions' shape; class numbers without the axis, or with size 1 there.
        y_pred: Predictions.
        axis: The axis; of tensors not the batch.
        sparse: Whether targets are class numbers.

    Returns:
        Both; as they came if `axis` is the last one.

    Raises:
        ValueError: There is no such axis.
    """
    rank = len(y_pred.shape)
    if axis == -1 or axis == rank - 1:
        return y_true, y_pred
    axis = _place(where, axis, tuple(y_pred.shape), isinstance(y_pred, Tensor))
    if not sparse:
        if len(y_true.shape) == rank:
            y_true = ops.moveaxis(y_true, axis, -1)
    elif len(y_true.shape) == rank and y_true.shape[axis] == 1 and y_true.shape[-1] != 1:
        y_true = ops.moveaxis(y_true, axis, -1)
    return y_true, ops.moveaxis(y_pred, axis, -1)


def axis_last(where: str, sample: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Shape of a sample of an output whose axis, counted with the batch, is moved to the end.

    Example:

    >>> axis_last("loss", (10, 28), 1)
    (28, 10)
    """
    at = _place(where, axis, (None, *sample), True) - 1
    return (*sample[:at], *sample[at + 1 :], sample[at])


def _place(where: str, axis: int, shape: tuple[int | None, ...], symbolic: bool) -> int:
    rank = len(shape)
    if not -rank <= axis < rank or (symbolic and axis % rank == 0):
        hint = "the first axis of a model's output is the batch" if symbolic else None
        expected = f"axis to be one of predictions of shape {shape}"
        raise bad_argument(where, expected, "axis", axis, hint)
    return axis % rank
