"""Times one network in every library: checked first, warmed up, then in turn.

The figure is a whole `fit` (shuffling and dropout included) divided by its steps, in microseconds.
Each library may be used in several documented ways (threads, kinds of optimizer): the fastest is
found in the warm-up and measured. Inference likewise: microseconds a call, Python included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.cases import Case
from bench.contestants import Contestant

PAUSE = 0.05  # s before each sample: libraries' threads spin on after the last one's product


class Comparison:
    """One network in every library.

    Args:
        case: The network.
        contestants: Their processes; all must know fastmlp's answer to be compared with it.
        seconds: Length of a sample.
        kind: `'fit'`, `'step'` (one on a batch, each way to do it) or `'predict'`.
        rows: Of a call to predict.
        peak: Measures the FMA peak of all cores, GFLOP/s: once a round, as clocks change within minutes.
    """

    def __init__(
        self,
        case: Case,
        contestants: Mapping[str, Contestant],
        seconds: float = 0.2,
        kind: str = "fit",
        rows: int = 0,
        peak: Callable[[], float] | None = None,
    ) -> None:
        self.case, self.contestants, self.seconds = case, contestants, seconds
        self.kind, self.rows = kind, rows
        self.peak = peak
        self.peaks: list[float] = []
        self.ready: dict[str, dict[str, Any]] = {}
        self.absent: dict[str, str] = {}
        self.samples: dict[str, list[float]] = {}

    def prepare(self) -> None:
        """Checks every result against NumPy's; builds, compiles and warms up.

        A library that fails, or computes something else, is named in the tables and not timed.

        Raises:
            RuntimeError: fastmlp is the one that fails.
        """
        request = {"case": self.case.to_json(), "kind": self.kind, "rows": self.rows}
        for name, contestant in self.contestants.items():
            try:
                told = contestant.ask("check", **request)
                if "unsupported" not in told:
                    told |= contestant.ask("prepare", **request)
            except RuntimeError as error:
                if name == "fastmlp":
                    raise
                told = {"unsupported": str(error).strip().splitlines()[-1]}
            if "unsupported" in told:
                self.absent[name] = told["unsupported"]
            else:
                self.ready[name] = told

    def measure(self, repeats: int) -> None:
        """Chooses each one's form, then adds `repeats` samples of each, taken in turn."""
        for name, told in self.ready.items():
            time.sleep(PAUSE)
            told.update(self.contestants[name].ask("choose", seconds=self.seconds))
        for _ in range(repeats):
            if self.peak is not None:
                self.peaks.append(self.peak())
            for name in self.ready:
                time.sleep(PAUSE)
                for work, us in self.contestants[name].ask("sample")["us"].items():
                    label = name if self.kind == "fit" else f"{name}: {work}"
                    self.samples.setdefault(label, []).append(us)

    def result(self) -> dict[str, Any]:
        """All of it, for JSON."""
        middle_low_high = {  # rounded alike, so that their order stays
            name: np.percentile(s, [50, 10, 90]).round(3).tolist()
            for name, s in self.samples.items()
        }
        return {
            "title": self.case.title,
            "case": self.case.to_json(),
            "ready": self.ready,
            "absent": self.absent,
            "median_us": {name: values[0] for name, values in middle_low_high.items()},
            "spread_us": {name: values[1:] for name, values in middle_low_high.items()},
            "samples_us": {name: np.round(s, 3).tolist() for name, s in self.samples.items()},
            "peak_gflops": np.round(self.peaks, 1).tolist(),
        }


def ratio(result: dict[str, Any], ours: str, other: str) -> float:
    """How many times as fast as `other` is `ours`: median over the rounds, which were taken in turn."""
    samples = result["samples_us"]
    pairs = zip(samples[ours], samples[other], strict=True)
    return float(statistics.median(theirs / own for own, theirs in pairs))
