"""Time of a training step against width, batch, depth and threads, beside the roofline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastmlp
from bench.cases import Case
from bench.peers.fastmlp import Peer
from bench.worker import clocked, cores

WIDTHS = tuple(2**i for i in range(3, 13))
BATCHES = tuple(2**i for i in range(14))
DEPTHS = (1, 2, 4, 8, 16, 32)
SWEEPS = ("width", "batch", "depth")


def network(sizes: tuple[int, ...], batch_size: int) -> Case:
    """Relu, softmax, Adam; enough rows for a few batches."""
    case = Case(
        "growth",
        sizes,
        "relu",
        "sparse_categorical_crossentropy",
        "adam",
        0.001,
        batch_size,
        batch_size,
    )
    steps = int(np.clip(2e9 / case.flops, 2, 256))
    return Case(**{**case.__dict__, "rows": steps * batch_size})


def points(sweep: str) -> Iterator[tuple[int, Case]]:
    """What grows, and the network there."""
    if sweep == "width":
        yield from ((width, network((64, width, width, 10), 128)) for width in WIDTHS)
    elif sweep == "batch":
        yield from ((batch, network((64, 256, 256, 10), batch)) for batch in BATCHES)
    else:
        yield from ((depth, network((64, *[256] * depth, 10), 128)) for depth in DEPTHS)


def measure(sweep: str, repeats: int, seconds: float) -> dict[str, Any]:
    """All points of one sweep: with one thread and with all, in turn."""
    rows = []
    before = fastmlp.config.num_threads()
    for value, case in points(sweep):
        x, y = case.data()
        samples: dict[str, list[float]] = {}
        fits = {}
        for threads in sorted({1, cores()}):
            peer = Peer(case, x, y, case.weights(), {"threads": threads})
            peer.activate()
            peer.fit(1)
            epoch = min(clocked(lambda p=peer: p.fit(1)) for _ in range(3))  # type: ignore[misc]
            fits[threads] = peer, max(1, round(seconds / epoch))
        for _ in range(repeats):
            for threads, (peer, epochs) in fits.items():
                peer.activate()
                time.sleep(0.01)
                elapsed = clocked(lambda p=peer, n=epochs: p.fit(n))  # type: ignore[misc]
                us = elapsed / (epochs * case.steps) * 1e6
                samples.setdefault(str(threads), []).append(round(us, 3))
        rows.append(
            {
                "value": value,
                "case": case.to_json(),
                "median_us": {name: statistics.median(s) for name, s in samples.items()},
                "samples_us": samples,
            }
        )
    fastmlp.config.set_num_threads(before)
    return {"sweep": sweep, "points": rows}
