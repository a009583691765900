"""Every metric class: values, weights, states, configs, errors."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import losses, metrics
from fastmlp._core.losses import ROWS

INSTANCES = [
    metrics.Mean(),
    metrics.Sum(name="total"),
    metrics.MeanMetricWrapper(losses.huber, delta=0.5),
    metrics.Accuracy(),
    metrics.BinaryAccuracy(threshold=0.3),
    metrics.CategoricalAccuracy(),
    metrics.SparseCategoricalAccuracy(name="right"),
    metrics.MeanSquaredError(dtype="float64"),
    metrics.RootMeanSquaredError(),
    metrics.MeanAbsoluteError(),
    metrics.MeanAbsolutePercentageError(),
    metrics.MeanSquaredLogarithmicError(),
    metrics.LogCoshError(),
    metrics.CosineSimilarity(),
    metrics.KLDivergence(),
    metrics.Poisson(),
    metrics.BinaryCrossentropy(from_logits=True),
    metrics.CategoricalCrossentropy(label_smoothing=0.1),
    metrics.SparseCategoricalCrossentropy(from_logits=True),
    metrics.Hinge(),
    metrics.SquaredHinge(),
    metrics.CategoricalHinge(),
    metrics.TopKCategoricalAccuracy(k=2),
    metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True),
    metrics.PearsonCorrelation(),
    metrics.ConcordanceCorrelation(axis=1),
    metrics.TruePositives(),
    metrics.FalsePositives(thresholds=0.7),
    metrics.TrueNegatives(thresholds=[0.7, 0.2]),
    metrics.FalseNegatives(name="missed"),
    metrics.Precision(),
    metrics.Recall(thresholds=[0.1, 0.9]),
    metrics.Precision(top_k=1),
    metrics.Recall(thresholds=[0.3, 0.1], top_k=1),
    metrics.SensitivityAtSpecificity(0.6),
    metrics.SpecificityAtSensitivity(0.6, num_thresholds=1),
    metrics.PrecisionAtRecall(0.6, num_thresholds=5),
    metrics.RecallAtPrecision(0.6, name="at"),
    metrics.F1Score(),
    metrics.FBetaScore("macro", beta=2, threshold=0.4),
    metrics.R2Score("variance_weighted_average", num_regressors=2),
    metrics.AUC(),
    metrics.AUC(curve="PR", summation_method="minoring", thresholds=[0.3, 0.1], from_logits=True),
]


def data_for(metric, m=20, seed=0):
    """Targets and predictions that a metric like this one is meant for."""
    rng = np.random.default_rng(seed)
    if getattr(metric, "top_k", None):
        return rng.integers(0, 2, (m, 3)), rng.uniform(size=(m, 3))
    if metric.op == "metric_confusion":
        return rng.integers(0, 2, m), rng.uniform(size=m)
    p = rng.uniform(0.01, 0.99, (m, 3))
    if "sparse" in metric.kind or isinstance(metric, metrics.SparseTopKCategoricalAccuracy):
        return rng.integers(0, 3, m), p
    return np.eye(3)[rng.integers(0, 3, m)], p


COMPILED = [metric for metric in INSTANCES if metric.op]
DESCRIBED = [metric for metric in COMPILED if metric.op != "python_metric"]


def test_every_class_is_here():
    classes = {name for name in metrics.__all__ if name[0].isupper()} - {"Metric"}
    assert {type(metric).__name__ for metric in INSTANCES} == classes


@pytest.mark.parametrize("metric", INSTANCES, ids=repr)
def test_config_round_trip(metric):
    for again in (
        type(metric).from_config(metric.get_config()),
        metrics.deserialize(metrics.serialize(metric)),
        metrics.get(metrics.serialize(metric)),
    ):
        assert type(again) is type(metric)
        assert again.get_config() == metric.get_config()
        assert again.kind == metric.kind
        assert again.params == metric.params
        assert again.thresholds == metric.thresholds


@pytest.mark.parametrize("metric", DESCRIBED, ids=repr)
def test_descriptions_are_complete(metric):
    assert metric.direction in ("max", "min", None)
    if metric.op == "metric_mean":
        assert (metric.kind in ROWS) == (metric.function is None)
        assert metric.n_acc == 2
    else:
        assert metric.op == "metric_confusion"
        assert list(metric.thresholds) == sorted(metric.thresholds)
        assert metric.n_acc == 2 * (len(metric.thresholds) + 1)


@pytest.mark.parametrize("metric", COMPILED, ids=repr)
def test_batches_of_any_size_give_the_result_of_the_whole(metric):
    t, p = data_for(metric)
    w = np.random.default_rng(1).uniform(0, 2, len(t))
    metric.reset_state()
    metric.update_state(t, p, w)
    whole = metric.result()
    metric.reset_state()
    for first, last in ((0, 1), (1, 1), (1, 8), (8, 20)):
        metric.update_state(t[first:last], p[first:last], w[first:last])
    np.testing.assert_allclose(metric.result(), whole, rtol=1e-12)
    metric.reset_state()
    ones = metric(t, p, np.ones(len(t)))
    metric.reset_state()
    np.testing.assert_allclose(metric(t, p), ones, rtol=1e-12)
    metric.reset_state()


@pytest.mark.parametrize("metric", DESCRIBED, ids=repr)
def test_many_accumulators_give_many_results_at_once(metric):
    accs = []
    for seed in range(6):
        metric.reset_state()
        metric.update_state(*data_for(metric, seed=seed))
        accs.append(metric.acc)
    metric.reset_state()
    stacked = np.reshape(accs, (2, 3, metric.n_acc))
    before = stacked.copy()
    results = metric.from_acc(stacked)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(results[i, j], metric.from_acc(stacked[i, j]))
    np.testing.assert_array_equal(stacked, before)


@pytest.mark.parametrize("metric", DESCRIBED, ids=repr)
def test_nothing_seen_gives_zero(metric):
    metric.reset_state()
    np.testing.assert_array_equal(np.abs(metric.result()), 0)


def test_metric_of_a_scalar_is_a_scalar():
    value = metrics.MeanSquaredError()([[1.0]], [[3.0]])
    assert float(value) == 4
    assert np.ndim(value) == 0
    assert np.ndim(metrics.Precision()([1], [1.0])) == 0
    assert np.ndim(metrics.AUC()([1, 0], [1.0, 0.2])) == 0
    assert metrics.Precision(thresholds=[0.5])([1], [1.0]) == 1


def test_mean_of_values_by_hand():
    mean = metrics.Mean()
    mean.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    assert mean.result() == 2
    mean.update_state(8.0)
    assert mean.result() == 4
    assert metrics.Mean()([[1.0, 2.0], [3.0, 6.0]], sample_weight=[1.0, 3.0]) == 3.75
    assert metrics.Sum()([[1.0, 2.0], [3.0, 6.0]], sample_weight=[1.0, 3.0]) == 30
    total = metrics.Sum()
    total.update_state([1, 3])
    total.update_state(5)
    assert total.result() == 9


def test_elements_may_have_weights_where_a_row_is_a_mean_of_elements():
    t, p = np.zeros((2, 2)), np.array([[0.0, 1.0], [0.0, 0.0]])
    for metric in (metrics.BinaryAccuracy(), metrics.Accuracy()):
        assert metric(t, p, sample_weight=[[1.0, 0.0], [1.0, 2.0]]) == 1
    rmse = metrics.RootMeanSquaredError()
    np.testing.assert_allclose(rmse(t, p, sample_weight=[[1.0, 1.0], [1.0, 1.0]]), 0.5)
    with pytest.raises(ValueError, match="sample_weight"):
        metrics.MeanSquaredError()(t, p, sample_weight=np.ones((2, 3)))


def test_thresholds_keep_the_users_order():
    t, p = [0, 1, 1, 1], [0.9, 0.2, 0.6, 0.8]
    metric = metrics.TruePositives(thresholds=[0.7, 0.1, 0.5])
    np.testing.assert_array_equal(metric(t, p), [1, 3, 2])
    assert metric.get_config()["thresholds"] == [0.7, 0.1, 0.5]
    assert metric.thresholds == (0.1, 0.5, 0.7)


def test_confusion_by_hand():
    t, p, w = [0, 0, 1, 1, 1], [0.6, 0.5, 0.4, 0.7, 0.8], [1, 2, 3, 4, 5]
    expected = {
        metrics.TruePositives: 9,
        metrics.FalsePositives: 1,
        metrics.TrueNegatives: 2,
        metrics.FalseNegatives: 3,
        metrics.Precision: 0.9,
        metrics.Recall: 0.75,
    }
    for cls, value in expected.items():
        np.testing.assert_allclose(cls()(t, p, w), value)
        np.testing.assert_allclose(cls()(np.c_[t], np.c_[p], w), value)
        np.testing.assert_allclose(cls()(np.c_[t], p, np.c_[w]), value)


def test_auc_is_the_probability_of_the_right_order():
    rng = np.random.default_rng(0)
    t = rng.integers(0, 2, 400)
    logits = rng.normal(size=400) + t
    p = 1 / (1 + np.exp(-logits))
    right = np.mean(p[t == 1][:, None] > p[t == 0])
    np.testing.assert_allclose(metrics.AUC(num_thresholds=5000)(t, p), right, atol=2e-3)
    np.testing.assert_allclose(
        metrics.AUC(from_logits=True)(t, logits), metrics.AUC()(t, p), rtol=1e-12
    )


def test_auc_counts_predictions_outside_of_0_and_1_as_0_and_1():
    t, p = [0, 0, 1, 1, 1], np.array([-3.0, 0.4, 0.3, 0.8, 7.0])
    assert metrics.AUC()(t, p) == metrics.AUC()(t, np.clip(p, 0, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(top_k=0), "top_k"),
        (lambda: metrics.Precision(top_k=3)([[1, 0]], [[1, 0]]), "top_k up to the 2"),
        (lambda: metrics.Recall(class_id=-1), "class_id"),
        (lambda: metrics.Recall(class_id=1)([1, 0], [1, 0]), "class_id=1"),
        (lambda: metrics.Recall(class_id=2)([[1, 0]], [[1, 0]]), "at least 3 classes"),
        (lambda: metrics.PrecisionAtRecall(1.5), "recall"),
        (lambda: metrics.get("precision_at_recall"), r"pass PrecisionAtRecall\(recall=…\)"),
        (lambda: metrics.get(metrics.MeanMetricWrapper), r"pass MeanMetricWrapper\(fn=…\)"),
        (lambda: metrics.get("f1score"), "Did you mean 'f1_score'"),
        (lambda: metrics.SensitivityAtSpecificity(0.5, num_thresholds=0), "num_thresholds"),
        (lambda: metrics.Precision(thresholds=1.5), "thresholds"),
        (lambda: metrics.Precision(thresholds=[]), "threshold"),
        (lambda: metrics.TruePositives(thresholds=[0.1, "a"]), "thresholds"),
        (lambda: metrics.F1Score(average="mean"), "average"),
        (lambda: metrics.F1Score(threshold=0), "threshold"),
        (lambda: metrics.FBetaScore(beta=0), "beta"),
        (lambda: metrics.R2Score("mean"), "class_aggregation"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors"),
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds"),
        (lambda: metrics.AUC(curve="roc_curve"), "'ROC', 'PR', 'PRGAIN'"),
        (lambda: metrics.AUC(summation_method="sum"), "summation_method"),
        (lambda: metrics.AUC(multi_label=True)([1, 0], [1, 0]), "\\(batch, labels\\)"),
        (lambda: metrics.AUC(multi_label=True, num_labels=3)([[1, 0]], [[1, 0]]), "batch, 3"),
        (lambda: metrics.AUC(num_labels=2), "num_labels"),
        (lambda: metrics.AUC(label_weights=[1, -2]), "label_weights"),
        (lambda: metrics.AUC(label_weights=[1, 2])([[1]], [[1]]), "batch, 2"),
        (
            lambda: metrics.AUC(multi_label=True, num_labels=3, label_weights=[1, 2]),
            "label_weights for 3",
        ),
        (lambda: metrics.AUC(thresholds=[0.1, 2]), "thresholds"),
        (lambda: metrics.BinaryAccuracy(threshold="a"), "threshold"),
        (lambda: metrics.BinaryCrossentropy(label_smoothing=2), "label_smoothing"),
        (lambda: metrics.SparseCategoricalCrossentropy(ignore_class=1.5), "ignore_class"),
        (lambda: metrics.CosineSimilarity(axis="last"), "axis"),
        (lambda: metrics.PearsonCorrelation(axis=2)([[1.0]], [[1.0]]), "axis to be one of"),
        (lambda: metrics.PearsonCorrelation()([[1, 2, 3]], [[1, 2]]), "pearson_correlation"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "k"),
        (lambda: metrics.TopKCategoricalAccuracy()([1], [[1, 2]]), "top_k_categorical_accuracy"),
        (lambda: metrics.Mean(dtype="int8"), "dtype"),
        (lambda: metrics.MeanSquaredError()([[1, 2]], [[1, 2, 3]]), "mean_squared_error"),
        (lambda: metrics.Precision()([1, 2], [1, 2, 3]), "accuracy"),
        (lambda: metrics.Precision()([1, 0], [1, 0], [1, 2, 3]), "sample_weight"),
        (lambda: metrics.Mean()(["a"]), "real numbers"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="expected a loss, a function of"):
        metrics.MeanMetricWrapper(3)
    with pytest.raises(NotImplementedError, match="update_state"):
        metrics.Metric()([1], [2])


def test_a_loss_can_be_measured():
    metric = metrics.MeanMetricWrapper(losses.Huber(delta=2.0))
    assert metric.name == "huber_loss"
    assert metric([[0.0]], [[3.0]]) == 4
    assert metrics.deserialize(metrics.serialize(metric)).params == (2.0,)


def test_a_result_stays_when_more_data_come():
    total = metrics.Sum()
    total.update_state([1.0, 2.0])
    first = total.result()
    total.update_state([4.0])
    assert (first, total.result()) == (3, 7)
