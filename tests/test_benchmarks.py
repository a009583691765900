"""The benchmarks compare like with like: every contestant computes the same, on every tier."""

from __future__ import annotations

import json
from dataclasses import replace

import cases
import machine
import pytest
import test_kernels as kernels
import train


@pytest.mark.parametrize("kernel", kernels.CONTESTS)
def test_contestants_of_a_kernel_agree(kernel, tier):
    kernels.check(kernel, kernels.CONTESTS[kernel][1][0])


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_fastmlp_and_numpy_reach_the_same_weights(case):
    assert train.check(case) <= train.TOLERANCE


def test_a_network_that_differs_stops_the_benchmark(monkeypatch):
    case = cases.CASES[0]
    faster = train.peer(replace(case, learning_rate=0.5))
    monkeypatch.setattr(train, "peer", lambda case: faster)
    with pytest.raises(SystemExit, match="sine: fastmlp and NumPy differ by"):
        train.check(case)


def test_measurement_holds_samples_median_and_spread():
    case = cases.Case("tiny", (2, 3, 1), "relu", "mean_squared_error", "sgd", 0.1, 8, 40, 2)
    assert case.steps == 10
    result = train.measure(case, repeats=3)
    for name in ("fastmlp", "numpy"):
        low, high = result["spread_us"][name]
        assert low <= result["median_us"][name] <= high
        assert len(result["samples_us"][name]) == 3
    json.dumps(result)


def test_results_are_named_by_the_machine(monkeypatch):
    monkeypatch.setattr(
        machine, "cpu_model", lambda: "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"
    )
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    assert machine.slug(machine.describe()) == "intel-xeon-platinum-8259cl-2-cores"
