"""Any acyclic graph: lowered, differentiated, laid out and run natively as the NumPy twins say."""

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp._core import program
from fastmlp._reference import OPS as TWINS
from fastmlp._reference import State, run_step
from fastmlp.plan.lower import LossSpec
from fastmlp.plan.update import UpdateSpec
from fastmlp.runtime import Executable, compile_plan
from tests.plan.graphs import Case, dense, two_branches, weight


def test_every_native_op_has_a_numpy_twin_and_the_other_way_round():
    # These rename a buffer and run nothing, or are Python code itself.
    only_names = {"reshape", "activity_penalty", "stop_gradient"}
    only_names |= {"python_fwd", "python_bwd", "python_constrain"}
    assert set(program.all_ops()) == set(TWINS) - only_names


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch", [10, 4])
def test_two_branches_with_a_shared_layer_train_as_the_twins_say(dtype, batch):
    case = two_branches(dtype)
    expected = case.run_reference(12, batch)
    case.run_native(12, batch)
    for variable in case.variables:
        # Sums are taken in another order: a few roundings in twelve steps.
        tolerance = 1e-12 if dtype == "float64" else 2e-5
        np.testing.assert_allclose(
            variable.value, expected.weights[variable], rtol=tolerance, atol=tolerance
        )


def _total_loss(case: Case) -> float:
    plan = compile_plan(
        case.inputs, case.outputs, case.dtype, len(case.feeds[0]), True, case.losses, (),
        None, case.variables,
    )  # fmt: skip
    state = State(case.feeds, {v: v.value for v in case.variables})
    run_step(plan, state)
    return sum(t.factor * state.sums[t.op][0] for t in plan.terms) / len(case.feeds[0])


def gradients_by_training(case: Case) -> dict:
    """One SGD step with rate 1 shows the gradient: w_before - w_after."""
    case.hyper = (1.0,)
    before = {v: v.value.copy() for v in case.variables}
    case.run_native(1)
    found = {v: before[v] - v.value for v in case.variables}
    for v in case.variables:
        v.value[...] = before[v]
    return found


def check_gradients(case: Case) -> None:
    """Central differences of the twins' loss, in float64, against the native gradient."""
    found = gradients_by_training(case)
    for variable in case.variables:
        flat = variable.value.reshape(-1)
        for i in range(0, flat.size, max(1, flat.size // 7)):
            h = 1e-6
            keep = flat[i]
            flat[i] = keep + h
            up = _total_loss(case)
            flat[i] = keep - h
            down = _total_loss(case)
            flat[i] = keep
            expected = (up - down) / (2 * h)
            # h² truncation and 1e-16/h rounding: about 1e-9.
            assert found[variable].reshape(-1)[i] == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_gradients_of_two_branches_are_those_of_central_differences():
    check_gradients(two_branches())


def _single(make, width=6, rows=7) -> Case:
    rng = np.random.default_rng(2)
    x = graph.input_tensor((None, width), "float64", "x")
    hidden = dense(x, weight(rng, width, 5), weight(rng, 5))
    y = dense(make(hidden), weight(rng, 5, 3), weight(rng, 3))
    feeds = [rng.normal(size=(rows, width)), rng.normal(size=(rows, 3))]
    return Case([x], [y], [LossSpec(0, "mean_squared_error", target_shape=(3,))], feeds)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: ops.affine(x, -0.5, 2.0),
        lambda x: ops.softmax(x),
        lambda x: ops.log_softmax(x),
        lambda x: ops.add(x, x),
        lambda x: ops.add(ops.activation(x, "tanh"), ops.activation(x, "gelu")),
        lambda x: ops.activity_penalty(ops.activation(x, "silu"), 0.02, 0.03),
        lambda x: ops.reshape(ops.activation(ops.reshape(x, (-1, 5, 1)), "softplus"), (-1, 5)),
    ],
    ids=["affine", "softmax", "log_softmax", "add", "branches", "activity", "reshape"],
)
def test_gradients_through_each_op_are_those_of_central_differences(make):
    check_gradients(_single(make))


def test_a_dense_layer_on_rank_three_inputs_has_the_gradient_of_central_differences():
    rng = np.random.default_rng(3)
    x = graph.input_tensor((None, 4, 6), "float64", "x")
    y = dense(dense(x, weight(rng, 6, 5), weight(rng, 5), "tanh"), weight(rng, 5, 2))
    feeds = [rng.normal(size=(7, 4, 6)), rng.normal(size=(7, 4, 2))]
    check_gradients(Case([x], [y], [LossSpec(0, "huber", (1.0,), target_shape=(4, 2))], feeds))


