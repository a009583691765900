"""Labels, class weights and sample weights: what they mean, and clear refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fastmlp.training.data import as_source, check_labels, class_weights, sample_weights

# Labels.


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 2], [[2], [0]], [0.0, 2.0], np.array([True, False]), np.array([2], np.uint8)],
)
def test_whole_numbers_in_range_are_labels(labels):
    check_labels(as_source(labels, "y"), 3)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3, 1], "labels from 0 to 2, .*3 outputs. Received: 3 in row 1. Hint.*subtract 1"),
        ([0, 7], "Received: 7 in row 1. Hint: the last layer needs as many units"),
        ([0, 1, -1], "Received: -1 in row 2"),
        ([0.0, 0.5], "Received: 0.5 in row 1. Hint: class labels are whole numbers"),
        ([0.0, float("nan")], "Received: nan in row 1. Hint: class labels are whole numbers"),
        ([float("inf"), 0.0], "Received: inf in row 0"),
        ([[0, 1], [2, 5]], "Received: 5 in row 1"),
    ],
)
def test_other_labels_are_refused_with_the_first_one(labels, message):
    with pytest.raises(ValueError, match=f"y: expected {message}|{message}"):
        check_labels(as_source(labels, "y"), 3)


def test_a_wrong_label_far_down_is_found():
    labels = np.zeros(700_000, np.int32)
    labels[600_000] = 10
    with pytest.raises(ValueError, match="Received: 10 in row 600000"):
        check_labels(as_source(labels, "y"), 10)


# Weights.


LABELS = {
    "integers": np.array([0, 1, 2, 1, 0, 5]),
    "floats": np.array([0.0, 1.0, 2.0, 1.0, 0.9, 5.2]),
    "column": np.array([[0], [1], [2], [1]]),
    "one-hot": np.eye(3)[[0, 2, 1, 1]],
    "soft": np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]),
    "bool": np.array([True, False]),
    "uint8": np.array([0, 1, 200], np.uint8),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("class_weight", [{0: 2.0, 1: 0.5}, {2: 3}, {}, {np.int64(1): 4.0}])
def test_class_weights_are_keras_own(y, class_weight):
    adapters = pytest.importorskip("keras.src.trainers.data_adapters.data_adapter_utils")
    expected = adapters.class_weight_to_sample_weights(y, class_weight)
    assert np.array_equal(class_weights(as_source(y, "y"), class_weight), expected)


def test_labels_that_are_no_class_weigh_one():
    y = as_source([0.0, np.nan, np.inf, -1.0, 1e30], "y")
    assert class_weights(y, {0: 5.0, 7: 2.0}).tolist() == [5, 1, 1, 1, 1]


def test_a_large_class_number_needs_no_large_table():
    assert class_weights(as_source([10**15, 3], "y"), {10**15: 2.0}).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ("balanced", TypeError, "expected class_weight to be a dict .*Hint: {0: 1.0, 1: 5.0}"),
        ([1.0, 2.0], TypeError, r"Hint: dict\(enumerate\(weights\)\)"),
        (None, TypeError, "to be a dict"),
        ({3: 1.0}, ValueError, "whole numbers from 0 to 2. Received: class=3"),
        ({-1: 1.0}, ValueError, "Received: class=-1"),
        ({0.5: 1.0}, ValueError, "Received: class=0.5"),
        ({float("nan"): 1.0}, ValueError, "Received: class=nan"),
        ({"cat": 1.0}, ValueError, "Received: class='cat'"),
        ({1: -2.0}, ValueError, "expected weight of class 1 >= 0. Received"),
        ({1: float("inf")}, ValueError, "weight of class 1"),
        ({1: "heavy"}, ValueError, "weight of class 1"),
    ],
)
@pytest.mark.parametrize("y", [np.array([0, 1, 2]), np.eye(3)], ids=["sparse", "one-hot"])
def test_wrong_class_weights_are_refused(class_weight, error, message, y):
    with pytest.raises(error, match=message):
        class_weights(as_source(y, "y"), class_weight, n_classes=3)


def test_class_weights_need_one_class_per_sample():
    with pytest.raises(ValueError, match=r"Received: y with shape=\(2, 3, 4\)"):
        class_weights(as_source(np.zeros((2, 3, 4)), "y"), {0: 1.0})


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("dtype", ["float64", "int32", "bool"])
def test_sample_weights_are_taken_where_they_lie(shape, dtype):
    w = np.array([1, 0, 1, 1]).astype(dtype).reshape(shape)
    source = sample_weights(w, 4)
    assert (source.n, source.row_shape, source.width) == (4, (), 1)
    assert np.shares_memory(source.parts[0].array, w)
    assert sample_weights(pd.Series(w.ravel()), 4).n == 4


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1)])
def test_weights_of_steps_are_taken_where_they_lie(shape):
    w = np.ones(shape)
    source = sample_weights(w, 4)
    assert source.row_shape == (3,) and np.shares_memory(source.parts[0].array, w)


@pytest.mark.parametrize(
    ("w", "error", "message"),
    [
        (np.ones(3), ValueError, "one weight for each of 4 samples. Received: 3 weights"),
        (np.ones((3, 4)), ValueError, "one weight for each of 4 samples. Received: 3 weights"),
        (np.array([1, 1, np.nan, 1]), ValueError, "finite numbers. Received: nan in row 2"),
        (np.array([[1, 1]] * 3 + [[1, np.inf]]), ValueError, "Received: inf in row 3"),
        (["a"] * 4, TypeError, "sample_weight: expected bool, integer or float"),
        (2.0, TypeError, "sample_weight: expected an array"),
    ],
)
def test_wrong_sample_weights_are_refused(w, error, message):
    with pytest.raises(error, match=message):
        sample_weights(w, 4)
