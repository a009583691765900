"""Rows of a table by number: natively as the twins say, gradients, bits for any number of threads."""

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp.plan.lower import LossSpec
from fastmlp.plan.update import UpdateSpec
from tests.plan.graphs import Case, dense, weight
from tests.plan.test_graphs import check_gradients


def case_of(rows=11, d=3, steps=4, n=9, dtype="float64", shared=False, **kwargs) -> Case:
    """A table, looked up `steps` times a sample; `shared`: again by another input, in other order."""
    rng = np.random.default_rng(rows)
    table = weight(rng, rows, d, dtype=dtype)
    inputs = [graph.input_tensor((None, steps), dtype, "a")]
    found = ops.take(table, inputs[0], 0)
    if shared:
        inputs.append(graph.input_tensor((None, steps), dtype, "b"))
        found = ops.multiply(found, ops.take(table, inputs[1], 0))
    flat = ops.reshape(found, (-1, steps * d))
    y = dense(flat, weight(rng, steps * d, 2, dtype=dtype), act="tanh")
    feeds = [rng.integers(0, rows, (n, steps)) for _ in inputs] + [rng.normal(size=(n, 2))]
    return Case(
        inputs, [y], [LossSpec(0, "mean_squared_error", target_shape=(2,))], feeds, dtype, **kwargs
    )


@pytest.mark.parametrize("shared", [False, True])
def test_gradients_are_those_of_central_differences(shared):
    check_gradients(case_of(shared=shared))


# Below, at and above the buckets of a radix pass; tables of one task and of many.
SIZES = [(1, 1, 1), (2, 3, 5), (2047, 2, 3), (2048, 1, 7), (2049, 17, 4), (9001, 24, 6)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "d", "steps"), SIZES)
def test_training_of_a_table_is_what_the_twins_say(rows, d, steps, dtype):
    case = case_of(rows, d, steps, n=13, dtype=dtype)
    if (
        dtype == "float64"
    ):  # Adam's first steps have the size of 1 whatever the gradient's, and its error
        case.update, case.hyper = UpdateSpec("adam", 2), (0.01, 0.9, 0.999, 1e-7)
    expected = case.run_reference(6, batch=5)
    case.run_native(6, batch=5)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for variable in case.variables:
        np.testing.assert_allclose(
            variable.value, expected.weights[variable], rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("shared", [False, True])
def test_the_same_bits_for_any_number_of_threads(shared):
    found = []
    for threads in (1, 2, 3, 4):
        case = case_of(5000, 32, 20, n=64, dtype="float32", shared=shared)
        case.run_native(3, threads=threads)
        found.append([v.value.tobytes() for v in case.variables])
    assert all(one == found[0] for one in found)


def test_gradients_of_one_row_are_added_in_the_order_of_the_samples():
    case = case_of(3, 1, 1, n=50, dtype="float32")
    case.feeds[0][:] = 1
    before = case.variables[0].value.copy()
    case.run_native(1)
    after = case.variables[0].value
    assert (after[[0, 2]] == before[[0, 2]]).all() and after[1] != before[1]


def test_one_value_of_the_batch_may_be_an_index():
    rng = np.random.default_rng(0)
    table, x = weight(rng, 4, 3), graph.input_tensor((None, 3), "float64")
    with graph.layer_scope("positions"):
        row = ops.take(table, graph.constant_tensor([[2.0]], "float64"), 0)
    y = ops.add(x, ops.reshape(row, (1, 3)))
    feeds = [rng.normal(size=(5, 3)), rng.normal(size=(5, 3))]
    check_gradients(Case([x], [y], [LossSpec(0, "mean_squared_error", target_shape=(3,))], feeds))
