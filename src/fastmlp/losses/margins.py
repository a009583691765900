"""Losses of margins, for classifiers whose outputs are scores and not probabilities."""

from __future__ import annotations

from typing import Any

from fastmlp.losses.base import SimpleLoss, registry
from fastmlp.losses.rows import row_values


def hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `max(1 - y_true · y_pred, 0)`; see `Hinge`."""
    return row_values("hinge", y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `max(1 - y_true · y_pred, 0)²`; see `Hinge`."""
    return row_values("squared_hinge", y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """How much the right class lacks a lead of 1 before the best wrong one."""
    return row_values("categorical_hinge", y_true, y_pred)


@registry.register
class Hinge(SimpleLoss):
    """The loss of support vector machines: `loss = mean(max(1 - y_true · y_pred, 0))`.

    Targets are -1 or 1, or 0 or 1: each 0 counts as -1. (Keras looks at a whole batch and keeps
    zeros where it also finds numbers other than 0 and 1.)

    Args:
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"hinge"`.
        dtype: Element type; see `Loss`.

    Example:

    >>> float(Hinge()([[0], [1]], [[-0.5], [2.0]]))
    0.25

    Source: Cortes, Vapnik, "Support-vector networks", 1995.
    """

    kind = "hinge"


@registry.register
class SquaredHinge(SimpleLoss):
    """The square of the hinge: `loss = mean(max(1 - y_true · y_pred, 0)²)`; see `Hinge`.

    Source: Tang, "Deep learning using linear support vector machines", 2013.
    """

    kind = "squared_hinge"


@registry.register
class CategoricalHinge(SimpleLoss):
    """The hinge of n classes: `loss = max(neg - pos + 1, 0)`.

    With one-hot targets, `pos = Σ y_true · y_pred` and `neg = max((1 - y_true) · y_pred)`.

    Source: Crammer, Singer, "On the algorithmic implementation of multiclass kernel-based vector
    machines", 2001.
    """

    kind = "categorical_hinge"
