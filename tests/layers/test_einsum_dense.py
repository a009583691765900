"""EinsumDense: results, shapes, weights and errors as Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers

# Equation, output_shape, bias_axes, shape of a sample.
CASES = [
    ("ab,bc->ac", 4, "c", (3,)),
    ("abc,cd->abd", (None, 4), "d", (5, 3)),
    ("...x,xy->...y", 4, "y", (5, 3)),
    ("...x,xy->...y", 4, "y", (2, 5, 3)),
    ("abc,cde->abde", (None, 2, 4), "de", (5, 3)),
    ("abde,cde->abc", (None, 6), "c", (5, 2, 4)),
    ("abc,bd->adc", (7, 3), None, (5, 3)),
    ("abc,bd->adc", (7, 3), "d", (5, 3)),
    ("ab...,bc->ac...", 4, "c", (3, 5)),
]
IDS = [f"{case[0]} {case[3]}" for case in CASES]


def pair(equation, output_shape, bias_axes, **arguments):
    made = []
    for lib in (keras, fastmlp):
        options = {"bias_axes": bias_axes, "bias_initializer": "ones", **arguments}
        made.append(lib.layers.EinsumDense(equation, output_shape, **options))
    return made


@pytest.mark.parametrize(("equation", "output_shape", "bias_axes", "shape"), CASES, ids=IDS)
def test_results_as_in_keras(equation, output_shape, bias_axes, shape):
    x = np.random.default_rng(0).normal(size=(6, *shape)).astype("float32")
    theirs, ours = pair(equation, output_shape, bias_axes, activation="tanh")
    theirs.build(x.shape)
    ours.build((None, *shape))
    assert [v.shape for v in ours.weights] == [v.shape for v in theirs.weights]
    ours.set_weights(theirs.get_weights())
    expected = np.asarray(theirs(x))
    np.testing.assert_allclose(ours(x), expected, atol=1e-5)
    assert ours.compute_output_shape((None, *shape)) == (None, *expected.shape[1:])
    again = layers.deserialize(layers.serialize(ours))
    assert again.get_config() == ours.get_config()
    assert set(ours.get_config()) - {"activity_regularizer"} <= set(theirs.get_config())


@pytest.mark.parametrize(("equation", "output_shape", "bias_axes", "shape"), CASES, ids=IDS)
def test_gradients(equation, output_shape, bias_axes, shape):
    rng = np.random.default_rng(0)
    _, layer = pair(equation, output_shape, bias_axes, dtype="float64")
    model = Sequential([Input(shape, dtype="float64"), layer])
    model.compile("sgd", "mse")
    x = rng.normal(size=(4, *shape))
    worst = fastmlp.check_gradients(model, x, rng.normal(size=model(x).shape))
    assert max(worst.values()) < 1e-6


def test_first_values_know_what_are_inputs():
    fastmlp.utils.set_random_seed(0)
    layer = layers.EinsumDense("abc,cde->abde", (None, 20, 30))
    layer.build((None, 2, 50))
    limit = np.sqrt(6 / (50 + 20 * 30))  # inputs and outputs of glorot_uniform
    assert 0.99 * limit < np.abs(layer.kernel.value).max() <= limit


@pytest.mark.parametrize(("make", "message"), [
    (lambda: layers.EinsumDense("ab,bc", 3), "expected an equation as 'ab,bc->ac'"),
    (lambda: layers.EinsumDense("a1,bc->ac", 3), "expected an equation"),
    (lambda: layers.EinsumDense("...a,ab->b", 3), "expected an equation"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3)(np.ones((2, 3, 4))), "expected inputs of 2 axes"),
    (lambda: layers.EinsumDense("ab,bc->ac", (3, 4))(np.ones((2, 3))), "output_shape of 1 sizes"),
    (lambda: layers.EinsumDense("ab,bc->ad", 3)(np.ones((2, 3))), "'d' to be an axis"),
    (lambda: layers.EinsumDense("ab,bc->ca", 3)(np.ones((2, 3))), "the batch first"),
    (lambda: layers.EinsumDense("abc,cd->abd", (9, 4))(np.ones((2, 3, 4))), "one size of axis 'b'"),
    (lambda: layers.EinsumDense("ab,bcd->ac", 3)(np.ones((2, 3))), "size of axis 'd' of the kernel"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="x")(np.ones((2, 3))), "letters of 'ac'"),
])  # fmt: skip
def test_bad_equations_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
