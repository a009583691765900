"""The tables of README.md and docs/performance.md, as Markdown, from a stored result."""

from __future__ import annotations

import statistics
from typing import Any

from bench import machine, reasons, roofline
from bench.cases import Case
from bench.compare import ratio
from bench.peers import PEERS

LOW = 0.6  # of the roofline: below it a point of a sweep is given its reason


def figure(value: float) -> str:
    """Three significant digits, thousands separated: 0.41, 12.3, 1,240."""
    if value >= 100:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2f}"


def percent(share: float) -> str:
    """37 %."""
    return f"{100 * share:.0f} %"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are flush right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("| --- |", "|---|")


def where(row: dict[str, Any], with_versions: bool = False) -> str:
    """The machine and the day of one measurement."""
    about = row["machine"]
    versions = about["versions"]
    told = [
        f"{about['cpu']}, {about['cores']} cores, {about['system']}",
        f"{row['threads']} threads",
        f"Python {versions['python']}",
        about["date"],
    ]
    if with_versions:
        told[2:2] = [f"{name} {text}" for name, text in versions.items() if name != "python"]
    return ", ".join(told)


def others(row: dict[str, Any]) -> list[str]:
    """The other libraries of a row of training, the fastest first."""
    medians = row["median_us"]
    return sorted((name for name in medians if name != "fastmlp"), key=medians.__getitem__)


def peak_of(content: dict[str, Any], row: dict[str, Any]) -> dict[str, Any] | None:
    """The machine's, with the FMA peak that was measured in turn with a row of training."""
    peak: dict[str, Any] | None = content.get("peak", {}).get("peak")
    if peak is None or not row.get("peak_gflops"):
        return peak
    fma = {f"fma, {peak['threads']}": statistics.median(row["peak_gflops"])}
    return {**peak, "median": peak["median"] | fma}


def misses(row: dict[str, Any], peak: dict[str, Any] | None) -> list[str]:
    """What a row of training does not reach."""
    case = Case.from_json(row["case"])
    told, best = [], ratio(row, "fastmlp", others(row)[0])
    if best < case.target.ratio:
        told.append(f"{case.target.ratio:g} × asked")
    if case.target.share is not None and peak is not None:
        share = roofline.share_of_peak(peak, case.flops, row["median_us"]["fastmlp"])
        if share < case.target.share:
            told.append(f"{percent(case.target.share)} of peak asked")
    return told


def of_readme(content: dict[str, Any]) -> str:
    """One line a network: fastmlp and the fastest other library."""
    lines = []
    for row in content["training"].values():
        best = others(row)[0]
        low, high = row["spread_us"]["fastmlp"]
        lines.append(
            [
                row["title"],
                f"**{figure(row['median_us']['fastmlp'])} µs** ({figure(low)} – {figure(high)})",
                f"{figure(row['median_us'][best])} µs, {PEERS[best].title}",
                f"{ratio(row, 'fastmlp', best):.3g} ×",
            ]
        )
    head = ["one training step of", "fastmlp", "fastest other library", "ratio"]
    first = next(iter(content["training"].values()))
    names = ", ".join(PEERS[name].title for name in others(first))
    return (
        table(head, lines)
        + f"\n\n{where(first)}. A whole `fit` with shuffling divided by its steps: "
        "medians of samples taken in turn, and fastmlp's 10th to 90th percentile; weights agreed with "
        f"NumPy's to 1e-4 first. Compared: {names}. `docs/performance.md` has them all; "
        "`python -m bench` measures, `python -m bench.report` writes this table."
    )


def of_training(content: dict[str, Any]) -> str:
    """What each network reaches, and why not more."""
    lines = []
    for name, row in content["training"].items():
        peak = peak_of(content, row)
        case = Case.from_json(row["case"])
        ours = row["median_us"]["fastmlp"]
        missed = misses(row, peak)
        verdict = "reached"
        if missed:
            verdict = f"missed ({', '.join(missed)}): {reasons.ROWS.get(name, 'not explained yet')}"
        lines.append(
            [
                f"`{name}` {row['title']}",
                figure(ours),
                f"{ratio(row, 'fastmlp', others(row)[0]):.3g} ×",
                figure(case.flops / ours * 1e-3),
                percent(roofline.share_of_peak(peak, case.flops, ours)) if peak else "",
                figure(roofline.microseconds(peak, peak["threads"], case)) if peak else "",
                verdict,
            ]
        )
    head = ["network", "µs a step", "ratio", "GFLOP/s", "of peak", "roofline, µs", "target"]
    return table(head, lines)


