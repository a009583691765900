"""Pickled and copied models are models of their own, and go on to the same bits."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, losses, metrics, optimizers

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = X[:, :1] * X[:, 1:2]


def make(depth: int = 1) -> Sequential:
    fastmlp.utils.set_random_seed(5)
    hidden = [layers.Dense(5, "tanh") for _ in range(depth)]
    model = Sequential([Input((4,)), *hidden, layers.Dropout(0.2), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), losses.Huber(), metrics=[metrics.MeanAbsoluteError()])
    return model


def fit(model: Any, **arguments: Any) -> dict[str, list[float]]:
    return model.fit(X, Y, epochs=3, batch_size=8, verbose=0, **arguments).history


def bits(model: Any) -> list[bytes]:
    return [v.value.tobytes() for v in [*model.weights, *model.optimizer.variables]]


def pickled(obj: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(obj, protocol))


@pytest.mark.parametrize("twin_of", [copy.deepcopy, pickled, lambda m: pickled(m, 2)])
@pytest.mark.parametrize("fitted", [False, True])
def test_a_copy_goes_on_to_the_same_bits_and_shares_nothing(twin_of, fitted):
    model = make()
    if fitted:
        fit(model)
    before = bits(model)
    twin = twin_of(model)
    assert bits(twin) == before
    if not fitted:  # each draws the seed of its first fit when it comes to it
        fastmlp.utils.set_random_seed(6)
    history = fit(twin)
    assert bits(model) == before
    if not fitted:
        fastmlp.utils.set_random_seed(6)
    assert history == fit(model)
    assert bits(model) == bits(twin)
    assert twin.layers[0].kernel.base is not model.layers[0].kernel.base
    assert (twin(X) == model(X)).all()


def test_a_copy_within_a_fit_is_a_copy_of_that_moment():
    class Copying(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                self.twin, self.bits = copy.deepcopy(self.model), bits(self.model)

    told = Copying()
    model = make()
    fit(model, callbacks=[told])
    assert bits(told.twin) == told.bits != bits(model)
    told.twin.fit(X, Y, initial_epoch=2, epochs=3, batch_size=8, verbose=0)
    assert bits(told.twin) == bits(model)


def test_a_model_that_is_not_built_can_be_copied():
    model = Sequential([layers.Dense(2), layers.Dense(1)])
    model.compile("sgd", "mse")
    twin = pickled(model)
    twin.fit(X, Y, verbose=0)
    assert twin.built and not model.built


def test_a_network_deeper_than_the_stack_can_be_pickled():
    model = make(depth=300)
    assert bits(pickled(model)) == bits(model)
    assert bits(copy.deepcopy(model)) == bits(model)


def test_layers_and_histories_can_be_pickled():
    model = make()
    history = model.fit(X, Y, epochs=2, verbose=0)
    found = pickled(history)
    assert found.history == history.history and found.epoch == [0, 1]
    layer = pickled(model.layers[0])
    assert (layer.kernel == model.layers[0].kernel).all()


def _weights_after_fit(model: Any) -> list[bytes]:
    fit(model)
    return bits(model)


@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_a_model_goes_to_another_process_and_comes_back(start):
    model = make()
    fit(model)
    with multiprocessing.get_context(start).Pool(1) as pool:
        found = pool.apply(_weights_after_fit, (model,))
    assert found == _weights_after_fit(model)


def test_clones_are_compiled_as_their_model_with_an_optimizer_of_their_own():
    def own(y_true, y_pred):
        return fastmlp.ops.mean(abs(y_true - y_pred), axis=-1)

    entry = Input((4,))
    for model in (
        Sequential([entry, layers.Dense(1)]),
        fastmlp.Model(entry, layers.Dense(1)(entry)),
    ):
        model.compile(optimizers.Adam(0.01), own, metrics=[metrics.MeanSquaredError(), own])
        fit(model)
        clone = fastmlp.models.clone_model(model)
        assert clone.optimizer is not model.optimizer and clone.optimizer.iterations == 0
        assert clone.optimizer.get_config() == model.optimizer.get_config()
        clone.set_weights(model.get_weights())
        assert clone.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
        model.compile("sgd", lambda t, p: (t - p) ** 2)
        assert not fastmlp.models.clone_model(model).compiled


def test_a_lambda_is_cloned_and_says_that_it_has_no_config(tmp_path):
    double = layers.Lambda(lambda x, by: by * x, arguments={"by": 2}, name="double")
    x = fastmlp.Input((3,))
    for model in (fastmlp.Sequential([x, double]), fastmlp.Model(x, double(x))):
        twin = fastmlp.models.clone_model(model)
        np.testing.assert_array_equal(twin(np.ones((1, 3))), [[2, 2, 2]])
        assert twin.get_layer("double") is not double
        for write in (
            model.get_config,
            model.to_json,
            lambda m=model: m.save(tmp_path / "m.fastmlp"),
        ):
            with pytest.raises(
                ValueError, match=r"^Lambda 'double': .* Hint: write a function with def"
            ):
                write()
