"""Models of several inputs and outputs: which data, losses and metrics go where, and the logs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastmlp
from tests.training.two_heads import Net

N = 12
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 2))
P, Q = RNG.normal(size=(N, 1)), RNG.normal(size=(N, 2))


def fit(form: str = "list", x: Any = None, y: Any = None, sample_weight: Any = None, **compiled):
    model = Net(form)
    model.compile("sgd", **{"loss": "mse", **compiled})
    both = {"a": A, "b": B} if form == "dict" else [A, B]
    x = both if x is None else x
    y = [P, Q] if y is None else y
    history = model.fit(
        x, y, sample_weight=sample_weight, batch_size=4, shuffle=False, epochs=2, verbose=0
    )
    return model, history.history


KEYS = ["loss", "p_loss", "q_loss"]
LOSSES: dict[str, tuple[str, Any]] = {
    "one": ("list", "mse"),
    "list": ("list", ["mse", "mse"]),
    "tuple": ("list", ("mse", fastmlp.losses.MeanSquaredError())),
    "dict": ("list", {"q": "mse", "p": fastmlp.losses.MeanSquaredError}),
    "list for dict": ("dict", ["mse", "mse"]),
    "dict for dict": ("dict", {"p": "mse", "q": "mse"}),
}


@pytest.mark.parametrize("case", LOSSES.values(), ids=LOSSES)
def test_forms_of_loss_mean_the_same(case):
    form, loss = case
    _, expected = fit()
    _, found = fit(form, loss=loss)
    assert list(found) == KEYS
    assert found == expected


@pytest.mark.parametrize(
    "x", [[A, B], (A, B), {"a": A, "b": B}, {"b": B, "a": A, "other": A}, [A.tolist(), B]],
    ids=["list", "tuple", "dict", "larger dict", "nested lists"],
)  # fmt: skip
@pytest.mark.parametrize("y", [[P, Q], (P, Q), {"q": Q, "p": P}], ids=["list", "tuple", "dict"])
def test_forms_of_data_mean_the_same(x, y):
    _, expected = fit()
    assert fit(x=x, y=y)[1] == expected


def test_the_loss_is_the_weighted_sum_and_parts_are_told_without_weight():
    model, _ = fit(loss_weights=[0.25, 0])
    logs = model.evaluate([A, B], [P, Q], verbose=0, return_dict=True)
    p, q = model.predict([A, B], verbose=0)
    assert logs["p_loss"] == pytest.approx(np.mean((p - P) ** 2), rel=1e-5)
    assert logs["q_loss"] == pytest.approx(np.mean((q - Q) ** 2), rel=1e-5)
    assert logs["loss"] == pytest.approx(0.25 * logs["p_loss"], rel=1e-6)


@pytest.mark.parametrize("weights", [2.0, 2, [2.0, 2.0], {"p": 2.0, "q": 2.0}])
def test_forms_of_loss_weights_mean_the_same(weights):
    for loss in ("mse", ["mse", "mse"], {"p": "mse", "q": "mse"}):
        assert fit(loss=loss, loss_weights=weights)[1] == fit(loss_weights=[2, 2])[1]


def test_an_output_without_loss_needs_no_target_and_is_not_trained():
    start = [w.numpy() for w in Net().weights]
    for y in ([P, Q], [P, None], [P], {"p": P}, P):
        model, logs = fit(loss=["mse", None], y=y)
        assert list(logs) == ["loss"]
        changed = [
            not np.array_equal(a, v.value) for a, v in zip(start, model.weights, strict=True)
        ]
        assert changed == [False] * 2 + [True] * 2 + [False] * 2


METRICS: dict[str, tuple[Any, list[str]]] = {
    "one each": (["mae", "mse"], ["p_mae", "q_mse"]),
    "lists": ([["mae"], ["mse", "mae"]], ["p_mae", "q_mae", "q_mse"]),
    "none": ([None, ["mse", "mse"]], ["q_mse", "q_mse_1"]),
    "empty": ([[], "mse"], ["q_mse"]),
    "dict": ({"q": ["mse", "mae"], "p": "mape"}, ["p_mape", "q_mae", "q_mse"]),
    "part": ({"q": "mse"}, ["q_mse"]),
}


@pytest.mark.parametrize(("metrics", "keys"), METRICS.values(), ids=METRICS)
def test_metrics_are_told_by_output(metrics, keys):
    model, logs = fit(metrics=metrics)
    assert list(logs) == sorted(KEYS + keys)
    values = model.evaluate([A, B], [P, Q], verbose=0)
    named = model.evaluate([A, B], [P, Q], verbose=0, return_dict=True)
    assert values == [named[key] for key in ["loss", "p_loss", "q_loss", *keys]]
    assert list(named) == sorted(named)


def test_weighted_metrics_are_told_apart():
    weight = np.linspace(0, 2, N)
    _, logs = fit(
        metrics={"q": "mse"}, weighted_metrics={"q": ["mse", "mae"]}, sample_weight=weight
    )
    assert list(logs) == [*KEYS[:2], "q_loss", "q_mae", "q_mse", "q_weighted_mse"]
    assert logs["q_mse"] != logs["q_weighted_mse"]


def test_sample_weights_are_for_all_outputs_or_each():
    weight, ones = np.linspace(0, 2, N), np.ones(N)
    _, both = fit(sample_weight=weight)
    for same in ([weight, weight], (weight, weight), {"p": weight, "q": weight}):
        assert fit(sample_weight=same)[1] == both
    _, first = fit(sample_weight=[weight, ones])
    for same in ([weight, None], {"p": weight}):
        assert fit(sample_weight=same)[1] == first
    assert first != both


def test_predict_returns_what_the_outputs_are():
    p, q = Net().predict([A, B], verbose=0)
    assert p.shape == (N, 1)
    assert q.shape == (N, 2)
    found = Net("dict").predict({"a": A, "b": B}, verbose=0)
    assert list(found) == ["p", "q"]
    np.testing.assert_array_equal(found["p"], p)
    nested = Net("nested").predict([A, B], verbose=0)
    np.testing.assert_array_equal(nested[1]["deep"], q)


def test_nested_outputs_are_named_by_their_way():
    y = [P, {"deep": Q}]
    _, logs = fit("nested", y=y, loss=["mse", {"deep": "mae"}], metrics=["mse", {"deep": "mse"}])
    assert list(logs) == ["1/deep_loss", "loss", "p_loss", "p_mse", "q_mse"]
    assert fit("nested", y=y, loss=["mse", "mae"], metrics=["mse", {"deep": "mse"}])[1] == logs


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "one loss of two": ({"loss": ["mse"]}, r"loss: expected one for each of 2 outputs: 'p', 'q'.*1"),
    "three losses": ({"loss": ["mse"] * 3}, "Received: 3"),
    "a loss left out": ({"loss": {"p": "mse"}}, "nothing was given for output 'q'.*None"),
    "a loss of nobody": ({"loss": {"p": "mse", "qq": "mse"}}, "unknown output 'qq'.*'q'"),
    "two losses of one": ({"loss": [["mse", "mae"], "mse"]}, "one loss for output 'p'"),
    "an unknown loss": ({"loss": ["mse", "mze"]}, "Unknown loss 'mze'.*'mse'"),
    "three weights": ({"loss_weights": [1, 2, 3]}, "loss_weights.*Received: 3"),
    "a weight of nobody": ({"loss_weights": {"x": 1}}, "loss_weights: unknown output 'x'"),
    "a weight in words": ({"loss_weights": [1, "2"]}, "weight of 'q'.*'2'"),
    "one metric of two": ({"metrics": ["mae"]}, r"metrics: expected one.*\['mae', 'mae'\]"),
    "a metric of nobody": ({"metrics": {"w": "mae"}}, "metrics: unknown output 'w'"),
    "one target of two": ({"y": [P]}, "y: expected one for each of 2 outputs.*Received: 1"),
    "an array for two": ({"y": P}, "y: expected one for each of 2 outputs.*ndarray"),
    "a target of nobody": ({"y": {"p": P, "r": Q}}, "y: unknown output 'r'"),
    "a target left out": ({"y": {"p": P}}, "y: nothing was given for output 'q'"),
    "targets of the other": ({"y": [Q, P]}, r"y of output 'p': expected shape \(samples, 1\)"),
    "fewer targets": ({"y": [P, Q[:-1]]}, r"x\['a'\] has 12.*y\['q'\] has 11"),
    "one input of two": ({"x": [A]}, "x: expected one for each of 2 inputs: 'a', 'b'"),
    "an array for two inputs": ({"x": A}, "x: expected one for each of 2 inputs.*ndarray"),
    "an input of nobody": ({"x": {"a": A, "c": B}}, "x: unknown input 'c'"),
    "an input left out": ({"x": {"a": A}}, "x: nothing was given for input 'b'"),
    "inputs of different lengths": ({"x": [A, B[1:]]}, r"x\['b'\] has 11"),
    "inputs swapped": ({"x": [B, A]}, r"x\['a'\]: expected inputs with 3 features"),
    "weights of nobody": ({"sample_weight": {"z": np.ones(N)}}, "sample_weight: unknown output"),
    "too few weights": ({"sample_weight": [np.ones(N), np.ones(3)]}, r"sample_weight\['q'\].*3"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(**arguments)


def test_class_weights_are_for_one_output():
    model = Net()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"one output only.*2 outputs"):
        model.fit([A, B], [P, Q], class_weight={0: 1.0}, verbose=0)