@pytest.mark.parametrize(
    "spec",
    [
        UpdateSpec("momentum", 1, clipvalue=0.01),
        UpdateSpec("momentum", 1, clipnorm=0.05),
        UpdateSpec("momentum", 1, global_clipnorm=0.05),
        None,
    ],
    ids=["clipvalue", "clipnorm", "global_clipnorm", "weight_decay"],
)
def test_clipping_and_decay_do_what_the_twins_say(spec):
    case = two_branches()
    decays = tuple((v, 0.1) for v in case.variables)
    case.update, case.hyper = spec or UpdateSpec("momentum", 1, decays), (0.5, 0.9)
    expected = case.run_reference(6)
    case.run_native(6)
    for variable in case.variables:
        np.testing.assert_allclose(variable.value, expected.weights[variable], rtol=1e-11)


def test_a_frozen_weight_stays_and_lets_gradients_through():
    case = two_branches()
    frozen = case.variables[2]
    frozen.trainable = False
    before = {v: v.value.copy() for v in case.variables}
    case.run_native(3)
    assert np.array_equal(frozen.value, before[frozen])
    assert all(not np.array_equal(v.value, before[v]) for v in case.variables if v is not frozen)


def test_a_cycle_is_told():
    case = two_branches()
    first = graph.order(case.outputs)[1]
    first.inputs = (case.outputs[0],)
    with pytest.raises(ValueError, match="cycle"):
        graph.order(case.outputs)


def test_an_input_that_is_not_given_is_told():
    case = two_branches()
    with pytest.raises(ValueError, match="Input 'x' is needed"):
        compile_plan([], case.outputs, "float64", 4)


def test_small_steps_have_one_task_a_phase_and_large_ones_many():
    case = two_branches()
    small = Executable(case.plan(10), case.slots(), case.hyper)
    assert small.threads() == 1
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 512), "float32", "x")
    y = dense(x, weight(rng, 512, 512, dtype="float32"))
    feeds = [rng.normal(size=(256, 512)), rng.normal(size=(256, 512))]
    large = Case(
        [x], [y], [LossSpec(0, "mean_squared_error", target_shape=(512,))], feeds, "float32"
    )
    phases = large.plan().phases
    assert [len(p.groups) for p in phases] == [1, 1]
    assert phases[0].groups[0].chunk < 256
    assert phases[1].groups[0].chunk < 512


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_threads_do_not_change_a_bit(threads):
    results = []
    for n in (1, threads):
        rng = np.random.default_rng(0)
        x = graph.input_tensor((None, 100), "float32", "x")
        hidden = ops.dropout(
            dense(x, weight(rng, 100, 300, dtype="float32"), act="tanh"), 0.3, 7, None
        )
        y = dense(hidden, weight(rng, 300, 90, dtype="float32"), weight(rng, 90, dtype="float32"))
        feeds = [rng.normal(size=(500, 100)), rng.normal(size=(500, 90))]
        loss = LossSpec(0, "mean_squared_error", target_shape=(90,))
        case = Case([x], [y], [loss], feeds, "float32", update=UpdateSpec("adam", 2))
        case.hyper = (0.001, 0.9, 0.999, 1e-7)
        sums = case.run_native(5, batch=200, threads=n)
        results.append([sums.tobytes(), *(v.value.tobytes() for v in case.variables)])
    assert results[0] == results[1]


