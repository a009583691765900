"""CategoryEncoding and Discretization: on arrays and in models, equal to Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, layers

RANDOM = np.random.default_rng(3)
CODES = RANDOM.integers(-1, 6, size=(7, 3))
VALUES = RANDOM.normal(size=(7, 3)).astype("float32")
VALUES[2, 0] = np.nan
EDGES = sorted([-0.5, 0.0, float(VALUES[0, 0])])
HOT = ("one_hot", "multi_hot", "count")

INPUTS = {
    "batch": CODES,
    "one column": CODES[:, :1],
    "steps": CODES.reshape(7, 3, 1),
    "cube": np.stack([CODES, CODES[::-1]], -1),
}


def in_model(layer, x):
    entry = Input(x.shape[1:])
    return Model(entry, layer(entry)).predict(x, verbose=0)


@pytest.mark.parametrize("mode", HOT)
@pytest.mark.parametrize("name", INPUTS)
def test_category_encoding_as_in_keras(name, mode):
    x = INPUTS[name]
    ours = layers.CategoryEncoding(5, output_mode=mode)
    expected = np.asarray(keras.layers.CategoryEncoding(5, output_mode=mode)(x))
    found = ours(x)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(in_model(ours, x), expected)
    assert ours.compute_output_shape((None, *x.shape[1:])) == (None, *expected.shape[1:])


@pytest.mark.parametrize("mode", HOT)
@pytest.mark.parametrize("x", [2, [3, 0, 3]])
def test_category_encoding_of_what_is_no_batch(x, mode):
    expected = keras.layers.CategoryEncoding(5, output_mode=mode)(np.array(x))
    found = layers.CategoryEncoding(5, output_mode=mode)(x)
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_counts_are_weighted():
    weights = RANDOM.uniform(size=CODES.shape).astype("float32")
    ours = layers.CategoryEncoding(5, output_mode="count")
    theirs = keras.layers.CategoryEncoding(5, output_mode="count")
    expected = np.asarray(theirs(CODES, count_weights=weights))
    np.testing.assert_allclose(ours(CODES, count_weights=weights), expected, rtol=1e-6)
    x, w = Input((3,)), Input((3,))
    model = Model([x, w], ours(x, count_weights=w))
    np.testing.assert_allclose(model.predict([CODES, weights], verbose=0), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["int", *HOT])
@pytest.mark.parametrize("x", [VALUES, VALUES[:, :1], VALUES[:, 0]], ids=["batch", "one", "flat"])
def test_discretization_as_in_keras(x, mode):
    ours = layers.Discretization(EDGES, output_mode=mode)
    expected = np.asarray(keras.layers.Discretization(EDGES, output_mode=mode)(x))
    found = ours(x)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if x.ndim > 1:
        with pytest.warns(UserWarning, match="nan"):
            np.testing.assert_array_equal(in_model(ours, x), expected)


SOURCES = {
    "array": lambda data: data,
    "list of batches": lambda data: list(np.array_split(data, 5)),
    "generator": lambda data: (part for part in np.array_split(data, 5)),
    "batches with targets": lambda data: ((part, None) for part in np.array_split(data, 5)),
}


@pytest.mark.parametrize(("source", "bins"), list(zip(SOURCES, [2, 7, 40, 7], strict=True)))
def test_boundaries_adapt_as_in_keras(source, bins):
    """Keras's `adapt` needs TensorFlow; what it calls does not."""
    data = np.random.default_rng(bins).normal(size=(600, 2))
    ours, theirs = layers.Discretization(num_bins=bins), keras.layers.Discretization(num_bins=bins)
    ours.adapt(SOURCES[source](data))
    for part in [data] if source == "array" else np.array_split(data, 5):
        theirs.update_state(part)
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
    found = np.asarray(theirs(data.astype("float32")))
    np.testing.assert_array_equal(ours(data), found)
    shares = np.bincount(ours(data).ravel(), minlength=bins) / data.size
    assert abs(shares - 1 / bins).max() < 0.03


def test_state_in_steps_and_a_limit_of_batches():
    data = RANDOM.normal(size=(200, 1))
    whole, steps, limited = (layers.Discretization(num_bins=3) for _ in range(3))
    whole.adapt(data[:100])
    steps.update_state(data[:100])
    steps.finalize_state()
    limited.adapt(iter([data[:100], data[100:]]), steps=1)
    assert whole.bin_boundaries == steps.bin_boundaries == limited.bin_boundaries
    steps.reset_state()
    steps.update_state(data[100:])
    steps.finalize_state()
    assert whole.bin_boundaries != steps.bin_boundaries


