"""Python code within a plan: constraints and metrics; see tests/ops for functions with gradients."""

import numpy as np
import pytest

from fastmlp._core.plan import Run
from fastmlp.plan.lower import MetricSpec
from fastmlp.runtime import Executable
from fastmlp.training.data import as_source
from tests.plan.graphs import Case
from tests.plan.test_batch_ops import coupled
from tests.plan.test_graphs import two_branches


def unit_columns(w):
    return w / np.sqrt(np.square(w).sum(axis=0, keepdims=True))


def bound(case: Case, batch: int) -> Executable:
    executable = Executable(case.plan(batch), case.slots(), case.hyper)
    executable.bind_all([as_source(f, f"feed_{i}") for i, f in enumerate(case.feeds)])
    return executable


@pytest.mark.parametrize("make", [two_branches, coupled])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_constraint_that_is_a_function_follows_each_update(make, threads):
    case = make()
    kernel = case.variables[0]
    kernel.constraint = unit_columns
    expected = case.run_reference(5, 4)
    case.run_native(5, 4, threads)
    np.testing.assert_allclose(np.square(kernel.value).sum(axis=0), 1, rtol=1e-12)
    for variable in case.variables:
        np.testing.assert_allclose(variable.value, expected.weights[variable], rtol=1e-11)


def test_a_constraint_that_returns_another_shape_is_told():
    case = two_branches()
    case.variables[0].constraint = lambda w: w[:2]
    with pytest.raises(ValueError, match=r"'w\(6, 6\)': expected it to return shape \(6, 6\)"):
        case.run_native(1)


class Largest:
    """The largest error seen: no sum over samples gives it."""

    def __init__(self):
        self.calls = []
        self.reset_state()

    def reset_state(self):
        self.worst = 0.0
        self.calls.append("reset")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst = max(self.worst, float(np.abs(y_true - y_pred).max()))
        self.calls.append(len(y_true))

    def result(self):
        return self.worst


def with_metric(metric, weighted=False) -> Case:
    case = coupled()
    case.hyper = (0.0,)
    case.metrics = [MetricSpec("m", 0, "python_metric", "", (), (), 2, (2,), weighted, metric)]
    if weighted:
        case.feeds.append(np.arange(9.0))
    return case


@pytest.mark.parametrize("threads", [1, 2])
def test_a_metric_sees_every_batch_and_starts_anew_each_epoch(threads):
    metric = Largest()
    case = with_metric(metric)
    executable = bound(case, 4)
    run = Run(executable.program, 9, 4, epochs=2, threads=threads, log_rows=2)
    del metric.calls[:]
    while not run.go():
        pass
    assert metric.calls == ["reset", 4, 4, 1, "reset", 4, 4, 1]
    start = executable.sums[executable.plan.terms[0].op]
    log = run.take_log()[:, start : start + 2]
    np.testing.assert_allclose(log, [[metric.worst, 3], [metric.worst, 3]])


def test_a_metric_gets_sample_weights_where_it_is_to_use_them():
    seen = []

    class Weighted(Largest):
        def update_state(self, y_true, y_pred, sample_weight=None):
            seen.append(sample_weight)

    case = with_metric(Weighted(), weighted=True)
    case.native_sums(4)
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(9.0))


def test_what_a_metric_raises_comes_unchanged_and_nothing_has_happened():
    class Boom(Exception):
        pass

    class Bad(Largest):
        def update_state(self, y_true, y_pred, sample_weight=None):
            if len(self.calls) > 3:
                raise error
            super().update_state(y_true, y_pred)

    error = Boom("my own")
    case = with_metric(Bad())
    case.hyper = (0.1,)
    executable = bound(case, 3)
    run = Run(executable.program, 9, 3, epochs=5, threads=2)
    with pytest.raises(Boom, match="my own") as caught:
        run.go()
    assert caught.value is error
    assert error.__notes__ == ["Raised by metric 'm', which runs as Python code within a step."]
    assert run.iterations == 2  # the steps before: their weights are whole
    expected = coupled()
    expected.run_native(2, 3)
    for variable, other in zip(case.variables, expected.variables, strict=True):
        assert np.array_equal(variable.value, other.value)


def test_a_metric_whose_result_is_no_number_is_told():
    class Bad(Largest):
        def result(self):
            return [1.0, 2.0]

    with pytest.raises(TypeError, match=r"Metric 'm': expected result\(\) to return a number"):
        with_metric(Bad()).native_sums()


def test_python_code_is_a_phase_of_its_own_and_its_time_is_known():
    case = with_metric(Largest())
    executable = bound(case, 9)
    alone = [p for p in executable.plan.phases if p.groups[0].ops[0].name == "python_metric"]
    assert [len(p.groups[0].ops) for p in alone] == [1]
    run = Run(executable.program, 9, 9, epochs=3)
    run.go(steps=1)
    total, (code,) = executable.program.times()
    assert 0 < code <= total
