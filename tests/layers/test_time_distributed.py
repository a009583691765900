"""TimeDistributed, Wrapper, and layers that make sequences longer."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops

rng = np.random.default_rng(5)
X = rng.normal(size=(12, 4, 5, 3)).astype("float32")
X[rng.random((12, 4, 5)) < 0.3] = 0
FLAT = X[:, :, 0]

# A layer of a library, and the data for it.
WRAPPED = {
    "batch normalization": (lambda k: k.layers.BatchNormalization(), FLAT),
    "lstm": (lambda k: k.layers.LSTM(3), X[:, :2]),
    "flatten": (lambda k: k.layers.Flatten(), X),
    "model": (
        lambda k: k.Sequential([k.Input((3,)), k.layers.Dense(4), k.layers.Dense(2)]),
        FLAT,
    ),
}


@pytest.mark.parametrize(("inner", "x"), WRAPPED.values(), ids=WRAPPED)
def test_ten_steps_are_those_of_keras(inner, x):
    y = rng.normal(size=(12, 1)).astype("float32")
    models = []
    for k in (keras, fastmlp):
        entry = k.Input(x.shape[1:])
        hidden = k.layers.TimeDistributed(inner(k))(entry)
        model = k.Model(entry, k.layers.Dense(1)(k.layers.Flatten()(hidden)))
        model.compile(k.optimizers.SGD(0.05), "mse")
        models.append(model)
    theirs, ours = models
    ours.set_weights(theirs.get_weights())
    for model in models:
        model.fit(x, y, batch_size=6, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_masks_of_steps_pass_and_masks_within_steps_reach_the_layer():
    entry = Input((4, 5, 3))
    masked = layers.Masking()(entry)
    inner = layers.LSTM(3)
    y = layers.TimeDistributed(inner)(masked)
    found = Model(entry, y)(X)
    told = inner(X[:, 2], mask=(X[:, 2] != 0).any(-1))
    np.testing.assert_allclose(found[:, 2], told, rtol=1e-6)
    steps = layers.Masking()(Input((4, 3)))
    assert layers.TimeDistributed(layers.Dense(2))(steps).mask is steps.mask


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"TimeDistributed 't': expected a layer.*Hint"):
        layers.TimeDistributed(layers.Dense, name="t")
    with pytest.raises(ValueError, match="at least three axes"):
        layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"expected a mask \(batch, 4, …\)"):
        layers.TimeDistributed(layers.Dense(2))(FLAT, mask=np.ones((12, 3)))


def test_configs_and_files_hold_the_layer_within(tmp_path):
    model = Sequential([Input((4, 5, 3)), layers.TimeDistributed(layers.GRU(2), name="each")])
    again = layers.deserialize(layers.serialize(model.layers[0]))
    assert type(again.layer) is layers.GRU and again.get_config() == model.layers[0].get_config()
    model.save(tmp_path / "model.fastmlp")
    loaded = fastmlp.models.load_model(tmp_path / "model.fastmlp")
    np.testing.assert_array_equal(loaded(X), model(X))
    assert model.weights[0].path.startswith("each/")


def test_a_wrapper_of_ones_own_builds_and_trains_its_layer():
    class Residual(layers.Wrapper):
        def call(self, x):
            return x + self.layer(x)

    inner = layers.Dense(3)
    model = Sequential([Input((3,)), Residual(inner)])
    model.compile("sgd", "mse")
    before = inner.kernel.copy()
    model.fit(FLAT[:, 0], FLAT[:, 1], verbose=0)
    assert inner.built and (inner.kernel != before).any()
    with fastmlp.custom_objects.custom_object_scope({"Residual": Residual}):
        assert Residual.from_config(model.layers[0].get_config()).layer.units == 3


def test_sequences_become_longer_as_in_keras():
    x = FLAT
    for ours, theirs in [
        (layers.UpSampling1D(3), keras.layers.UpSampling1D(3)),
        (layers.ZeroPadding1D((2, 1)), keras.layers.ZeroPadding1D((2, 1))),
        (
            layers.ZeroPadding1D(1, data_format="channels_first"),
            keras.layers.ZeroPadding1D(1, data_format="channels_first"),
        ),
    ]:
        np.testing.assert_array_equal(ours(x), np.asarray(theirs(x)))
        assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()
    for wrong in (lambda: layers.UpSampling1D(0), lambda: layers.ZeroPadding1D((1, -1))):
        with pytest.raises(ValueError, match="expected"):
            wrong()
    with pytest.raises(ValueError, match=r"expected inputs \(batch, steps, features\)"):
        layers.UpSampling1D()(X)
    assert layers.GlobalMaxPool1D is layers.GlobalMaxPooling1D


def test_padding_and_repeating_have_gradients():
    model = Sequential(
        [
            Input((4, 3), dtype="float64"),
            layers.Dense(2, dtype="float64"),
            layers.UpSampling1D(2, dtype="float64"),
            layers.ZeroPadding1D(1, dtype="float64"),
            layers.Lambda(lambda x: ops.square(x), dtype="float64"),
        ]
    )
    model.compile("sgd", "mse")
    errors = fastmlp.check_gradients(model, FLAT.astype("float64"), np.ones((12, 10, 2)))
    assert max(errors.values()) < 1e-6