def of_peers(content: dict[str, Any]) -> str:
    """Every network in every library: µs a step, and how many times fastmlp's."""
    rows = content["training"]
    names = dict.fromkeys(
        name for row in rows.values() for name in [*row["median_us"], *row["absent"]]
    )
    lines = []
    for name in names:
        cells = []
        for row in rows.values():
            if name not in row["median_us"]:
                cells.append("–")
            elif name == "fastmlp":
                cells.append(f"**{figure(row['median_us'][name])}**")
            else:
                times = ratio(row, "fastmlp", name)
                cells.append(f"{figure(row['median_us'][name])} ({figure(times)} ×)")
        if any(cell != "–" for cell in cells):
            lines.append([PEERS[name].title, *cells])
    absent = dict.fromkeys(
        f"{PEERS[name].title}: {reason}"
        for row in rows.values()
        for name, reason in row["absent"].items()
    )
    first = next(iter(rows.values()))
    return (
        table(["µs a step (ratio)", *(f"`{name}`" for name in rows)], lines)
        + f"\n\n– : {'; '.join(absent)}.\n\n{where(first, with_versions=True)}."
    )


def of_machines(content: dict[str, Any]) -> str:
    """Every machine that was measured: µs a step, how many times the fastest other library's, of its peak."""
    lines = []
    for path in sorted(machine.RESULTS.glob("*-cores*.json")):
        measured = machine.load(path)
        rows = measured.get("training", {})
        cells = [
            _on_a_machine(measured, rows[name]) if name in rows else "–"
            for name in content["training"]
        ]
        about = next(iter(rows.values()))["machine"]
        only = ", all limited to AVX2" if path.stem.endswith("-avx2") else ""
        lines.append([f"{about['cpu']}, {about['cores']} cores{only}, {about['date']}", *cells])
    head = [f"`{name}`" for name in content["training"]]
    return table(["µs a step (ratio, share of the FMA peak)", *head], lines)


def _on_a_machine(measured: dict[str, Any], row: dict[str, Any]) -> str:
    """0.58 (46.6 ×), 660 (2.1 ×, 70 %): a share where one is asked for."""
    ours, told = row["median_us"]["fastmlp"], [f"{figure(ratio(row, 'fastmlp', others(row)[0]))} ×"]
    case, peak = Case.from_json(row["case"]), peak_of(measured, row)
    if case.target.share is not None and peak is not None:
        told.append(percent(roofline.share_of_peak(peak, case.flops, ours)))
    return f"{figure(ours)} ({', '.join(told)})"


def of_peak(content: dict[str, Any]) -> str:
    """The machine's own limits."""
    peak = content["peak"]["peak"]
    median, n = peak["median"], peak["threads"]
    threads = sorted({1, n})
    lines = [["FMA in registers, GFLOP/s", *(figure(median[f"fma, {t}"]) for t in threads)]]
    for level, size in roofline.SETS.items():
        held = f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"
        title = f"y += a · x on {held} a core ({level}), GB/s"
        lines.append([title, *(figure(median[f"{level}, {t}"]) for t in threads)])
    blas = [figure(median[f"BLAS 2048, {t}"]) for t in threads]
    lines.append(["NumPy's BLAS, 2048 × 2048 × 2048, GFLOP/s", *blas])
    own = [figure(median["gemm 128, 1"]), *[""] * (len(threads) - 1)]
    lines.append(["fastmlp's kernel, 128 × 128 × 128, GFLOP/s", *own])
    head = ["", *("1 thread" if t == 1 else f"{t} threads" for t in threads)]
    return table(head, lines) + f"\n\n{where(content['peak']['peak'])}."


