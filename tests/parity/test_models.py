"""Regularizers, constraints, weights of samples, other layers, trained as by Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from tests.parity import both


def _sgd(lib: Any) -> dict[str, Any]:
    return {"optimizer": lib.optimizers.SGD(0.05), "loss": "mse", "metrics": ["mae"]}


def _adam(lib: Any) -> dict[str, Any]:
    return {"optimizer": lib.optimizers.Adam(0.01), "loss": "mse"}


def test_penalties_on_kernel_bias_and_outputs_are_part_of_loss_and_val_loss():
    def layers(lib):
        return [
            lib.layers.Dense(
                5,
                activation="tanh",
                kernel_regularizer=lib.regularizers.L1L2(l1=0.01, l2=0.02),
                bias_regularizer=lib.regularizers.L1(0.03),
                activity_regularizer=lib.regularizers.L2(0.04),
            ),
            lib.layers.Dense(
                3, kernel_regularizer="l2", activity_regularizer=lib.regularizers.L1L2(0.02, 0.01)
            ),
        ]

    trained = both.assert_same_training(layers, lambda lib: {**_sgd(lib), "metrics": ["mse"]},
                                        both.regression())  # fmt: skip
    for loss, mse in (("loss", "mse"), ("val_loss", "val_mse")):
        assert trained.history[loss][-1] > trained.history[mse][-1] + 0.01


def test_penalties_and_clipping_work_together_as_in_keras():
    def layers(lib):
        return [
            lib.layers.Dense(5, activation="relu", kernel_regularizer=lib.regularizers.L2(0.1)),
            lib.layers.Dense(3, bias_regularizer=lib.regularizers.L2(0.1)),
        ]

    def arguments(lib):
        return {"optimizer": lib.optimizers.Adam(0.01, global_clipnorm=0.2), "loss": "mse"}

    # Keras ends 1.3e-5 from the outputs of float64, fastmlp 5e-7.
    both.assert_same_training(layers, arguments, both.regression(), tolerance=2e-5)


CONSTRAINTS = {
    "max_norm": lambda lib: lib.constraints.MaxNorm(0.7),
    "max_norm of rows": lambda lib: lib.constraints.MaxNorm(0.7, axis=1),
    "non_neg": lambda lib: lib.constraints.NonNeg(),
    "unit_norm": lambda lib: lib.constraints.UnitNorm(axis=0),
    "unit_norm of rows": lambda lib: lib.constraints.UnitNorm(axis=1),
    "unit_norm of all": lambda lib: lib.constraints.UnitNorm(axis=[0, 1]),
    "min_max_norm": lambda lib: lib.constraints.MinMaxNorm(0.4, 0.8, rate=0.5),
    "min_max_norm of rows": lambda lib: lib.constraints.MinMaxNorm(0.4, 0.8, rate=0.5, axis=1),
}


@pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_constraint_acts_after_each_step_as_in_keras(constraint):
    def layers(lib):
        return [
            lib.layers.Dense(5, activation="tanh", kernel_constraint=constraint(lib)),
            lib.layers.Dense(3, kernel_constraint="non_neg", bias_constraint="non_neg"),
        ]

    both.assert_same_training(layers, _adam, both.regression())


def test_sample_weights_in_training_validation_and_evaluation_count_as_in_keras():
    data = both.regression()
    rng = np.random.default_rng(5)
    weights = rng.uniform(0, 3, len(data.x)).astype("float32")
    weights[::7] = 0
    held_out = (data.x_val, data.y_val, rng.uniform(0, 3, len(data.x_val)).astype("float32"))
    both.assert_same_training(
        both.network(), _sgd, data,
        validation=held_out, sample_weight=weights, evaluation={"sample_weight": weights},
    )  # fmt: skip


@pytest.mark.parametrize("make", [both.classes, both.one_hot])
def test_class_weights_count_as_in_keras(make):
    loss = "sparse_" * (make is both.classes) + "categorical_crossentropy"

    def arguments(lib):
        return {"optimizer": lib.optimizers.SGD(0.05), "loss": loss, "metrics": ["accuracy"]}

    both.assert_same_training(
        both.network("softmax"), arguments, make(), class_weight={0: 0.3, 2: 4}
    )


def test_validation_split_holds_back_the_last_samples_as_in_keras():
    data = both.regression()
    rng = np.random.default_rng(5)
    weights = rng.uniform(0, 3, both.SAMPLES // both.BATCH * both.BATCH).astype("float32")
    both.assert_same_training(
        both.network(), _sgd, data, validation=False, validation_split=0.27, sample_weight=weights
    )


def test_rows_of_samples_with_three_axes_train_as_in_keras():
    data = both.regression()
    rng = np.random.default_rng(5)
    data.x, data.y = (rng.normal(size=(len(data.x), 4, w)).astype("f") for w in (6, 3))
    data.x_val, data.y_val = (rng.normal(size=(len(data.x_val), 4, w)).astype("f") for w in (6, 3))
    both.assert_same_training(both.network(), _sgd, data)


def test_other_layers_train_as_in_keras():
    """Images of bytes: rescaled, two dense layers along their last axis, flattened."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 256, (both.SAMPLES + both.HELD_OUT, 3, 4)).astype("uint8")
    y = x.reshape(len(x), -1).argmax(axis=1) % 3
    n = both.SAMPLES
    data = both.Data(x[:n], y[:n], x[n:], y[n:])

    def layers(lib):
        return [
            lib.layers.Rescaling(1 / 127.5, offset=-1.0),
            lib.layers.Dense(4, use_bias=False),
            lib.layers.Activation("softplus"),
            lib.layers.Dropout(0.0),
            lib.layers.Flatten(),
            lib.layers.Dense(5, activation="relu"),
            lib.layers.Dense(3),
            lib.layers.Activation("softmax"),
        ]

    def arguments(lib):
        return {
            "optimizer": lib.optimizers.SGD(0.05, momentum=0.5),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        }

    both.assert_same_training(layers, arguments, data)


