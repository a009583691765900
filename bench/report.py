"""Writes every table and plot of README.md and docs/ from the stored JSON.

    python -m bench.report                               # the newest results/<machine>.json
    python -m bench.report bench/results/<machine>.json
    python -m bench.report --check                       # exit status 1 if a table says otherwise

No figure in them is written by hand. A table stands between `<!-- begin NAME … -->` and
`<!-- end NAME -->`; plots are docs/images/*.svg.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import machine, tables

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/performance.md", "docs/second-order.md")
IMAGES = ROOT / "docs" / "images"
MARKERS = re.compile(
    r"(<!-- begin (\w+): written by `python -m bench.report` -->\n).*?(<!-- end \2 -->)", re.DOTALL
)

# Name between the markers → what it is made from. Nothing is written for parts not measured yet.
TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "summary": ("training", tables.of_readme),
    "training": ("training", tables.of_training),
    "peers": ("training", tables.of_peers),
    "machines": ("training", tables.of_machines),
    "peak": ("peak", tables.of_peak),
    "steps": ("steps", partial(tables.of_calls, part="steps")),
    "inference": ("inference", partial(tables.of_calls, part="inference")),
    "busy": ("busy", tables.of_busy),
    "width": ("growth", partial(tables.of_growth, sweep="width")),
    "batch": ("growth", partial(tables.of_growth, sweep="batch")),
    "depth": ("growth", partial(tables.of_growth, sweep="depth")),
    "second_order": ("second_order", tables.of_second_order),
}


def rewritten(text: str, content: dict[str, Any]) -> str:
    """`text` with every table between its markers replaced.

    Raises:
        SystemExit: There are no markers, or one has an unknown name.
    """
    found = [match[2] for match in MARKERS.finditer(text)]
    unknown = [name for name in found if name not in TABLES]
    if not found or unknown:
        raise SystemExit(f"expected markers <!-- begin NAME … --> of {', '.join(TABLES)}.")

    def replaced(match: re.Match[str]) -> str:
        part, write = TABLES[match[2]]
        table = write(content) if part in content else "Not measured yet."
        return f"{match[1]}{table}\n{match[3]}"

    return MARKERS.sub(replaced, text)


def newest() -> dict[str, Any]:
    """The stored result of the latest day; of two, the later by name. What it lacks another machine tells."""
    stored = [machine.load(path) for path in sorted(machine.RESULTS.glob("*-cores.json"))]
    if not stored:
        raise SystemExit("No results/*-cores.json. Hint: run python -m bench first.")
    found: dict[str, Any] = {}
    for content in sorted(stored, key=lambda content: str(content["machine"]["date"])):
        found |= content
    return found


def main() -> int:
    """Reads the options and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("json", nargs="?", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    content = machine.load(arguments.json) if arguments.json else newest()
    same = True
    for page in PAGES:
        text = (ROOT / page).read_text()
        new = rewritten(text, content)
        same = same and new == text
        if not arguments.check:
            (ROOT / page).write_text(new)
    if not arguments.check:
        from bench import plots

        plots.draw(content, IMAGES)
    return int(arguments.check and not same)


if __name__ == "__main__":
    sys.exit(main())
