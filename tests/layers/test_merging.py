"""Layers that make one of several inputs: values and configs as in Keras, and inputs that do not fit."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, layers

RNG = np.random.default_rng(0)
FLAT = [RNG.normal(size=(6, 4)).astype("f4") for _ in range(3)]
CUBES = [RNG.normal(size=(6, 2, 3)).astype("f4"), RNG.normal(size=(6, 5, 3)).astype("f4")]
ELEMENTWISE = ("Add", "Multiply", "Average", "Maximum", "Minimum")
CASES = [
    *((name, {}, FLAT) for name in ELEMENTWISE),
    *((name, {}, FLAT[:1]) for name in ELEMENTWISE),
    *((name, {}, [CUBES[0], CUBES[0][:, :1], FLAT[0][:, :3]]) for name in ELEMENTWISE),
    ("Subtract", {}, FLAT[:2]),
    ("Concatenate", {}, FLAT),
    ("Concatenate", {"axis": 1}, CUBES),
    ("Concatenate", {"axis": -2}, CUBES),
    ("Dot", {"axes": 1}, FLAT[:2]),
    ("Dot", {"axes": -1, "normalize": True}, FLAT[:2]),
    ("Dot", {"axes": 2}, CUBES),
    ("Dot", {"axes": (2, 1), "normalize": True}, [CUBES[0], FLAT[0][:, :3]]),
    ("Dot", {"axes": [1, 2]}, [FLAT[0][:, :3], CUBES[1]]),
]


@pytest.mark.parametrize(("name", "options", "xs"), CASES)
def test_merge_is_that_of_keras(name, options, xs):
    """Values agree within a few roundings of 6e-8 each."""
    ours, theirs = getattr(layers, name)(**options), getattr(keras.layers, name)(**options)
    expected = np.asarray(theirs(xs))
    np.testing.assert_allclose(ours(xs), expected, rtol=1e-5, atol=1e-6)
    own = {key: ours.get_config()[key] for key in options}
    assert own == {key: theirs.get_config()[key] for key in options}
    again = type(ours).from_config(ours.get_config())
    assert (again(xs) == ours(xs)).all()
    function = getattr(layers, name.lower())
    tensors = [Input(x.shape[1:]) for x in xs]
    model = Model(tensors, function(tensors, **options))
    np.testing.assert_array_equal(model.predict(xs if len(xs) > 1 else xs[0], verbose=0), ours(xs))
    assert model.output_shape == (None, *expected.shape[1:])


@pytest.mark.parametrize("name", ["Add", "Subtract", "Concatenate", "Dot"])
def test_error_names_both_layers(name):
    a, b = layers.Dense(4, name="wide")(Input((3,))), layers.Dense(3, name="narrow")(Input((3,)))
    b = layers.RepeatVector(2, name="tall")(b) if name == "Concatenate" else b
    options = {"axes": 1} if name == "Dot" else {}
    with pytest.raises(ValueError, match=r"\(None, 4\) from 'wide' and .* from '(narrow|tall)'"):
        getattr(layers, name)(**options)([a, b])


@pytest.mark.parametrize("given", [FLAT[0], [], FLAT, None])
def test_what_is_no_list_of_two_is_refused(given):
    with pytest.raises((ValueError, TypeError)):
        layers.Subtract()(given)


@pytest.mark.parametrize("axis", [0, -2])
def test_samples_one_after_the_other_as_in_keras(axis):
    found = []
    for k in (keras, fastmlp):
        a, b = k.Input((4,)), k.Input((4,))
        both = k.layers.Concatenate(axis)([a, b])
        model = k.Model([a, b], k.layers.Dense(2, kernel_initializer="ones")(both))
        found += [np.asarray(model(FLAT[:2])), np.asarray(k.layers.Concatenate(axis)(FLAT))]
    np.testing.assert_allclose(found[2], found[0], atol=1e-6)
    np.testing.assert_array_equal(found[3], found[1])


@pytest.mark.parametrize(
    "shapes", [[(2, 3), (4, 3)], [(2,), (3,)], [(1, 2, 3), (2, 2, 3), (1, 2, 3)]]
)
def test_arrays_of_several_numbers_of_samples_as_in_keras(shapes):
    parts = [np.arange(np.prod(shape), dtype="float64").reshape(shape) for shape in shapes]
    found, known = (k.layers.Concatenate(axis=0)(parts) for k in (fastmlp, keras))
    np.testing.assert_array_equal(found, known)
    assert found.dtype == known.dtype
    if parts[0].ndim > 1:
        with pytest.raises(ValueError, match="differ along axis 1 alone"):
            layers.Concatenate(axis=1)(parts)


def test_a_twin_network_reads_both_inputs_at_once_and_parts_them():
    class Twins(Model):
        def __init__(self):
            super().__init__()
            self.both = layers.Concatenate(axis=0)
            self.dense = layers.Dense(2, kernel_initializer="ones")

        def call(self, inputs):
            y, n = self.dense(self.both(inputs)), fastmlp.ops.shape(inputs[0])[0]
            return y[:n] - y[n:]

    model = Twins()
    expected = np.repeat((FLAT[0] - FLAT[1]).sum(axis=1, keepdims=True), 2, axis=1)
    np.testing.assert_allclose(model.predict(FLAT[:2], verbose=0), expected, atol=1e-5)
    model.compile("sgd", "mse")
    assert model.train_on_batch(FLAT[:2], expected) < 1e-10


@pytest.mark.parametrize("axis", [0, 2, -2, 1.5])
def test_axis_that_is_not_there_is_refused(axis):
    with pytest.raises(ValueError, match="axis"):
        layers.Concatenate(axis or 3)(FLAT if axis != -2 else CUBES[:1] + FLAT)
    with pytest.raises((ValueError, TypeError), match="ax"):
        layers.Dot(axis)(FLAT[:2])


@pytest.mark.parametrize("wrong", ["1", (1,), (1, 1.5), (1, 2, 3), None])
def test_axes_that_are_no_pair_are_refused(wrong):
    with pytest.raises((ValueError, TypeError), match="axes"):
        layers.Dot(wrong)


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("masked", [(1, 1), (1, 0), (0, 1), (1, 1, 1), (1, 0, 1)])
@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum", "Add"])
def test_masked_steps_of_an_input_count_as_in_keras(name, masked, eagerly):
    rows = np.random.default_rng(1).normal(size=(len(masked), 4, 2)).astype("f4")
    xs = [np.random.default_rng(i).integers(0, 3, (20, 3)) for i in range(len(masked))]
    found = []
    for k in (keras, fastmlp):
        entries = [k.Input((3,), dtype="int32") for _ in masked]
        tables = [k.layers.Embedding(4, 2, mask_zero=bool(m)) for m in masked]
        y = getattr(k.layers, name)()([table(e) for table, e in zip(tables, entries, strict=True)])
        last = k.layers.SimpleRNN(2, kernel_initializer="ones", recurrent_initializer="ones")(y)
        model = k.Model(entries, [y, last])
        for table, values in zip(tables, rows, strict=True):
            table.set_weights([values])
        model.compile("sgd", "mse", run_eagerly=eagerly and k is fastmlp)
        outputs = model.predict(xs, verbose=0)
        model.train_on_batch(xs, [np.ones((20, 3, 2)), np.ones((20, 2))])
        found.append([*outputs, *(np.asarray(table.get_weights()[0]) for table in tables)])
    for ours, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
