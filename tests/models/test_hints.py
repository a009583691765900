"""What is easily done wrong is told with its usual cause."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Input, Model, Sequential, activations, layers, ops

X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
SERIES = np.ones((8, 5, 2), "float32")


def test_a_softmax_of_one_value_warns():
    with pytest.warns(UserWarning, match=r"softmax 'dense.*': axis -1 .*\(None, 1\) .*sigmoid"):
        Sequential([Input((3,)), layers.Dense(1, "softmax")])
    with pytest.warns(UserWarning, match="Did you mean a sigmoid"):
        layers.Softmax()(Input((3, 1)))
    with pytest.warns(UserWarning, match="Did you mean a sigmoid"):
        activations.softmax(np.ones((3, 1)))
    ops.softmax(np.ones((1, 3)))  # warnings are errors
    layers.Softmax(axis=1)(Input((3, 1)))


def test_categorical_crossentropy_of_one_output_warns():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "categorical_crossentropy")
    with pytest.warns(SyntaxWarning, match="have one class.*binary_crossentropy"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_a_frozen_discriminator_is_told_where_it_is_trained(method):
    model = Sequential([Input((3,)), layers.Dense(1)], name="discriminator")
    model.compile("sgd", "mse")
    model.trainable = False
    with pytest.raises(ValueError, match=rf"^{method}: .* trainable is False on 'discriminator'"):
        getattr(model, method)(X, Y)
    model.trainable = True
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match=rf"^{method}: .* trainable is False on 'dense"):
        getattr(model, method)(X, Y)


def test_layers_made_within_call_are_told():
    class Careless(Model):
        def call(self, x):
            return layers.Dense(1)(x)

    model = Careless()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"made within call are not known: make them in __init__"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("y", [Y, Y[:, 0]])
def test_sequences_for_targets_of_samples_are_told(y):
    last = layers.LSTM(4, return_sequences=True, name="last")
    for output, loss in (
        (layers.Dense(1), "mse"),
        (layers.Dense(3, "softmax"), "sparse_categorical_crossentropy"),
    ):
        model = Sequential([Input((5, 2)), last, output])
        model.compile("sgd", loss)
        with pytest.raises(ValueError, match="return_sequences=False of 'last'"):
            model.fit(SERIES, y, verbose=0)


@pytest.mark.parametrize("wrap", [lambda layer: layer, layers.Bidirectional])
def test_a_recurrent_layer_on_the_last_output_of_another_is_told(wrap):
    with pytest.raises(ValueError, match="before it needs return_sequences=True"):
        Sequential([Input((5, 2)), layers.GRU(4), wrap(layers.LSTM(3))])
