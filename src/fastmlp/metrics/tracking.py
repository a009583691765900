"""Means of what a model's `compute_loss` computes: noted while it is traced, measured by the plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from fastmlp.graph import Tensor

Noted = list[tuple[Any, Tensor, Any]]
"""Metrics, the values they are means of, and their weights or `None`."""

_noted: ContextVar[Noted | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[Noted]:
    """Within it, `update_state` of a `Mean` takes symbolic tensors, and is noted."""
    found: Noted = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def note(metric: Any, values: Tensor, sample_weight: Any) -> None:
    """Notes what a metric is the mean of.

    Raises:
        TypeError: No `compute_loss` is being traced.
    """
    noted = _noted.get()
    if noted is None:
        raise TypeError(
            f"Metric '{metric.name}': expected numbers. Received: {values!r}. Hint: means of symbolic "
            "tensors are measured within a model's compute_loss; elsewhere give compile() a function of "
            "y_true and y_pred"
        )
    noted.append((metric, values, sample_weight))
