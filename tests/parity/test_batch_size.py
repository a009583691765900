"""`ops.shape(x)[0]` within `call`: what programs make of the number of samples."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")


def _layer(lib):
    ops, layers = lib.ops, lib.layers

    class Uses(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.cell = layers.GRU(6), layers.LSTMCell(4)
            self.stack = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)])

        def build(self, shape):
            self.row = self.add_weight(shape=(1, 5, 3), initializer="ones", name="row")
            self.one = self.add_weight(shape=(3,), initializer="ones", name="one")
            self.built = True

        def call(self, x):
            n = ops.shape(x)[0]
            states = self.cell.get_initial_state(batch_size=n)
            for t in range(2):
                y, states = self.cell(x[:, t], states)
            shifted = ops.concatenate([ops.zeros((n, 1, 3)), x[:, :-1]], axis=1)
            rows = ops.tile(self.row, [n, 1, 1]) + ops.repeat(self.row, n, axis=0)
            rows = rows + ops.broadcast_to(self.row, (n, 5, 3))
            places = ops.broadcast_to(ops.arange(5, dtype="float32"), (n, 5))
            parts = [
                self.gru(x, initial_state=self.gru.get_initial_state(n)),
                y,
                ops.ones((n, 2)),
                ops.full((n, 1), 3.0),
                ops.full((n, 2), self.one[1]),
                ops.broadcast_to(2.0, (n, 2)) * self.one[:2],
                ops.ones(n)[:, None] * self.one[2:],
                ops.sum(shifted, 1),
                ops.sum(rows, 1),
                ops.broadcast_to(self.one, (n, 3)),
                ops.sum(places, 1, keepdims=True),
                self.stack(x),
            ]
            return ops.concatenate(parts, axis=-1)

    return Uses()


def test_the_number_of_samples_may_be_a_size():
    found, trained = [], []
    for lib in (fastmlp, keras):
        layer = _layer(lib)
        layer(X)
        shapes = [w.shape for w in layer.get_weights()]
        layer.set_weights([np.linspace(-1, 1, np.prod(s)).reshape(s) for s in shapes])
        found.append(np.asarray(layer(X)))
        entry = lib.Input((5, 3))
        model = lib.Model(entry, lib.layers.Dense(1, kernel_initializer="ones")(layer(entry)))
        model.compile("sgd", "mse")
        model.fit(X, np.ones((4, 1)), epochs=2, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
    for a, b in zip(*trained, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: fastmlp.ops.zeros((None, 3)),
        lambda: fastmlp.ops.ones(None),
        lambda: fastmlp.ops.broadcast_to(2.0, (None, 3)),
        lambda: fastmlp.ops.broadcast_to(np.ones((1, 3)), (None, 3)),
        lambda: fastmlp.ops.tile(np.ones((2, 3)), [None, 1]),
    ],
)
def test_elsewhere_nobody_knows_it(make):
    with pytest.raises(ValueError, match=r"within call|expected one value"):
        make()
