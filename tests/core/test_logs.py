"""Logs from sums: what each kind of entry is, and where nothing was counted."""

from __future__ import annotations

import math

import pytest

from fastmlp._core.logs import Logs
from fastmlp.metrics import Sum


def logs() -> Logs:
    entries = [
        ("a_loss", "share", 0, 1, None),
        ("loss", "loss", 0, 0, None),
        ("mae", "mean", 3, 2, None),
        ("total", "other", 5, 1, Sum()),
    ]
    return Logs(entries, [(0, 2.0), (2, 1.0)], 1)


def test_each_entry_is_a_float_of_its_sums():
    found = logs().of([6.0, 4.0, 8.0, 9.0, 2.0, 7.0])
    assert found == {"a_loss": 1.5, "loss": 5.0, "mae": 4.5, "total": 7.0}
    assert list(found) == sorted(found)
    assert {type(value) for value in found.values()} == {float}


def test_every_dict_is_a_new_one():
    one = logs()
    one.of([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])["loss"] = 3.0
    assert one.of([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])["loss"] == 0.0


def test_nothing_counted_is_nan_of_losses_and_zero_of_means():
    found = logs().of([0.0] * 6)
    assert math.isnan(found["loss"]) and math.isnan(found["a_loss"])
    assert found["mae"] == 0.0


def test_loss_of_weights_that_cancel_is_infinite():
    assert logs().loss_of([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]) == math.inf


def test_unknown_kind_is_refused():
    with pytest.raises(KeyError, match="median"):
        Logs([("x", "median", 0, 1, None)], [], 0)
