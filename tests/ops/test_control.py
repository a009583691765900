"""Branches and loops: what decides, what is refused, and graphs that hold them."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import ops


def test_branches_on_a_tensor_are_selected_in_a_saved_graph():
    x = fastmlp.Input((3,))
    y = ops.cond(ops.sum(x) > 0, lambda: (x, 2 * x), lambda: (-x, x))
    model = fastmlp.Model(x, list(y))
    again = fastmlp.Model.from_config(model.get_config())
    ones = np.ones((2, 3), "float32")
    for m in (model, again):
        np.testing.assert_array_equal(m.predict(ones, verbose=0)[1], 2 * ones)
        np.testing.assert_array_equal(m.predict(-ones, verbose=0)[0], ones)


def test_only_the_branch_that_is_taken_runs_for_a_number():
    assert ops.cond(np.array(1), lambda: "a", lambda: 1 / 0) == "a"
    assert ops.switch(-3, [lambda: "a", lambda: 1 / 0]) == "a"


def test_what_needs_arrays_says_so():
    x = fastmlp.Input((3,))
    with pytest.raises(TypeError, match="scan: expected arrays"):
        ops.scan(lambda c, v: (c, v), 0, x)
    with pytest.raises(TypeError, match="map: expected arrays"):
        ops.map(lambda v: v, x)
    with pytest.raises(ValueError, match="scan: expected xs or length"):
        ops.scan(lambda c, v: (c, v), 0)
    with pytest.raises(ValueError, match="scan: expected xs of length 3"):
        ops.scan(lambda c, v: (c, v), 0, np.ones(2), length=3)
    with pytest.raises(ValueError, match="expected an axis of one known size"):
        ops.associative_scan(ops.add, x, axis=0)
    with pytest.raises(ValueError, match=r"expected an axis of one known size.*\(3,\), \(2,\)"):
        ops.associative_scan(ops.add, [np.ones(3), np.ones(2)])
    with pytest.raises(ValueError, match="expected axes of an input with 1"):
        ops.associative_scan(ops.add, np.ones(3), axis=1)
    with pytest.raises(ValueError, match="same structure"):
        ops.cond(ops.sum(x) > 0, lambda: (x, x), lambda: x)
    with pytest.raises(ValueError, match="equally long first axes"):
        ops.map(lambda v: v, (np.ones(2), np.ones(3)))


@pytest.mark.parametrize("name", ["gcd", "bitwise_and", "left_shift"])
def test_bits_of_floats_are_refused(name):
    with pytest.raises(TypeError, match="expected integers"):
        getattr(ops, name)(1.5, 2)


def test_arrays_alone_are_named():
    x = fastmlp.Input((3,))
    for call in (lambda: ops.unique(x), lambda: ops.vander(x), lambda: ops.kron(x, x)):
        with pytest.raises(TypeError, match="expected arrays"):
            call()
    with pytest.raises(ValueError, match=r"rearrange .*: expected a name for each axis"):
        ops.rearrange(x, "b t -> b q")
    with pytest.raises(ValueError, match=r"slice_update .*: expected updates of all samples"):
        ops.slice_update(x, (1, 0), x[:, :1])
