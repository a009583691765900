"""Measures everything that README.md and docs/performance.md tell, row by row.

    python -m bench                                   # all; each row is stored when it is done
    python -m bench --resume --minutes 10             # what this commit has not measured, for a while
    python -m bench training --case tab64             # one row of one part
    python -m bench training --peer torch --quick     # a look: nothing is stored
    python -m bench.report                            # then: tables and plots from what is stored

Results are kept in `bench/results/<machine>.json`, each row with its date, versions, threads and
samples; a row that is measured again takes the place of the old one. Libraries that are not installed
are named, and left out. Measure on an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastmlp
from bench import busy, growth, machine, peak, second_order
from bench.cases import CASES, Case
from bench.compare import Comparison
from bench.contestants import installed, started
from bench.peers import PEERS

PACKAGES = tuple(dict.fromkeys(name for peer in PEERS.values() for name in peer.needs))
Row = tuple[str, Case, int]  # its name in the JSON, and the rows of a call to predict
INFERENCE = {"pima": (1, 10000), "mnist128": (1, 10000)}  # network: rows of a call
STEPS = ("pima", "tab64", "mnist128")  # networks


@dataclass
class Options:
    """What the command line said."""

    cases: list[Case]
    peers: list[str]
    repeats: int
    seconds: float
    avx2: bool
    keep: bool
    resume: bool
    until: float
    log: Path


def configuration() -> list[str]:
    """What `show_config()` prints: tier, threads, BLAS, gemm rule; files without their folders."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        fastmlp.show_config()
    return [re.sub(r"\S*[/\\]", "", line) for line in printed.getvalue().splitlines()]


def stored(options: Options) -> tuple[str, dict[str, Any]]:
    """The name of this machine's results, and what is there already."""
    name = machine.slug(machine.describe()) + ("-avx2" if options.avx2 else "")
    path = machine.RESULTS / f"{name}.json"
    return name, machine.load(path) if path.exists() else {}


def keep(options: Options, part: str, row: str, result: dict[str, Any]) -> None:
    """Stores one row, with the state of the machine."""
    if not options.keep:
        return
    description = machine.describe(PACKAGES)
    description["versions"]["fastmlp"] = fastmlp.__version__
    name, content = stored(options)
    content["machine"] = description
    stamp = {
        "machine": description,
        "commit": machine.commit(),
        "threads": fastmlp.config.num_threads(),
        "show_config": configuration(),
    }
    content.setdefault(part, {})[row] = {**result, **stamp}
    machine.store(name, content)


def wanted(options: Options, part: str, row: str) -> bool:
    """Whether a row is to be measured: in time, and with `--resume` not measured at this commit."""
    if time.monotonic() > options.until:
        print(f"{part}: {row}: no time left")
        return False
    if not options.resume:
        return True
    measured = stored(options)[1].get(part, {}).get(row, {})
    return "commit" not in measured or measured["commit"] != machine.commit()


def compare(options: Options, part: str, kind: str, rows: list[Row]) -> None:
    """Rows of training, steps or inference in every library; its processes live for all of them."""
    present = [name for name in options.peers if installed(name)]
    if not any(wanted(options, part, row[0]) for row in rows):
        return
    fma = peak.fma_of_all(options.avx2) if part == "training" else None
    with started(present, options.avx2, options.log) as contestants:
        for row, case, count in rows:
            if not wanted(options, part, row):
                continue
            comparison = Comparison(case, contestants, options.seconds, kind, count, fma)
            comparison.prepare()
            comparison.measure(options.repeats)
            result = comparison.result()
            for name in options.peers:
                if name not in present:
                    result["absent"][name] = "not installed"
            if count:
                result["rows"] = count
            print(f"{part}: {row}")
            for name, median in sorted(result["median_us"].items(), key=lambda item: item[1]):
                print(f"    {name:<32} {median:12.2f} us   {result['spread_us'][name]}", flush=True)
            keep(options, part, row, result)


def training(options: Options) -> None:
    """A step of every network in every library."""
    compare(options, "training", "fit", [(case.name, case, 0) for case in options.cases])


def steps(options: Options) -> None:
    """One step on a batch that is at hand, Python included, as loops of one's own do them."""
    rows = [(case.name, case, 0) for case in options.cases if case.name in STEPS]
    compare(options, "steps", "step", rows)


def inference(options: Options) -> None:
    """Calls that predict, one row and many."""
    rows: list[Row] = [
        (f"{case.name}, {count}", case, count)
        for case in options.cases
        for count in INFERENCE.get(case.name, ())
    ]
    compare(options, "inference", "predict", rows)


def peaks(options: Options) -> None:
    """FMA and bandwidth."""
    if not wanted(options, "peak", "peak"):
        return
    result = peak.measure(options.avx2)
    print("peak:", result["median"], flush=True)
    keep(options, "peak", "peak", result)


def growths(options: Options) -> None:
    """Time against width, batch and depth."""
    for sweep in growth.SWEEPS:
        if not wanted(options, "growth", sweep):
            continue
        result = growth.measure(sweep, options.repeats, options.seconds)
        print(f"growth: {sweep}", flush=True)
        for point in result["points"]:
            print("   ", point["value"], point["median_us"], flush=True)
        keep(options, "growth", sweep, result)


def busyness(options: Options) -> None:
    """A busy machine."""
    for case in options.cases:
        if not wanted(options, "busy", case.name):
            continue
        result = busy.measure(case, options.repeats, 2 * options.seconds)
        told = {name: value for name, value in result.items() if name != "samples_us"}
        print("busy:", told, flush=True)
        keep(options, "busy", case.name, result)


def second_orders(options: Options) -> None:
    """Adam against optimizers of the whole data."""
    for name, problem in second_order.PROBLEMS.items():
        for contestant in second_order.CONTESTANTS:
            row = f"{name}, {contestant}"
            if not wanted(options, "second_order", row):
                continue
            result = second_order.measure(problem, contestant, min(1.0, 5 * options.seconds))
            print(f"second_order: {row}: {result['loss']:.3e} {result['lowest']}", flush=True)
            keep(options, "second_order", row, {"problem": name, "optimizer": contestant, **result})


PARTS: dict[str, Callable[[Options], None]] = {
    "peak": peaks,
    "training": training,
    "steps": steps,
    "inference": inference,
    "growth": growths,
    "busy": busyness,
    "second_order": second_orders,
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
    parser.add_argument("--resume", action="store_true", help="skip what this commit has measured")
    parser.add_argument("--minutes", type=float, default=600, help="later no row is begun")
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
        resume=arguments.resume,
        until=time.monotonic() + 60 * arguments.minutes,
        log=arguments.log or Path(tempfile.gettempdir()) / "fastmlp-bench.log",
    )
    load = machine.describe()["load_average"][0]
    if load > 0.5:
        print(
            f"The load average is {load}: other programs are running. Measure on an idle machine."
        )
    for part in arguments.part or PARTS:
        start = time.perf_counter()
        PARTS[part](options)
        print(f"{part}: {time.perf_counter() - start:.0f} s", flush=True)
    if not options.keep:
        print("A look only: nothing is stored.")


if __name__ == "__main__":
    main()
