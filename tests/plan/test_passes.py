"""What each pass of the compiler leaves behind."""

import itertools

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp.plan.lower import LossSpec
from fastmlp.runtime import compile_plan
from tests.plan.graphs import Case, dense, weight


def classifier(last: str = "softmax", loss: str = "categorical_crossentropy") -> Case:
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 4), "float32", "x")
    hidden = dense(x, weight(rng, 4, 8, dtype="float32"), weight(rng, 8, dtype="float32"), "relu")
    y = dense(hidden, weight(rng, 8, 3, dtype="float32"))
    y = ops.softmax(y) if last == "softmax" else ops.activation(y, last)
    feeds = [rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 3))]
    return Case([x], [y], [LossSpec(0, loss, target_shape=(3,))], feeds, "float32")


def names(plan) -> list[str]:
    return [op.name for op in plan.rows]


def test_memory_of_what_only_computes_outputs_does_not_grow_with_the_batch():
    case = classifier()
    sizes = [
        compile_plan(case.inputs, case.outputs, "float32", m, fetch=True).arena_bytes
        for m in (20_000, 2_000_000)
    ]
    assert sizes[0] == sizes[1]
    x = case.inputs[0]
    mean = [ops.subtract(x, ops.repeat_samples(ops.sum_samples(x)))]  # reads all samples' rows
    assert compile_plan([x], mean, "float32", 20_000, fetch=True).arena_bytes >= 20_000 * 16


@pytest.mark.parametrize("samples", [1000, 1001])
def test_a_step_has_no_rows_for_more_workers_than_tasks(samples, monkeypatch):
    monkeypatch.setattr("fastmlp.runtime.most_threads", lambda: 512)
    x = graph.input_tensor((None, 64), "float32", "x")
    w = weight(np.random.default_rng(0), 64, 64, dtype="float32")
    plan = compile_plan([x], [dense(x, w)], "float32", samples, fetch=True)
    assert plan.private > plan.chunk
    assert plan.room == plan.private * -(-samples // plan.chunk)


def test_relu_joins_the_product_before_it():
    plan = classifier().plan()
    first = next(op for op in plan.rows if op.name == "dense_fwd")
    assert first.attrs["relu"] is True
    assert "act_fwd" not in names(plan)


@pytest.mark.parametrize(("units", "capacity"), [(64, 256), (260, 256), (200, 256), (64, 8)])
def test_the_gradients_of_relu_and_tanh_join_the_products_behind_them(units, capacity):
    """Over what relu made, where no later task reads that and the product is in one piece."""
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 8), "float32", "x")
    hidden = dense(x, weight(rng, 8, 40, dtype="float32"), act="relu")
    hidden = dense(hidden, weight(rng, 40, units, dtype="float32"), act="tanh")
    y = dense(hidden, weight(rng, units, 1, dtype="float32"))
    feeds = [rng.normal(size=(capacity, 8)), rng.normal(size=(capacity, 1))]
    plan = Case([x], [y], [LossSpec(0, "mean_squared_error")], feeds, "float32").plan(capacity)
    products = [op for op in plan.rows if op.name == "dense_bwd"]
    kinds = [
        kind if capacity == 256 and not op.attrs["blas"] else None
        for op, kind in zip(products, ("tanh", "relu"), strict=True)
    ]
    assert [op.attrs.get("act") for op in products] == kinds
    assert names(plan).count("act_bwd") == kinds.count(None)
    assert (products[1].outs[0].alias is not None) == (bool(kinds[1]) and units <= 256)