def test_models_see_boundaries_that_are_adapted_again():
    layer = layers.Discretization(num_bins=3)
    layer.adapt(np.arange(90.0))
    entry = Input((1,))
    model = Model(entry, layer(entry))
    x = np.array([[10.0], [40.0], [80.0]])
    np.testing.assert_array_equal(model.predict(x, verbose=0)[:, 0], [0, 1, 2])
    layer.adapt(np.arange(9.0))
    np.testing.assert_array_equal(model.predict(x, verbose=0)[:, 0], [2, 2, 2])
    with pytest.raises(RuntimeError, match="as many bins as before"):
        layer.bin_boundaries = [1.0]
    assert model.count_params() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_configs_make_equal_layers(dtype):
    adapted = layers.Discretization(num_bins=3, dtype=dtype)
    adapted.adapt(np.arange(10.0))
    made = [
        layers.CategoryEncoding(5, "count", dtype=dtype),
        layers.Discretization(EDGES, output_mode="multi_hot", dtype=dtype),
        adapted,
    ]
    for layer in made:
        again = layers.deserialize(layers.serialize(layer))
        assert again.get_config() == layer.get_config()
        np.testing.assert_array_equal(again(CODES), layer(CODES))
        if dtype == "float64":
            continue  # Keras on JAX has none, unless JAX is told so
        theirs = getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())
        np.testing.assert_array_equal(np.asarray(theirs(CODES)), layer(CODES))


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: layers.CategoryEncoding(), ValueError, "integer num_tokens >= 1.*None"),
        (lambda: layers.CategoryEncoding(3, "int"), ValueError, "output_mode.*'multi_hot'"),
        (lambda: layers.CategoryEncoding(3, sparse=True), ValueError, "sparse=False"),
        (lambda: layers.CategoryEncoding(3)([["a"]]), TypeError, "expected numbers"),
        (
            lambda: layers.CategoryEncoding(3)(CODES, count_weights=CODES),
            ValueError,
            "for output_mode='count'",
        ),
        (
            lambda: layers.CategoryEncoding(3, "count")(CODES, count_weights=CODES[:1]),
            ValueError,
            r"count_weights of shape \(7, 3\)",
        ),
        (lambda: layers.Discretization(), ValueError, "either bin_boundaries or num_bins"),
        (lambda: layers.Discretization([1.0], 2), ValueError, "either bin_boundaries or num_bins"),
        (lambda: layers.Discretization([2.0, 1.0]), ValueError, "ascending order"),
        (lambda: layers.Discretization(["a"]), TypeError, "expected numbers"),
        (lambda: layers.Discretization(num_bins=0), ValueError, "num_bins >= 1"),
        (lambda: layers.Discretization(num_bins=2)(VALUES), ValueError, r"call adapt\(data\)"),
        (lambda: layers.Discretization([1.0]).adapt(VALUES), ValueError, "made with num_bins"),
        (lambda: layers.Discretization(num_bins=2).adapt([]), ValueError, "at least one number"),
        (lambda: layers.Discretization(num_bins=2).adapt(VALUES), ValueError, "finite numbers"),
        (lambda: layers.Discretization(num_bins=2).adapt(3), ValueError, "an iterable of batches"),
        (lambda: layers.Discretization(num_bins=2).adapt(["a"]), TypeError, "expected numbers"),
    ],
)
def test_bad_input_is_told(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_bad_data_change_no_boundaries():
    layer = layers.Discretization(num_bins=3)
    layer.adapt(np.arange(10.0))
    before = layer.bin_boundaries
    with pytest.raises(TypeError):
        layer.adapt([np.arange(4.0), np.array(["a"])])
    assert layer.bin_boundaries == before


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), (2, 3), (None,), (None, 3)])
def test_shapes_of_what_is_no_batch_are_told_as_in_keras(shape, mode):
    def told(lib):
        made = (lib.layers.CategoryEncoding, 4), (lib.layers.Discretization, [0.0, 1.0])
        return [kind(given, output_mode=mode).compute_output_shape(shape) for kind, given in made]

    assert told(fastmlp) == told(keras)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_the_shape_told_of_one_number_is_that_of_the_array(mode):
    for layer in (
        layers.CategoryEncoding(4, output_mode=mode),
        layers.Discretization([0.0], output_mode=mode),
    ):
        assert layer.compute_output_shape(()) == layer(np.array(1)).shape


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count", "int"])
def test_bins_have_a_shape_before_they_are_found(mode):
    found = [
        lib.layers.Discretization(num_bins=5, output_mode=mode).compute_output_shape((None, 3))
        for lib in (keras, fastmlp)
    ]
    assert found[1] == found[0]


def test_categories_may_be_whole_numbers():
    x = np.array([[0, 1], [3, 3]])
    found = []
    for lib in (keras, fastmlp):
        layer = lib.layers.CategoryEncoding(4, output_mode="count", dtype="int32")
        again = type(layer).from_config(layer.get_config())
        entry = lib.Input((2,), dtype="int32")
        predicted = lib.Model(entry, layer(entry)).predict(x, verbose=0)
        y = np.asarray(again(x))
        found.append((str(y.dtype), y.tolist(), predicted.tolist()))
    assert found[1] == found[0]
