"""Regularizers: names, configs, values as Keras's, bad arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import layers, optimizers, regularizers
from fastmlp.regularizers import L1, L1L2, L2, OrthogonalRegularizer

X = np.random.default_rng(0).normal(size=(7, 5))
ORTHOGONAL = [OrthogonalRegularizer(), OrthogonalRegularizer(0.3, "columns")]
INSTANCES = [
    *ORTHOGONAL,
    L1(),
    L1(0.3),
    L2(),
    L2(0.3),
    L1L2(),
    L1L2(0.1, 0.2),
    L1L2(l1=0.1),
    L1L2(l2=0.1),
]


@pytest.mark.parametrize("regularizer", INSTANCES, ids=repr)
def test_values_and_configs_are_kerass(regularizer: Any) -> None:
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.regularizers, type(regularizer).__name__)(**regularizer.get_config())
    for dtype in ("float32", "float64"):
        # JAX sums in float32 whatever it is given: 35 terms, 1e-6 each. A tensor, since Keras's
        # columns of a NumPy array are divided by the norms of its rows.
        x = X.astype(dtype)
        tensor = keras.ops.convert_to_tensor(x.astype("float32"))
        assert regularizer(x) == pytest.approx(float(theirs(tensor)), rel=4e-6)
    assert theirs.get_config() == pytest.approx(regularizer.get_config())
    again = regularizers.deserialize(keras.regularizers.serialize(theirs))
    assert type(again) is type(regularizer)


def test_hand_values() -> None:
    x = [[1.0, -2.0], [0.0, 3.0]]
    assert L1(0.1)(x) == pytest.approx(0.6)
    assert L2(0.1)(x) == pytest.approx(1.4)
    assert L1L2(0.1, 0.1)(x) == pytest.approx(2.0)
    assert L1L2()(x) == 0.0
    assert type(L2()(np.ones(3, np.float32))) is float


def test_integers_do_not_wrap() -> None:
    assert L2(1.0)(np.full(2, 100, np.int8)) == 20000
    assert L1(1.0)(np.full(200, 100, np.uint8)) == 20000


@pytest.mark.parametrize("regularizer", INSTANCES, ids=repr)
def test_the_config_makes_an_equal_regularizer(regularizer: Any) -> None:
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(again) is type(regularizer)
    assert (again.l1, again.l2) == (regularizer.l1, regularizer.l2)


@pytest.mark.parametrize(
    ("identifier", "l1", "l2"),
    [
        ("l1", 0.01, 0),
        ("L1", 0.01, 0),
        ("l2", 0, 0.01),
        ("L2", 0, 0.01),
        ("l1l2", 0, 0),
        ("L1L2", 0, 0),
        ("l1_l2", 0.01, 0.01),
        (regularizers.l1, 0.01, 0),
        (regularizers.l2(0.5), 0, 0.5),
        (regularizers.l1_l2(l1=0.1, l2=0.2), 0.1, 0.2),
        ({"class_name": "L2", "config": {"l2": 0.3}}, 0, 0.3),
        (L1(None), 0.01, 0),
    ],
)
def test_every_identifier(identifier: Any, l1: float, l2: float) -> None:
    regularizer = regularizers.get(identifier)
    assert (regularizer.l1, regularizer.l2) == (l1, l2)


def test_none_stays_none() -> None:
    assert regularizers.get(None) is None
    assert regularizers.serialize(None) is None


@pytest.mark.parametrize("cls", [L1, L2])
def test_the_argument_l_of_earlier_kerases_is_accepted_with_one_warning(cls: Any) -> None:
    name = cls.__name__.lower()
    with pytest.warns(FutureWarning, match=rf"write {cls.__name__}\({name}=…\)") as caught:
        regularizer = cls(l=0.5)
    assert len(caught) == 1
    assert regularizer.get_config() == {name: 0.5}


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "0.1", True])
@pytest.mark.parametrize(("cls", "name"), [(L1, "l1"), (L2, "l2"), (L1L2, "l1"), (L1L2, "l2")])
def test_bad_factors_are_refused(cls: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{cls.__name__}: expected {name} >= 0. Received"):
        cls(**{name: value})


def test_unknown_arguments_are_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"L2: unknown argument 'l22'. Did you mean 'l2'"):
        L2(l22=0.1)


@pytest.mark.parametrize("identifier", ["l3", 3, 0.1, object()])
def test_other_identifiers_are_refused(identifier: Any) -> None:
    with pytest.raises(ValueError, match=r"Unknown regularizer|Could not interpret regularizer"):
        regularizers.get(identifier)


def test_functions_and_objects_with_their_own_call_are_taken_as_they_are() -> None:
    class Mine(regularizers.Regularizer):
        def __call__(self, x: Any) -> float:
            return 1.0

    for mine in (Mine(), lambda x: 0.0):
        assert regularizers.get(mine) is mine


def test_a_subclass_that_sets_the_factors_is_accepted() -> None:
    class Mine(regularizers.Regularizer):
        l2 = 0.5

    assert regularizers.get(Mine)([2.0]) == 2.0


@pytest.mark.parametrize("regularizer", ORTHOGONAL, ids=repr)
def test_orthogonal_penalties_are_trained(regularizer: Any) -> None:
    fastmlp.utils.set_random_seed(1)
    dense = layers.Dense(3, kernel_regularizer=regularizer, dtype="float64")
    model = fastmlp.Sequential([fastmlp.Input((4,)), dense])
    model.compile(optimizers.SGD(1.0), "mse")
    x, y = np.zeros((8, 4)), np.zeros((8, 3))
    assert max(fastmlp.check_gradients(model, x, y).values()) < 1e-5
    before = regularizer(dense.kernel)
    history = model.fit(x, y, epochs=200, verbose=0).history["loss"]
    assert history[0] == pytest.approx(before)
    assert regularizer(dense.kernel) < before / 2


def test_orthogonal_wants_a_matrix_and_a_known_mode() -> None:
    with pytest.raises(ValueError, match="expected a matrix"):
        OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(ValueError, match="one of 'rows', 'columns'"):
        OrthogonalRegularizer(mode="row")
    assert type(regularizers.get("orthogonal_regularizer")) is OrthogonalRegularizer