@pytest.mark.parametrize("rate", [0.25, 1.0])
@pytest.mark.parametrize("others", [False, True])
def test_the_gradient_of_dropout_of_relu_joins_the_product_and_needs_no_mask(rate, others):
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 8), "float32", "x")
    hidden = dense(x, weight(rng, 8, 64, dtype="float32"), act="relu")
    dropped = ops.dropout(hidden, rate, 0, None)
    y = dense(dropped, weight(rng, 64, 64, dtype="float32"))
    y = ops.add(y, hidden) if others else y  # the gradient of relu is then no product's alone
    feeds = [rng.normal(size=(256, 8)).astype("f"), rng.normal(size=(256, 64)).astype("f")]
    case = Case([x], [y], [LossSpec(0, "mean_squared_error", target_shape=(64,))], feeds, "float32")
    plan = case.plan(256)
    native = next(op for op in plan.rows if op.name == "dense_bwd")
    dropout = next(op for op in plan.rows if op.name == "dropout_fwd")
    joined = not others and not native.attrs["blas"]
    assert names(plan).count("dropout_bwd") == names(plan).count("act_bwd") == 1 - joined
    assert len(dropout.outs) == 2 - joined
    if joined:
        assert native.ins[2] is dropout.outs[0]
        assert native.attrs["factor"] == (1 / 0.75 if rate < 1 else 0)
    expected = case.run_reference(3)
    case.run_native(3, threads=2)
    for variable in case.variables:
        np.testing.assert_allclose(variable.value, expected.weights[variable], 1e-4, 1e-5)


def test_softmax_and_its_loss_have_one_gradient():
    plan = classifier().plan()
    assert "softmax_bwd" not in names(plan)
    loss = next(op for op in plan.rows if op.name == "loss")
    assert loss.attrs["kind"] == "categorical_crossentropy_softmax"


def test_sigmoid_and_its_loss_have_one_gradient():
    plan = classifier("sigmoid", "binary_crossentropy").plan()
    loss = next(op for op in plan.rows if op.name == "loss")
    assert loss.attrs["kind"] == "binary_crossentropy_sigmoid"
    assert names(plan).count("act_bwd") == 1  # relu's


def test_other_pairs_stay_apart():
    plan = classifier("sigmoid", "categorical_crossentropy").plan()
    loss = next(op for op in plan.rows if op.name == "loss")
    assert loss.attrs["kind"] == "categorical_crossentropy"
    assert names(plan).count("act_bwd") == 2


def test_nothing_is_differentiated_with_respect_to_the_input():
    plan = classifier().plan()
    assert names(plan).count("dense_bwd") == 1


def test_activations_and_their_gradients_are_written_in_place():
    plan = classifier("tanh", "mean_squared_error").plan()
    for op in plan.rows:
        if op.name in ("act_fwd", "act_bwd"):
            assert op.outs[0].alias is not None


def test_live_buffers_do_not_overlap():
    plan = classifier("tanh", "mean_squared_error").plan()
    roots = {b.root() for op in plan.rows for b in op.outs}
    spans = sorted((b.offset, b.offset + 4 * plan.capacity * b.width) for b in roots)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert spans[-1][1] <= plan.arena_bytes


def test_prediction_uses_the_memory_of_values_that_are_done_with():
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 16), "float32", "x")
    y = x
    for _ in range(10):
        y = dense(y, weight(rng, 16, 16, dtype="float32"), act="relu")
    plan = compile_plan([x], [y], "float32", 64, fetch=True)
    assert plan.arena_bytes <= 3 * 64 * 16 * 4


def test_dropout_is_nothing_outside_training():
    x = graph.input_tensor((None, 4), "float32", "x")
    y = ops.dropout(x, 0.5, 0, None)
    assert "dropout_fwd" not in names(compile_plan([x], [y], "float32", 4, fetch=True))
    assert "dropout_fwd" in names(compile_plan([x], [y], "float32", 4, True, fetch=True))


def test_the_grid_of_tasks_does_not_depend_on_the_number_of_threads():
    from fastmlp import config

    chunks = []
    before = config.num_threads()
    for threads in (1, 7):
        config.set_num_threads(threads)
        phases = classifier().plan(5000).phases
        chunks.append([(g.items, g.chunk) for p in phases for g in p.groups])
    config.set_num_threads(before)
    assert chunks[0] == chunks[1]


@pytest.mark.parametrize(("capacity", "tasks"), [(20, 2), (60, 4), (128, 4), (512, 4), (2000, 16)])
def test_weights_that_come_from_far_are_read_by_few_tasks_of_equal_size(capacity, tasks):
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 500), "float32", "x")
    y = dense(x, weight(rng, 500, 2000, dtype="float32"))
    y = dense(y, weight(rng, 2000, 1, dtype="float32"))
    chunk = compile_plan([x], [y], "float32", capacity, fetch=True).chunk
    assert -(-capacity // chunk) == tasks and capacity > (tasks - 0.5) * chunk
