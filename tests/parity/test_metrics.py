"""Every metric: log keys and values, over the epochs and over the validation data, as in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from tests.parity import both

# what is predicted: (loss, outputs, units, data, metrics)
Case = tuple[str, str | None, int, Callable[[], both.Data], Callable[[Any], list[Any]]]

CASES: dict[str, Case] = {
    "real numbers": (
        "mse", None, 3, both.regression,
        lambda lib: [
            "mse", "mae", "mape", "MeanSquaredError", "mean_absolute_error",
            lib.metrics.RootMeanSquaredError(name="rmse"),
            lib.metrics.LogCoshError(name="log_cosh"),
            lib.metrics.CosineSimilarity(name="cosine"),
            "r2_score", "pearson_correlation", lib.metrics.ConcordanceCorrelation(name="concordance"),
        ],
    ),
    "positive numbers": (
        "mse", "softplus", 3, both.positive,
        lambda lib: ["msle", lib.metrics.Poisson(name="poisson")],
    ),
    "one label": (
        "binary_crossentropy", "sigmoid", 1, both.one_label,
        lambda lib: [
            "acc", "accuracy", "binary_accuracy",
            lib.metrics.BinaryAccuracy(name="at_0.7", threshold=0.7),
            lib.metrics.Precision(name="precision"), lib.metrics.Recall(name="recall"),
            lib.metrics.AUC(name="auc"),
        ],
    ),
    "thresholds": (
        "binary_crossentropy", "sigmoid", 1, both.one_label,
        lambda lib: [
            lib.metrics.Precision(thresholds=0.3, name="precision"),
            lib.metrics.Recall(thresholds=0.6, name="recall"),
            lib.metrics.AUC(num_thresholds=7, name="auc_7"),
            lib.metrics.AUC(curve="PR", name="auc_pr"),
            lib.metrics.PrecisionAtRecall(0.6, name="precision_at"),
            lib.metrics.RecallAtPrecision(0.6, name="recall_at"),
            lib.metrics.SensitivityAtSpecificity(0.6, name="sensitivity_at"),
            lib.metrics.SpecificityAtSensitivity(0.6, name="specificity_at", num_thresholds=9),
        ],
    ),
    "several labels": (
        "binary_crossentropy", "sigmoid", 3, both.binary,
        lambda lib: [
            "binary_accuracy", "precision", "recall", "auc",
            lib.metrics.BinaryCrossentropy(label_smoothing=0.1, name="smoothed"),
            lib.metrics.Precision(top_k=2, name="top_2"),
            lib.metrics.Recall(class_id=1, name="of_1"),
            lib.metrics.AUC(multi_label=True, label_weights=[1.0, 2.0, 0.5], name="auc_labels"),
            lib.metrics.AUC(label_weights=[1.0, 2.0, 0.5], name="auc_weighted"),
            lib.metrics.TruePositives(name="tp"), lib.metrics.FalsePositives(name="fp"),
            lib.metrics.TrueNegatives(name="tn"), lib.metrics.FalseNegatives(name="fn"),
        ],
    ),
    "signs": (
        "hinge", "tanh", 3, both.binary,
        lambda lib: [
            lib.metrics.Hinge(name="hinge_1"), lib.metrics.SquaredHinge(name="hinge_2"),
            lib.metrics.Accuracy(name="equal"),
        ],
    ),
    "classes": (
        "sparse_categorical_crossentropy", "softmax", 3, both.classes,
        lambda lib: [
            "acc", "sparse_categorical_accuracy",
            lib.metrics.SparseCategoricalCrossentropy(name="ce"),
            lib.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2"),
        ],
    ),
    "one-hot rows": (
        "categorical_crossentropy", "softmax", 3, both.one_hot,
        lambda lib: [
            "accuracy", "categorical_accuracy", "mse",
            lib.metrics.CategoricalCrossentropy(name="ce"),
            lib.metrics.TopKCategoricalAccuracy(k=2, name="top_2"),
            lib.metrics.F1Score("macro", name="f1"), lib.metrics.FBetaScore("micro", name="fbeta"),
            lib.metrics.CategoricalHinge(name="hinge"), lib.metrics.KLDivergence(name="kld"),
        ],
    ),
}  # fmt: skip


def test_every_metric_is_among_the_cases():
    cases = [
        m for *_, make in CASES.values() for m in make(fastmlp) if m not in ("acc", "accuracy")
    ]
    tested = {type(fastmlp.metrics.get(metric)).__name__ for metric in cases}
    # These three are for averages of one's own, outside of compile.
    classes = [kind for kind in KINDS.values() if isinstance(kind, type)]
    exist = {kind.__name__ for kind in classes if issubclass(kind, fastmlp.Metric)}
    assert tested == exist - {"Metric", "Mean", "Sum", "MeanMetricWrapper"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_metrics_are_those_of_keras(case):
    loss, output, units, data, metrics = case

    def arguments(lib):
        return {"optimizer": lib.optimizers.SGD(0.05), "loss": loss, "metrics": metrics(lib)}

    both.assert_same_training(both.network(output, units), arguments, data())


@pytest.mark.parametrize("weights", ["sample_weight", "class_weight"])
def test_only_weighted_metrics_use_weights(weights):
    data = both.one_label()
    rng = np.random.default_rng(5)
    given: dict[str, Any] = {"class_weight": {0: 0.5, 1: 3.0}}
    if weights == "sample_weight":
        given = {"sample_weight": rng.uniform(0.2, 3, len(data.x)).astype("float32")}

    def arguments(lib):
        return {
            "optimizer": lib.optimizers.SGD(0.05),
            "loss": "binary_crossentropy",
            "metrics": ["accuracy", "mae", lib.metrics.AUC(name="auc")],
            "weighted_metrics": [
                "binary_accuracy",
                lib.metrics.Precision(name="precision"),
                lib.metrics.AUC(name="weighted_auc"),
            ],
        }

    both.assert_same_training(both.network("sigmoid", 1), arguments, data, **given)


def test_steps_on_batches_leave_their_results_with_the_metrics_as_in_keras():
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    y = x[:, :1] * 2
    found = []
    for lib in (both.keras, fastmlp):
        dense = lib.layers.Dense(1, kernel_initializer="ones")
        model = lib.Sequential([lib.layers.Input((3,)), dense])
        own = lib.metrics.MeanAbsoluteError(name="mae")
        model.compile(lib.optimizers.SGD(0.1), "mse", metrics=[own])
        found.append([])
        for step in ("train_on_batch", "train_on_batch", "fit", "train_on_batch", "test_on_batch"):
            getattr(model, step)(x, y, **({"verbose": 0} if step == "fit" else {}))
            logs = model.get_metrics_result()
            found[-1] += [float(logs["loss"]), float(logs["mae"]), float(own.result())]
    assert found[1] == pytest.approx(found[0], rel=1e-5)


def test_evaluate_returns_values_in_the_order_of_compile_as_in_keras():
    data = both.one_label()
    layers = both.network("sigmoid", 1)
    weights = both.starting_weights(layers, data)
    found = []
    for lib in (keras, fastmlp):
        model = lib.Sequential([lib.Input((6,)), *layers(lib)])
        model.set_weights(weights)
        model.compile(loss="binary_crossentropy", metrics=["mse", "accuracy"])
        found.append(model.evaluate(data.x, data.y, verbose=0))
    assert isinstance(found[1], list)
    both.assert_close(found[1], found[0], "evaluate")


# The total of a cosine similarity is that of the loss, negative; R2Score has another order.
OTHERS = {"Metric", "MeanMetricWrapper", "CosineSimilarity", "R2Score"}
KINDS = {name: getattr(fastmlp.metrics, name) for name in dir(fastmlp.metrics)}
SHARED = [
    name
    for name, kind in KINDS.items()
    if isinstance(kind, type) and hasattr(keras.metrics, name) and name not in OTHERS
]


@pytest.mark.parametrize("name", SHARED)
def test_variables_have_the_names_shapes_and_values_of_keras(name: str) -> None:
    given = {"name": "m"} | ({"num_thresholds": 5} if "At" in name else {})
    ours, theirs = (
        getattr(lib.metrics, name)(*[0.5] * ("At" in name), **given) for lib in (fastmlp, keras)
    )
    y, p = np.array([[1, 0, 0.0], [0, 1, 0]]), np.array([[0.2, 0.5, 0.3], [0.4, 0.1, 0.5]])
    data = (y,) if name in ("Mean", "Sum") else (y, p)
    if name.startswith("Sparse"):
        data = (np.array([0, 1]), p)
    for metric in (ours, theirs):
        metric.update_state(*data)
        metric.update_state(*data)
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-7)
    ours.reset_state()
    assert not any(np.any(v.value) for v in ours.variables)
