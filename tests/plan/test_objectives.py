"""Losses, metrics and penalties that are functions of tensors: traced, differentiated, run."""

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp.plan.lower import LossSpec, MetricSpec
from fastmlp.runtime import compile_plan
from tests.plan.graphs import Case, dense, weight
from tests.plan.test_graphs import check_gradients


def minus(a, b):
    return ops.add(a, ops.affine(b, -1.0, 0.0))


def softplus_of_error(y_true, y_pred):
    """A value for each number predicted: shape (batch, n)."""
    return ops.activation(minus(y_true, y_pred), "softplus")


def tanh_of_sum(y_true, y_pred):
    """One value for the batch: shape ()."""
    total = ops.sum_samples(ops.activation(minus(y_pred, y_true), "softsign"))
    return ops.activation(ops.reshape(total, ()), "tanh")


def case_of(function=None, units=2, rows=7, weights=None, **kwargs) -> Case:
    rng = np.random.default_rng(4)
    x = graph.input_tensor((None, 5), "float64", "x")
    hidden = dense(x, weight(rng, 5, 4), weight(rng, 4), "tanh")
    y = dense(hidden, weight(rng, 4, units), weight(rng, units))
    feeds = [rng.normal(size=(rows, 5)), rng.normal(size=(rows, units))]
    kwargs = {"target_shape": (units,), "factor": 0.7} | kwargs
    if weights is not None:
        feeds.append(rng.uniform(size=(rows, *weights)))
        kwargs |= {"weighted": True, "weight_shape": weights}
    kind = "custom" if function is not None else "mean_squared_error"
    return Case([x], [y], [LossSpec(0, kind, function=function, **kwargs)], feeds)


def forward(case: Case) -> np.ndarray:
    x, v = case.feeds[0], [v.value for v in case.variables]
    return np.tanh(x @ v[0] + v[1]) @ v[2] + v[3]


