"""Normalisations: results, moving statistics, training and configs as Keras's."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import layers

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(11)
FLAT = RNG.normal(2, 3, size=(24, 8)).astype("float32")
STEPS = RNG.normal(-1, 2, size=(24, 3, 8)).astype("float32")
Y = RNG.normal(size=(24, 2)).astype("float32")

# Layer's name, arguments, inputs.
CASES = {
    "batch": ("BatchNormalization", {}, FLAT),
    "batch, quick": ("BatchNormalization", {"momentum": 0.6, "epsilon": 0.01}, FLAT),
    "batch, bare": ("BatchNormalization", {"center": False, "scale": False}, FLAT),
    "batch, steps": ("BatchNormalization", {}, STEPS),
    "batch, axis 1": ("BatchNormalization", {"axis": 1}, STEPS),
    "batch, renorm": ("BatchNormalization", {"renorm": True, "renorm_momentum": 0.7}, FLAT),
    "batch, renorm, limits": (
        "BatchNormalization",
        {
            "renorm": True,
            "renorm_clipping": {"rmin": 0.4, "rmax": 0.9, "dmax": 0.3},
            "scale": False,
        },
        STEPS,
    ),
    "batch, penalty": ("BatchNormalization", {"gamma_regularizer": "l2"}, FLAT),
    "layer": ("LayerNormalization", {}, FLAT),
    "layer, two axes": ("LayerNormalization", {"axis": (1, 2)}, STEPS),
    "layer, axis 1": ("LayerNormalization", {"axis": 1, "epsilon": 0.1}, STEPS),
    "layer, bare": ("LayerNormalization", {"center": False, "scale": False}, FLAT),
    "group": ("GroupNormalization", {"groups": 2}, FLAT),
    "group, steps": ("GroupNormalization", {"groups": 4}, STEPS),
    "group, axis 1": ("GroupNormalization", {"groups": 3, "axis": 1}, STEPS),
    "instance": ("GroupNormalization", {"groups": -1}, STEPS),
    "rms": ("RMSNormalization", {}, FLAT),
    "rms, steps": ("RMSNormalization", {"epsilon": 0.1}, STEPS),
    "unit": ("UnitNormalization", {}, FLAT),
    "unit, axis 1": ("UnitNormalization", {"axis": 1}, STEPS),
}


def both(kind, arguments, x, trainable=True, dtype="float32"):
    """Two models of one network, with the same weights."""
    keras.utils.set_random_seed(0)  # some weights blow roundings up
    models = []
    for library in (keras, fastmlp):
        layer = getattr(library.layers, kind)(**arguments)
        layer.trainable = trainable
        model = library.Sequential(
            [
                library.layers.Input(x.shape[1:]),
                library.layers.Dense(8, activation="tanh"),
                layer,
                library.layers.Flatten(),
                library.layers.Dense(2),
            ]
        )
        model.compile(library.optimizers.SGD(0.05, momentum=0.5), "mse")
        models.append(model)
    expected, found = models
    weights = [
        w + np.random.default_rng(i).uniform(0, 0.3, w.shape).astype("float32")
        for i, w in enumerate(expected.get_weights())
    ]
    for model in models:
        model.set_weights(weights)
    return expected, found


FROZEN = [(*case, False) for case in CASES.values() if case[0] == "BatchNormalization"]


@pytest.mark.parametrize(
    ("kind", "arguments", "x", "trainable"), [*[(*c, True) for c in CASES.values()], *FROZEN]
)
def test_ten_steps(kind, arguments, x, trainable):
    expected, found = both(kind, arguments, x, trainable)
    np.testing.assert_allclose(
        found.predict(x, verbose=0), expected.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )
    logs = [
        model.fit(x, Y, batch_size=12, epochs=5, shuffle=False, verbose=0).history["loss"]
        for model in (expected, found)
    ]
    np.testing.assert_allclose(logs[1], logs[0], rtol=1e-5)
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    scores = [model.evaluate(x, Y, verbose=0) for model in (expected, found)]
    assert scores[1] == pytest.approx(scores[0], rel=1e-5)


@pytest.mark.parametrize("called", ["model", "layer"])
@pytest.mark.parametrize("arguments", [{}, {"center": False, "scale": False}])
def test_calls_in_training_see_whether_the_layer_is_trainable_now(arguments, called):
    results = []
    for model in both("BatchNormalization", {"momentum": 0.5, **arguments}, FLAT):
        layer = model.layers[1]
        function = model if called == "model" else layer
        results.append([])
        for trainable in (True, False, True):
            layer.trainable = trainable
            results[-1].append(np.asarray(function(FLAT, training=True)))
            results[-1] += layer.get_weights()
    for expected, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "arguments", "x"), CASES.values(), ids=CASES)
def test_on_arrays_and_configs(kind, arguments, x):
    theirs = getattr(keras.layers, kind)(**arguments)
    layer = getattr(layers, kind)(**arguments, name="n")
    for training in (False, True):
        expected = np.asarray(theirs(x, training=training))
        np.testing.assert_allclose(layer(x, training=training), expected, rtol=1e-4, atol=1e-5)
    config = layer.get_config()
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == config
    known = theirs.get_config()
    assert set(arguments) <= set(config) & set(known)


@pytest.mark.parametrize("kind", sorted({case[0] for case in CASES.values()}))
def test_gradients_in_float64(kind):
    _, arguments, _ = next(case for case in CASES.values() if case[0] == kind)
    x, y = FLAT.astype("float64"), Y.astype("float64")
    model = fastmlp.Sequential(
        [
            fastmlp.Input((8,), dtype="float64"),
            layers.Dense(8, activation="tanh", dtype="float64"),
            getattr(layers, kind)(**arguments, dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    model.compile("sgd", "mse")
    before = model.get_weights()
    worst = fastmlp.check_gradients(model, x, y)
    assert max(worst.values()) < 1e-5
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


def test_moving_statistics_are_those_of_an_eager_run():
    weights = []
    for eagerly in (False, True):
        fastmlp.utils.set_random_seed(1)
        model = fastmlp.Sequential(
            [fastmlp.Input((8,)), layers.BatchNormalization(), layers.Dense(2)]
        )
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(FLAT, Y, epochs=2, batch_size=10, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BatchNormalization(axis=0)(FLAT), "axis"),
        (lambda: layers.LayerNormalization(axis=5)(FLAT), r"LayerNormalization.*axis.*5"),
        (lambda: layers.BatchNormalization(momentum=2), "momentum"),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1}), "rmin, rmax"),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmin": 2, "rmax": 1}),
            "rmin <= rmax",
        ),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1}), "dmax >= 0"),
        (lambda: layers.BatchNormalization(renorm_momentum=2), "renorm_momentum"),
        (lambda: layers.GroupNormalization(3)(FLAT), "groups of equal size for 8 features"),
        (lambda: layers.GroupNormalization(0), "groups"),
        (lambda: layers.SpatialDropout1D(0.5)(FLAT), r"\(batch, steps, features\)"),
        (lambda: layers.RMSNormalization(epsilon=-1), "epsilon"),
    ],
)
def test_bad_arguments_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_dropouts_are_the_identity_outside_training():
    for layer, x in ((layers.SpatialDropout1D(0.5), STEPS), (layers.AlphaDropout(0.5), FLAT)):
        np.testing.assert_array_equal(layer(x), x)
        again = layers.deserialize(layers.serialize(layer))
        assert again.get_config() == layer.get_config()


def test_alpha_dropout_in_training_gives_two_kinds_of_elements():
    x = np.ones((2000, 4), "float32")
    y = layers.AlphaDropout(0.3, seed=1)(x, training=True)
    lowest = -1.0507009873554805 * 1.6732632423543772
    a = (0.7 * (1 + 0.3 * lowest**2)) ** -0.5
    values, counts = np.unique(np.round(y, 4), return_counts=True)
    b = -a * lowest * 0.3
    np.testing.assert_allclose(values, np.round([a * lowest + b, a + b], 4), atol=2e-4)
    assert counts[0] / y.size == pytest.approx(0.3, abs=0.03)


def test_batch_statistics_leave_out_what_a_mask_hides():
    mask = np.random.default_rng(0).random((24, 3)) < 0.6
    theirs, ours = (lib.layers.BatchNormalization(momentum=0.5) for lib in (keras, fastmlp))
    for training in (True, False):
        expected = np.asarray(theirs(STEPS, training=training, mask=mask))
        found = ours(STEPS, training=training, mask=mask)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="a mask of 2 axes"):
        ours(STEPS, training=True, mask=mask[:, :, None])


def test_renorm_of_a_frozen_layer_and_outside_training():
    layer = layers.BatchNormalization(renorm=True)
    model = fastmlp.Sequential([fastmlp.Input((8,)), layer, layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(FLAT, Y, verbose=0)
    mean, variance = layer.moving_mean.value, layer.moving_variance.value
    expected = layer.gamma.value * (FLAT - mean) / np.sqrt(variance + 1e-3) + layer.beta.value
    np.testing.assert_allclose(layer(FLAT), expected, rtol=1e-4, atol=1e-5)
    layer.trainable = False
    before = layer.get_weights()
    model.fit(FLAT, Y, epochs=2, verbose=0)
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
