"""The process of one contestant: it obeys lines of JSON on stdin and waits, asleep, in between.

    python -m bench.worker torch

    {"do": "check", "case": …, "kind": …, "rows": …}   → {"difference": …}
    {"do": "prepare", "case": …, "kind": …, "rows": …} → {"prepare_s": …}
    {"do": "choose", "seconds": …}          → {"form": …, "counts": …}
    {"do": "sample"}                        → {"us": {"fit": microseconds a step}}

An answer may be {"unsupported": reason} or {"failed": traceback} instead.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from bench.cases import Array, Case
from bench.peers import PEERS
from bench.peers.base import Peer, Unsupported
from bench.peers.numpy import build as build_reference

TOLERANCE = 1e-4  # of 1 + |w|; Adam makes more of a rounding with every step: after 5 it is seen
CHECK_STEPS = 3
# Where a batch has millions of relu units, some are so near zero that rounding puts them on the other
# side of the bend; that changes the gradients of all layers below by a part in a hundred, and Adam's
# second step shows it: NumPy in float32 and in float64 are then 1e-4 apart at 1024-2048-2048-1000.
WIDE = 1_000_000  # hidden units · samples of a batch
# Of the weights that must agree. Adam makes a whole step of a gradient near zero, and relu has a
# bend: there a rounding more or less moves a few weights in a thousand by a visible step.
SHARE = 0.99


def cores() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def difference(ours: list[Array], theirs: list[Array]) -> float:
    """Of nearly all weights, relative to 1 + |w|."""
    return max(
        (
            float(np.quantile(np.abs(a - b) / (1 + np.abs(b)), SHARE))
            for a, b in zip(ours, theirs, strict=True)
        ),
        default=0.0,
    )


def check(peer_kind: type[Peer], case: Case, kind: str = "fit", rows: int = 0) -> float:
    """Trains a few steps without shuffle and dropout, or predicts `rows`; the difference to NumPy.

    Raises:
        ValueError: They differ by more than `TOLERANCE`.
    """
    wide = sum(case.sizes[1:-1]) * case.batch_size > WIDE
    case = case.for_check(1 if wide else CHECK_STEPS)
    x, y = case.data()
    weights = case.weights()
    reference = build_reference(case, weights)
    form = peer_kind.forms(case, cores())[0]
    peer = peer_kind(case, x, y, weights, form)
    peer.activate()
    pairs: tuple[list[Array], list[Array]] = [], []
    if kind == "step":
        reference.fit(x, y, case.batch_size, shuffle=False)
        for name in peer.steps():
            peer = peer_kind(case, x, y, weights, form)
            step = peer.steps()[name]
            for start in range(0, len(x), case.batch_size):
                batch = slice(start, start + case.batch_size)
                step(x[batch], y[batch])
            pairs[0].extend(peer.weights())
            pairs[1].extend(reference.weights)
    elif kind == "fit":
        loss = peer.fit(1, shuffle=False)[0]
        expected = reference.fit(x, y, case.batch_size, shuffle=False)["loss"][0]
        pairs = [*peer.weights()], [*reference.weights]
        if peer.compares_loss:
            pairs[0].append(np.array([loss], np.float32))
            pairs[1].append(np.array([expected], np.float32))
    else:
        x = np.resize(x, (rows, x.shape[1]))
        for call in peer.calls().values():
            pairs[0].append(np.asarray(call(x)).reshape(rows, -1))
            pairs[1].append(reference.predict(x).reshape(rows, -1))
    worst = difference(*pairs)
    if not worst <= TOLERANCE:
        raise ValueError(f"{case.name}: differs by {worst:.2e} from NumPy after the check.")
    return worst


def clocked(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sized(work: Callable[[int], object], seconds: float) -> tuple[int, float]:
    """How often to repeat `work` for about so many seconds, and seconds of one time."""
    count = 1
    while True:
        elapsed = clocked(lambda n=count: work(n))  # type: ignore[misc]
        if elapsed >= 0.6 * seconds:
            return max(1, round(count * seconds / elapsed)), elapsed / count
        count = int(min(10 * count, 1 + 1.2 * count * seconds / elapsed))


class Worker:
    """What the process remembers between two lines.

    Args:
        name: A key of `PEERS`.
    """

    def __init__(self, name: str) -> None:
        self.kind: type[Peer] = importlib.import_module(f"bench.peers.{PEERS[name].module}").Peer
        self.peers: list[tuple[dict[str, Any], Peer]] = []
        self.work: dict[str, Callable[[int], object]] = {}
        self.counts: dict[str, int] = {}
        self.steps = 1

    def check(self, case: dict[str, Any], kind: str = "fit", rows: int = 0) -> dict[str, Any]:
        """Compares with NumPy."""
        return {"difference": check(self.kind, Case.from_json(case), kind, rows)}

    def prepare(self, case: dict[str, Any], kind: str = "fit", rows: int = 0) -> dict[str, Any]:
        """Builds every form of one network and warms it up: to train, to do a step, or to predict `rows`."""
        start = time.perf_counter()
        self.peers, network = [], Case.from_json(case)
        if kind != "predict" and not self.kind.trains:
            raise Unsupported("it only predicts")
        x, y = network.data()
        self.x, self.y = x[: network.batch_size], y[: network.batch_size]
        if kind == "predict":
            self.x = np.resize(x, (rows, x.shape[1]))
        self.timed, self.steps = kind, network.steps if kind == "fit" else 1
        for form in self.kind.forms(network, cores()):
            peer = self.kind(network, x, y, network.weights(), form)
            self.peers.append((form, peer))
            peer.activate()
            for work in self._work(peer).values():
                work(2)
        if not self._work(peer):
            raise Unsupported("its calls are another contestant's")
        return {"prepare_s": round(time.perf_counter() - start, 2)}

    def choose(self, seconds: float) -> dict[str, Any]:
        """Keeps the fastest form, and sizes its samples; to be asked on a quiet machine."""
        best = None
        for form, peer in self.peers:
            peer.activate()
            work = self._work(peer)
            trials = {name: sized(one, seconds / 2) for name, one in work.items()}
            fastest = min(once for _, once in trials.values())
            if best is None or fastest < best[0]:
                best = (fastest, form, peer)
        assert best is not None
        _, form, peer = best
        peer.activate()
        self.peers, self.work = [(form, peer)], self._work(peer)
        self.counts = {name: sized(one, seconds)[0] for name, one in self.work.items()}
        return {"form": form, "counts": self.counts}

    def sample(self) -> dict[str, Any]:
        """Microseconds of a step of one whole fit, or of each way to predict or to do a step."""
        times = {}
        for name, work in self.work.items():
            seconds = clocked(lambda name=name, work=work: work(self.counts[name]))  # type: ignore[misc]
            times[name] = seconds / (self.counts[name] * self.steps) * 1e6
        return {"us": times}

    def _work(self, peer: Peer) -> dict[str, Callable[[int], object]]:
        """What is timed, so many times."""
        if self.timed == "fit":
            return {"fit": peer.fit}
        steps = self.timed == "step"
        given = (self.x, self.y) if steps else (self.x,)

        def repeated(call: Callable[..., Any]) -> Callable[[int], None]:
            def work(count: int) -> None:
                for _ in range(count):
                    call(*given)

            return work

        calls: Mapping[str, Callable[..., Any]] = peer.steps() if steps else peer.calls()
        return {name: repeated(call) for name, call in calls.items()}


def serve(name: str, lines: IO[str], answers: IO[str]) -> None:
    """Obeys until the lines end."""
    worker = None
    for line in lines:
        request = json.loads(line)
        try:
            worker = worker or Worker(name)
            answer = getattr(worker, request.pop("do"))(**request)
        except Unsupported as reason:
            answer = {"unsupported": str(reason)}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to stderr
    serve(sys.argv[1], sys.stdin, channel)
