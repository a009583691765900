"""What a measurement needs beside its number: the machine, the versions, the state it was taken in."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
SOURCES = ("src", "csrc", "setup.py")


def cpu_model() -> str:
    """The processor's own name, as the operating system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def describe(packages: tuple[str, ...] = ("numpy", "scipy")) -> dict[str, Any]:
    """The machine, its load at this moment and the versions of `packages` that are installed."""
    versions = {"python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "versions": versions,
    }


def commit() -> str:
    """The last commit that changed the sources, with `+` if they differ; empty outside a checkout."""

    def git(*command: str) -> str:
        told = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
        return told.stdout.strip()

    if not (ROOT / ".git").exists():
        return ""
    changed = git("status", "--porcelain", "--", *SOURCES)
    return git("log", "-1", "--format=%h", "--", *SOURCES) + ("+" if changed else "")


def slug(description: dict[str, Any]) -> str:
    """A file name for results of this kind of machine: `amd-epyc-2-cores`."""
    cpu = re.sub(r"\([^)]*\)|@.*|\bCPU\b|\bProcessor\b|\d+-Core", " ", description["cpu"])
    words = re.findall(r"[a-z0-9]+", cpu.lower())
    return "-".join([*words, str(description["cores"]), "cores"])


def load(path: Path) -> dict[str, Any]:
    """A stored result."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def store(name: str, content: dict[str, Any]) -> Path:
    """Write `content` to `results/<name>.json` and return the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
