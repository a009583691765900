"""Writes the README's table from the JSON that `bench/train.py` stored.

    python bench/report.py                               # the newest results/train-*.json
    python bench/report.py results/train-<machine>.json
    python bench/report.py --check                       # exit status 1 if the README says otherwise

No figure in the README is written by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import machine

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN = "<!-- table: written by bench/report.py -->"
END = "<!-- end of table -->"


def figure(microseconds: float) -> str:
    """Three significant digits, thousands separated: 0.41, 12.3, 1,240."""
    if microseconds >= 100:
        return f"{round(microseconds, 3 - len(str(int(microseconds)))):,.0f}"
    return f"{microseconds:.3g}" if microseconds >= 1 else f"{microseconds:.2f}"


def table(content: dict[str, Any]) -> str:
    """The table in Markdown, and under it where and how it was measured."""
    rows = ["| one training step of | NumPy | fastmlp | ratio |", "|---|---:|---:|---:|"]
    for result in content["results"]:
        ours, theirs = result["median_us"]["fastmlp"], result["median_us"]["numpy"]
        low, high = result["spread_us"]["fastmlp"]
        rows.append(
            f"| {result['title']} | {figure(theirs)} µs | **{figure(ours)} µs** "
            f"({figure(low)} – {figure(high)}) | {result['ratio']:.3g} × |"
        )
    about, versions = content["machine"], content["machine"]["versions"]
    rows += [
        "",
        f"{about['cpu']}, {about['cores']} cores, {about['system']}, {content['threads']} threads, "
        f"NumPy {versions['numpy']}, Python {versions['python']}, {about['date']}. "
        f"A whole `fit` with shuffling divided by its steps; median of {content['repeats']} "
        "runs, taken in turn, and fastmlp's 10th to 90th percentile; 99 % of their weights agreed to "
        "1e-4 first. `python bench/train.py` measures, `python bench/report.py` writes this table.",
    ]
    return "\n".join(rows)


def rewritten(text: str, content: dict[str, Any]) -> str:
    """`text` with the table between the markers replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{README}: expected the markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{table(content)}\n{END}{after}"


def newest() -> dict[str, Any]:
    """The stored result of the latest day."""
    stored = [json.loads(path.read_text()) for path in sorted(machine.RESULTS.glob("train-*.json"))]
    if not stored:
        raise SystemExit("No results/train-*.json. Hint: run python bench/train.py first.")
    return max(stored, key=lambda content: str(content["machine"]["date"]))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("json", nargs="?", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = README.read_text()
    new = rewritten(text, json.loads(arguments.json.read_text()) if arguments.json else newest())
    if arguments.check:
        return int(new != text)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
