"""Metrics of margins: the losses of the same names, averaged over all data."""

from __future__ import annotations

from fastmlp.metrics.base import registry
from fastmlp.metrics.reduction import RowMetric


@registry.register
class Hinge(RowMetric):
    """The mean of `max(1 - y_true · y_pred, 0)`; a target of 0 counts as -1.

    Example:

    >>> float(Hinge()([[0], [1]], [[-0.5], [2.0]]))
    0.25

    Source: Cortes, Vapnik, "Support-vector networks", 1995.
    """

    kind = "hinge"
    direction = "min"


@registry.register
class SquaredHinge(RowMetric):
    """The mean of `max(1 - y_true · y_pred, 0)²`; a target of 0 counts as -1.

    Source: Tang, "Deep learning using linear support vector machines", 2013.
    """

    kind = "squared_hinge"
    direction = "min"


@registry.register
class CategoricalHinge(RowMetric):
    """The mean of `max(neg - pos + 1, 0)`; see `losses.CategoricalHinge`.

    Source: Crammer, Singer, "On the algorithmic implementation of multiclass kernel-based vector
    machines", 2001.
    """

    kind = "categorical_hinge"
    direction = "min"