CASES = {
    "values": case_of(softplus_of_error),
    "values, sum": case_of(softplus_of_error, mean=False),
    "values, weights of samples": case_of(softplus_of_error, weights=()),
    "values, weights of values": case_of(softplus_of_error, weights=(2,)),
    "values, by weights": case_of(softplus_of_error, weights=(), by_weights=True),
    "scalar": case_of(tanh_of_sum, units=1),
    "scalar, weights": case_of(tanh_of_sum, units=1, weights=()),
    "scalar, weights, sum": case_of(tanh_of_sum, units=1, weights=(), mean=False),
    "native, by weights": case_of(weights=(), by_weights=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_are_those_of_central_differences(case):
    check_gradients(case)


def test_a_traced_loss_is_the_mean_of_weighted_values():
    t, p = CASES["values"].feeds[1], forward(CASES["values"])
    v = np.logaddexp(0, t - p)
    assert CASES["values"].native_loss() == pytest.approx(0.7 * v.mean(), rel=1e-12)
    assert CASES["values, sum"].native_loss() == pytest.approx(0.7 * v.sum(), rel=1e-12)
    case = CASES["values, weights of samples"]
    w = case.feeds[2]
    assert case.native_loss() == pytest.approx(0.7 * (w[:, None] * v).mean(), rel=1e-12)
    case = CASES["values, by weights"]
    expected = 0.7 * (w[:, None] * v).sum() / w.sum()
    assert case.native_loss() == pytest.approx(expected, rel=1e-12)
    case = CASES["values, weights of values"]
    assert case.native_loss() == pytest.approx(0.7 * (case.feeds[2] * v).mean(), rel=1e-12)


def test_a_traced_scalar_is_the_loss_itself():
    case = CASES["scalar"]
    d = forward(case) - case.feeds[1]
    value = np.tanh((d / (1 + abs(d))).sum())
    assert case.native_loss() == pytest.approx(0.7 * value, rel=1e-12)
    w = CASES["scalar, weights"].feeds[2]
    assert CASES["scalar, weights"].native_loss() == pytest.approx(
        0.7 * value * w.mean(), rel=1e-12
    )
    case = CASES["scalar, weights, sum"]
    assert case.native_loss() == pytest.approx(0.7 * value * w.sum(), rel=1e-12)


def test_a_native_loss_may_be_divided_by_the_weights():
    case = CASES["native, by weights"]
    w, squares = case.feeds[2], np.square(forward(case) - case.feeds[1]).mean(axis=1)
    assert case.native_loss() == pytest.approx(0.7 * (w * squares).sum() / w.sum(), rel=1e-12)


def metric(function, weighted=False, weight_shape=()) -> MetricSpec:
    return MetricSpec(
        "m", 0, "", "", (), (), 2, (2,), weighted, None, weight_shape, function
    )  # fmt: skip


@pytest.mark.parametrize("batch", [7, 3])
def test_a_traced_metric_is_the_mean_over_all_samples(batch):
    case = case_of(softplus_of_error, weights=())
    case.metrics = [metric(softplus_of_error), metric(softplus_of_error, weighted=True)]
    v = np.logaddexp(0, case.feeds[1] - forward(case)).mean(axis=1)
    w = case.feeds[2]
    case.hyper = (0.0,)
    plain, weighted, _ = case.native_sums(batch)
    np.testing.assert_allclose(plain, [v.sum(), 7], rtol=1e-12)
    np.testing.assert_allclose(weighted, [(w * v).sum(), w.sum()], rtol=1e-12)


def test_a_scalar_metric_is_the_mean_over_batches():
    case = case_of(softplus_of_error, units=1)
    case.metrics = [MetricSpec("m", 0, "", "", (), (), 2, (1,), False, function=tanh_of_sum)]
    case.hyper = (0.0,)
    d = case.feeds[1] - forward(case)
    s = -d / (1 + abs(d))
    values = [np.tanh(s[i : i + 3].sum()) for i in range(0, 7, 3)]
    np.testing.assert_allclose(case.native_sums(3)[0], [sum(values), 3], rtol=1e-12)


def test_target_and_weights_are_fed_once_for_several_losses_of_an_output():
    case = case_of(softplus_of_error, weights=())
    case.losses.append(LossSpec(0, "mean_squared_error", target_shape=(2,), weighted=True))
    assert [f.name for f in case.plan().feeds] == ["x", "target_0", "sample_weight_0"]
    check_gradients(case)


def test_a_loss_that_returns_something_else_is_told():
    with pytest.raises(TypeError, match=r"Loss 'custom': expected its function.*a NoneType"):
        case_of(lambda t, p: None).plan()


def test_weights_that_do_not_fit_the_values_are_told():
    case = case_of(softplus_of_error, weights=(3,))
    with pytest.raises(ValueError, match=r"leading axes of values of shape \('batch', 2\)"):
        case.plan()


# Regularizers and penalties.


def softplus_of_bias(w):
    return ops.reshape(ops.activation(w, "softplus"), ())


def test_a_regularizer_that_is_a_function_adds_its_value_and_its_gradient():
    case, plain = (case_of(softplus_of_error, units=1) for _ in range(2))
    bias = case.variables[3]
    bias.regularizer = softplus_of_bias
    expected = plain.native_loss() + np.logaddexp(0, bias.value[0])
    assert case.native_loss() == pytest.approx(expected, rel=1e-12)
    check_gradients(case)


def test_a_regularizer_of_a_weight_that_no_loss_depends_on_trains_it():
    case = case_of(softplus_of_error, units=1)
    lonely = weight(np.random.default_rng(1), 1, regularizer=softplus_of_bias)
    case.more = [lonely]
    check_gradients(case)


def test_a_regularizer_that_returns_no_scalar_is_told():
    case = case_of(softplus_of_error)
    case.variables[0].regularizer = lambda w: ops.activation(w, "tanh")
    with pytest.raises(TypeError, match=r"Regularizer of 'w\(5, 4\)': expected .* shape \(\)"):
        case.plan()


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize("per_sample", [False, True])
def test_a_penalty_within_the_graph_adds_its_sum(per_sample, by_batch):
    rng = np.random.default_rng(2)
    x = graph.input_tensor((None, 3), "float64", "x")
    hidden = dense(x, weight(rng, 3, 3), act="tanh")
    value = ops.activation(hidden, "softplus")
    value = value if per_sample else ops.sum_samples(value)
    y = ops.penalty(dense(hidden, weight(rng, 3, 2)), value, by_batch)
    feeds = [rng.normal(size=(6, 3)), rng.normal(size=(6, 2))]
    case = Case([x], [y], [LossSpec(0, "mean_squared_error", target_shape=(2,))], feeds)
    check_gradients(case)
    h = np.tanh(feeds[0] @ case.variables[0].value)
    expected = np.square(feeds[1] - h @ case.variables[1].value).mean()
    added = np.logaddexp(0, h).sum() / (6 if by_batch and not per_sample else 1)
    assert case.native_loss() == pytest.approx(expected + added, rel=1e-12)


def test_prediction_computes_no_penalty():
    x = graph.input_tensor((None, 3), "float64", "x")
    y = ops.penalty(x, ops.sum_samples(ops.activation(x, "tanh")))
    plan = compile_plan([x], [y], "float64", 4, fetch=True)
    assert [op.name for op in plan.rows if op.name != "reshape"] == ["gather", "store"]
    assert not plan.terms
