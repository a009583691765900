"""Old spellings work and warn once; misspelt names ask "did you mean"."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import _spelling, callbacks, layers, optimizers

X, Y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")


def model(units: int = 1) -> Any:
    made = fastmlp.Sequential([fastmlp.Input((4,)), layers.Dense(units)])
    made.compile("sgd", "mse")
    return made


# How each class or method of the table is called, with one old argument.
VALUES = {
    "output_dim": 3, "init": "zeros", "W_regularizer": "l2", "b_regularizer": "l1",
    "W_constraint": "non_neg", "b_constraint": "non_neg", "bias": False, "p": 0.5, "lr": 0.5,
    "nb_epoch": 2, "inner_init": "zeros", "U_regularizer": "l2", "dropout_W": 0.5, "dropout_U": 0.5,
    "inner_activation": "relu", "consume_less": "gpu", "sample_weight_mode": "temporal",
}  # fmt: skip
CALLS: dict[str, Callable[..., Any]] = {
    "Dropout": layers.Dropout,
    **{
        name: lambda name=name, **old: getattr(layers, name)(
            **({} if "output_dim" in old else {"units": 3}) | old
        )
        for name in ("Dense", "GRU", "LSTM", "SimpleRNN")
    },
    "Optimizer": optimizers.Adam,
    "compile": lambda **old: model().compile("sgd", "mse", **old),
    "fit": lambda **old: model().fit(X, Y, verbose=0, **old),
    "evaluate": lambda **old: model().evaluate(X, Y, verbose=0, **old),
    "predict": lambda **old: model().predict(X, verbose=0, **old),
    "ReduceLROnPlateau": callbacks.ReduceLROnPlateau,
    "TensorBoard": callbacks.TensorBoard,
}
RENAMED = [
    (key, old, new)
    for key, table in _spelling.ARGUMENTS.items()
    for old, new in table.items()
    if key in CALLS
]


def once(call: Callable[[], Any], category: type[Warning] = FutureWarning) -> tuple[Any, str]:
    """What a call returns, and its one warning, which points here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert [w.category for w in caught] == [category], [str(w.message) for w in caught]
    assert caught[0].filename == __file__
    return result, str(caught[0].message)


@pytest.mark.parametrize(("key", "old", "new"), RENAMED)
def test_an_old_argument_warns_once_and_works(key: str, old: str, new: str | None) -> None:
    value = VALUES.get(old, 2)
    result, message = once(lambda: CALLS[key](**{old: value}))
    assert f"({old}=…)" in message
    if new is None:
        assert "has no effect" in message
        return
    assert f"({new}=…)" in message
    if key == "fit":
        assert len(result.epoch) == 2
    else:
        today = CALLS[key](**{new: value})
        if isinstance(result, callbacks.Callback):
            assert getattr(result, new) == getattr(today, new) == value
            return
        configs = [made.get_config() for made in (result, today)]
        assert configs[0] | {"name": ""} == configs[1] | {"name": ""}
        assert configs[0][new] is not None


def test_every_table_belongs_to_something_that_is_called_so() -> None:
    for key, table in _spelling.ARGUMENTS.items():
        owner = getattr(layers, key, None) or getattr(fastmlp, key, None)
        owner = owner or getattr(optimizers, key, None) or getattr(callbacks, key, None)
        owner = owner or getattr(fastmlp.Model, key)
        known = inspect.signature(owner).parameters
        assert {new for new in table.values() if new is not None} <= set(known), key


def test_the_format_of_a_file_is_told_by_its_name(tmp_path: Any) -> None:
    for save in (model().save, model().save_weights):
        _, message = once(lambda save=save: save(tmp_path / "m.fastmlp", save_format="h5"))
        assert "(save_format=…) has no effect" in message


def test_both_spellings_at_once_are_refused() -> None:
    with pytest.warns(FutureWarning), pytest.raises(TypeError, match="units or output_dim"):
        layers.Dense(units=2, output_dim=2)


