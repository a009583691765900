"""Sentences for wrong arguments, and who gets warned."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from fastmlp import errors


def test_bad_argument_says_where_what_was_expected_what_came_and_a_hint() -> None:
    error = errors.bad_argument("Dropout", "0 <= rate <= 1", "rate", 20, "20 % is 0.2")
    assert isinstance(error, ValueError)
    assert str(error) == "Dropout: expected 0 <= rate <= 1. Received: rate=20. Hint: 20 % is 0.2."


@pytest.mark.parametrize(
    ("name", "known", "suggestion"),
    [
        ("acuracy", ["accuracy", "auc", "binary_accuracy"], "accuracy"),
        ("mean_square_error", ["mean_squared_error", "mean_absolute_error"], "mean_squared_error"),
        ("rellu", ["relu", "selu", "elu", "relu6"], "relu"),
        ("adan", ["adam", "nadam", "adamax"], "adam"),
        ("ReLU", ["relu", "elu"], "relu"),
        ("glorotUniform", ["GlorotUniform", "glorot_uniform"], "GlorotUniform"),
    ],
)
def test_unknown_name_suggests_the_nearest(name: str, known: list[str], suggestion: str) -> None:
    assert f"Did you mean {suggestion!r}?" in str(errors.unknown_name("thing", name, known))


def test_unknown_name_suggests_nothing_for_what_is_near_to_nothing() -> None:
    message = str(errors.unknown_name("loss", "xyzzy", ["hinge"]))
    assert message == "Unknown loss 'xyzzy'. Known: hinge."


def test_unknown_name_takes_anything_for_a_name() -> None:
    assert str(errors.unknown_name("loss", 3, ["hinge"])) == "Unknown loss 3. Known: hinge."


def test_unknown_name_cuts_very_long_lists() -> None:
    message = str(errors.unknown_name("thing", "?", [f"name_{i:03}" for i in range(200)]))
    assert message.endswith(", …")
    assert "name_199" not in message


def test_unknown_keywords_names_all_of_them() -> None:
    error = errors.unknown_keywords("SGD", {"momentun": 1, "nestrov": 2}, ["momentum", "nesterov"])
    assert str(error) == (
        "SGD: unknown arguments 'momentun', 'nestrov'. Did you mean 'momentum', 'nesterov'? "
        "Known: momentum, nesterov."
    )


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int64(1), np.array(1.0), np.array(1)])
def test_check_number_takes_python_and_numpy_numbers(value: object) -> None:
    number = errors.check_number("here", "x", value, 0, 1)
    assert type(number) is float
    assert number == 1


@pytest.mark.parametrize(
    "value", ["1", None, True, 1j, math.nan, math.inf, [1.0], np.ones(1), np.array("1"), object()]
)
def test_check_number_refuses_what_is_no_finite_number(value: object) -> None:
    with pytest.raises(ValueError, match=r"^here: expected x to be a finite number. Received: x="):
        errors.check_number("here", "x", value)


@pytest.mark.parametrize(
    ("bounds", "value", "sentence"),
    [
        ({"low": 0}, -1, "expected x >= 0. Received: x=-1."),
        ({"low": 0, "above": True}, 0, "expected x > 0. Received: x=0."),
        ({"low": 0, "high": 1}, 2, "expected 0 <= x <= 1. Received: x=2."),
        ({"low": 0, "high": 1, "below": True}, 1, "expected 0 <= x < 1. Received: x=1."),
        ({"high": 1}, 2, "expected x <= 1. Received: x=2."),
    ],
)
def test_check_number_tells_the_range(bounds: dict, value: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"^here: ") as caught:
        errors.check_number("here", "x", value, **bounds)
    assert str(caught.value) == f"here: {sentence}"


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3)])
def test_check_int_takes_python_and_numpy_integers(value: object) -> None:
    assert errors.check_int("here", "n", value, low=1) == 3


@pytest.mark.parametrize("value", [0, 3.0, "3", True, None, np.float32(3)])
def test_check_int_refuses_everything_else(value: object) -> None:
    with pytest.raises(ValueError, match="expected an integer n >= 1"):
        errors.check_int("here", "n", value, low=1)


def test_check_choice_lists_the_choices() -> None:
    assert errors.check_choice("here", "mode", "a", ["a", "b"]) == "a"
    with pytest.raises(ValueError, match=r"expected mode to be one of 'a', 'b'. Received: mode=3"):
        errors.check_choice("here", "mode", 3, ["a", "b"])


def test_warnings_point_at_the_first_caller_outside_of_fastmlp() -> None:
    from fastmlp import constraints

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        constraints.get("maxnorm")
    (warning,) = caught
    assert warning.category is FutureWarning
    assert warning.filename == __file__
    assert "'max_norm'" in str(warning.message)
