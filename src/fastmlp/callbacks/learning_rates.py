"""The learning rates of a model's optimizer: one, or one for each of several."""

from __future__ import annotations

from typing import Any


def with_names(optimizer: Any) -> list[tuple[str, Any]]:
    """The optimizers of a `MultiOptimizer` with their names; any other one with an empty name."""
    several = getattr(optimizer, "optimizers", None)
    return [("", optimizer)] if several is None else [(one.name, one) for one in several]


def in_logs(optimizer: Any) -> dict[str, float]:
    """The learning rates by what logs call them: `learning_rate`, `learning_rate_adam`."""
    found = with_names(optimizer)
    return {f"learning_rate{'_' * bool(n)}{n}": float(one.learning_rate) for n, one in found}