def test_first_weights_and_a_batch_shape_of_a_layer() -> None:
    kernel, bias = np.ones((4, 2), "float32"), np.zeros(2, "float32")
    dense, message = once(lambda: layers.Dense(2, weights=[kernel, bias], input_dim=4))
    assert "layer.set_weights" in message
    np.testing.assert_array_equal(fastmlp.Sequential([dense]).get_weights()[0], kernel)
    dense, message = once(lambda: layers.Dense(2, batch_input_shape=(None, 4)))
    assert "Input(batch_shape=…)" in message
    assert fastmlp.Sequential([dense]).input_shape == (None, 4)


def test_the_length_of_a_recurrent_layers_input() -> None:
    lstm, message = once(lambda: layers.LSTM(2, input_dim=3, input_length=5))
    assert "Input((length, features))" in message
    assert fastmlp.Sequential([lstm]).input_shape == (None, 5, 3)


def test_a_weight_whose_name_comes_first() -> None:
    layer = layers.Dense(1)
    weight, message = once(lambda: layer.add_weight("scale", shape=(2,), initializer="ones"))
    assert message.endswith("write add_weight(name='scale', …).")
    assert weight.path.endswith("/scale") and weight.shape == (2,)
    assert once(lambda: layer.add_weight("bias", (3,)))[0].shape == (3,)
    total, _ = once(lambda: fastmlp.metrics.Metric().add_weight("total", initializer="ones"))
    assert float(total) == 1


def test_names_that_earlier_had_another_file() -> None:
    normalization = importlib.import_module("fastmlp.layers.normalization")
    found, message = once(lambda: normalization.BatchNormalization)
    assert found is layers.BatchNormalization
    assert message.endswith("write fastmlp.layers.BatchNormalization.")
    with pytest.raises(ImportError, match=r"name 'Merge' .* Hint: use Concatenate"):
        exec("from fastmlp.layers import Merge")
    rnn = importlib.import_module("fastmlp.layers.rnn")
    found, message = once(lambda: rnn.LSTM)
    assert found is layers.LSTM and message.endswith("write fastmlp.layers.LSTM.")


@pytest.mark.parametrize("name", ["metrics", "weighted_metrics"])
def test_a_metric_that_is_not_in_a_list(name: str) -> None:
    made = model()
    _, message = once(lambda: made.compile("sgd", "mse", **{name: "mae"}))
    assert message.endswith(f"write compile({name}=['mae']).")
    assert "mae" in made.fit(X, Y, verbose=0).history


def test_predict_classes_and_predict_proba() -> None:
    three, one = model(3), model(1)
    classes, message = once(lambda: three.predict_classes(X))
    assert "model.predict(x).argmax(axis=-1)" in message
    np.testing.assert_array_equal(classes, three.predict(X, verbose=0).argmax(axis=-1))
    binary, _ = once(lambda: one.predict_classes(X, batch_size=4))
    np.testing.assert_array_equal(binary, (one.predict(X, verbose=0) > 0.5).astype("int32"))
    probabilities, message = once(lambda: one.predict_proba(X))
    assert "write model.predict(x)" in message
    np.testing.assert_array_equal(probabilities, one.predict(X, verbose=0))


def test_attributes_of_layers() -> None:
    dense = model(3).layers[0]
    for old, new in _spelling.ATTRIBUTES.items():
        value, message = once(lambda old=old: getattr(dense, old))
        assert f"write Dense.{new}" in message
        np.testing.assert_array_equal(value, getattr(dense, new))


