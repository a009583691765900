"""Records take their fields in order or by name, and nothing else."""

from __future__ import annotations

import pytest

from fastmlp._record import Record, fresh


class Point(Record):
    x: float
    y: float = 0.5
    labels: list[str] = fresh(list)


def test_fields_are_given_in_order_or_by_name():
    point = Point(1.0, y=2.0)
    assert (point.x, point.y, point.labels) == (1.0, 2.0, [])
    assert Point(3.0).y == 0.5


def test_fresh_defaults_are_not_shared():
    one, other = Point(1.0), Point(1.0)
    one.labels.append("a")
    assert other.labels == []


def test_a_copy_may_have_other_values():
    point = Point(1.0, 2.0, ["a"])
    other = point.with_values(x=5.0)
    assert (other.x, other.y, other.labels) == (5.0, 2.0, ["a"])
    assert point.x == 1.0


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1.0, 2.0, [], 4.0), {}), ((1.0,), {"x": 2.0}), ((1.0,), {"z": 2.0})],
)
def test_missing_and_unknown_fields_are_refused(args, kwargs):
    with pytest.raises(TypeError, match="Point: expected values of x, y, labels"):
        Point(*args, **kwargs)
