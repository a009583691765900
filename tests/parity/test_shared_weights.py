"""Weights of built-in layers in the code of others: layers, losses and metrics beside Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
CODES = RNG.integers(0, 6, (24, 3)).astype("int32")


def _tied(lib: Any) -> Any:
    class Tied(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = lib.layers.Dense(3, "tanh")

        def call(self, x: Any) -> Any:
            return lib.ops.matmul(self.inner(x), lib.ops.transpose(self.inner.kernel))

    entry = lib.Input((4,))
    model = lib.Model(entry, Tied()(entry))
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model, X, X


def _tied_table(lib: Any) -> Any:
    class Words(lib.Model):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = lib.layers.Embedding(6, 5)

        def call(self, codes: Any) -> Any:
            mean = lib.ops.mean(self.table(codes), axis=1)
            return lib.ops.matmul(mean, lib.ops.transpose(self.table.embeddings))

    model = Words()
    loss = lib.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lib.optimizers.SGD(0.5), loss)
    return model, CODES, CODES[:, 0]


def _own_dense(lib: Any) -> Any:
    class Normed(lib.layers.Dense):  # type: ignore[misc,name-defined]
        def call(self, x: Any, **_: Any) -> Any:
            ops = lib.ops
            length = ops.sqrt(ops.sum(ops.square(self.kernel), axis=0, keepdims=True))
            return ops.matmul(x, self.kernel / length) + self.bias

    model = lib.Sequential([lib.Input((4,)), Normed(3), lib.layers.Dense(4)])
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model, X, X


def _penalised(lib: Any) -> Any:
    entry = lib.Input((4,))
    dense = lib.layers.Dense(3)
    model = lib.Model(entry, lib.layers.Dense(4)(dense(entry)))

    def loss(y: Any, p: Any) -> Any:
        ops = lib.ops
        return ops.mean(ops.square(y - p)) + 0.1 * ops.sum(ops.square(dense.kernel))

    model.compile(lib.optimizers.SGD(0.1), loss)
    return model, X, X


def _slopes(lib: Any) -> Any:
    class Bent(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.bend = lib.layers.PReLU()

        def call(self, x: Any) -> Any:
            return self.bend(x) * (1 + self.bend.alpha)

    model = lib.Sequential([lib.Input((4,)), Bent(), lib.layers.Dense(4)])
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model, X, X


@pytest.mark.parametrize("make", [_tied, _tied_table, _own_dense, _penalised, _slopes])
def test_a_weight_trains_wherever_it_is_used(make: Any) -> None:
    found = []
    for lib in (keras, fastmlp):
        model, x, y = make(lib)
        model(x)
        if found:
            model.set_weights(found[0][0])
        first = [np.asarray(w) for w in model.get_weights()]
        told = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
        logs = model.fit(x, y, **told).history
        found.append((first, logs, model.get_weights(), model.predict(x, verbose=0), model(x)))
    theirs, ours = found
    for name, values in theirs[1].items():
        np.testing.assert_allclose(ours[1][name], values, rtol=1e-5, err_msg=name)
    for one, other in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours[3], theirs[3], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours[4], theirs[4], rtol=1e-4, atol=1e-6)


def test_a_metric_sees_the_weight_of_each_step() -> None:
    dense = fastmlp.layers.Dense(4)
    model = fastmlp.Sequential([fastmlp.Input((4,)), dense])

    def size(y: Any, p: Any) -> Any:
        return fastmlp.ops.sum(fastmlp.ops.abs(dense.kernel))

    model.compile(fastmlp.optimizers.SGD(0.1), "mse", metrics=[size])
    before = np.abs(dense.kernel).sum()
    model.fit(X, X, epochs=3, verbose=0)
    after = np.abs(dense.kernel).sum()
    assert abs(after - before) > 1e-3
    np.testing.assert_allclose(model.evaluate(X, X, verbose=0)[1], after, rtol=1e-5)


def test_settings_of_a_weight_may_be_set_through_the_layer() -> None:
    bias = []
    for lib in (keras, fastmlp):
        dense = lib.layers.Dense(1, bias_initializer="ones")
        model = lib.Sequential([lib.Input((4,)), dense])
        dense.bias.trainable = False
        dense.kernel.constraint = lib.constraints.NonNeg()
        dense.kernel.regularizer = lib.regularizers.L2(0.1)
        model.compile(lib.optimizers.SGD(0.1), "mse")
        model.fit(X, X[:, :1], batch_size=8, verbose=0)
        bias.append(float(np.asarray(model.get_weights()[1])[0]))
        assert min(np.asarray(dense.kernel).ravel()) >= 0
        assert len(model.losses) == 1
    assert bias == [1.0, 1.0]


def test_a_bias_may_be_left_out_of_weight_decay() -> None:
    left = []
    for lib in (keras, fastmlp):
        dense = lib.layers.Dense(1, bias_initializer="ones", kernel_initializer="ones")
        model = lib.Sequential([lib.Input((4,)), dense])
        optimizer = lib.optimizers.AdamW(1e-3, weight_decay=100.0)
        optimizer.exclude_from_weight_decay(var_list=[dense.bias])
        model.compile(optimizer, "mse")
        model.train_on_batch(np.zeros((2, 4), "float32"), np.ones((2, 1), "float32"))
        left.append([np.asarray(w).ravel()[0] for w in model.get_weights()])
    np.testing.assert_allclose(*left, rtol=1e-6)


def test_a_part_of_a_weight_is_none() -> None:
    dense = fastmlp.layers.Dense(3)
    dense(X)
    assert dense.kernel.name == "kernel"
    assert dense.kernel.value.base is not None
    with pytest.raises(AttributeError, match="a part or a copy"):
        _ = dense.kernel[:1].trainable
