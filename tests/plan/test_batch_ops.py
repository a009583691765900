"""Ops over the whole batch: the phases they cut a step into, and what they compute."""

import itertools

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp.plan.lower import LossSpec
from fastmlp.runtime import Executable, compile_plan
from tests.plan.graphs import Case, dense, weight
from tests.plan.test_graphs import check_gradients


def coupled(dtype: str = "float64", rows: int = 9, width: int = 5) -> Case:
    """Samples that know of each other: y = f(x) + Σ_samples g(x), twice over, and a bare weight."""
    rng = np.random.default_rng(11)
    x = graph.input_tensor((None, width), dtype, "x")
    hidden = dense(x, weight(rng, width, width, dtype=dtype), act="tanh")
    for _ in range(2):
        total = ops.sum_samples(ops.activation(hidden, "softsign"))
        bare = ops.activation(graph.weight_tensor(weight(rng, width, dtype=dtype)), "sigmoid")
        both = ops.repeat_samples(ops.activation(ops.add(total, bare), "tanh"))
        hidden = dense(ops.add(hidden, both), weight(rng, width, width, dtype=dtype), act="tanh")
    y = dense(hidden, weight(rng, width, 2, dtype=dtype), weight(rng, 2, dtype=dtype))
    feeds = [rng.normal(size=(rows, width)).astype(dtype), rng.normal(size=(rows, 2)).astype(dtype)]
    return Case([x], [y], [LossSpec(0, "mean_squared_error", target_shape=(2,))], feeds, dtype)


def test_gradients_through_the_whole_batch_are_those_of_central_differences():
    check_gradients(coupled())


@pytest.mark.parametrize("batch", [9, 4])
def test_training_does_what_the_twins_say(batch):
    case = coupled()
    expected = case.run_reference(6, batch)
    case.run_native(6, batch)
    for variable in case.variables:
        # Sums are taken in another order: a few roundings in six steps.
        np.testing.assert_allclose(variable.value, expected.weights[variable], rtol=1e-11)


def test_rows_and_batch_ops_take_turns_and_waiting_is_least():
    labels = [phase.groups[0].label for phase in coupled().plan().phases]
    kinds = [label if label in ("rows", "batch") else "weights" for label in labels]
    # Forward: weights alone, rows, sum, rows, sum, rows to loss and back; then twice a sum for
    # what the batch shared, and rows behind it; then the weights.
    assert [kind for kind, _ in itertools.groupby(kinds)] == [
        "batch", "rows", "batch", "rows", "batch", "rows", "batch", "rows", "batch", "rows",
        "weights",
    ]  # fmt: skip


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_threads_do_not_change_a_bit(threads):
    results = []
    for n in (1, threads):
        case = coupled("float32", rows=700, width=40)
        sums = case.run_native(4, batch=300, threads=n)
        results.append([sums.tobytes(), *(v.value.tobytes() for v in case.variables)])
    assert results[0] == results[1]


def test_a_value_of_the_batch_has_one_place_however_large_the_batch():
    sizes = [coupled().plan(capacity).arena_bytes for capacity in (80, 160, 240)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0]
    x = graph.input_tensor((None, 1000), "float64")
    plan = compile_plan([x], [ops.repeat_samples(ops.sum_samples(x))], "float64", 10, fetch=True)
    assert plan.arena_bytes <= (10 + 1 + 10) * 8000 + 3 * 64


def test_a_weight_and_a_constant_are_never_written_over():
    rng = np.random.default_rng(0)
    w = weight(rng, 3)
    x = graph.input_tensor((None, 3), "float64")
    fixed_values = np.array([1.0, 2.0, 3.0])
    fixed = graph.constant_tensor(fixed_values, "float64")
    doubled = ops.affine(ops.add(graph.weight_tensor(w), fixed), 2.0, 0.0)
    y = ops.add(x, ops.repeat_samples(ops.activation(doubled, "tanh")))
    executable = Executable(compile_plan([x], [y], "float64", 4, fetch=True))
    call = executable.as_call([(3,)], [(3,)])
    before = w.value.copy()
    for _ in range(2):
        out = call.on_array(np.ones((4, 3)))
        np.testing.assert_allclose(out, 1 + np.tanh(2 * (before + fixed_values)) + np.zeros((4, 1)))
    assert np.array_equal(w.value, before)


def test_a_frozen_weight_as_an_operand_has_no_gradient():
    case = coupled()
    bare = [v for v in case.variables if v.ndim == 1 and v.shape == (5,)]
    for variable in bare:
        variable.trainable = False
    before = {v: v.value.copy() for v in case.variables}
    case.run_native(2)
    assert all(np.array_equal(v.value, before[v]) for v in bare)
    assert all(not np.array_equal(v.value, before[v]) for v in case.variables if v not in bare)
