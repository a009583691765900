"""The same trainings while another process spins; two at once; and what idle threads cost.

Quiet and busy are measured in turn: the other process is stopped and continued by signals.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench.cases import Case
from bench.peers.fastmlp import Peer, build
from bench.worker import clocked
from fastmlp.callbacks import Callback


class Spinner:
    """A process that does nothing as fast as it can, at the usual priority."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.stop()

    def stop(self) -> None:
        """From now on the machine is quiet."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)

    def go(self) -> None:
        """From now on the machine is busy."""
        self._process.send_signal(signal.SIGCONT)
        time.sleep(0.05)

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def spinner() -> Iterator[Spinner]:
    """A `Spinner`, stopped, that ends at the end."""
    other = Spinner()
    try:
        yield other
    finally:
        other.end()


class Stamps(Callback):
    """The time at the end of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """One more."""
        self.times.append(time.perf_counter())


def longest_step(case: Case, seconds: float) -> float:
    """Milliseconds of the longest of many steps, seen by a callback."""
    x, y = case.data()
    model, stamps = build(case), Stamps()
    model.fit(x, y, batch_size=case.batch_size, verbose=0)
    end = time.perf_counter() + seconds
    longest = 0.0
    while time.perf_counter() < end:
        stamps.times.clear()
        model.fit(x, y, batch_size=case.batch_size, verbose=0, callbacks=[stamps])
        longest = max(longest, *np.diff(stamps.times))
    return longest * 1e3


def cores_in_use(peer: Peer, epochs: int) -> float:
    """CPU seconds in a second of a fit."""
    wall, cpu = time.perf_counter(), time.process_time()
    peer.fit(epochs)
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def idle_cpu(peer: Peer, seconds: float = 0.5) -> float:
    """CPU seconds in a second, from 1 ms after a fit on."""
    peer.fit(1)
    time.sleep(0.001)
    wall, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def side_by_side(peers: list[Peer], epochs: int) -> float:
    """Seconds until all have trained so many epochs, each in a Python thread of its own."""
    threads = [threading.Thread(target=peer.fit, args=(epochs,)) for peer in peers]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def measure(case: Case, repeats: int, seconds: float) -> dict[str, Any]:
    """One network: quiet, busy, and two of it at once, in turn."""
    x, y = case.data()
    peers = [Peer(case, x, y, case.weights(), {}) for _ in range(2)]
    for peer in peers:
        peer.fit(1)
    epochs = max(1, round(seconds / min(clocked(lambda: peers[0].fit(1)) for _ in range(3))))
    in_use = cores_in_use(peers[0], epochs)
    quiet, busy, both = [], [], []
    with spinner() as other:
        for _ in range(repeats):
            quiet.append(clocked(lambda: peers[0].fit(epochs)))
            both.append(side_by_side(list(peers), epochs))
            other.go()
            busy.append(clocked(lambda: peers[0].fit(epochs)))
            other.stop()
        longest = {"quiet": longest_step(case, seconds)}
        other.go()
        longest["busy"] = longest_step(case, 3 * seconds)
        other.stop()
    steps = epochs * case.steps
    return {
        "title": case.title,
        "cores_in_use": round(in_use, 2),
        "kept": statistics.median(q / b for q, b in zip(quiet, busy, strict=True)),
        "side_by_side": statistics.median(2 * q / b for q, b in zip(quiet, both, strict=True)),
        "longest_step_ms": longest,
        "idle_cpu": idle_cpu(peers[0]),
        "samples_us": {
            name: [round(s / steps * 1e6, 3) for s in column]
            for name, column in (("quiet", quiet), ("busy", busy), ("side by side", both))
        },
    }
