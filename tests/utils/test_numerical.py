"""to_categorical and normalize: as Keras's, and clear errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fastmlp import utils


@pytest.mark.parametrize(
    ("x", "num_classes"),
    [
        ([0, 2, 1], None),
        ([0, 2, 1], 5),
        (np.array([[0], [2]]), None),
        (np.array([[0, 1], [2, 0]], np.uint8), 3),
        (np.array([1.0, 0.0], np.float32), None),
        (np.array([True, False]), 2),
        (2, 4),
        (np.array([[[1]], [[0]]]), None),
        (np.zeros(0, int), 3),
        (np.zeros((1,), int), None),
    ],
)
def test_to_categorical_is_kerass(x: Any, num_classes: int | None) -> None:
    keras = pytest.importorskip("keras")
    ours, theirs = (f(x, num_classes) for f in (utils.to_categorical, keras.utils.to_categorical))
    assert ours.dtype == theirs.dtype == np.float64
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("x", "num_classes", "sentence"),
    [
        ([0, 3], 3, "class numbers from 0 to 2. Received: x contains=3.*numbered from 0"),
        ([0, -1], None, "class numbers from 0 to 0. Received: x contains=-1"),
        ([-1], None, "class numbers from 0 on. Received: x contains=-1"),
        ([0.5], None, "whole numbers. Received: x contains=0.5"),
        ([math.nan], None, "whole numbers. Received: x contains=nan"),
        ([math.inf], None, "whole numbers. Received: x contains=inf"),
        (["cat", "dog"], None, "class numbers.*number the classes first"),
        ([], None, "num_classes, since x is empty"),
        ([0], -1, "an integer num_classes >= 0"),
        ([0], 2.5, "an integer num_classes >= 0"),
    ],
)
def test_to_categorical_refuses(x: Any, num_classes: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"to_categorical: expected .*{sentence}"):
        utils.to_categorical(x, num_classes)


X = np.random.default_rng(0).normal(size=(4, 3, 5))


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
def test_normalize_is_kerass(axis: int, order: float) -> None:
    keras = pytest.importorskip("keras")
    np.testing.assert_allclose(
        utils.normalize(X, axis, order), keras.utils.normalize(X, axis, order)
    )


def test_normalize_takes_axis_0() -> None:  # where Keras fails
    x = np.array([[3.0, 0.0, 1.0], [4.0, 0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x, axis=0), [[0.6, 0, 1], [0.8, 0, 0]])


def test_normalize_keeps_floats_and_makes_integers_float64() -> None:
    assert utils.normalize(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(utils.normalize([[3, 4]]), [[0.6, 0.8]])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((["a"],), "x to hold numbers"),
        ((X, 3), "an integer -3 <= axis <= 2"),
        ((X, None), "an integer -3 <= axis <= 2"),
        ((X, -1, 0), "order > 0"),
        ((X, -1, "fro"), "order > 0"),
    ],
)
def test_normalize_refuses(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"normalize: expected {sentence}"):
        utils.normalize(*arguments)
