"""Bad input gets an error that says where, what was expected and what came, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers

N = 20
X = np.random.default_rng(0).normal(size=(N, 4)).astype("float32")
Y = np.arange(N) % 3


def classifier(**compile_arguments: Any) -> Sequential:
    model = Sequential([Input((4,)), layers.Dense(5, activation="relu", name="hidden_1"),
                        layers.Dense(3, activation="softmax", name="classes")])  # fmt: skip
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy",
                     "metrics": ["accuracy"], **compile_arguments})  # fmt: skip
    return model


def with_value(array: np.ndarray, value: Any) -> np.ndarray:
    changed = array.astype(type(value))
    changed.flat[7] = value
    return changed


# What the user does: (arguments of fit, error, what it says)
FIT: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "too few features": (
        {"x": X[:, :3]}, ValueError, r"'hidden_1'.*4 features.*Received: shape=\(20, 3\)"
    ),
    "too many features": ({"x": np.ones((N, 5))}, ValueError, r"4 features.*\(20, 5\)"),
    "images that are not flattened": (
        {"x": np.ones((N, 2, 2))}, ValueError, r"4 features.*\(20, 2, 2\).*Flatten"
    ),
    "one sample without its axis": ({"x": X[0], "y": Y[:4]}, ValueError, r"4 features.*x\[None\]"),
    "a number for x": ({"x": 3.0}, TypeError, "x.*float"),
    "nothing for x": ({"x": None}, (ValueError, TypeError), "x"),
    "nothing for y": ({"y": None}, (ValueError, TypeError), "y"),
    "fewer targets": ({"y": Y[:-1]}, ValueError, r"20.*19|19.*20"),
    "no samples": ({"x": X[:0], "y": Y[:0]}, ValueError, "sample|empty|row"),
    "no features": ({"x": X[:, :0]}, ValueError, "x"),
    "objects": ({"x": X.astype(object)}, (ValueError, TypeError), "x.*object"),
    "complex numbers": ({"x": X.astype(complex)}, (ValueError, TypeError), "x.*complex"),
    "strings": ({"x": X.astype(str)}, (ValueError, TypeError), "x.*(str|<U)"),
    "dates": ({"x": np.zeros((N, 4), "datetime64[s]")}, (ValueError, TypeError), "x.*datetime"),
    "a ragged list": ({"x": [[1, 2, 3, 4], [1, 2, 3]] * 10}, (ValueError, TypeError), "x"),
    "a list with None": ({"x": [[1, 2, 3, None]] * N}, (ValueError, TypeError), "x"),
    "a dict": ({"x": {"a": X}}, (ValueError, TypeError), "x"),
    "a frame with words": (
        {"x": pd.DataFrame(X, columns=list("abcd")).assign(c="red")}, (ValueError, TypeError), "'c'"
    ),
    "labels that are strings": (
        {"y": np.array(["cat", "dog"] * 10)}, (ValueError, TypeError), "y.*(str|<U3|cat)"
    ),
    "labels that are words in a list": (
        {"y": ["cat", "dog"] * 10}, (ValueError, TypeError), "y"
    ),
    "labels that are complex": ({"y": Y.astype(complex)}, (ValueError, TypeError), "y.*complex"),
    "a label too large": ({"y": with_value(Y, 3)}, ValueError, r"y.*0 to 2.*3 in row 7"),
    "labels that count from 1": ({"y": Y + 1}, ValueError, "y.*0 to 2"),
    "a negative label": ({"y": with_value(Y, -1)}, ValueError, r"y.*-1"),
    "a label between classes": ({"y": with_value(Y, 0.5)}, ValueError, r"y.*0\.5"),
    "one-hot labels for a sparse loss": (
        {"y": np.eye(3)[Y]}, ValueError, r"y.*\(20|samples.*'?categorical_crossentropy"
    ),
    "a batch size of 0": ({"batch_size": 0}, ValueError, "batch_size.*0"),
    "a negative batch size": ({"batch_size": -1}, ValueError, "batch_size.*-1"),
    "a batch size that is NaN": ({"batch_size": np.nan}, ValueError, "batch_size.*nan"),
    "a batch size that is no whole number": ({"batch_size": 2.5}, ValueError, "batch_size.*2.5"),
    "no samples in a validation batch": (
        {"validation_batch_size": 0}, ValueError, "validation_batch_size.*0",
    ),
    "a batch size in words": ({"batch_size": "32"}, (ValueError, TypeError), "batch_size.*'32'"),
    "negative epochs": ({"epochs": -1}, ValueError, "epochs.*-1"),
    "epochs that are NaN": ({"epochs": np.nan}, ValueError, "epochs.*nan"),
    "epochs that are infinite": ({"epochs": np.inf}, ValueError, "epochs.*inf"),
    "a negative initial epoch": ({"initial_epoch": -2}, ValueError, "initial_epoch.*-2"),
    "a validation split of 1": ({"validation_split": 1.0}, ValueError, "validation_split.*1.0"),
    "a negative validation split": ({"validation_split": -0.1}, ValueError, "validation_split"),
    "a validation split that is NaN": (
        {"validation_split": np.nan}, ValueError, "validation_split.*nan"
    ),
    "a validation split in percent": ({"validation_split": 20}, ValueError, "validation_split"),
    "a validation split that leaves nothing": (
        {"validation_split": 0.99}, ValueError, "validation_split"
    ),
    "no validation data": ({"validation_data": ()}, ValueError, r"\(x, y\).*validation_data"),
    "validation data that are one array": ({"validation_data": X}, ValueError, "validation_data"),
    "validation data of other features": (
        {"validation_data": (X[:, :2], Y)}, ValueError, r"4 features.*\(20, 2\)"
    ),
    "validation data of other lengths": (
        {"validation_data": (X, Y[:3])}, ValueError, "20.*3|3.*20"
    ),
    "validation labels too large": ({"validation_data": (X, Y + 5)}, ValueError, "0 to 2"),
    "fewer sample weights": ({"sample_weight": np.ones(3)}, ValueError, "sample_weight.*3"),
    "sample weights of two axes": (
        {"sample_weight": np.ones((N, 2))}, ValueError, "sample_weight.*2"
    ),
    "sample weights that are NaN": (
        {"sample_weight": with_value(np.ones(N), np.nan)}, ValueError, "sample_weight.*nan"
    ),
    "class weights that are a list": ({"class_weight": [1, 2, 3]}, TypeError, "class_weight"),
    "class weights of unknown classes": (
        {"class_weight": {0: 1.0, 5: 2.0}}, ValueError, "class_weight.*5"
    ),
    "class weights that are negative": ({"class_weight": {0: -1.0}}, ValueError, "class 0.*-1"),
    "both kinds of weights": (
        {"class_weight": {0: 1.0}, "sample_weight": np.ones(N)}, ValueError, "both"
    ),
    "a verbosity of 7": ({"verbose": 7}, ValueError, "verbose.*7"),
    "a callback that is none": ({"callbacks": [print]}, TypeError, "callback"),
    "a callback that is a class": (
        {"callbacks": [fastmlp.callbacks.History]}, TypeError, "History"
    ),
}  # fmt: skip


def state(model: Sequential) -> tuple[Any, ...]:
    """Everything that an error must not change."""
    return (
        [w.tobytes() for w in model.get_weights()],
        model.optimizer.iterations,
        model.history,
        model.predict(X, verbose=0).tobytes(),
    )


@pytest.mark.parametrize("case", FIT.values(), ids=FIT)
def test_fit_says_what_is_wrong_and_changes_nothing(case):
    arguments, error, message = case
    model = classifier()
    model.fit(X, Y, verbose=0)
    before = state(model)
    with pytest.raises(error, match=f"(?is){message}"):
        model.fit(**{"x": X, "y": Y, "verbose": 0, **arguments})
    assert state(model) == before
    model.fit(X, Y, verbose=0)  # as if nothing had been


EVALUATE = ["too few features", "images that are not flattened", "fewer targets", "no samples",
            "objects", "complex numbers", "labels that are strings", "a label too large",
            "a batch size of 0"]  # fmt: skip


@pytest.mark.parametrize("name", EVALUATE)
def test_evaluate_says_what_is_wrong_and_changes_nothing(name):
    arguments, error, message = FIT[name]
    model = classifier()
    before = state(model)
    with pytest.raises(error, match=f"(?is){message}"):
        model.evaluate(**{"x": X, "y": Y, "verbose": 0, **arguments})
    assert state(model) == before


PREDICT = ["too few features", "images that are not flattened", "no samples", "objects",
           "complex numbers", "strings", "a ragged list", "nothing for x"]  # fmt: skip


@pytest.mark.parametrize("name", PREDICT)
def test_predict_says_what_is_wrong_and_changes_nothing(name):
    arguments, error, message = FIT[name]
    model = classifier()
    before = state(model)
    with pytest.raises(error, match=f"(?is){message}"):
        model.predict(arguments["x"], verbose=0)
    assert state(model) == before


@pytest.mark.parametrize(
    ("kind", "call", "received", "meant"),
    [
        ("metric", lambda: classifier(metrics=["acuracy"]), "acuracy", "accuracy"),
        ("metric", lambda: classifier(weighted_metrics=["presicion"]), "presicion", "precision"),
        ("loss", lambda: classifier(loss="mean_square_error"), "mean_square_error",
         "mean_squared_error"),
        ("loss", lambda: classifier(loss="categorical_cross_entropy"), "categorical_cross_entropy",
         "categorical_crossentropy"),
        ("activation function", lambda: layers.Dense(3, activation="rellu"), "rellu", "relu"),
        ("activation function", lambda: layers.Activation("sofmax"), "sofmax", "softmax"),
        ("optimizer", lambda: classifier(optimizer="adan"), "adan", "adam"),
        ("initializer", lambda: layers.Dense(3, kernel_initializer="glorot_unifrom"),
         "glorot_unifrom", "glorot_uniform"),
        ("regularizer", lambda: layers.Dense(3, kernel_regularizer="l1l3"), "l1l3", "l1l2"),
        ("constraint", lambda: layers.Dense(3, kernel_constraint="max_norn"), "max_norn",
         "max_norm"),
    ],
)  # fmt: skip
def test_unknown_names_come_with_the_one_that_was_meant(kind, call, received, meant):
    with pytest.raises(ValueError, match=f"Unknown {kind} '{received}'. Did you mean '{meant}'"):
        call()


@pytest.mark.parametrize(
    "arguments",
    [
        {"optimizer": "adan"}, {"loss": "mean_square_error"}, {"metrics": ["acuracy"]},
        {"weighted_metrics": ["x"]}, {"loss_weights": "much"},
        {"loss": 3}, {"optimizer": 0.1}, {"steps_per_execution": 0},
    ],
    ids=str,
)  # fmt: skip
def test_compile_with_bad_arguments_leaves_the_model_as_it_was(arguments):
    model = classifier()
    model.fit(X, Y, verbose=0)
    optimizer, loss, before = model.optimizer, model.loss, state(model)
    with pytest.raises((ValueError, TypeError)):
        model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    assert model.optimizer is optimizer and model.loss is loss
    assert state(model) == before
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
@pytest.mark.parametrize("error", [ValueError, RuntimeError])  # Keras's, and what it is
def test_models_must_be_compiled_first(method, error):
    model = Sequential([Input((4,)), layers.Dense(3)])
    with pytest.raises(error, match=f"(?s){method}.*compile"):
        getattr(model, method)(X, Y)


def test_model_compiled_without_a_loss_says_so():
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="loss"):
        model.fit(X, Y)


def test_labels_for_categorical_crossentropy_come_with_the_hint():
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        classifier(loss="categorical_crossentropy").fit(X, Y, verbose=0)


def test_targets_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\('?samples'?, 3\).*\('?samples'?, 2\)"):
        classifier(loss="mse", metrics=None).fit(X, np.ones((N, 2)), verbose=0)


def test_dense_on_unflattened_images_comes_with_the_hint():
    model = Sequential([Input((28, 28)), layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"(?s)Flatten\(\)"):
        model.fit(np.zeros((N, 28, 28)), Y, verbose=0)


def test_dense_says_which_layer_got_what():
    layer = layers.Dense(3, name="second")
    layer(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"Dense 'second'.*4 features.*shape=\(.*5\)"):
        layer(np.ones((2, 5)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(0), "units.*0"),
        (lambda: layers.Dense(-3), "units.*-3"),
        (lambda: layers.Dense(2.5), "units.*2.5"),
        (lambda: layers.Dense("8"), "units.*'8'"),
        (lambda: layers.Dense(np.nan), "units.*nan"),
        (lambda: layers.Dense(True), "units.*True"),
        (lambda: layers.Dense(8, inputdim=4), "inputdim.*input_dim"),
        (lambda: layers.Dense(8, dtype="float16"), "float16"),
        (lambda: layers.Dropout(1.5), "rate.*1.5"),
        (lambda: layers.Dropout(-0.1), "rate.*-0.1"),
        (lambda: layers.Dropout(20), "rate.*20"),
        (lambda: layers.Dropout(np.nan), "rate.*nan"),
        (lambda: layers.Rescaling(np.inf), "scale.*inf"),
        (lambda: layers.Rescaling("1/255"), "scale.*1/255"),
        (lambda: layers.Flatten("channels_last_"), "data_format"),
        (lambda: Input(()), None),
        (lambda: Input((0,)), "shape.*0"),
        (lambda: Input((-4,)), "shape.*-4"),
        (lambda: Input((2.5,)), "shape.*2.5"),
        (lambda: layers.Dense(2)(Input((None,))), "features.*None, None"),
        (lambda: Input(), "shape"),
        (lambda: Input("4"), "shape"),
    ],
)
def test_layers_refuse_bad_arguments(make, message):
    if message is None:
        make()  # a scalar for each sample is unusual, and fine
        return
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        make()


DEFERRED: dict[str, tuple[Callable[[Sequential], Any], type[Exception]]] = {
    "lengths": (lambda model: model.fit(X, Y[:3], verbose=0), ValueError),
    "labels": (lambda model: model.fit(X, Y + 7, verbose=0), ValueError),
    "target shape": (lambda model: model.fit(X, np.ones((N, 9)), verbose=0), ValueError),
    "no layers": (lambda model: Sequential().fit(X, Y), (ValueError, RuntimeError)),
}


@pytest.mark.parametrize("case", DEFERRED.values(), ids=DEFERRED)
def test_bad_data_for_a_model_without_an_input_leaves_it_usable(case):
    call, error = case
    model = Sequential([layers.Dense(5), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(error):
        call(model)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("weights", [
    [], [np.ones((4, 5))], [np.ones((4, 5)), np.ones(5), np.ones((5, 3)), np.ones(4)],
    [np.ones((4, 5)), np.ones(5), np.ones((5, 3)), np.array(["a"] * 3)], None, 5,
])  # fmt: skip
def test_set_weights_sets_all_or_none(weights):
    model = classifier()
    before = state(model)
    with pytest.raises((ValueError, TypeError)):
        model.set_weights(weights)
    assert state(model) == before