@pytest.mark.parametrize(("rep", "name"), [(1, "descend"), (3, "grad_matmul")])
@pytest.mark.usefixtures("native_products")
def test_gradients_in_panels_are_those_of_the_twins(rep, name):
    """Few rows in one with the descent, many apart; widths that fill no last panel, a short last batch, chunks."""
    rng = np.random.default_rng(0)
    shape = (100,) if rep == 1 else (rep, 100)
    x = graph.input_tensor((None, *shape), "float32", "x")
    hidden = dense(x, weight(rng, 100, 300, dtype="float32"), act="tanh")
    y = dense(hidden, weight(rng, 300, 250, dtype="float32"), weight(rng, 250, dtype="float32"))
    target = (*shape[:-1], 250)
    feeds = [rng.normal(size=(301, *shape)), rng.normal(size=(301, *target))]
    loss = LossSpec(0, "mean_squared_error", target_shape=target)
    case = Case([x], [y], [loss], feeds, "float32")
    packed = [op.name for op in case.plan(100).ops() if op.attrs.get("packed")]
    assert packed.count(name) == 2
    expected = case.run_reference(4, 100)
    case.run_native(4, 100, threads=2)
    for variable in case.variables:
        np.testing.assert_allclose(variable.value, expected.weights[variable], 1e-4, 1e-5)


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        (UpdateSpec("adam", 2), 2),
        (UpdateSpec("adam", 2, clipvalue=0.1, every=2), 2),
        (UpdateSpec("adam", 2, global_clipnorm=0.1), 2),
        (UpdateSpec("adam", 2, ema=(0.9, 0)), 0),
        ("decay", 1),
        ("frozen", 1),
    ],
)
@pytest.mark.usefixtures("native_products")
def test_weights_that_only_products_read_stay_in_panels(spec, kept):
    rng = np.random.default_rng(0)
    x = graph.input_tensor((None, 100), "float32", "x")
    first = weight(rng, 100, 300, dtype="float32")
    hidden = dense(x, first, act="tanh")
    y = dense(hidden, weight(rng, 300, 90, dtype="float32"), weight(rng, 90, dtype="float32"))
    feeds = [rng.normal(size=(250, 100)), rng.normal(size=(250, 90))]
    loss = LossSpec(0, "mean_squared_error", target_shape=(90,))
    case = Case([x], [y], [loss], feeds, "float32")
    if spec == "decay":
        spec = UpdateSpec("adam", 2, decays=((first, 0.01),))
    elif spec == "frozen":
        first.trainable, spec = False, UpdateSpec("adam", 2)
    case.update, case.hyper = spec, (0.001, 0.9, 0.999, 1e-7)
    case.slots = lambda: {v: [np.zeros_like(v.value) for _ in range(4)] for v in case.variables}
    assert len(case.plan(100).epilogue) == kept
    expected = case.run_reference(6, 100)
    case.run_native(6, 100, threads=2)
    for variable in case.variables:
        np.testing.assert_allclose(variable.value, expected.weights[variable], 1e-4, 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rep", [1, 3])
@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_shares_of_tasks_add_up_to_the_gradients_of_the_twins(act, rep, dtype):
    """A weight used twice, a last batch with fewer tasks and one with a task of few samples."""
    rng = np.random.default_rng(0)
    shape = (40,) if rep == 1 else (rep, 40)
    x = graph.input_tensor((None, *shape), dtype, "x")
    shared = weight(rng, 40, 40, dtype=dtype), weight(rng, 40, dtype=dtype)
    hidden = dense(dense(x, *shared, act=act), *shared, act=act)
    y = dense(hidden, weight(rng, 40, 1, dtype=dtype), weight(rng, 1, dtype=dtype))
    target = (*shape[:-1], 1)
    feeds = [rng.normal(size=(431, *shape)), rng.normal(size=(431, *target))]
    losses = [LossSpec(0, "mean_squared_error", target_shape=target)]
    case = Case([x], [y], losses, feeds, dtype, hyper=(0.1 if act == "tanh" else 1e-3,))
    plan = case.plan(300)
    names = [op.name for op in plan.ops()]
    assert names.count("share_matmul") == 3 and names.count("share_bias") == 3
    assert plan.private > plan.chunk  # a task's rows are read by no other
    for op in plan.rows:
        if op.name == "dense_bwd" and not op.attrs["blas"] and op.attrs["n"] > 1:
            assert op.attrs["own"][0] * (plan.room // plan.private) == op.ins[1].width
    expected = case.run_reference(4, 300)
    case.run_native(4, 300, threads=2)
    for variable in case.variables:
        np.testing.assert_allclose(variable.value, expected.weights[variable], 1e-4, 1e-5)


def test_wide_rows_without_a_product_are_work_too_for_the_clock():
    # 200 such steps between looks at the clock held Ctrl-C off for half a second.
    x = graph.input_tensor((None, 20_000), "float32", "x")
    plan = compile_plan([x], [ops.affine(x, 2.0, 0.0)], "float32", 256, fetch=True)
    assert Executable(plan).steps_per_check == 1
