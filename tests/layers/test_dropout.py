"""Dropout: its share, its scale, its seed."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_dropout_drops_its_share_and_scales_the_rest(rate):
    x = np.ones((1000, 100), "float32")
    y = layers.Dropout(rate)(x, training=True)
    kept = y != 0
    # 100,000 draws: the share is within 5 standard deviations, at most 0.008
    assert abs((1 - kept.mean()) - rate) <= 5 * np.sqrt(rate * (1 - rate) / x.size) + 1e-5
    if rate < 1:
        assert (y[kept] == np.float32(1 / (1 - rate))).all()
    # neither rows nor columns are dropped more often than others
    spread = 6 * np.sqrt(rate * (1 - rate) / np.array([100, 1000])) + 1e-5
    assert np.abs(kept.mean(axis=1) - (1 - rate)).max() <= spread[0]
    assert np.abs(kept.mean(axis=0) - (1 - rate)).max() <= spread[1]


def test_dropout_does_nothing_outside_training():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    layer = layers.Dropout(0.9)
    assert (layer(x) == x).all()
    assert (layer(x, training=False) == x).all()


def test_masks_differ_from_call_to_call_and_between_layers():
    x = np.ones((10, 50))
    layer = layers.Dropout(0.5)
    assert (layer(x, training=True) != layer(x, training=True)).any()
    model = Sequential([Input((50,)), layers.Dropout(0.5), layers.Dropout(0.5)])
    y = model(x, training=True)
    assert 0.15 < (y != 0).mean() < 0.35  # a quarter, if the two are independent


def test_seed_repeats_the_masks():
    def mask():
        fastmlp.utils.set_random_seed(3)
        return layers.Dropout(0.5)(np.ones((10, 50)), training=True)

    assert (mask() == mask()).all()


def test_a_model_made_alike_draws_the_same_masks_from_the_same_seed():
    """Whatever else was made in between: streams are numbered within the model."""
    x = np.ones((10, 50))

    def masks():
        model = Sequential([Input((50,)), layers.Dropout(0.5), layers.Dropout(0.5)])
        fastmlp.utils.set_random_seed(3)
        return model(x, training=True)

    first = masks()
    layers.Dropout(0.5)(x, training=True)
    assert (masks() == first).all()


def test_masks_differ_from_step_to_step():
    """With a rate of 0 learned, the loss tells the mask: each epoch has another one."""
    model = Sequential(
        [Input((50,)), layers.Dropout(0.5), layers.Dense(1, kernel_initializer="ones")]
    )
    model.compile(fastmlp.optimizers.SGD(0.0), "mse")
    x = np.ones((8, 50), "float32")
    losses = model.fit(x, np.zeros(8), epochs=10, verbose=0).history["loss"]
    assert len(set(losses)) == 10


def test_axes_of_size_one_in_the_noise_share_a_decision():
    x = np.ones((50, 6, 4), "float32")
    y = layers.Dropout(0.5, noise_shape=(None, 1, 4))(x, training=True)
    assert (y == y[:, :1]).all()
    assert (y != y[:, :, :1]).any()
    y = layers.Dropout(0.5, noise_shape=(1, 6, 4))(x, training=True)
    assert (y == y[:1]).all() and (y != y[0, 0]).any()


@pytest.mark.parametrize("noise_shape", [(None, 2), (None, 3, 4), (2, 4), "abc"])
def test_noise_that_does_not_fit_is_refused(noise_shape):
    with pytest.raises((ValueError, TypeError), match="noise_shape"):
        layers.Dropout(0.5, noise_shape=noise_shape)(np.ones((8, 4)), training=True)


def test_gradient_passes_where_the_output_passed():
    """One step on ones: the kernel moves by the share of the samples that were kept."""
    model = Sequential([Input((30,)), layers.Dropout(0.5),
                        layers.Dense(1, use_bias=False, kernel_initializer="zeros")])  # fmt: skip
    model.compile(fastmlp.optimizers.SGD(0.5), "mse")
    model.fit(np.ones((1, 30)), np.ones(1), verbose=0)
    moved = model.get_weights()[0].ravel()
    assert set(moved.tolist()) == {0.0, 2.0}


class AlwaysDropout(layers.Dropout):
    """Monte Carlo dropout, as tutorials write it."""

    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


class AlwaysAlphaDropout(layers.AlphaDropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


@pytest.mark.parametrize("always", [lambda x: AlwaysDropout(0.5)(x),
                                    lambda x: AlwaysAlphaDropout(0.5)(x),
                                    lambda x: layers.Dropout(0.5)(x, training=True)])  # fmt: skip
@pytest.mark.parametrize(
    "ask",
    [
        lambda model, x: model.predict(x, verbose=0),
        lambda model, x: model.predict(x[:300], verbose=0),
        lambda model, x: model.predict(iter([x[:100], x[100:200]]), verbose=0),
        lambda model, x: model.predict_on_batch(x),
        lambda model, x: model(x),
        lambda model, x: model.evaluate(x, 0 * x, verbose=0),
        lambda model, x: model.test_on_batch(x, 0 * x),
        lambda model, x: model.predict(x, verbose=0, callbacks=[fastmlp.callbacks.Callback()]),
        lambda model, x: fastmlp.gradients(model, x, 0 * x, training=False)[0],
    ],
)
def test_what_drops_outside_training_drops_anew_at_each_call(always, ask):
    x = np.random.default_rng(0).uniform(1, 2, (500, 6)).astype("float32")
    inputs = fastmlp.Input((6,))
    model = fastmlp.Model(inputs, layers.Dense(6, kernel_initializer="identity")(always(inputs)))
    model.compile("sgd", "mse")
    results = []
    for _ in range(2):
        fastmlp.utils.set_random_seed(3)
        results.append([np.asarray(ask(model, x)).tobytes() for _ in range(4)])
    assert len(set(results[0])) == 4
    assert results[0] == results[1]


def test_a_validation_between_does_not_change_what_is_trained():
    x = np.random.default_rng(0).uniform(1, 2, (64, 6)).astype("float32")

    def weights(**options):
        fastmlp.utils.set_random_seed(3)
        model = fastmlp.Sequential([fastmlp.Input((6,)), AlwaysDropout(0.5), layers.Dense(6)])
        model.compile("sgd", "mse")
        model.fit(x, x, epochs=2, verbose=0, **options)
        model.fit(x, x, verbose=0)
        return model.get_weights()[0].tobytes()

    assert weights() == weights(validation_data=(x, x))


def test_models_that_drop_in_training_alone_predict_the_short_way():
    x = np.ones((3, 6), "float32")
    model = fastmlp.Sequential([fastmlp.Input((6,)), layers.Dropout(0.5), layers.Dense(2)])
    model(x)
    assert model._functions[False].on_array(x) is not None


def test_noise_may_have_the_size_of_the_batch():
    entry = Input((50,), batch_size=8)
    y = layers.Dropout(0.5, noise_shape=(8, 1))(layers.Rescaling(1.0)(entry), training=True)
    x = np.ones((8, 50))
    for found in (
        fastmlp.Model(entry, y).predict(x, verbose=0),
        layers.Dropout(0.5, noise_shape=(8, 1))(x, training=True),
    ):
        assert (found == found[:, :1]).all() and len(set(found[:, 0])) == 2
