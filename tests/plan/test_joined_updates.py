"""One update for all weights of a small network that lie side by side."""

import numpy as np
import pytest

from fastmlp import Input, Sequential, layers

X = np.random.default_rng(0).random((40, 3), dtype=np.float32)
Y = X[:, :1] * X[:, 1:2]


def network(optimizer, units=(7, 5, 1), frozen=None, **dense):
    model = Sequential([Input((3,))])
    for number, n in enumerate(units):
        first = np.random.default_rng(number)
        layer = layers.Dense(n, activation="tanh", trainable=number != frozen, **dense)
        model.add(layer)
        layer.set_weights([first.normal(size=w.shape) for w in layer.get_weights()])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def train(model):
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()


def sizes(model):
    """Elements of each native update of a training step."""
    train(model)
    (executable,) = [e for e in model._executables.values() if e.plan.phases[-1].groups[0].whole]
    updates = [op for op in executable.plan.ops() if op.name == "update"]
    return sorted(size for size in executable._join_updates(updates).values() if size)


def test_layers_that_are_added_one_by_one_lie_side_by_side():
    model = network("adam")
    assert len({id(w.value.base) for w in model.weights}) == 1
    assert sizes(model) == [32 + 16 + 48 + 16 + 16 + 1]


@pytest.mark.parametrize("units", [4, 100])
def test_a_view_of_a_weight_stays_one_when_layers_are_added(units):
    model = Sequential([Input((3,)), layers.Dense(units)])
    kernel = model.layers[0].kernel
    for n in (5, 100, 2):
        model.add(layers.Dense(n))
    kernel[...] = 0.5
    np.testing.assert_array_equal(model.layers[0].kernel, np.full((3, units), 0.5))
    assert len({w.value.ctypes.data for w in model.weights}) == 8


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adadelta", "ftrl", "nadam"])
def test_slots_that_lie_apart_get_the_same_bits_from_updates_of_their_own(optimizer):
    together, apart = network(optimizer), network(optimizer)
    apart.optimizer.build(apart.trainable_weights)
    for arrays in apart.optimizer.state.values():
        arrays[:] = [array.copy() for array in arrays]
    for a, b in zip(train(together), train(apart), strict=True):
        assert a.tobytes() == b.tobytes()
    if apart.optimizer.slots:
        assert len(sizes(apart)) == 6


def test_a_frozen_layer_between_is_left_alone():
    model = network("adam", frozen=1)
    before = model.layers[1].get_weights()
    train(model)
    for a, b in zip(before, model.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sizes(model) == [16 + 1, 32 + 7]


def test_many_weights_are_updated_one_by_one():
    model = network("adam", (64, 64, 1))
    train(model)
    assert all(not g.whole for e in model._executables.values() for g in e.plan.phases[-1].groups)


@pytest.mark.parametrize("kind", [layers.GRU, layers.LSTM, layers.SimpleRNN])
def test_a_weight_in_panels_is_updated_where_it_lies(kind):
    """A recurrent kernel, which only products read, among weights that are updated together."""
    x = np.random.default_rng(1).random((6, 4, 2), dtype=np.float32)

    def trained(eagerly):
        model = Sequential([Input((4, 2)), kind(12, return_sequences=True), layers.Dense(1)])
        first = np.random.default_rng(2)
        model.set_weights([first.normal(size=w.shape) * 0.3 for w in model.get_weights()])
        model.compile("adam", "mse", run_eagerly=eagerly)
        model.fit(x, x[..., :1], batch_size=2, epochs=3, shuffle=False, verbose=0)
        return model

    native = trained(False)
    (executable,) = native._executables.values()
    updates = [op for op in executable.plan.ops() if op.name == "update"]
    assert executable.plan.phases[-1].groups[0].whole
    assert any(op.attrs["panels"] for op in updates)
    for a, b in zip(native.get_weights(), trained(True).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # sums in another order