def test_frozen_layer_keeps_its_weights_as_in_keras():
    def layers(lib):
        return [
            lib.layers.Dense(5, activation="tanh"),
            lib.layers.Dense(5, activation="tanh", trainable=False, kernel_regularizer="l2"),
            lib.layers.Dense(3),
        ]

    data = both.regression()
    trained = both.assert_same_training(layers, _adam, data)
    start = both.starting_weights(layers, data)
    assert (trained.weights[2] == start[2]).all()


def test_deep_network_trains_as_in_keras():
    def layers(lib):
        names = ["relu", "elu", "gelu", "sigmoid"]
        return [*(lib.layers.Dense(7, activation=name) for name in names), lib.layers.Dense(3)]

    both.assert_same_training(layers, _sgd, both.regression(), validation=False)


def _nested(lib: Any, kind: str) -> tuple[Any, Any]:
    """A model, and one within it, whose `call` or `Input` differs."""

    class Own(lib.Sequential):
        def call(self, inputs, training=None):
            return 2 * super().call(inputs, training=training)

    class Described(lib.Model):
        def __init__(self):
            super().__init__()
            self.dense = lib.layers.Dense(2, kernel_initializer="ones")

        def call(self, inputs):
            return self.dense(inputs)

    rows = [lib.layers.Dense(2, kernel_initializer="ones")]
    known = [lib.layers.Input((3,)), *rows]
    makes = {
        "with Input": lambda: lib.Sequential(known),
        "deferred": lambda: lib.Sequential(rows),
        "own call": lambda: Own(known),
        "subclass": Described,
    }
    inner = makes[kind.removesuffix(", in a row")]()
    if kind.endswith("in a row"):
        first = lib.layers.Dense(3, kernel_initializer="ones")
        return lib.Sequential([lib.layers.Input((3,)), first, inner, lib.layers.Dense(1)]), inner
    entry = lib.layers.Input((3,))
    outer = lib.Model(entry, lib.layers.Dense(1)(inner(entry)))
    inner(lib.layers.Input((3,)))  # its first call counts
    return outer, inner


@pytest.mark.parametrize("place", ["", ", in a row"])
@pytest.mark.parametrize("kind", ["with Input", "deferred", "own call", "subclass"])
def test_a_model_within_another_gives_the_features_there_as_any_layer(kind, place):
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    features = []
    for lib in (keras, fastmlp):
        outer, inner = _nested(lib, kind + place)
        features.append(np.asarray(lib.Model(outer.inputs, inner.output)([x])))
        assert lib.Model(inner.input, inner.output).count_params() == 8
        assert lib.Model(inner.output, outer.outputs).count_params() == 3
    np.testing.assert_allclose(features[1], features[0], rtol=1e-5)


def test_a_functional_model_within_another_keeps_its_own_output():
    for lib in (keras, fastmlp):
        entry = lib.layers.Input((3,))
        inner = lib.Model(entry, lib.layers.Dense(2)(entry))
        again = lib.layers.Input((3,))
        assert inner(again) is not inner.output
        assert lib.Model(inner.inputs, inner.output).count_params() == 8
