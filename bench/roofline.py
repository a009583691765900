"""How long a step must take on this machine: its operations, and the bytes it moves.

    roofline = max(operations / FMA peak, bytes / bandwidth)

The bandwidth is that of the smallest level that holds all a step touches, cores together. Both
rates were measured by `peak.py` in the same state of the machine.
"""

from __future__ import annotations

from typing import Any

from bench.cases import Case

# Bytes that a core's bandwidth is measured on. A step belongs to the first level whose set is at
# least half as large as what it touches.
SETS = {"L1": 16 << 10, "L2": 256 << 10, "L3": 8 << 20, "memory": 256 << 20}


def microseconds(peak: dict[str, Any], threads: int, case: Case) -> float:
    """The least time of an average step.

    Args:
        peak: What `peak.measure` returned.
        threads: Cores that share the work.
        case: The network.
    """
    median = peak["median"]
    level = next((name for name, size in SETS.items() if case.working_set <= 2 * size), "memory")
    arithmetic = case.flops / median[f"fma, {threads}"]
    return float(max(arithmetic, case.bytes / median[f"{level}, {threads}"])) * 1e-3


def share_of_peak(peak: dict[str, Any], flops: float, us: float) -> float:
    """Of the FMA peak of all cores together."""
    return float(flops / us * 1e-3 / peak["median"][f"fma, {peak['threads']}"])
