"""The benchmarks compare like with like: every contestant computes the same, on every tier."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from bench import __main__ as program
from bench import (
    busy,
    cases,
    compare,
    contestants,
    growth,
    machine,
    peak,
    roofline,
    second_order,
    tables,
    worker,
)
from bench import test_kernels as kernels
from bench.peers import PEERS, fastmlp, numpy
from bench.peers.base import Unsupported, orders

TINY = cases.Case("tiny", (2, 3, 1), "relu", "mean_squared_error", "adam", 0.01, 8, 44)
LSTM = replace(TINY, name="lstm", hidden="tanh", sequence=4)
QUICK = [case for case in cases.CASES if case.flops < 1e9]


@pytest.mark.parametrize("kernel", kernels.CONTESTS)
def test_contestants_of_a_kernel_agree(kernel, tier):
    kernels.check(kernel, kernels.CONTESTS[kernel][1][0])


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_fastmlp_and_numpy_reach_the_same_weights(case):
    assert worker.check(fastmlp.Peer, case) <= worker.TOLERANCE


@pytest.mark.parametrize("name", ["sklearn", "jax-step", "jax-scan", "keras-jax"])
def test_a_library_and_numpy_reach_the_same_weights(name):
    assert worker.check(worker.Worker(name).kind, TINY) <= worker.TOLERANCE


@pytest.mark.parametrize("name", ["jax-step", "keras-jax"])
def test_an_lstm_of_a_library_and_of_numpy_reach_the_same_weights(name):
    assert worker.check(worker.Worker(name).kind, LSTM) <= worker.TOLERANCE


@pytest.mark.parametrize("name", ["fastmlp", "sklearn", "jax-step", "keras-jax"])
def test_a_library_and_numpy_predict_the_same(name):
    assert worker.check(worker.Worker(name).kind, TINY, "predict", rows=5) <= worker.TOLERANCE


@pytest.mark.parametrize("name", ["fastmlp", "numpy", "sklearn", "jax-step", "keras-jax"])
def test_steps_one_by_one_of_a_library_and_of_numpy_reach_the_same_weights(name):
    assert worker.check(worker.Worker(name).kind, TINY, "step") <= worker.TOLERANCE


@pytest.mark.parametrize("case", [replace(TINY, dropout=0.5), LSTM])
def test_scikit_learn_has_neither_dropout_nor_recurrent_layers(case):
    with pytest.raises(Unsupported, match=r"no (dropout|recurrent layers)"):
        worker.Worker("sklearn").prepare(case.to_json())


def test_a_network_that_differs_stops_the_benchmark():
    class Wrong(numpy.Peer):
        def weights(self):
            return [w * 1.01 + 0.01 for w in super().weights()]

    with pytest.raises(ValueError, match=r"tiny: differs by .* from NumPy"):
        worker.check(Wrong, TINY)


def test_a_case_survives_the_way_to_another_process():
    for case in cases.CASES:
        assert cases.Case.from_json(json.loads(json.dumps(case.to_json()))) == case


def test_flops_are_three_products_a_layer_but_one_at_the_inputs():
    case = cases.Case("x", (4, 3, 2), "relu", "mean_squared_error", "sgd", 0.1, 10, 20)
    assert case.flops == 2 * (2 * 4 * 3 + 3 * 3 * 2) * 10
    assert case.parameters == 4 * 3 + 3 + 3 * 2 + 2
    case = replace(case, sequence=5)
    assert case.flops == 2 * (5 * (2 * 4 * 12 + 3 * 3 * 12) + 3 * 3 * 2) * 10
    assert case.parameters == 4 * 12 + 3 * 12 + 12 + 3 * 2 + 2


def test_every_batch_of_an_epoch_is_drawn_once():
    draw = orders(45, 8)
    batches = draw(True)
    assert [len(batch) for batch in batches] == [8] * 5 + [5]
    assert sorted(np.concatenate(batches)) == list(range(45))
    assert list(np.concatenate(draw(False))) == list(range(45))


def test_a_comparison_in_processes_of_their_own(tmp_path):
    with contestants.started(["fastmlp", "numpy", "sklearn"], log=tmp_path / "log") as children:
        peaks = iter([100, 400, 200])
        case = replace(TINY, dropout=0.1)
        comparison = compare.Comparison(case, children, seconds=0.01, peak=lambda: next(peaks))
        comparison.prepare()
        comparison.measure(repeats=3)
    result = json.loads(json.dumps(comparison.result()))
    assert result["absent"] == {"sklearn": "no dropout in scikit-learn"}
    assert result["ready"]["fastmlp"]["difference"] <= worker.TOLERANCE
    for name in ("fastmlp", "numpy"):
        low, high = result["spread_us"][name]
        assert low <= result["median_us"][name] <= high
        assert len(result["samples_us"][name]) == 3
    machine = {"threads": 2, "median": {"fma, 1": 150, "fma, 2": 300}}
    peak = tables.peak_of({"peak": {"peak": machine}}, result)
    assert peak == {"threads": 2, "median": {"fma, 1": 150, "fma, 2": 200}}
    assert compare.ratio(result, "fastmlp", "fastmlp") == 1
    assert compare.ratio(result, "fastmlp", "numpy") > 0


class Failing:
    """A contestant whose process cannot do what it is asked."""

    def ask(self, do, **request):
        raise RuntimeError(f"told while it was asked to {do}:\nValueError: differs from NumPy")


def test_a_library_that_fails_is_named_and_not_timed():
    comparison = compare.Comparison(TINY, {"torch": Failing()})
    comparison.prepare()
    comparison.measure(repeats=1)
    assert comparison.result()["absent"] == {"torch": "ValueError: differs from NumPy"}
    with pytest.raises(RuntimeError, match="asked to check"):
        compare.Comparison(TINY, {"fastmlp": Failing()}).prepare()


def test_a_failure_in_another_process_is_told():
    answers = io.StringIO()
    worker.serve("numpy", io.StringIO('{"do": "sample"}\n{"do": "prepare", "case": {}}\n'), answers)
    told = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert ["failed" in answer for answer in told] == [False, True]
    assert "KeyError" in told[1]["failed"]


def test_calls_that_predict_are_compared():
    peer = worker.Worker("fastmlp")
    peer.prepare(TINY.to_json(), "predict", rows=1)
    peer.choose(seconds=0.001)
    assert {"predict"} <= peer.sample()["us"].keys()


def test_steps_on_a_batch_are_compared(options, monkeypatch):
    monkeypatch.setattr(program, "STEPS", ("tiny",))
    program.steps(options)
    (row,) = program.stored(options)[1]["steps"].values()
    ways = ("train_on_batch", "fit", "gradients, apply")
    assert {"numpy: fit", *(f"fastmlp: {way}" for way in ways)} == row["median_us"].keys()
    lines = tables.of_calls(program.stored(options)[1], "steps").splitlines()
    assert lines[0] == "| µs a call | 2-3-1, 8 rows |"
    assert len(lines) == 2 + 4 + 2


def test_every_contestant_has_a_module():
    for name, entry in PEERS.items():
        assert entry.title
        assert (contestants.ROOT / "bench" / "peers" / f"{entry.module}.py").is_file(), name
    assert contestants.installed("fastmlp")
    assert contestants.installed("numpy") == np.__version__


def test_peaks_are_rates_of_this_machine(monkeypatch):
    monkeypatch.setattr(peak, "REPEATS", 1)
    monkeypatch.setattr(peak, "SECONDS", 0.001)
    monkeypatch.setattr(peak, "SETS", {"L1": 16 << 10})
    measured = peak.measure()
    assert all(rate > 0 for rate in measured["median"].values())
    assert measured["samples"].keys() == measured["median"].keys()


def test_roofline_is_the_longer_of_arithmetic_and_traffic():
    rates = {f"{name}, 1": 10.0 for name in ["fma", *roofline.SETS]}
    case = next(case for case in cases.CASES if case.name == "wide2048")
    assert roofline.microseconds({"median": rates}, 1, case) == case.flops * 1e-4
    rates["memory, 1"] = 1e-3
    assert roofline.microseconds({"median": rates}, 1, case) == case.bytes
    assert roofline.share_of_peak({"median": rates, "threads": 1}, 5e4, 10) == 0.5


def test_growth_has_every_point_and_restores_the_threads(monkeypatch):
    monkeypatch.setattr(growth, "DEPTHS", (1, 2))
    before = program.fastmlp.config.num_threads()
    rows = growth.measure("depth", repeats=1, seconds=0.001)["points"]
    assert [row["value"] for row in rows] == [1, 2]
    assert cases.Case.from_json(rows[1]["case"]).sizes == (64, 256, 256, 10)
    assert program.fastmlp.config.num_threads() == before
    json.dumps(rows)


def test_a_busy_machine_is_measured_and_left_quiet():
    result = json.loads(json.dumps(busy.measure(TINY, repeats=1, seconds=0.02)))
    assert result["kept"] > 0 and result["side_by_side"] > 0
    assert result["longest_step_ms"]["busy"] > 0
    assert {len(column) for column in result["samples_us"].values()} == {1}


@pytest.mark.parametrize("contestant", ["adam 0.01, cosine", "lbfgs", "levenberg_marquardt"])
def test_second_order_keeps_the_lowest_loss_by_the_clock(contestant):
    result = second_order.measure(second_order.PROBLEMS["sine"], contestant, share=0.002)
    assert result["network"] == [1, 20, 1]
    assert result["loss"] == pytest.approx(result["curve"][-1][1], rel=1e-3)
    times, losses = zip(*result["curve"], strict=True)
    assert list(times) == sorted(times)
    assert list(losses) == sorted(losses, reverse=True)
    assert result["lowest"]["60"] is None


def test_the_table_of_second_order_tells_when_adam_is_left_behind():
    about = {
        "cpu": "C", "cores": 2, "system": "S", "versions": {"python": "3"}, "date": "D",
        "load_average": [0.5, 0.4, 0.3],
    }  # fmt: skip
    common = {
        "problem": "sine", "network": [1, 2, 1], "activation": "tanh", "samples": 1000,
        "threads": 1, "machine": about,
    }  # fmt: skip
    rows = {
        "a": {"optimizer": "adam 0.1", "loss": 1e-3, "curve": [[1, 0.1], [9, 1e-3]]},
        "b": {"optimizer": "lbfgs", "loss": 1e-9, "curve": [[0.5, 0.1], [2.5, 2e-4], [3, 1e-9]]},
    }
    lowest = {"a": {"1": 0.1, "10": 1e-3}, "b": {"1": 0.1, "10": None}}
    content = {"second_order": {k: {**common, **v, "lowest": lowest[k]} for k, v in rows.items()}}
    lines = tables.of_second_order(content).splitlines()
    assert lines[0] == "`sine`: 1-2-1 tanh, 1,000 samples; mse."
    assert lines[4] == "| `adam 0.1` | 1.0e-1 | 1.0e-3 |  |"
    assert lines[5] == "| `lbfgs` | 1.0e-1 |  | 2.5 |"
    assert (
        lines[-1]
        == "C, 2 cores, S, 1 threads, Python 3, D. Load of the machine: 0.5 to 0.5 processes."
    )


@pytest.fixture
def options(tmp_path, monkeypatch) -> program.Options:
    monkeypatch.setattr(machine, "RESULTS", tmp_path)
    return program.Options(
        cases=[TINY],
        peers=["fastmlp", "numpy"],
        repeats=2,
        seconds=0.01,
        avx2=False,
        keep=True,
        resume=False,
        until=math.inf,
        log=tmp_path / "log",
    )


def test_a_row_is_stored_with_the_state_of_the_machine(options):
    program.training(options)
    program.keep(options, "training", "other", {"old": 1})
    program.keep(options, "training", "other", {"new": 1})
    rows = program.stored(options)[1]["training"]
    assert {"title", "median_us", "samples_us", "machine", "threads"} <= rows["tiny"].keys()
    assert "new" in rows["other"] and "old" not in rows["other"]
    assert rows["tiny"]["machine"]["versions"]["fastmlp"] == program.fastmlp.__version__


def test_resume_measures_only_what_this_commit_has_not_measured(options, monkeypatch):
    options.resume = True
    monkeypatch.setattr(machine, "commit", lambda: "abc1234")
    assert program.wanted(options, "peak", "peak")
    program.keep(options, "peak", "peak", {})
    assert not program.wanted(options, "peak", "peak")
    assert program.wanted(options, "growth", "peak")
    monkeypatch.setattr(machine, "commit", lambda: "def5678")
    assert program.wanted(options, "peak", "peak")


def test_no_row_is_begun_after_the_time_given(options, capsys):
    options.until = -math.inf
    for part in program.PARTS.values():
        part(options)
    assert program.stored(options)[1] == {}
    assert "training: tiny: no time left" in capsys.readouterr().out


def test_a_library_that_is_not_there_is_named(options, monkeypatch):
    options.peers.append("keras-tensorflow")
    monkeypatch.setattr(program, "installed", lambda name: name != "keras-tensorflow")
    monkeypatch.setattr(program, "INFERENCE", {"tiny": (1,)})
    program.inference(options)
    (row,) = program.stored(options)[1]["inference"].values()
    assert row["absent"] == {"keras-tensorflow": "not installed"}
    assert "fastmlp: predict" in row["median_us"]


def test_results_are_named_by_the_machine(monkeypatch):
    monkeypatch.setattr(
        machine, "cpu_model", lambda: "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"
    )
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    assert machine.slug(machine.describe()) == "intel-xeon-platinum-8259cl-2-cores"