@pytest.mark.parametrize(("old", "today"), _spelling.MODULES.items())
def test_an_old_module_warns_once_and_shows_todays_names(old: str, today: str) -> None:
    module = importlib.import_module(f"fastmlp.{old}")
    parent, _, last = old.rpartition(".")
    assert getattr(importlib.import_module(f"fastmlp.{parent}".rstrip(".")), last) is module
    new = importlib.import_module(f"fastmlp.{today}")
    name = new.__all__[0] if hasattr(new, "__all__") else "get"
    module._told = False
    value, message = once(lambda: getattr(module, name))
    assert value is getattr(new, name)
    assert message.endswith(f"write fastmlp.{today}.")
    assert getattr(module, name) is value
    with pytest.raises(AttributeError, match="has no attribute 'nothing_like_this'"):
        module.nothing_like_this  # noqa: B018


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [(module, *pair) for module, table in _spelling.NAMES.items() for pair in table.items()],
)
def test_an_old_name_in_a_module(module: str, old: str, new: str) -> None:
    where = getattr(fastmlp, module)
    value, message = once(lambda: getattr(where, old))
    assert value is getattr(where, new)
    assert message.endswith(f"write {module}.{new}.")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: model().Add(layers.Dense(1)), "'Sequential' object has no attribute 'Add'.*'add'"),
        (lambda: model().fitt(X, Y), "Did you mean 'fit'"),
        (lambda: layers.Dense(2).get_weight(), "Did you mean 'get_weights'"),
        (lambda: layers.Dense(2).kernel, "has no weights yet"),
        (lambda: fastmlp.Sequantial(), "module 'fastmlp' has no attribute.*'Sequential'"),
        (lambda: fastmlp.models.Sequental, "Did you mean 'Sequential'"),
        (lambda: layers.dense2, r"Did you mean '[dD]ense'"),
        (lambda: callbacks.EarlyStoping, "Did you mean 'EarlyStopping'"),
        (lambda: optimizers.schedules.CosinDecay, "Did you mean 'CosineDecay'"),
        (lambda: model()._private, "no attribute '_private'.$"),
        (
            lambda: fastmlp.Input((3,)).get_shape(),
            "a symbolic tensor has no .* Did you mean 'shape'",
        ),
    ],
)
def test_a_misspelt_name_asks_did_you_mean(call: Any, sentence: str) -> None:
    with pytest.raises(AttributeError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.fit(X, Y, epoch=3), "fit: unknown argument 'epoch'. Did you mean 'epochs'"),
        (lambda m: m.compile(optimiser="adam"), "compile: unknown .*Did you mean 'optimizer'"),
        (lambda m: m.evaluate(X, Y, batchsize=3), "evaluate: unknown .*Did you mean 'batch_size'"),
        (lambda m: m.load_weights("x", by_name=True), "^load_weights: unknown argument 'by_name'"),
        (lambda m: m.predict(X, color=3), "predict: unknown argument 'color'. Known: x, batch"),
        (lambda m: callbacks.EarlyStopping(patince=3), "EarlyStopping: .*Did you mean 'patience'"),
    ],
)
def test_a_misspelt_argument_of_a_method_asks_too(call: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        call(model())


@pytest.mark.filterwarnings("ignore:.*earlier Keras:FutureWarning")
@pytest.mark.parametrize(
    ("old", "today"), [("samples_per_epoch", "steps_per_epoch"), ("nb_val_samples", "validation_s")]
)
def test_numbers_of_samples_say_which_numbers_of_batches_to_write(old: str, today: str) -> None:
    with pytest.raises(TypeError, match=f"fit_generator: .*: {old}=40. Hint: write {today}"):
        model().fit_generator(iter([(X, Y)]), **{old: 40})


def test_metrics_in_the_place_of_earlier_keras_are_told_their_name() -> None:
    for metrics in ("accuracy", ["accuracy"], ["accuracy", "mae"]):
        with pytest.raises(ValueError, match=r"loss_weights=.*'accuracy'.*Hint: write metrics="):
            model().compile("adam", "mse", metrics)


def test_from_import_asks_too() -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'Sequantial' from 'fastmlp'.*'Seq"):
        exec("from fastmlp import Sequantial")
    with pytest.raises(ImportError, match=r"name 'Dens' from 'fastmlp.layers'"):
        exec("from fastmlp.layers import Dens")


def test_an_old_import_line_warns_at_the_users_line(tmp_path: Any) -> None:
    script = tmp_path / "tutorial.py"
    script.write_text(
        "from fastmlp.layers.core import Dense, Dropout\n"
        "from fastmlp.utils import np_utils\n"
        "print(np_utils.to_categorical([1]), Dense, Dropout)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.count("FutureWarning") == 2
    assert f"{script}:1: FutureWarning: fastmlp.layers.core is the spelling" in done.stderr
    assert f"{script}:3: FutureWarning: fastmlp.utils.np_utils is the spelling" in done.stderr


def test_names_that_are_gone_say_what_to_do() -> None:
    with pytest.raises(AttributeError, match="Hint: use model_from_json"):
        fastmlp.models.model_from_yaml  # noqa: B018
    with pytest.raises(ImportError, match=r"'model_from_yaml'.*Hint: use model_from_json"):
        exec("from fastmlp.models import model_from_yaml")


def test_the_function_merge_says_what_merges() -> None:
    with pytest.raises(TypeError, match=r"layers\.concatenate"):
        fastmlp.layers.merge([1], mode="concat")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("layers import Attention", "no attention layer"),
        ("layers import Conv2D, Dense", "dense and recurrent networks"),
        ("layers import GlobalMaxPooling2D", "dense and recurrent networks"),
        ("layers import MultiHeadAttention", "no attention layer"),
        ("layers import RandomFlip", "nothing for images"),
        ("layers import AbstractRNNCell", "state_size"),
        ("layers import TextVectorization", "layers.StringLookup"),
        ("layers.convolutional import MaxPooling1D", "dense and recurrent networks"),
        ("preprocessing.image import ImageDataGenerator", "nothing for images"),
        ("preprocessing.sequence import TimeseriesGenerator", "timeseries_dataset_from_array"),
        ("preprocessing.sequence import skipgrams", "with NumPy"),
        ("preprocessing.text import Tokenizer", "layers.StringLookup"),
        (" import applications", "no pretrained networks"),
        ("backend import set_session", "there are no sessions"),
        ("backend import tan", "use fastmlp.ops.tan"),
    ],
)
def test_names_that_are_absent_on_purpose_say_why(line: str, sentence: str) -> None:
    with pytest.raises(ImportError, match=sentence):
        exec(f"from fastmlp.{line}".replace(". ", " "))


