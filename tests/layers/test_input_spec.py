"""InputSpec: what a layer refuses, as Keras does."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fastmlp import Input, layers
from fastmlp.layers import InputSpec

SHAPES = [(4,), (5,), (2, 4), (2, 3, 4), (1,)]
SPECS = [
    {"ndim": 2}, {"min_ndim": 3}, {"max_ndim": 2}, {"axes": {-1: 4}}, {"shape": (None, 5)},
    {"shape": (None, None, 4)}, {"axes": {1: 2}, "min_ndim": 3}, {"dtype": "float32"}, {},
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_keras_refuses_is_refused(spec, shape):
    refused = []
    for lib in (keras.layers, layers):
        layer = lib.Identity()
        layer.input_spec = lib.InputSpec(**spec)
        try:
            layer(np.ones((3, *shape), "float32"))
            refused.append(False)
        except (ValueError, IndexError):
            refused.append(True)
    assert refused[0] == refused[1]


def test_what_may_be_squeezed_may_have_an_axis_more_or_less():
    layer = layers.Identity()
    layer.input_spec = InputSpec(ndim=2, allow_last_axis_squeeze=True)
    assert layer(np.ones((3, 4, 1))).shape == (3, 4, 1)
    with pytest.raises(ValueError, match="expected 2 axes"):
        layer(np.ones((3, 4, 5)))


def test_several_inputs():
    class Both(layers.Layer):
        def __init__(self, spec):
            super().__init__(name="both")
            self.input_spec = spec

        def call(self, inputs):
            a, b = inputs.values() if isinstance(inputs, dict) else inputs
            return a + b

    a, b = Input((3,)), Input((3,))
    spec = [InputSpec(ndim=2), InputSpec(axes={1: 3})]
    assert Both(spec)([a, b]).shape == (None, 3)
    with pytest.raises(ValueError, match=r"Both 'both': expected 2 inputs. Received: 1"):
        Both(spec)([a])
    named = [InputSpec(ndim=2, name="p"), InputSpec(ndim=3, name="q")]
    with pytest.raises(ValueError, match=r"expected 3 axes of input 'q'. Received: shape="):
        Both(named)({"p": a, "q": b})
    with pytest.raises(ValueError, match=r"expected the inputs \['p', 'q'\]. Received: \['p'\]"):
        Both(named)({"p": a})


def test_a_spec_set_in_build_holds_for_the_next_call():
    class Square(layers.Layer):
        def build(self, input_shape):
            self.input_spec = InputSpec(axes={-1: input_shape[-1]})

        def call(self, x):
            return x * x

    layer = Square()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected size 3 of axis -1"):
        layer(np.ones((2, 4)))


def test_config_and_bad_arguments():
    spec = InputSpec("float32", (None, 4), axes={-1: 4})
    assert InputSpec.from_config(spec.get_config()).get_config() == spec.get_config()
    theirs = keras.layers.InputSpec("float32", (None, 4), axes={-1: 4})
    assert spec.get_config() == theirs.get_config()
    with pytest.raises(TypeError, match="expected axes as"):
        InputSpec(axes=3)
    with pytest.raises(ValueError, match="axes below 2"):
        InputSpec(ndim=2, axes={2: 1})


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dropout(0.5),
        lambda: layers.SpatialDropout1D(0.5),
        lambda: layers.AlphaDropout(0.5),
        lambda: layers.GaussianNoise(0.5),
        lambda: layers.GaussianDropout(0.5),
        layers.Flatten,
        lambda: layers.Reshape((1,)),
        lambda: layers.Rescaling(2.0),
        layers.ReLU,
        layers.LeakyReLU,
        layers.ELU,
        layers.Softmax,
        layers.PReLU,
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_layers_of_one_input_refuse_several(make, training):
    for inputs in ([np.ones(2), np.ones(2)], [Input((1,)), Input((1,))]):
        with pytest.raises(ValueError, match=r"'.*': expected one input. Received: 2"):
            make()(inputs, training=training)
