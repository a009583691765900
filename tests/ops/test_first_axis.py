"""What picks places along the batch is never taken for what leaves it alone."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Input, Model, ops

X = np.arange(24.0).reshape(12, 2)


@pytest.mark.parametrize(
    "pick",
    [
        lambda x: x[:3],
        lambda x: x[:9],
        lambda x: x[..., :7] if len(x.shape) == 1 else x[:7],
        lambda x: x[[0, 1, 2]],
        lambda x: ops.take(x, [0, 1, 2], axis=0),
        lambda x: ops.take(x, np.arange(3), axis=-2),
        lambda x: ops.roll(x, 3, axis=0),
        lambda x: ops.roll(x, 6),
        lambda x: ops.flipud(x),
        lambda x: ops.vstack([x[:4], x[8:]]),
        lambda x: ops.slice(x, (0, 0), (5, 2)),
        lambda x: ops.split(x, 3, axis=0)[1],
    ],
)
def test_a_call_gives_what_arrays_give(pick):
    entry = Input((2,))
    np.testing.assert_array_equal(Model(entry, pick(entry))(X), pick(X))


def test_all_places_are_the_tensor():
    entry = Input((2,))
    for whole in (entry[0:], entry[...], entry[:, :], entry[::1]):
        np.testing.assert_array_equal(Model(entry, whole).predict(X, verbose=0), X)
