"""Times a whole `fit` of fastmlp and of plain NumPy on the five networks of `cases.py`.

    python bench/train.py                      # -> results/train-<machine>.json, then bench/report.py
    python bench/train.py --case sine --repeats 21

For each network: both start from the same weights and train a few steps without shuffle and
dropout; weights and losses must agree, else it stops. Then both train as a user would (shuffled,
with dropout, verbose=0), in turn, `--repeats` times. The figure is the time of the whole call
divided by its steps, in microseconds: median, and the spread from the 10th to the 90th percentile.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import machine
import numpy as np
from cases import CASES, Case

import fastmlp
from fastmlp import Input, Sequential, layers, optimizers
from fastmlp._numpy_peer import NumpyMLP

TOLERANCE = 1e-4  # of 1 + |w|, after CHECK_STEPS steps of float32 in two orders of summation
CHECK_STEPS = 5
SHARE = 0.99  # of the weights that must agree; see check
PAUSE = 0.2  # s before each fit: BLAS's threads spin on after the last product of the one before


def build(case: Case) -> Sequential:
    """The network in fastmlp, compiled."""
    model = Sequential([Input((case.sizes[0],))])
    for units in case.sizes[1:-1]:
        model.add(layers.Dense(units, activation=case.hidden))
        if case.dropout:
            model.add(layers.Dropout(case.dropout))
    model.add(layers.Dense(case.sizes[-1], activation=case.output))
    optimizer = {"sgd": optimizers.SGD, "adam": optimizers.Adam}[case.optimizer]
    model.compile(optimizer=optimizer(learning_rate=case.learning_rate), loss=case.loss)
    return model


def peer(case: Case) -> NumpyMLP:
    """The network in NumPy."""
    return NumpyMLP(
        case.sizes,
        case.hidden,
        case.loss,
        case.optimizer,
        case.learning_rate,
        case.dropout,
        seed=1,
    )


def check(case: Case) -> float:
    """Difference of nearly all weights, relative to 1 + |w|, after the same few steps.

    Adam makes a whole step of a gradient near zero, and relu a bend: there a rounding more or less
    moves a few weights in a thousand by a visible step, in either program.
    """
    plain = case.without_dropout()
    x, y = plain.data()
    x, y = x[: CHECK_STEPS * case.batch_size], y[: CHECK_STEPS * case.batch_size]
    model, other = build(plain), peer(plain)
    other.set_weights(model.get_weights())
    ours = model.fit(x, y, batch_size=case.batch_size, shuffle=False, verbose=0).history["loss"]
    theirs = other.fit(x, y, case.batch_size, shuffle=False)["loss"]
    pairs = [*zip(model.get_weights(), other.weights, strict=True)]
    pairs.append((np.asarray(ours), np.asarray(theirs)))
    worst = max(float(np.quantile(np.abs(a - b) / (1 + np.abs(b)), SHARE)) for a, b in pairs)
    if not worst <= TOLERANCE:
        raise SystemExit(f"{case.name}: fastmlp and NumPy differ by {worst:.2e} after the check.")
    return worst


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Checks one network, then times both in turn."""
    worst = check(case)
    x, y = case.data()
    model, other = build(case), peer(case)
    fits: dict[str, Callable[[], object]] = {
        "fastmlp": lambda: model.fit(
            x, y, batch_size=case.batch_size, epochs=case.epochs, verbose=0
        ),
        "numpy": lambda: other.fit(x, y, case.batch_size, case.epochs),
    }
    samples: dict[str, list[float]] = {name: [] for name in fits}
    for fit in fits.values():  # warm up: plan, BLAS, caches
        fit()
    for _ in range(repeats):
        for name, fit in fits.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            fit()
            samples[name].append((time.perf_counter() - start) / case.steps * 1e6)
    ratios = [
        theirs / ours for ours, theirs in zip(samples["fastmlp"], samples["numpy"], strict=True)
    ]
    return {
        "case": case.name,
        "title": case.title,
        "rows": case.rows,
        "epochs": case.epochs,
        "steps": case.steps,
        "difference": worst,
        "median_us": {name: statistics.median(column) for name, column in samples.items()},
        "spread_us": {
            name: np.percentile(column, [10, 90]).round(3).tolist()
            for name, column in samples.items()
        },
        "ratio": statistics.median(ratios),
        "samples_us": {name: np.round(column, 3).tolist() for name, column in samples.items()},
    }


def configuration() -> str:
    """What `show_config()` prints: tier, threads, BLAS, gemm rule."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        fastmlp.show_config()
    return printed.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", choices=[case.name for case in CASES], action="append")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--threads", type=int, help="default: every CPU of this process")
    arguments = parser.parse_args()
    if arguments.threads:
        fastmlp.config.set_num_threads(arguments.threads)
    description = machine.describe(("fastmlp", "numpy", "scipy"))
    if description["load_average"][0] > 0.5:
        print(
            f"The load average is {description['load_average'][0]}: other programs are running. "
            "NumPy's threads suffer more from that than fastmlp's; measure on an idle machine."
        )
    results = []
    for case in CASES:
        if arguments.case and case.name not in arguments.case:
            continue
        results.append(measure(case, arguments.repeats))
        medians = results[-1]["median_us"]
        print(
            f"{case.title:<55} fastmlp {medians['fastmlp']:9.2f} us   "
            f"NumPy {medians['numpy']:9.2f} us   x {results[-1]['ratio']:.1f}",
            flush=True,
        )
    content = {
        "machine": description,
        "threads": fastmlp.config.num_threads(),
        "show_config": configuration().splitlines(),
        "repeats": arguments.repeats,
        "results": results,
    }
    if arguments.case:
        print("Some of the networks only: nothing is stored.")
    else:
        print(machine.store(f"train-{machine.slug(description)}", content))


if __name__ == "__main__":
    main()
