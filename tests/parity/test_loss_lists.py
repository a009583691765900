"""Lists that hold the loss of one output, as Keras takes them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp

X = np.random.default_rng(6).normal(size=(8, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def two_outputs(k):
    entry = k.Input((3,))
    ones = {"kernel_initializer": "ones"}
    return k.Model(
        entry,
        [
            k.layers.Dense(1, name="a", **ones)(entry),
            k.layers.Dense(1, "sigmoid", name="b", **ones)(entry),
        ],
    )


@pytest.mark.parametrize(
    "loss",
    [{"a": "mse", "b": ["binary_crossentropy"]}, ["mse", ["mae"]], [["mse"], ("mae",)], [["mse"]]],
)
def test_a_list_may_hold_the_loss_of_an_output(loss):
    found = []
    for k in (keras, fastmlp):
        model = two_outputs(k)
        y = [Y, (Y > 0).astype("float32")]
        if len(loss) == 1:
            model, y = k.Model(model.input, model.outputs[0]), Y
        model.compile(k.optimizers.SGD(0.01), loss)
        found.append(model.fit(X, y, verbose=0).history)
    assert list(found[0]) == list(found[1])
    np.testing.assert_allclose(
        list(found[1].values()), list(found[0].values()), rtol=1e-5, atol=1e-6
    )