def of_calls(content: dict[str, Any], part: str) -> str:
    """Microseconds a call, of one step or of a prediction."""
    rows = content[part]
    names = dict.fromkeys(name for row in rows.values() for name in row["median_us"])
    lines = []
    for name in names:
        peer, _, call = name.partition(": ")
        medians = [row["median_us"].get(name) for row in rows.values()]
        cells = ["–" if us is None else figure(us) for us in medians]
        lines.append([f"{PEERS[peer].title}, `{call}`", *cells])
    head = ["µs a call"]
    for row in rows.values():
        sizes = "-".join(map(str, row["case"]["sizes"]))
        n = row.get("rows", row["case"]["batch_size"])
        head.append(f"{sizes}, {n:,} row{'s' * (n > 1)}")
    return table(head, lines) + f"\n\n{where(next(iter(rows.values())))}."


def of_busy(content: dict[str, Any]) -> str:
    """The same trainings while another process spins."""
    lines = []
    for name, row in content["busy"].items():
        asked = 0.9 if row["cores_in_use"] < 1.3 else 0.62
        lines.append(
            [
                f"`{name}`",
                f"{row['cores_in_use']:.1f}",
                f"{row['kept']:.2f}" + ("" if row["kept"] >= asked else f" (asked: {asked:g})"),
                figure(row["longest_step_ms"]["quiet"]),
                figure(row["longest_step_ms"]["busy"]),
                f"{row['side_by_side']:.2f}",
                f"{1e3 * row['idle_cpu']:.2f}",
            ]
        )
    head = [
        "network",
        "cores in use",
        "throughput kept",
        "longest step, quiet, ms",
        "busy, ms",
        "two at once",
        "CPU after the fit, ms a second",
    ]
    return table(head, lines) + f"\n\n{where(next(iter(content['busy'].values())))}."


def of_growth(content: dict[str, Any], sweep: str) -> str:
    """Time of a step with one thread and with all, beside the roofline."""
    peak, row = content["peak"]["peak"], content["growth"][sweep]
    n = peak["threads"]
    lines = []
    for point in row["points"]:
        case = Case.from_json(point["case"])
        single, ours = point["median_us"]["1"], point["median_us"][str(n)]
        limits = [roofline.microseconds(peak, threads, case) for threads in (1, n)]
        shares = [limits[0] / single, limits[1] / ours]
        best = max(shares)
        lines.append(
            [
                f"{point['value']:,}",
                figure(single),
                percent(shares[0]),
                figure(ours),
                percent(shares[1]),
                figure(single / ours),
                reasons.of_point(sweep, point["value"]) if best < LOW else "",
            ]
        )
    head = [sweep, "1 thread, µs", "of its roofline", f"{n} threads, µs", "of its roofline"]
    return table([*head, "speed-up", f"below {percent(LOW)} because"], lines)


def of_second_order(content: dict[str, Any]) -> str:
    """The lowest training losses by the clock."""
    parts = []
    problems = dict.fromkeys(row["problem"] for row in content["second_order"].values())
    for problem in problems:
        rows = [row for row in content["second_order"].values() if row["problem"] == problem]
        first = rows[0]
        best = min(row["loss"] for row in rows if row["optimizer"].startswith("adam"))
        moments = list(first["lowest"])
        lines = []
        for row in rows:
            adam = row["optimizer"].startswith("adam")
            below = [] if adam else [when for when, loss in row["curve"] if loss < best]
            lines.append(
                [
                    f"`{row['optimizer']}`",
                    *(
                        "" if row["lowest"][m] is None else _power(row["lowest"][m])
                        for m in moments
                    ),
                    figure(below[0]) if below else "",
                ]
            )
        sizes = "-".join(map(str, first["network"]))
        head = ["optimizer", *(f"{moment} s" for moment in moments), "below every Adam after, s"]
        title = f"`{problem}`: {sizes} {first['activation']}, {first['samples']:,} samples; mse."
        loads = [row["machine"]["load_average"][0] for row in rows]
        about = (
            f"{where(rows[-1])}. Load of the machine: {min(loads):g} to {max(loads):g} processes."
        )
        parts.append(f"{title}\n\n{table(head, lines)}\n\n{about}")
    return "\n\n".join(parts)


def _power(value: float) -> str:
    """1.2e-7."""
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}e{int(power)}"
