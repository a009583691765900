"""What the machine can do: its FMA peak and its memory bandwidth, by a small C program built here."""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.roofline import SETS
from bench.worker import cores
from fastmlp._core import _native

SOURCE = Path(__file__).with_name("peak.c")
# Instructions of each tier, beside what every CPU of the architecture has.
WIDTH = {"avx512": ["-mavx512f", "-mfma"], "avx2": ["-mavx2", "-mfma"], "neon": [], "scalar": []}
REPEATS = 7
SECONDS = 0.1


def library(avx2: bool = False) -> ctypes.CDLL:
    """`peak.c`, compiled for the widest tier of this machine, or for AVX2."""
    target = WIDTH["avx2" if avx2 else _native.tiers()[-1]]
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    with tempfile.TemporaryDirectory() as folder:
        built = os.path.join(folder, "peak.so")
        options = ["-O3", *target, "-ffp-contract=fast", "-shared", "-fPIC", "-o", built]
        subprocess.run([compiler, *options, str(SOURCE)], check=True)
        return ctypes.CDLL(built)


def together(threads: int, work: Callable[[int], float]) -> float:
    """The sum of what `work` returns on so many threads at once."""
    barrier, rates = threading.Barrier(threads), [0.0] * threads

    def run(worker: int) -> None:
        barrier.wait()
        rates[worker] = work(worker)

    team = [threading.Thread(target=run, args=(worker,)) for worker in range(threads)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    return sum(rates)


def rate(rounds: Callable[[int], object], each: float) -> float:
    """`each` per second: rounds are repeated for `SECONDS`."""
    count = 1
    while True:
        start = time.perf_counter()
        rounds(count)
        seconds = time.perf_counter() - start
        if seconds >= SECONDS:
            return each * count / seconds
        count = max(2 * count, int(count * 1.2 * SECONDS / max(seconds, 1e-7)))


def fma(lib: ctypes.CDLL, threads: int) -> float:
    """GFLOP/s of multiply-adds in registers."""
    each = lib.fma_rounds(ctypes.c_ssize_t(0), ctypes.c_float(1)) / 1e9
    return together(
        threads,
        lambda _: rate(lambda n: lib.fma_rounds(ctypes.c_ssize_t(n), ctypes.c_float(1)), each),
    )


def fma_of_all(avx2: bool = False) -> Callable[[], float]:
    """What measures `fma` of all cores."""
    lib = library(avx2)
    return lambda: fma(lib, cores())


def bandwidth(lib: ctypes.CDLL, threads: int, size: int) -> float:
    """GB/s of y += a x, where both together are `size` bytes a core."""
    count = size // 8
    arrays = [np.ones((2, count), np.float32) for _ in range(threads)]

    def work(worker: int) -> float:
        y, x = (ctypes.c_void_p(array.ctypes.data) for array in arrays[worker])
        return rate(
            lambda n: lib.axpy_rounds(ctypes.c_ssize_t(n), y, x, ctypes.c_ssize_t(count)),
            12e-9 * count,
        )

    return together(threads, work)


def product(size: int) -> float:
    """GFLOP/s of the native kernel, one thread, on square matrices."""
    a, b = np.ones((2, size, size), np.float32)
    c = np.empty_like(a)

    def rounds(n: int) -> None:
        for _ in range(n):
            _native.gemm(c, a, b)

    return rate(rounds, 2e-9 * size**3)


def blas_product(size: int, threads: int) -> float:
    """GFLOP/s of NumPy's BLAS."""
    a, b = np.ones((2, size, size), np.float32)
    c = np.empty_like(a)
    with threadpool_limits(threads):
        return rate(lambda n: [np.matmul(a, b, out=c) for _ in range(n)], 2e-9 * size**3)


def measure(avx2: bool = False) -> dict[str, Any]:
    """Medians of `REPEATS`, and all samples; rates with one thread and with all."""
    lib, n = library(avx2), cores()
    contests: dict[str, Callable[[], float]] = {}
    for threads in sorted({1, n}):
        contests[f"fma, {threads}"] = lambda t=threads: fma(lib, t)  # type: ignore[misc]
        for level, size in SETS.items():
            contests[f"{level}, {threads}"] = lambda t=threads, s=size: bandwidth(lib, t, s)  # type: ignore[misc]
    contests["gemm 128, 1"] = lambda: product(128)
    contests["BLAS 2048, 1"] = lambda: blas_product(2048, 1)
    contests[f"BLAS 2048, {n}"] = lambda: blas_product(2048, n)
    samples: dict[str, list[float]] = {name: [] for name in contests}
    for _ in range(REPEATS):
        for name, contest in contests.items():
            samples[name].append(float(f"{contest():.4g}"))
    return {
        "threads": n,
        "median": {name: statistics.median(column) for name, column in samples.items()},
        "samples": samples,
    }
