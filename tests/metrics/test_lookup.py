"""From what a user types to metrics and their keys in logs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import losses, metrics

BINARY = (None,), (None, 1)
SPARSE = (None,), (None, 10)
ONE_HOT = (None, 10), (None, 10)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", "MeanSquaredError"),
        ("MSE", "MeanSquaredError"),
        ("mean_squared_error", "MeanSquaredError"),
        ("MeanSquaredError", "MeanSquaredError"),
        ("mae", "MeanAbsoluteError"),
        ("MAE", "MeanAbsoluteError"),
        ("mape", "MeanAbsolutePercentageError"),
        ("msle", "MeanSquaredLogarithmicError"),
        ("bce", "BinaryCrossentropy"),
        ("AUC", "AUC"),
        ("auc", "AUC"),
        ("Precision", "Precision"),
        ("recall", "Recall"),
        ("true_positives", "TruePositives"),
        ("accuracy", "Accuracy"),
        ("root_mean_squared_error", "RootMeanSquaredError"),
        ("kl_divergence", "KLDivergence"),
        ("log_cosh_error", "LogCoshError"),
    ],
)
def test_names(name, cls):
    assert type(metrics.get(name)).__name__ == cls


def test_functions_losses_classes_and_instances_are_identifiers():
    auc = metrics.AUC()
    assert metrics.get(auc) is auc
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)
    assert isinstance(metrics.get(metrics.binary_accuracy), metrics.BinaryAccuracy)
    assert metrics.get(losses.huber).name == "huber"
    assert metrics.get(losses.BinaryCrossentropy(from_logits=True)).kind.endswith("_logits")
    assert metrics.serialize(metrics.binary_accuracy) == "binary_accuracy"
    assert metrics.serialize(losses.mean_squared_error) == "mean_squared_error"
    assert metrics.get(None) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kullback_leibler_divergence", "kl_divergence"),
        ("logcosh", "log_cosh_error"),
        ("cosine_proximity", "cosine_similarity"),
    ],
)
def test_names_of_earlier_kerases_warn_and_work(old, new):
    with pytest.warns(FutureWarning, match=new):
        metric = metrics.get(old)
    assert type(metric) is type(metrics.get(new))


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        (BINARY, "binary"),
        (((None, 1), (None, 1)), "binary"),
        (SPARSE, "sparse_categorical"),
        (((None, 1), (None, 10)), "sparse_categorical"),
        (((None, 7), (None, 7, 10)), "sparse_categorical"),
        (ONE_HOT, "categorical"),
        (((None, 7, 10), (None, 7, 10)), "categorical"),
    ],
)
def test_accuracy_and_crossentropy_are_chosen_by_shape(shapes, family):
    for name in ("accuracy", "acc", "Accuracy", "ACC"):
        metric = metrics.resolve(name, *shapes)
        assert metric.kind == f"{family}_accuracy"
        assert metric.name == name
    for name in ("crossentropy", "ce"):
        metric = metrics.resolve(name, *shapes)
        assert metric.kind == f"{family}_crossentropy"
        assert metric.name == name


def keys(metric_list, shapes=BINARY, **kwargs):
    return [key for key, _ in metrics.resolve_all(metric_list, *shapes, **kwargs)]


def test_keys_are_what_the_user_typed_or_the_objects_name():
    assert keys(["acc", "mse", "MAE", "AUC"]) == ["acc", "mse", "MAE", "AUC"]
    assert keys([metrics.AUC(), metrics.AUC(name="pr", curve="PR")]) == ["auc", "pr"]
    assert keys([metrics.Precision, losses.huber]) == ["precision", "huber"]
    assert keys([metrics.binary_accuracy, losses.Hinge()]) == ["binary_accuracy", "hinge"]
    assert keys([metrics.LogCoshError()]) == ["logcosh"]


def test_keys_are_made_unique():
    assert keys(["mse", "mse", "mse"]) == ["mse", "mse_1", "mse_2"]
    assert keys([metrics.AUC(), metrics.AUC()]) == ["auc", "auc_1"]
    assert keys(["acc"], taken=["acc"]) == ["acc_1"]
    assert keys(["acc", "mae"], taken=["acc"], weighted=True) == ["weighted_acc", "mae"]
    weighted = keys(["acc", "acc", "acc"], weighted=True)
    assert weighted == ["acc", "weighted_acc", "weighted_acc_1"]


def test_keys_of_weighted_objects_are_those_of_keras():
    keras.utils.clear_session(free_memory=False)
    for lib in (keras, fastmlp):
        plain = [lib.metrics.AUC(), lib.metrics.MeanSquaredError()]
        weighted = [lib.metrics.AUC(), lib.metrics.AUC(), lib.metrics.MeanSquaredError(), "AUC"]
        model = lib.Sequential([lib.Input((2,)), lib.layers.Dense(1, "sigmoid")])
        model.compile("sgd", "mse", metrics=plain, weighted_metrics=weighted)
        logs = model.evaluate(np.zeros((4, 2)), np.ones((4, 1)), verbose=0, return_dict=True)
        assert sorted(logs) == [
            *("AUC", "auc", "auc_1", "auc_2", "loss", "mean_squared_error"),
            "weighted_mean_squared_error",
        ]


def test_an_instance_keeps_its_name():
    metric = metrics.BinaryAccuracy(name="mine")
    ((key, same),) = metrics.resolve_all([metric], *BINARY)
    assert key == "mine"
    assert same is metric


def test_none_tuples_dicts_and_nested_lists_are_taken():
    assert keys(None) == []
    assert keys([]) == []
    assert keys(("mse", "mae")) == ["mse", "mae"]
    assert keys([["mse"], ["mae", ["acc"]]]) == ["mse", "mae", "acc"]
    assert keys({"out": ["mse", "acc"]}) == ["mse", "acc"]
    assert keys([metrics.serialize(metrics.AUC())]) == ["auc"]


@pytest.mark.parametrize("single", ["acc", metrics.AUC(), metrics.AUC, losses.mean_squared_error])
def test_a_single_metric_is_taken_with_a_warning(single):
    with pytest.warns(FutureWarning, match="list"):
        assert len(keys(single)) == 1
    with pytest.warns(FutureWarning, match="weighted_metrics"):
        assert len(keys(single, weighted=True)) == 1


def test_unknown_names_get_a_hint():
    with pytest.raises(ValueError, match=r"Unknown metric 'acuracy'\. Did you mean 'accuracy'"):
        keys(["acuracy"])
    with pytest.raises(ValueError, match="Did you mean 'mean_squared_error'"):
        keys(["mean_square_error"])
    with pytest.raises(ValueError, match="metric"):
        keys([3])


def test_what_a_plan_cannot_run_is_refused():
    for metric in (metrics.Mean(), "sum"):
        with pytest.raises(TypeError, match="cannot be compiled"):
            keys([metric])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="to_categorical"):
        keys([metrics.CategoricalCrossentropy()], SPARSE)
    with pytest.raises(ValueError, match="mean_squared_error"):
        keys(["mse"], ((None, 3), (None, 4)))
    with pytest.raises(ValueError, match="y_true"):
        keys(["auc"], SPARSE)


def test_names_are_checked_before_shapes_are_known():
    metrics.check_names(None)
    metrics.check_names("acc")
    metrics.check_names(["accuracy", "CE", "mse", metrics.AUC(), ["auc"]])
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        metrics.check_names(["mse", "acuracy"])
