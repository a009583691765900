"""Constraints: as Keras's on arrays; the native op as the Python objects; names, configs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fastmlp import constraints
from fastmlp._core import constraints as native
from fastmlp.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm

INSTANCES = [
    MaxNorm(),
    MaxNorm(0.5),
    MaxNorm(0.0),
    MaxNorm(1.0, axis=1),
    MaxNorm(1.0, axis=-1),
    MaxNorm(1.0, axis=[0, 1]),
    UnitNorm(),
    UnitNorm(axis=1),
    MinMaxNorm(),
    MinMaxNorm(2.0, 3.0),
    MinMaxNorm(0.5, 0.6, rate=0.3),
    MinMaxNorm(0.5, 0.6, rate=0.0, axis=1),
    NonNeg(),
]
# One column, one row, fewer and more columns than the native op takes at a time (64), a prime.
SHAPES = [(1, 1), (5, 1), (1, 5), (7, 63), (3, 64), (3, 65), (131, 137)]


def weights(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(len(shape) + shape[0]).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_values_and_configs_are_kerass(constraint: Any) -> None:
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.constraints, type(constraint).__name__)(**constraint.get_config())
    for shape in SHAPES:
        w = weights(shape, "float32")
        # Sums of up to 131 squares in float32, in another order: 1e-6.
        np.testing.assert_allclose(constraint(w), np.asarray(theirs(w)), rtol=2e-6, atol=1e-7)
    assert constraint.get_config() == theirs.get_config()
    again = constraints.deserialize(keras.constraints.serialize(theirs))
    assert again.get_config() == constraint.get_config()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_the_native_op_does_the_same_in_place(constraint: Any, dtype: str) -> None:
    for shape in SHAPES:
        w = weights(shape, dtype)
        expected = constraint(w.astype(np.float64))
        guarded = np.full(w.size + 2, 7, dtype)
        inside = guarded[1:-1].reshape(constraint.blocks(shape))
        inside[...] = w.reshape(inside.shape)
        native.constrain(constraint.kind, inside, constraint.params)
        # The native op sums in double: what is left is one rounding of the factor, one of w.
        tolerance = 2e-7 if dtype == "float32" else 1e-15
        np.testing.assert_allclose(inside.reshape(shape), expected, rtol=tolerance, atol=1e-30)
        assert guarded[0] == guarded[-1] == 7


@pytest.mark.parametrize(
    ("axis", "shape", "blocks"),
    [
        (0, (5,), (1, 5, 1)),
        (0, (5, 3), (1, 5, 3)),
        (1, (5, 3), (5, 3, 1)),
        (-1, (5, 3), (5, 3, 1)),
        (1, (2, 5, 3), (2, 5, 3)),
        ((0, 1), (2, 5, 3), (1, 10, 3)),
        ([2, 1], (2, 5, 3), (2, 15, 1)),
    ],
)
def test_blocks_are_the_slices_that_share_a_norm(axis: Any, shape: Any, blocks: Any) -> None:
    constraint = UnitNorm(axis)
    assert constraint.blocks(shape) == blocks
    w = weights(shape, "float64")
    seen = w.copy().reshape(blocks)
    native.constrain(constraint.kind, seen, constraint.params)
    np.testing.assert_allclose(seen.reshape(shape), constraint(w), rtol=1e-14)


def test_hand_values() -> None:
    w = np.array([[3.0, 0.3], [4.0, 0.4]])
    np.testing.assert_allclose(MaxNorm(1)(w), [[0.6, 0.3], [0.8, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(UnitNorm()(w), [[0.6, 0.6], [0.8, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(MinMaxNorm(1, 2)(w), [[1.2, 0.6], [1.6, 0.8]], rtol=1e-6)
    assert NonNeg()([-1, 0, 2]).tolist() == [0, 0, 2]


def test_nan_stays_nan() -> None:
    for constraint in (NonNeg(), MaxNorm(1), MinMaxNorm(1, 2, 0.5)):
        w = np.array([math.nan, 1.0]).reshape(1, 1, 2)
        native.constrain(constraint.kind, w, constraint.params)
        assert math.isnan(w[0, 0, 0])
        assert math.isfinite(w[0, 0, 1])


def test_zeros_stay_zero() -> None:
    for constraint in (MaxNorm(1), UnitNorm(), MinMaxNorm(1, 2)):
        assert not constraint(np.zeros((3, 2))).any()


def test_empty_weights_are_left_alone() -> None:
    for shape in ((0, 3), (3, 0)):
        w = np.zeros(shape)
        native.constrain("norm", w.reshape(UnitNorm().blocks(shape)), UnitNorm().params)


@pytest.mark.parametrize(
    ("kind", "w", "params"),
    [
        ("max_norm", np.zeros((1, 2, 3)), ()),
        ("norm", np.zeros((1, 2, 3)), (1.0,)),
        ("norm", np.zeros((1, 2, 3))[..., ::2], (0.0, 1.0, 1.0, 1e-7)),
        ("norm", np.zeros((1, 2, 3), np.int64), (0.0, 1.0, 1.0, 1e-7)),
        ("norm", np.zeros((2, 3)), (0.0, 1.0, 1.0, 1e-7)),
    ],
)
def test_the_native_function_refuses_bad_arguments(kind: str, w: np.ndarray, params: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        native.constrain(kind, w, params)


def test_a_read_only_weight_is_refused() -> None:
    w = np.ones((1, 2, 3))
    w.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        native.constrain("non_neg", w)


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [
        ("max_norm", MaxNorm),
        ("MaxNorm", MaxNorm),
        ("min_max_norm", MinMaxNorm),
        ("MinMaxNorm", MinMaxNorm),
        ("non_neg", NonNeg),
        ("NonNeg", NonNeg),
        ("unit_norm", UnitNorm),
        ("UnitNorm", UnitNorm),
        (MaxNorm, MaxNorm),
        (constraints.max_norm(3), MaxNorm),
        ({"class_name": "UnitNorm", "config": {"axis": 1}}, UnitNorm),
    ],
)
def test_every_identifier(identifier: Any, cls: type) -> None:
    assert type(constraints.get(identifier)) is cls


def test_none_stays_none() -> None:
    assert constraints.get(None) is None


@pytest.mark.parametrize(
    ("old", "new"), [("maxnorm", MaxNorm), ("nonneg", NonNeg), ("unitnorm", UnitNorm)]
)
def test_names_of_keras_1_are_accepted_with_one_warning(old: str, new: type) -> None:
    with pytest.warns(FutureWarning, match="write ") as caught:
        assert type(constraints.get(old)) is new
    with pytest.warns(FutureWarning, match="write constraints"):
        assert type(getattr(constraints, old)()) is new
    assert len(caught) == 1


def test_maxnorm_takes_its_argument_by_position() -> None:
    with pytest.warns(FutureWarning):
        assert constraints.maxnorm(3).max_value == 3


@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_the_config_makes_an_equal_constraint(constraint: Any) -> None:
    again = constraints.deserialize(constraints.serialize(constraint))
    assert type(again) is type(constraint)
    assert again.get_config() == constraint.get_config()
    assert (again.kind, again.params, again.axis) == (
        constraint.kind,
        constraint.params,
        constraint.axis,
    )


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MaxNorm(-1), "MaxNorm: expected max_value >= 0"),
        (lambda: MaxNorm("1"), "MaxNorm: expected max_value >= 0"),
        (lambda: MaxNorm(axis=1.5), "MaxNorm: expected an integer axis"),
        (lambda: UnitNorm(axis="a"), "UnitNorm: expected an integer axis"),
        (lambda: MinMaxNorm(2, 1), "MinMaxNorm: expected max_value >= 2.*below min_value"),
        (lambda: MinMaxNorm(rate=1.5), "MinMaxNorm: expected 0 <= rate <= 1"),
        (lambda: UnitNorm(axis=1)(np.ones(3)), "UnitNorm: expected a weight that has axis 1"),
        (lambda: UnitNorm(axis=(0, 2)).blocks((2, 3, 4)), "expected axes next to each other"),
        (lambda: constraints.get("max_nrm"), "Did you mean 'max_norm'"),
        (lambda: constraints.get(3), "Could not interpret constraint identifier"),
        (lambda: constraints.get(constraints.Constraint()), "Hint: give it a method __call__"),
    ],
)
def test_bad_arguments_are_errors_that_say_what_was_expected(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_functions_and_objects_with_their_own_call_are_taken_as_they_are() -> None:
    class Mine(constraints.Constraint):
        def __call__(self, w: Any) -> Any:
            return w

    for mine in (Mine(), abs):
        assert constraints.get(mine) is mine


def test_the_base_class_leaves_a_weight_as_it_is() -> None:
    class Rounded(constraints.Constraint):
        def __call__(self, w: Any) -> Any:
            return np.round(super().__call__(w))

    assert Rounded()([0.7, -1.2]).tolist() == [1, -1]
