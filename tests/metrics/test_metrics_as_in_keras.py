"""The same numbers as Keras 3 on JAX, for every metric."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import metrics

KWARGS = {
    "Accuracy": [{}],
    "BinaryAccuracy": [{}, {"threshold": 0.3}],
    "CategoricalAccuracy": [{}],
    "SparseCategoricalAccuracy": [{}],
    "MeanSquaredError": [{}],
    "RootMeanSquaredError": [{}],
    "MeanAbsoluteError": [{}],
    "MeanAbsolutePercentageError": [{}],
    "MeanSquaredLogarithmicError": [{}],
    "LogCoshError": [{}],
    "CosineSimilarity": [{}],
    "KLDivergence": [{}],
    "Poisson": [{}],
    "BinaryCrossentropy": [{}, {"from_logits": True}, {"label_smoothing": 0.2}],
    "CategoricalCrossentropy": [{}, {"from_logits": True}, {"label_smoothing": 0.2}],
    "SparseCategoricalCrossentropy": [{}, {"from_logits": True}],
    "Hinge": [{}],
    "SquaredHinge": [{}],
    "CategoricalHinge": [{}],
    "TopKCategoricalAccuracy": [{}, {"k": 1}, {"k": 2}],
    "SparseTopKCategoricalAccuracy": [{"k": 2}, {"k": 2, "from_sorted_ids": True}],
    "PearsonCorrelation": [{}],
    "ConcordanceCorrelation": [{}],
}
CASES = [(name, kwargs) for name, many in KWARGS.items() for kwargs in many]
THRESHOLDS = [None, 0.3, [0.5], [0.2, 0.9], [0.8, 0.1, 0.4], [0.0, 0.5, 1.0]]
# Keras takes a tenth of a second for each: all thresholds with two classes, both forms with the others.
COUNTS = [
    *[(name, {"thresholds": t}) for name in ("TruePositives", "Precision") for t in THRESHOLDS],
    *[
        (name, {"thresholds": t})
        for name in ("FalsePositives", "TrueNegatives", "FalseNegatives", "Recall")
        for t in (None, [0.8, 0.1, 0.4])
    ],
]
CURVES = ("ROC", "PR", "PRGAIN")
METHODS = ("interpolation", "minoring", "majoring")
OPTIONS = [
    {"num_thresholds": 2},
    {"num_thresholds": 7},
    {"thresholds": [0.6, 0.3, 0.35]},
    {"from_logits": True},
]
AREAS = [
    *[{"curve": curve, "summation_method": method} for curve in CURVES for method in METHODS],
    *[
        {"curve": curve, "summation_method": METHODS[(i + j) % 3], **options}
        for i, curve in enumerate(CURVES)
        for j, options in enumerate(OPTIONS)
    ],
]

LABELS = [
    {"multi_label": True, "num_thresholds": 20},
    {"multi_label": True, "num_labels": 3, "label_weights": [0.5, 2.0, 1.0], "num_thresholds": 20},
    {"multi_label": True, "from_logits": True, "thresholds": [0.6, 0.3, 0.35]},
    {"label_weights": [0.5, 2.0, 1.0], "num_thresholds": 20},
    {"curve": "PR", "multi_label": True, "num_thresholds": 20},
    {"curve": "PRGAIN", "summation_method": "majoring", "multi_label": True, "num_thresholds": 20},
]
RATES = [
    (name, {rate: value, "num_thresholds": n})
    for name, rate in (
        ("SensitivityAtSpecificity", "specificity"),
        ("SpecificityAtSensitivity", "sensitivity"),
        ("PrecisionAtRecall", "recall"),
        ("RecallAtPrecision", "precision"),
    )
    for value, n in ((0.7, 200), (0.2, 1))
]
SCORES = [
    ("F1Score", {}),
    ("F1Score", {"average": "macro", "threshold": 0.4}),
    ("FBetaScore", {"average": "micro", "beta": 2.0}),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}),
    ("FBetaScore", {"beta": 0.5, "threshold": 0.7}),
    ("R2Score", {}),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}),
    ("R2Score", {"class_aggregation": None, "num_regressors": 2}),
]
SELECTED = [
    {"top_k": 2},
    {"top_k": 1, "class_id": 1},
    {"class_id": 2},
    {"top_k": 2, "thresholds": [0.3, 0.7]},
    {"class_id": 0, "thresholds": [0.0, 0.5, 1.0]},
]

# Keras rounds every term and its running sums to float32 (6e-8).
CLOSE = {"rtol": 2e-6, "atol": 1e-6}


def make(name, kwargs, shape, seed=0):
    """Targets and predictions in float32 that a metric of this name is meant for."""
    rng = np.random.default_rng([seed, *shape])
    n = shape[-1]
    p = rng.uniform(0.01, 0.99, shape)
    if name == "Accuracy":
        t, p = rng.integers(0, 3, shape), rng.integers(0, 3, shape)
    elif name.startswith("Sparse"):
        p = (
            rng.permuted(np.broadcast_to(np.arange(n), shape), axis=-1)
            if "from" in str(kwargs)
            else p
        )
        t = rng.integers(0, n, shape[:-1])
    elif "Categorical" in name:
        t = np.eye(n)[rng.integers(0, n, shape[:-1])]
    elif name.startswith("Binary") or "Hinge" in name:
        t = rng.integers(0, 2, shape)
    else:
        t = rng.uniform(0.1, 1, shape)
    if kwargs.get("from_logits") or "Hinge" in name or name == "CosineSimilarity":
        p = rng.normal(size=shape) * 2
    return t.astype(np.float32), p.astype(np.float32)


def compare(name, kwargs, batches, close=CLOSE):
    """Both metrics after each batch."""
    ours = getattr(metrics, name)(**kwargs)
    theirs = getattr(keras.metrics, name)(**kwargs)
    for batch in batches:
        got, expected = ours(*batch), np.asarray(theirs(*batch))
        assert np.shape(got) == expected.shape
        np.testing.assert_allclose(got, expected, **close)
    ours.reset_state()
    theirs.reset_state()
    np.testing.assert_allclose(ours(*batches[0]), np.asarray(theirs(*batches[0])), **close)


def test_every_metric_is_compared():
    classes = {name for name in metrics.__all__ if name[0].isupper()}
    named = {*KWARGS, *(name for name, _ in (*COUNTS, *RATES, *SCORES)), "AUC", "Mean", "Sum"}
    assert classes - named == {"Metric", "MeanMetricWrapper"}


@pytest.mark.parametrize("shape", [(17, 5), (6, 4, 3)])
@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_means(name, kwargs, shape):
    rng = np.random.default_rng(1)
    batches = [make(name, kwargs, shape, seed=seed) for seed in range(3)]
    compare(name, kwargs, batches)
    if len(shape) == 2:
        weighted = [(t, p, rng.uniform(0, 2, len(t)).astype(np.float32)) for t, p in batches]
        compare(name, kwargs, weighted)
    else:
        whole = [(t, p, rng.uniform(0, 2, p.shape[:2]).astype(np.float32)) for t, p in batches]
        compare(name, kwargs, whole)


@pytest.mark.parametrize(
    "name", ["BinaryAccuracy", "Accuracy", "RootMeanSquaredError", "MeanSquaredError"]
)
def test_flat_arrays(name):
    t, p = make(name, {}, (30, 1))
    compare(name, {}, [(t[:, 0], p), (t, p[:, 0]), (t[:5, 0], p[:5, 0])])
    if name != "MeanSquaredError":
        w = np.random.default_rng(2).uniform(0, 2, 30).astype(np.float32)
        compare(name, {}, [(t[:, 0], p[:, 0], w), (t, p, w[:, None])])


@pytest.mark.parametrize("name", ["BinaryAccuracy", "Accuracy", "RootMeanSquaredError"])
def test_weights_of_elements(name):
    t, p = make(name, {}, (12, 3))
    w = np.random.default_rng(2).uniform(0, 2, (12, 3)).astype(np.float32)
    compare(name, {}, [(t, p, w)])


@pytest.mark.parametrize("name", ["CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation",
                                  "CategoricalCrossentropy"])  # fmt: skip
def test_another_axis(name):
    for axis, shape in ((1, (7, 4, 3)), (-2, (7, 4, 3)), (0, (7, 3))):
        compare(name, {"axis": axis}, [make(name, {}, shape), make(name, {}, shape, seed=1)])


@pytest.mark.parametrize("name", ["pearson_correlation", "concordance_correlation"])
def test_functions_of_vectors(name):
    t, p = make(name, {}, (6, 4, 3))
    for axis in (-1, 1):
        got = getattr(metrics, name)(t, p, axis=axis)
        np.testing.assert_allclose(
            got, np.asarray(getattr(keras.metrics, name)(t, p, axis=axis)), **CLOSE
        )


@pytest.mark.parametrize(
    "kind",
    [
        "binary_accuracy",
        "categorical_accuracy",
        "sparse_categorical_accuracy",
        "top_k_categorical_accuracy",
        "sparse_top_k_categorical_accuracy",
    ],
)
@pytest.mark.parametrize("shape", [(17, 5), (6, 4, 3), (9, 1)])
def test_functions(kind, shape):
    name = "".join(word.capitalize() for word in kind.split("_"))
    k = {"k": 2} if "top" in kind else {}
    t, p = make(name, {}, shape)
    p[0] = p[0, ..., :1]  # ties: the first one counts
    got = getattr(metrics, kind)(t, p, **k)
    expected = np.asarray(getattr(keras.metrics, kind)(t, p, **k))
    np.testing.assert_array_equal(got, expected)


def labels(m, seed, n=None):
    rng = np.random.default_rng([m, seed])
    shape = (m,) if n is None else (m, n)
    return rng.integers(0, 2, shape).astype(np.float32), rng.uniform(size=shape).astype(np.float32)


@pytest.mark.parametrize(("name", "kwargs"), COUNTS)
def test_counts(name, kwargs):
    w = np.random.default_rng(3).uniform(0, 2, 40).astype(np.float32)
    flat, wide = labels(40, 0), labels(40, 1, n=3)
    column = tuple(x[:, None] for x in flat)
    w3 = np.random.default_rng(4).uniform(0, 2, (40, 3)).astype(np.float32)
    close = {"rtol": 2e-6, "atol": 2e-5}  # Keras subtracts sums that reach 100, in float32
    compare(name, kwargs, [flat, labels(40, 2), (*flat, w)], close)
    compare(name, kwargs, [column, (*column, w), (flat[0], column[1])], close)
    compare(name, kwargs, [wide, (*wide, w), (*wide, w3)], close)


@pytest.mark.parametrize("kwargs", AREAS, ids=str)
def test_areas(kwargs):
    w = np.random.default_rng(3).uniform(0, 2, 40).astype(np.float32)
    batches = [labels(40, 0), labels(40, 2), (*labels(40, 5), w)]
    if kwargs.get("from_logits"):
        batches = [(t, (p - 0.5) * 8, *rest) for t, p, *rest in batches]
    compare("AUC", kwargs, batches)


@pytest.mark.parametrize("kwargs", LABELS, ids=str)
def test_areas_of_labels(kwargs):
    w = np.random.default_rng(3).uniform(0, 2, 40).astype(np.float32)
    batches = [labels(40, 0, n=3), labels(40, 2, n=3), (*labels(40, 5, n=3), w)]
    if kwargs.get("from_logits"):
        batches = [(t, (p - 0.5) * 8, *rest) for t, p, *rest in batches]
    compare("AUC", kwargs, batches)


@pytest.mark.parametrize("kwargs", LABELS, ids=str)
def test_counts_of_labels(kwargs):
    ours, theirs = metrics.AUC(**kwargs), keras.metrics.AUC(**kwargs)
    for metric in (ours, theirs):
        metric.update_state(*labels(40, 0, n=3))
    for name in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
        np.testing.assert_allclose(
            getattr(ours, name), np.asarray(getattr(theirs, name)), rtol=2e-6, atol=2e-5
        )
    assert {v.name: v.shape for v in ours.variables} == {v.name: v.shape for v in theirs.variables}


@pytest.mark.parametrize(("name", "kwargs"), RATES, ids=str)
def test_rates_at_rates(name, kwargs):
    w = np.random.default_rng(3).uniform(0, 2, 40).astype(np.float32)
    outside = labels(40, 2)[0], np.float32(1.4) * labels(40, 2)[1] - np.float32(0.2)
    compare(name, kwargs, [labels(40, 0), labels(40, 2), (*labels(40, 5), w), outside])
    compare(name, {**kwargs, "class_id": 1}, [labels(40, 0, n=3), (*labels(40, 2, n=3), w)])


@pytest.mark.parametrize(("name", "kwargs"), SCORES, ids=str)
def test_scores(name, kwargs):
    w = np.random.default_rng(3).uniform(0, 2, 40).astype(np.float32)
    tied = labels(40, 2, n=3)[0], np.zeros((40, 3), np.float32)
    close = {"rtol": 2e-5, "atol": 2e-5}  # R² subtracts sums of 40 squares, in float32 in Keras
    compare(name, kwargs, [labels(40, 0, n=3), (*labels(40, 2, n=3), w), tied], close)


@pytest.mark.parametrize("kwargs", SELECTED, ids=str)
@pytest.mark.parametrize("name", ["Precision", "Recall"])
def test_selected_predictions(name, kwargs):
    w = np.random.default_rng(3).uniform(0, 2, 40).astype(np.float32)
    tied = labels(40, 2, n=3)[0], np.full((40, 3), 0.6, np.float32)
    compare(name, kwargs, [labels(40, 0, n=3), (*labels(40, 2, n=3), w), tied])


def test_the_largest_predictions_of_a_flat_array():
    flat = [np.float32([0, 0, 1, 1]), np.float32([1, 1, 1, 1])]
    compare("Precision", {"top_k": 2}, [flat])


def test_areas_of_one_kind_of_label_only():
    p = np.append(labels(37, 0)[1], np.float32([0, 0.5, 1]))
    for label in (0, 1):
        for curve in ("ROC", "PR", "PRGAIN"):
            compare("AUC", {"curve": curve}, [(np.full(40, label, np.float32), p)])


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_values(name):
    rng = np.random.default_rng(0)
    for shape in ((), (7,), (7, 3), (7, 3, 2)):
        values = rng.normal(size=shape).astype(np.float32)
        batches = [(values,), (values, 0.5)]
        batches += [
            (values, rng.uniform(0, 2, shape[:rank]).astype(np.float32))
            for rank in range(1, len(shape) + 1)
        ]
        for batch in batches:
            compare(name, {}, [batch, batch])


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [*CASES, *COUNTS, *RATES, *SCORES, ("AUC", AREAS[-1]), ("AUC", {}), ("AUC", LABELS[0])],
)
def test_configs_of_keras_are_understood(name, kwargs):
    keras.utils.clear_session(free_memory=False)
    theirs = getattr(keras.metrics, name)(**kwargs)
    ours = metrics.deserialize(keras.metrics.serialize(theirs))
    assert type(ours) is getattr(metrics, name)
    assert ours.name == theirs.name
    assert getattr(metrics, name)(**kwargs).name == theirs.name
    if name != "CosineSimilarity":  # whose config in Keras lacks axis
        assert set(ours.get_config()) == set(theirs.get_config())
    again = keras.metrics.deserialize(
        {"module": "keras.metrics", "registered_name": None, **metrics.serialize(ours)}
    )
    assert type(again) is type(theirs)


@pytest.mark.parametrize(
    "shapes", [((6, 4, 1), (6, 4)), ((6, 4, 1), (6, 1)), ((6, 1), (6,)), ((6, 4), (6,))], ids=str
)
@pytest.mark.parametrize("name", ["AUC", "Precision", "FalseNegatives"])
def test_counts_with_weights_of_fewer_axes(name, shapes):
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 2, shapes[0]), rng.uniform(size=shapes[0]).astype("float32")
    weights = rng.uniform(0.1, 2, shapes[1]).astype("float32")
    found = []
    for lib in (keras, fastmlp):
        metric = getattr(lib.metrics, name)()
        metric.update_state(y, p, sample_weight=weights)
        found.append(float(metric.result()))
    assert found[1] == pytest.approx(found[0], rel=1e-5)