def test_a_misspelt_name_of_no_absent_one_still_asks() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'RandomNormal'"):
        fastmlp.initializers.RandomNorml  # noqa: B018
    with pytest.raises(AttributeError, match="Did you mean 'Activation'"):
        layers.Activationn  # noqa: B018


def test_who_looks_through_all_modules_gets_no_warning() -> None:
    names = [
        "__file__",
        "__path__",
        "__wrapped__",
        "_not_there",
        "pytest_mark",
        "__warningregistry__",
    ]
    for old in _spelling.MODULES:
        module = sys.modules[f"fastmlp.{old}"]
        told, module._told = module._told, False
        assert [name for name in names if hasattr(module, name)] == []
        inspect.getmodule(module)
        assert not module._told
        module._told = told


def test_names_that_are_there_cost_nothing() -> None:
    assert not hasattr(fastmlp, "__path_not_there__")
    assert not hasattr(model(), "__deepcopy_not_there__")
    assert inspect.signature(fastmlp.Sequential.fit).parameters["epochs"].default == 1


def test_asking_whether_a_name_is_there_looks_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def closest(*args: object) -> str:
        raise AssertionError("nobody reads the hint")

    layer, network = layers.Dense(2), model()
    monkeypatch.setattr(_spelling, "closest", closest)
    assert not hasattr(layer, "unit") and not hasattr(network, "fitt")
    assert getattr(fastmlp, "lossess", None) is None


def test_an_error_of_a_missing_name_survives_pickling() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = layers.Dense(2).unit
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert "Did you mean 'units'?" in str(caught.value)
