"""Lines of user code that both libraries run: what they return is compared, number for number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

Line = Callable[[Any], Any]
X = np.arange(12.0, dtype="float32").reshape(2, 3, 2)
Z = np.array([[-1.0, 2.0, 0.5]], "float32")


def adapted(axis: Any, data: np.ndarray) -> Line:
    def line(k: Any) -> Any:
        layer = k.layers.Normalization(axis=axis)
        layer.adapt(data)
        return [layer.mean, layer.variance]

    return line


LINES: dict[str, Line] = {
    "flatten channels_first": lambda k: k.layers.Flatten(data_format="channels_first")(X),
    "softmax over two axes": lambda k: k.layers.Softmax(axis=(1, 2))(X),
    "softmax over an axis in the middle": lambda k: k.layers.Softmax(axis=1)(X),
    "rescaling by an array": lambda k: k.layers.Rescaling([1.0, 2.0], offset=[0.5, 0])(X),
    "moments of columns": adapted(-1, X.reshape(4, 3)),
    "moments of two axes": adapted((1, 2), X),
    "moments of all": adapted(None, X.reshape(4, 3)),
    "constant of an array": lambda k: k.initializers.Constant([[1.0, 2.0, 3.0]])((2, 3)),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_gives_what_it_gives_in_keras(line: Line) -> None:
    keras.utils.clear_session(free_memory=False)  # it numbers names
    theirs, ours = line(keras), line(fastmlp)
    if isinstance(theirs, str):
        assert ours == theirs
        return
    both = zip(
        ours if isinstance(ours, list) else [ours],
        theirs if isinstance(theirs, list) else [theirs],
        strict=True,
    )
    for a, b in both:
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6)


def test_one_number_a_sample_is_normalised_as_in_the_tutorial() -> None:
    power = np.arange(12.0)
    layer = fastmlp.layers.Normalization(input_shape=[1], axis=None)
    layer.adapt(power)
    model = fastmlp.Sequential([layer, fastmlp.layers.Dense(1)])
    assert model.predict(power, verbose=0).shape == (12, 1)
    assert layer.mean is not None
    assert layer.mean.item() == power.mean()


def test_the_mean_is_unknown_before_it_is_found() -> None:
    assert fastmlp.layers.Normalization().mean is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: k.layers.Rescaling([1.0, np.nan]), "scale"),
        (lambda k: k.layers.Rescaling(1.0, offset=["a"]), "offset"),
        (lambda k: k.initializers.Constant([np.inf, 1.0]), "value"),
        (lambda k: k.initializers.Constant([1.0, 2.0])((3,)), "broadcasts"),
        (lambda k: k.layers.Softmax(axis=(0, 1))(X), "axis"),
        (lambda k: k.layers.Flatten(data_format="first"), "channels_first"),
    ],
)  # fmt: skip
def test_what_is_no_such_argument_is_refused(make: Line, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(fastmlp)


def test_a_rescaling_by_an_array_comes_back_from_its_config() -> None:
    layer = fastmlp.layers.Rescaling([1.0, 2.0], offset=[0.5, 0.0])
    again = fastmlp.layers.Rescaling.from_config(layer.get_config())
    np.testing.assert_array_equal(again(X), layer(X))


def test_a_constant_array_comes_back_from_its_config() -> None:
    first = fastmlp.initializers.Constant([1.0, 2.0])
    again = fastmlp.initializers.get(fastmlp.initializers.serialize(first))
    np.testing.assert_array_equal(again((2, 2)), [[1.0, 2.0], [1.0, 2.0]])


@pytest.mark.parametrize("name", ["Dense", "LayerNormalization", "LSTM", "BatchNormalization"])
def test_a_config_of_keras_makes_a_layer(name: str) -> None:
    arguments = {"units": 3} if name in ("Dense", "LSTM") else {}
    config = getattr(keras.layers, name)(**arguments, name="a").get_config()
    assert getattr(fastmlp.layers, name).from_config(config).name == "a"


def trained(k: Any, metrics: Any, **options: Any) -> Any:
    inputs = k.Input((2,))
    model = k.Model(inputs, k.layers.Dense(1, kernel_initializer="ones")(inputs))
    model.compile("sgd", "mse", metrics=metrics, run_eagerly=k is keras)
    x = np.arange(12.0, dtype="float32").reshape(6, 2) / 12
    y = np.array([0, 1, 0, 1, 1, 0], "float32")
    model.fit(x, y, batch_size=3, shuffle=False, verbose=0, **options)
    return model


@pytest.mark.parametrize("split", [0.0, 0.5])
def test_metrics_keep_the_sums_of_the_last_pass_as_in_keras(split: float) -> None:
    results = []
    for k in (keras, fastmlp):
        metrics = [k.metrics.MeanAbsoluteError(), k.metrics.AUC(num_thresholds=3)]
        trained(k, metrics, epochs=2, validation_split=split)
        mean, area = metrics
        found = [mean.result(), mean.total, mean.count, area.true_positives, area.false_negatives]
        results.append([np.asarray(one) for one in found])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_callback_reads_a_metric_at_the_end_of_an_epoch() -> None:
    metric, seen = fastmlp.metrics.MeanAbsoluteError(), []
    told = fastmlp.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((logs["mean_absolute_error"], metric.result()))
    )
    trained(fastmlp, [metric], epochs=2, callbacks=[told])
    assert len(seen) == 2
    assert all(logged == pytest.approx(result) for logged, result in seen)


def test_evaluate_leaves_its_sums_with_the_metrics_of_the_model() -> None:
    model = trained(fastmlp, ["mae"])
    found = model.evaluate(np.ones((4, 2)), np.zeros(4), verbose=0, return_dict=True)
    assert model.metrics[1].result() == pytest.approx(found["mae"])
    assert model.metrics[1].count == 4


def test_metrics_names_are_those_of_what_evaluate_lists() -> None:
    model = trained(fastmlp, ["mae", fastmlp.metrics.AUC(), lambda t, p: t * p])
    values = model.evaluate(np.ones((4, 2)), np.zeros(4), verbose=0, return_dict=True)
    assert model.metrics_names == ["loss", "mae", "auc", "lambda"]
    assert sorted(model.metrics_names) == sorted(values)


def test_metrics_names_of_two_outputs() -> None:
    inputs = fastmlp.Input((2,))
    outputs = [fastmlp.layers.Dense(1, name=name)(inputs) for name in ("a", "b")]
    model = fastmlp.Model(inputs, outputs)
    assert model.metrics_names == ["loss"]
    model.compile("sgd", ["mse", "mae"], metrics={"b": ["mse"]})
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "b_mse"]


def test_counts_are_attributes_as_in_keras() -> None:
    y, p = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.4, 0.8, 0.6, 0.9])
    results = []
    for k in (keras, fastmlp):
        precision, count, total = k.metrics.Precision(), k.metrics.TruePositives(), k.metrics.Sum()
        precision.update_state(y, p)
        count.update_state(y, p)
        total.update_state(p)
        found = [
            precision.true_positives,
            precision.false_positives,
            count.accumulator,
            total.total,
        ]
        results.append([np.asarray(one) for one in found])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_call_takes_arrays_as_the_model_does() -> None:
    inputs = fastmlp.Input((2,))
    model = fastmlp.Model(inputs, fastmlp.layers.Dense(3)(inputs))
    x = np.ones((4, 2), "float32")
    np.testing.assert_array_equal(model.call(x), model(x))


def test_weights_without_a_name_are_numbered_as_in_keras() -> None:
    names = []
    for k in (fastmlp, keras):
        k.backend.clear_session()
        first, second = k.layers.Layer(), k.layers.Layer()
        made = [first.add_weight(shape=(n,)) for n in (2, 3)]
        made += [second.add_weight(shape=()), second.add_weight(shape=(), name="own")]
        names.append([w.name for w in made])
    assert names[0] == names[1] == ["variable", "variable_1", "variable_2", "own"]
