"""Measures everything that README.md and docs/performance.md tell, row by row.

    python -m bench                                   # all: about an hour; each row is stored when done
    python -m bench training --case tab64             # one row of one part
    python -m bench training --peer torch --quick     # a look: nothing is stored
    python -m bench.report                            # then: tables and plots from what is stored

Results are kept in `bench/results/<machine>.json`, each row with its date, versions, threads and
samples; a row that is measured again takes the place of the old one. Measure on an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastmlp
from bench import busy, growth, machine, peak
from bench.cases import CASES, Case
from bench.compare import Comparison, ratio
from bench.contestants import installed, started
from bench.peers import PEERS

PACKAGES = tuple(dict.fromkeys(name for peer in PEERS.values() for name in peer.needs))
INFERENCE = {"pima": (1, 10000), "mnist128": (1, 10000)}  # network: rows of a call


@dataclass
class Options:
    """What the command line said."""

    cases: list[Case]
    peers: list[str]
    repeats: int
    seconds: float
    avx2: bool
    keep: bool
    log: Path


def configuration() -> list[str]:
    """What `show_config()` prints: tier, threads, BLAS, gemm rule."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        fastmlp.show_config()
    return printed.getvalue().splitlines()


def keep(options: Options, part: str, row: str, result: dict[str, Any]) -> None:
    """Stores one row, with the state of the machine."""
    if not options.keep:
        return
    description = machine.describe(PACKAGES)
    description["versions"]["fastmlp"] = fastmlp.__version__
    name = machine.slug(description) + ("-avx2" if options.avx2 else "")
    path = machine.RESULTS / f"{name}.json"
    content = machine.load(path) if path.exists() else {}
    content["machine"] = description
    stamp = {
        "machine": description,
        "threads": fastmlp.config.num_threads(),
        "show_config": configuration(),
    }
    content.setdefault(part, {})[row] = {**result, **stamp}
    machine.store(name, content)


def compare(options: Options, part: str, case: Case, rows: int | None) -> None:
    """One row of training, or of inference, in every library."""
    present = [name for name in options.peers if installed(name)]
    row = case.name if rows is None else f"{case.name}, {rows}"
    with started(present, options.avx2, options.log) as contestants:
        comparison = Comparison(case, contestants, options.seconds, rows)
        comparison.prepare()
        comparison.measure(options.repeats)
    result = comparison.result()
    for name in options.peers:
        if name not in present:
            result["absent"][name] = "not installed"
    if rows is not None:
        result["rows"] = rows
    print(f"{part}: {row}")
    for name, median in sorted(result["median_us"].items(), key=lambda item: item[1]):
        print(f"    {name:<32} {median:12.2f} us   {result['spread_us'][name]}")
    if rows is None and "fastmlp" in comparison.samples:
        others = [
            ratio(result, "fastmlp", name) for name in comparison.samples if name != "fastmlp"
        ]
        print(f"    x {min(others, default=1.0):.2f}, to reach {case.target.ratio}", flush=True)
    keep(options, part, row, result)


def training(options: Options) -> None:
    """A step of every network in every library."""
    for case in options.cases:
        compare(options, "training", case, None)


def inference(options: Options) -> None:
    """Calls that predict, one row and many."""
    for case in options.cases:
        for rows in INFERENCE.get(case.name, ()):
            compare(options, "inference", case, rows)


def peaks(options: Options) -> None:
    """FMA and bandwidth."""
    result = peak.measure(options.avx2)
    print("peak:", result["median"], flush=True)
    keep(options, "peak", "peak", result)


def growths(options: Options) -> None:
    """Time against width, batch and depth."""
    for sweep in growth.SWEEPS:
        result = growth.measure(sweep, options.repeats, options.seconds)
        print(f"growth: {sweep}", flush=True)
        for point in result["points"]:
            print("   ", point["value"], point["median_us"], flush=True)
        keep(options, "growth", sweep, result)


def busyness(options: Options) -> None:
    """A busy machine."""
    for case in options.cases:
        result = busy.measure(case, options.repeats, 2 * options.seconds)
        told = {name: value for name, value in result.items() if name != "samples_us"}
        print("busy:", told, flush=True)
        keep(options, "busy", case.name, result)


PARTS: dict[str, Callable[[Options], None]] = {
    "peak": peaks,
    "training": training,
    "inference": inference,
    "growth": growths,
    "busy": busyness,
}


def main() -> None:
    """Reads the options and measures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--case", choices=[case.name for case in CASES], action="append")
    parser.add_argument("--peer", choices=list(PEERS), action="append")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two short samples; not stored")
    parser.add_argument("--isa", choices=["avx2"], help="limit every library to AVX2")
    parser.add_argument("--log", type=Path, help="what the libraries print")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.part) - set(PARTS))
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; expected some of {', '.join(PARTS)}")
    options = Options(
        cases=[case for case in CASES if not arguments.case or case.name in arguments.case],
        peers=[*dict.fromkeys(["fastmlp", *(arguments.peer or PEERS)])],
        repeats=2 if arguments.quick else arguments.repeats,
        seconds=0.05 if arguments.quick else 0.2,
        avx2=arguments.isa == "avx2",
        keep=not arguments.quick and not arguments.peer,
        log=arguments.log or Path(tempfile.gettempdir()) / "fastmlp-bench.log",
    )
    load = machine.describe()["load_average"][0]
    if load > 0.5:
        print(
            f"The load average is {load}: other programs are running. Measure on an idle machine."
        )
    for part in arguments.part or PARTS:
        PARTS[part](options)
    if not options.keep:
        print("A look only: nothing is stored.")


if __name__ == "__main__":
    main()
