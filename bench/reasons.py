"""Why a row misses its target, or a curve stays far below the roofline: words for the tables.

Figures are never written here: those beside these words come from the measurement. A row without
an entry says "not explained yet".
"""

from __future__ import annotations

# Of a row of training that misses its target, by the name of its case.
ROWS: dict[str, str] = {}

# Of a stretch of a sweep below 60 % of the roofline: (sweep, from, to, reason).
GROWTH: list[tuple[str, float, float, str]] = []


def of_point(sweep: str, value: float) -> str:
    """The reason that covers this point."""
    for name, low, high, reason in GROWTH:
        if name == sweep and low <= value <= high:
            return reason
    return "not explained yet"
