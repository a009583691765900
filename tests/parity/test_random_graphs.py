"""Forty random functional models train as in Keras: weights, losses and predictions."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from tests.parity.random_graphs import Recipe, make


def train(recipe: Recipe, model):
    """Two epochs in order; its losses by epoch and by output."""
    x, y, w = recipe.data()
    lib = fastmlp if isinstance(model, fastmlp.Model) else keras
    model.compile(lib.optimizers.SGD(0.01), recipe.losses, loss_weights=recipe.loss_weights)
    sizes = {"batch_size": recipe.batch_size, "epochs": 2, "shuffle": False, "verbose": 0}
    single = len(y) == 1
    y, w = (y[0], w and w[0]) if single else (y, w)
    history = model.fit(x if len(x) > 1 else x[0], y, sample_weight=w, **sizes).history
    return history, x if len(x) > 1 else x[0]


@pytest.mark.parametrize("seed", range(40))
def test_random_graph_trains_as_in_keras(seed):
    """Both start from fastmlp's weights; sums in another order differ by some 1e-6."""
    recipe = Recipe(seed)
    ours, theirs = make(recipe, fastmlp), make(recipe, keras)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)
    theirs.set_weights(ours.get_weights())
    (history, x), (expected, _) = train(recipe, ours), train(recipe, theirs)
    assert len(history) == len(expected)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    results = [np.asarray(y) for y in _list(ours.predict(x, verbose=0))]
    expected = theirs(_list(x))  # predict would compile once more
    for a, b in zip(results, _list(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_random_graph_comes_back_from_its_config(seed):
    model = make(Recipe(seed), fastmlp)
    twin = fastmlp.models.model_from_json(model.to_json())
    clone = fastmlp.models.clone_model(model)
    x, _, _ = Recipe(seed).data()
    x = x if len(x) > 1 else x[0]
    for other in (twin, clone):
        assert other.get_config() == model.get_config()
        other.set_weights(model.get_weights())
        for a, b in zip(_list(other(x)), _list(model(x)), strict=True):
            np.testing.assert_array_equal(a, b)


def _list(found):
    return found if isinstance(found, list) else [found]
