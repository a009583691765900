"""Names that layers and models get when the user gives none: `dense`, `dense_1`, …"""

from __future__ import annotations

from collections import Counter

_counts: Counter[str] = Counter()


def unique_name(prefix: str) -> str:
    """`prefix`, or `prefix_n` if it was given out before."""
    n = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{n}" if n else prefix


def reset() -> None:
    """Starts all counts again, as Keras's `clear_session` does."""
    _counts.clear()
