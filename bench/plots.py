"""The plots of docs/performance.md, as SVG, from a stored result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "fastmlp"  # the same figures, the same file

from matplotlib import pyplot as plt  # noqa: E402 - the backend is chosen first

from bench import growth, roofline  # noqa: E402
from bench.cases import Case  # noqa: E402
from bench.compare import ratio  # noqa: E402
from bench.peers import PEERS  # noqa: E402


def draw(content: dict[str, Any], folder: Path) -> None:
    """Writes all plots whose parts have been measured."""
    folder.mkdir(parents=True, exist_ok=True)
    if "training" in content:
        _save(_peers(content["training"]), folder / "peers.svg")
    for sweep in growth.SWEEPS:
        if sweep in content.get("growth", {}) and "peak" in content:
            peak = content["peak"]["peak"]
            _save(_growth(sweep, content["growth"][sweep], peak), folder / f"{sweep}.svg")


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def _peers(rows: dict[str, Any]) -> Any:
    """How many times fastmlp's time every library takes, on a logarithmic scale."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    names = [
        name
        for name in PEERS
        if name != "fastmlp" and any(name in row["median_us"] for row in rows.values())
    ]
    for name in names:
        points = [
            (at, ratio(row, "fastmlp", name))
            for at, row in enumerate(rows.values())
            if name in row["median_us"]
        ]
        axes.plot(*zip(*points, strict=True), "o", label=PEERS[name].title)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_yscale("log")
    axes.set_xticks(range(len(rows)), list(rows))
    axes.set_ylabel("time of a step ÷ fastmlp's")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def _growth(sweep: str, row: dict[str, Any], peak: dict[str, Any]) -> Any:
    """Time of a step with one thread and with all, and the roofline of all cores."""
    figure, axes = plt.subplots(figsize=(7, 4))
    values = [point["value"] for point in row["points"]]
    cases = [Case.from_json(point["case"]) for point in row["points"]]
    for threads in sorted({1, peak["threads"]}):
        times = [point["median_us"][str(threads)] for point in row["points"]]
        title = "1 thread" if threads == 1 else f"{threads} threads"
        (line,) = axes.plot(values, times, "o-", label=title)
        limits = [roofline.microseconds(peak, threads, case) for case in cases]
        axes.plot(values, limits, "--", color=line.get_color(), label=f"roofline, {title}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values], rotation=45)
    axes.set_xlabel(sweep)
    axes.set_ylabel("µs a step")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
