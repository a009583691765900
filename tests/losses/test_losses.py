"""Every loss class and function: values, reductions, weights, configs, names, errors."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from fastmlp import losses
from fastmlp._core.losses import ROWS

PLAIN = [
    losses.MeanSquaredError,
    losses.MeanAbsoluteError,
    losses.MeanAbsolutePercentageError,
    losses.MeanSquaredLogarithmicError,
    losses.LogCosh,
    losses.KLDivergence,
    losses.Poisson,
    losses.Hinge,
    losses.SquaredHinge,
    losses.CategoricalHinge,
]
INSTANCES = [
    *(cls() for cls in PLAIN),
    losses.Huber(),
    losses.Huber(delta=0.5),
    losses.CosineSimilarity(),
    losses.BinaryCrossentropy(),
    losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    losses.CategoricalCrossentropy(label_smoothing=0.2),
    losses.CategoricalCrossentropy(from_logits=True),
    losses.SparseCategoricalCrossentropy(),
    losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum", name="other"),
    losses.SparseCategoricalCrossentropy(ignore_class=-1, axis=1),
    losses.MeanSquaredError(reduction=None, dtype="float64"),
    losses.BinaryFocalCrossentropy(gamma=1, label_smoothing=0.1),
    losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2], axis=1),
    losses.CategoricalGeneralizedCrossEntropy(q=0.7),
]
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None]


@pytest.mark.parametrize("loss", INSTANCES, ids=repr)
def test_config_round_trip(loss):
    for again in (
        type(loss).from_config(loss.get_config()),
        losses.deserialize(losses.serialize(loss)),
        losses.get(losses.serialize(loss)),
    ):
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()
        assert (again.kind, again.params) == (loss.kind, loss.params)


@pytest.mark.parametrize("loss", [loss for loss in INSTANCES if not loss.targets], ids=repr)
def test_kind_is_a_row_function(loss):
    assert loss.kind in ROWS
    assert loss.sparse == loss.kind.startswith("sparse")


def test_reductions_by_hand():
    t, p = [[0.0], [0.0], [0.0], [0.0]], [[1.0], [2.0], [3.0], [4.0]]  # values 1 4 9 16
    w = [1.0, 0.0, 2.0, 0.5]
    expected = {
        "sum_over_batch_size": (7.5, 27 / 4),
        "mean": (7.5, 27 / 4),
        "sum": (30, 27),
        "mean_with_sample_weight": (7.5, 27 / 3.5),
    }
    for reduction, (plain, weighted) in expected.items():
        loss = losses.MeanSquaredError(reduction=reduction)
        np.testing.assert_allclose(loss(t, p), plain, rtol=1e-7)
        np.testing.assert_allclose(loss(t, p, sample_weight=w), weighted, rtol=1e-7)
    for reduction in ("none", None):
        loss = losses.MeanSquaredError(reduction=reduction)
        np.testing.assert_allclose(loss(t, p), [1, 4, 9, 16])
        np.testing.assert_allclose(loss(t, p, sample_weight=w), [1, 0, 18, 8])


def test_weights_of_samples_hold_for_all_rows_of_a_sample():
    t, p = np.zeros((2, 3, 1)), np.ones((2, 3, 1))
    loss = losses.MeanSquaredError()
    assert loss(t, p, sample_weight=[1.0, 0.5]) == 0.75
    assert loss(t, p, sample_weight=[[1.0], [0.5]]) == 0.75
    assert loss(t, p, sample_weight=np.full((2, 3), 0.5)) == 0.5
    assert loss(t, p, sample_weight=0.25) == 0.25


def test_weights_that_sum_to_zero_give_zero():
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert loss([[1.0]], [[2.0]], sample_weight=[0.0]) == 0


def test_no_rows_give_no_values():
    assert losses.MeanSquaredError()(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)


@pytest.mark.parametrize(
    ("y_pred", "dtype", "expected"),
    [
        (np.float32([[1]]), None, "float32"),
        (np.float64([[1]]), None, "float64"),
        (np.float16([[1]]), None, "float32"),
        (np.array([[1]]), None, "float32"),
        ([[1.0]], None, "float32"),
        (np.float64([[1]]), "float32", "float32"),
        ([[1]], "float64", "float64"),
    ],
)
def test_element_type_is_that_of_the_predictions_or_the_one_asked_for(y_pred, dtype, expected):
    assert losses.MeanSquaredError(dtype=dtype)([[0]], y_pred).dtype == expected


def test_any_layout_and_number_type_is_taken():
    rng = np.random.default_rng(0)
    p = rng.normal(size=(6, 4))
    t = rng.integers(0, 2, (6, 4))
    expected = losses.mean_squared_error(t, p)
    swapped = p.astype(p.dtype.newbyteorder())
    raw = np.frombuffer(b"x" + p.tobytes(), np.uint8)[1:].view(np.float64).reshape(6, 4)
    for y_pred in (np.asfortranarray(p), np.repeat(p, 2, axis=0)[::2], p[::-1][::-1], swapped, raw):
        for y_true in (t, t.astype(bool), t.astype(np.uint8), t.tolist()):
            np.testing.assert_allclose(losses.mean_squared_error(y_true, y_pred), expected)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", "MeanSquaredError"),
        ("MSE", "MeanSquaredError"),
        ("mae", "MeanAbsoluteError"),
        ("MAE", "MeanAbsoluteError"),
        ("mape", "MeanAbsolutePercentageError"),
        ("MAPE", "MeanAbsolutePercentageError"),
        ("msle", "MeanSquaredLogarithmicError"),
        ("MSLE", "MeanSquaredLogarithmicError"),
        ("bce", "BinaryCrossentropy"),
        ("BCE", "BinaryCrossentropy"),
        ("kld", "KLDivergence"),
        ("KLD", "KLDivergence"),
        ("kl_divergence", "KLDivergence"),
        ("log_cosh", "LogCosh"),
        ("huber", "Huber"),
        ("Huber", "Huber"),
        ("hinge", "Hinge"),
        ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
    ],
)
def test_names(name, cls):
    assert type(losses.get(name)).__name__ == cls


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kullback_leibler_divergence", "kl_divergence"),
        ("logcosh", "log_cosh"),
        ("huber_loss", "huber"),
        ("cosine_proximity", "cosine_similarity"),
    ],
)
def test_names_of_earlier_kerases_warn_and_work(old, new):
    with pytest.warns(FutureWarning, match=new) as caught:
        loss = losses.get(old)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert type(loss) is type(losses.get(new))


def test_every_class_has_its_function_and_both_are_identifiers():
    offered = [getattr(losses, name) for name in dir(losses)]
    classes = [c for c in offered if inspect.isclass(c) and c is not losses.Loss]
    assert set(classes) == {
        losses.base.registry.member(name) for name in losses.base.registry.names()
    }
    for cls in classes:
        loss = losses.get(cls)
        base = (loss.kind or loss.name).removesuffix("_logits")
        function = getattr(losses, base)
        assert isinstance(loss, cls)
        assert type(losses.get(function)) is cls
        assert losses.get(loss) is loss
        assert losses.serialize(function) == base
    assert losses.get(None) is None


def test_function_config_of_keras_is_understood():
    config = {"module": "builtins", "class_name": "function", "config": "mean_squared_error"}
    assert isinstance(losses.get(config), losses.MeanSquaredError)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        ((None,), (None, 1), "binary_crossentropy"),
        ((None, 1), (None, 1), "binary_crossentropy"),
        ((None,), (None, 3), "sparse_categorical_crossentropy"),
        ((None, 1), (None, 3), "sparse_categorical_crossentropy"),
        ((None, 3), (None, 3), "categorical_crossentropy"),
        ((None, 5), (None, 5, 3), "sparse_categorical_crossentropy"),
    ],
)
def test_crossentropy_is_chosen_by_shape(y_true, y_pred, expected):
    for name in ("crossentropy", "ce", "CE"):
        assert losses.resolve(name, y_true, y_pred).kind == expected
    assert losses.resolve("mse", y_true, y_pred).kind == "mean_squared_error"
    with pytest.raises(ValueError, match="shapes"):
        losses.get("ce")


def test_unknown_names_get_a_hint():
    with pytest.raises(ValueError, match="Did you mean 'mean_squared_error'"):
        losses.get("mean_square_error")
    with pytest.raises(ValueError, match="Did you mean 'binary_crossentropy'"):
        losses.get("binary_cross_entropy")
    for wrong in (3, {"config": {}}, ["mse"]):
        with pytest.raises(ValueError, match="loss"):
            losses.get(wrong)


def test_losses_of_ones_own():
    class Custom(losses.Loss):
        def call(self, y_true, y_pred):
            return np.abs(y_true - y_pred)[:, 0]

    assert Custom()(np.zeros((2, 1)), np.ones((2, 1))) == 1
    assert losses.get(lambda y_true, y_pred: y_pred)([0], [3.0]) == 3
    with pytest.raises(ValueError, match="Could not interpret loss identifier"):
        losses.get(object)
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()([0], [0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.MeanSquaredError(reduction="avg"), "reduction"),
        (lambda: losses.MeanSquaredError(dtype="int32"), "dtype"),
        (lambda: losses.Huber(delta=0), "delta"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=1.5), "label_smoothing"),
        (lambda: losses.CategoricalCrossentropy(axis=2)([[1]], [[1]]), "axis to be one of"),
        (lambda: losses.BinaryCrossentropy(axis=True), "axis to be a whole number"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1), "gamma"),
        (
            lambda: losses.CategoricalFocalCrossentropy([1, 2])([[1, 0, 0]], [[1, 0, 0]]),
            "alpha with 3",
        ),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1), "q < 1"),
        (
            lambda: losses.categorical_focal_crossentropy([0, 1], np.ones((2, 3))),
            "categorical_focal_crossentropy: expected y_true of shape",
        ),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class="a"), "ignore_class"),
        (lambda: losses.mean_squared_error("a", "b"), "real numbers"),
        (lambda: losses.mean_squared_error([[1], [2, 3]], [1, 2]), "rectangular"),
        (lambda: losses.mean_squared_error([1j], [1]), "complex"),
        (lambda: losses.mean_squared_error(1.0, 1.0), "at least one axis"),
        (lambda: losses.mean_squared_error([1, 2, 3], [[1, 2]]), "y_true of shape"),
        (lambda: losses.mean_squared_error(np.ones(4), np.ones((4, 2))), "last layer has 2 units"),
        (lambda: losses.mean_squared_error(np.ones((4, 3)), np.ones((4, 1))), "y_true of shape"),
        (
            lambda: losses.categorical_crossentropy([0, 1], np.ones((2, 3))),
            "'sparse_categorical_crossentropy'",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(np.ones((2, 3)), np.ones((2, 3))),
            "'categorical_crossentropy'",
        ),
        (lambda: losses.MeanSquaredError()([[1]], [[1]], sample_weight=[1, 2]), "sample_weight"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_class_is_warned_about():
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy([[1.0]], [[0.3]])
