"""Every metric gives the same within a plan, batch by batch, as on arrays: with weights, and without."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import fastmlp
from fastmlp import losses, metrics
from tests.metrics.test_metrics import INSTANCES, data_for

MORE = [
    metrics.AUC(multi_label=True, label_weights=[1, 0, 2], num_thresholds=20),
    metrics.AUC(label_weights=[1, 0, 2], num_thresholds=20),
    metrics.Recall(class_id=2),
    metrics.SparseCategoricalCrossentropy(ignore_class=1),
    metrics.MeanMetricWrapper(losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.5, 1.0])),
]
METRICS = [m for m in INSTANCES if m.op] + MORE


def data_of(metric, m=29):
    """Targets and predictions `(m, n)` that a metric is meant for."""
    if isinstance(metric, metrics.AUC) and (metric.multi_label or metric.label_weights):
        rng = np.random.default_rng(3)
        return rng.integers(0, 2, (m, 3)), rng.uniform(size=(m, 3))
    y, p = data_for(metric, m)
    if metric.name == "recall" and metric.class_id:
        y, p = np.eye(3)[y], np.c_[p, p / 2, 1 - p]
    if isinstance(metric, metrics.SparseTopKCategoricalAccuracy):
        p = p.argsort(axis=1).astype(float)
    return y, p if p.ndim > 1 else p[:, None]


def identity(n, dtype="float32", **arguments):
    """A model whose outputs are its inputs."""
    model = fastmlp.Sequential([fastmlp.Input((n,)), fastmlp.layers.Dense(n, dtype=dtype)])
    model.set_weights([np.eye(n), np.zeros(n)])
    model.compile("sgd", **arguments)
    return model


def alone(metric, *data):
    metric = copy.deepcopy(metric)
    metric.reset_state()
    metric.update_state(*data)
    return metric.result()


@pytest.mark.parametrize("metric", METRICS, ids=repr)
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.filterwarnings("ignore:R2Score")
def test_plans_and_arrays_agree(metric, eager):
    y, p = data_of(metric)
    p = p.astype("float32")
    w = np.random.default_rng(1).uniform(0.1, 2, len(y)).astype("float32")
    plain, weighted = copy.deepcopy(metric), copy.deepcopy(metric)
    plain.name, weighted.name = "plain", "weighted"
    # The loss only has to be there; targets are what the metric takes.
    loss = "sparse_categorical_crossentropy" if y.ndim == 1 and p.shape[1] > 1 else "mse"
    model = identity(
        p.shape[1], loss=loss, metrics=[plain], weighted_metrics=[weighted], run_eagerly=eager
    )
    for size in (8, 29):
        found = model.evaluate(p, y, sample_weight=w, batch_size=size, verbose=0, return_dict=True)
        y2 = y if y.ndim == p.ndim or p.shape[1] > 1 else y[:, None]
        for key, expected in (
            ("plain", alone(metric, y2, p)),
            ("weighted", alone(metric, y2, p, w)),
        ):
            assert np.shape(found[key]) == np.shape(expected)
            np.testing.assert_allclose(found[key], expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
@pytest.mark.filterwarnings("ignore:R2Score")
def test_both_element_types_are_taken(metric):
    y, p = data_of(metric)
    p = p.astype("float32")
    single, double = alone(metric, y, p), alone(metric, y, p.astype("float64"))
    np.testing.assert_allclose(single, double, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_metrics_can_be_copied(metric):
    y, p = data_of(metric)
    before = copy.deepcopy(metric)
    before.update_state(y, p)
    for again in (copy.deepcopy(before), pickle.loads(pickle.dumps(before))):
        np.testing.assert_array_equal(again.result(), before.result())
        again.reset_state()
        again.update_state(y, p)
        before.result()
        assert again.get_config() == metric.get_config()


def test_files_keep_what_was_compiled(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(29, 3)).astype("float32"), np.eye(3)[rng.integers(0, 3, 29)]
    given = [
        "f1_score", metrics.FBetaScore("macro", 2.0, 0.4), metrics.R2Score(), *MORE[:3],
        metrics.top_k_categorical_accuracy, metrics.PearsonCorrelation(),
        metrics.SensitivityAtSpecificity(0.6),
    ]  # fmt: skip
    loss = losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.5, 1.0], gamma=1.5)
    model = identity(3, loss=loss, metrics=given)
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    model.save(tmp_path / "model.fastmlp")
    after = fastmlp.models.load_model(tmp_path / "model.fastmlp").evaluate(
        x, y, verbose=0, return_dict=True
    )
    assert list(before) == list(after)
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)


def test_one_metric_serves_models_of_other_widths():
    rng = np.random.default_rng(0)
    for metric in (metrics.F1Score(), metrics.R2Score(), metrics.AUC(multi_label=True)):
        for n in (3, 2):
            y, p = np.eye(n)[rng.integers(0, n, 20)], rng.uniform(size=(20, n)).astype("float32")
            found = identity(n, loss="mse", metrics=[metric]).evaluate(p, y, verbose=0)[1]
            fresh = type(metric).from_config(metric.get_config())
            np.testing.assert_allclose(found, fresh(y, p), rtol=2e-5)
