"""Files of Keras: written here and read by Keras, written by Keras and read here, and by fastmlp alone."""

from __future__ import annotations

import json
import warnings
import zipfile
from types import SimpleNamespace
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, models, optimizers
from tests.saving.keras_models import (
    MODELS,
    data,
    fill,
    flat,
    load,
    shared,
    small,
    squared,
    train,
    trained,
    ways,
    write,
)

# Keras's own, when h5py turns one of its variables into an array
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@ways
@pytest.mark.parametrize("name", MODELS)
def test_a_model_predicts_and_trains_on_as_the_one_that_was_saved(name, writer, reader, tmp_path):
    model, x, y = trained(writer, name)
    model.save(tmp_path / "m.keras")
    twin = load(reader, tmp_path / "m.keras")
    expected = flat(model.predict(x, verbose=0))
    np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(train(twin, x, y), train(model, x, y), rtol=1e-3, atol=1e-5)


@ways
@pytest.mark.parametrize("name", MODELS)
def test_weights_alone_go_both_ways(name, writer, reader, tmp_path):
    x, model, twin = data(name), MODELS[name](writer), MODELS[name](reader)
    model.predict(x, verbose=0), twin.predict(x, verbose=0)
    fill(model)
    model.save_weights(tmp_path / "m.weights.h5")
    twin.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


OPTIMIZERS: dict[str, Any] = {
    name: {}
    for name in (
        "SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl", "Lion",
        "Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW",
    )
}  # fmt: skip
OPTIMIZERS |= {
    "SGD momentum": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "clipnorm": 1.0},
    "Adam amsgrad": {"amsgrad": True},
    "Adam accumulating": {"gradient_accumulation_steps": 2},
    "RMSprop all": {"momentum": 0.9, "centered": True},
}


def made(lib: Any, name: str) -> Any:
    if name == "schedule":
        return lib.optimizers.Adam(lib.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))
    if name == "scaled":
        return lib.optimizers.LossScaleOptimizer(lib.optimizers.Adam())
    return getattr(lib.optimizers, name.split()[0])(**OPTIMIZERS[name])


@ways
@pytest.mark.parametrize("name", [*OPTIMIZERS, "schedule", "scaled"])
def test_every_optimizer_goes_on(name, writer, reader, tmp_path):
    x = data("small")
    y = np.abs(x[:, :2])
    model = small(writer)
    model.compile(made(writer, name), "mse")
    train(model, x, y)
    model.save(tmp_path / "m.keras")
    twin = load(reader, tmp_path / "m.keras")
    assert int(twin.optimizer.iterations) == int(model.optimizer.iterations) > 0
    np.testing.assert_allclose(train(twin, x, y), train(model, x, y), rtol=1e-3, atol=1e-5)


def settings(lib: Any) -> dict[str, Any]:
    """Of `compile`, with what each form may be."""
    named = {"u": lib.losses.Hinge(), "v": squared}
    metrics = {"u": ["mae", lib.metrics.RootMeanSquaredError(name="r")], "v": [squared]}
    weighted = {"u": ["mse"], "v": [lib.metrics.binary_accuracy]}
    return {"loss": named, "loss_weights": {"u": 0.5, "v": 2.0}, "metrics": metrics,
            "weighted_metrics": weighted}  # fmt: skip


@ways
def test_losses_and_metrics_are_those_of_before(writer, reader, tmp_path):
    x = data("shared")
    y = {"u": np.ones((8, 1), "f4"), "v": np.ones((8, 2), "f4")}
    model = shared(writer)
    model.compile("adam", **settings(writer))
    train(model, x, y)
    model.save(tmp_path / "m.keras")
    found = load(reader, tmp_path / "m.keras").evaluate(x, y, verbose=0, return_dict=True)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-4)


@ways
def test_compile_false_leaves_it_uncompiled(writer, reader, tmp_path):
    model = small(writer)
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    assert not load(reader, tmp_path / "m.keras", compile=False).compiled


def test_the_optimizer_of_a_model_that_was_not_trained_starts_from_its_rate(tmp_path):
    model = small(fastmlp)
    model.compile(optimizers.Adam(0.02), "mse")
    model.save(tmp_path / "m.keras")
    twin = models.load_model(tmp_path / "m.keras")
    assert twin.optimizer.learning_rate == 0.02 and twin.optimizer.iterations == 0


def test_frozen_layers_stay_so(tmp_path):
    model = small(fastmlp)
    model.layers[0].trainable = False
    model.save(tmp_path / "m.keras")
    for lib in (keras, fastmlp):
        twin = load(lib, tmp_path / "m.keras")
        assert [layer.trainable for layer in twin.layers] == [False, True, True]


def test_a_vocabulary_in_a_file_of_its_own_is_read(tmp_path):
    """As Keras stores that of a layer that was adapted."""
    look_up = layers.StringLookup(vocabulary=["b", "a"], output_mode="multi_hot")
    model = Sequential([Input((2,), dtype="string"), look_up, layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(members["config.json"])
    described["config"]["layers"][1]["config"]["vocabulary"] = None
    members["config.json"] = json.dumps(described).encode()
    members["assets/layers/string_lookup/vocabulary.txt"] = b"[UNK]\nb\na"
    write(tmp_path / "n.keras", members)
    x = np.array([["a", "q"], ["b", "a"]])
    twin = models.load_model(tmp_path / "n.keras")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))


def test_checkpoints_as_tutorials_write_them(tmp_path):
    x = data("small")
    model = small(fastmlp)
    model.compile("adam", "mse")
    best = callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True, monitor="loss")
    each = callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}.weights.h5", save_weights_only=True)
    stop = callbacks.EarlyStopping("loss", restore_best_weights=True)
    model.fit(x, x[:, :2], epochs=3, verbose=0, callbacks=[best, each, stop])
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["01.weights.h5", "02.weights.h5", "03.weights.h5", "best.keras"]
    for lib in (keras, fastmlp):
        twin = load(lib, tmp_path / "best.keras")
        np.testing.assert_allclose(flat(twin.get_weights()), flat(model.get_weights()), rtol=1e-6)
        twin.load_weights(tmp_path / "01.weights.h5")


def test_the_files_are_laid_out_as_those_of_keras(tmp_path):
    found = []
    for lib in (keras, fastmlp):
        model = small(lib)
        model.compile("adam", "mse")
        train(model, data("small"), data("small")[:, :2])
        path = tmp_path / f"{lib.__name__}.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
            members = archive.namelist()
            arrays: dict[str, Any] = {}
            with archive.open("model.weights.h5") as inner, h5py.File(inner) as file:
                file.visititems(
                    lambda name, item, arrays=arrays: arrays.update(
                        {name: (item.shape, item.dtype)} if isinstance(item, h5py.Dataset) else {}
                    )
                )
        found.append(SimpleNamespace(members=members, arrays=arrays))
    assert found[0] == found[1]


def test_nothing_warns_where_all_fits(tmp_path):
    model = small(fastmlp)
    model.compile("adam", "mse")
    train(model, data("small"), data("small")[:, :2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "m.keras")
        models.load_model(tmp_path / "m.keras").load_weights(tmp_path / "m.keras")


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_what_keras_does_not_have_is_told_when_a_file_for_keras_is_written(ending, tmp_path):
    start = np.ones((3, 2)).tolist()
    hidden = layers.Dense(
        2, "step", kernel_initializer=fastmlp.initializers.ArrayInitializer(start)
    )
    model = Sequential([Input((3,)), hidden, layers.Dense(1)], name="only_here")
    model.compile(optimizers.LBFGS(), "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.save(tmp_path / f"m.{ending}")
    told = "save: Keras does not have ArrayInitializer, LBFGS, step: the file of 'only_here' opens in fastmlp only"
    assert [str(w.message) for w in caught if "legacy" not in str(w.message)] == [told]
    assert all(w.filename == __file__ for w in caught)
    x = np.ones((4, 3), "float32")
    again = models.load_model(tmp_path / f"m.{ending}")
    assert (again.predict(x, verbose=0) == model.predict(x, verbose=0)).all()


def test_a_class_of_ones_own_may_be_called_as_one_that_keras_does_not_have(tmp_path):
    @fastmlp.saving.register_keras_serializable("mine")
    class LBFGS(layers.Layer):
        def call(self, x):
            return x

    model = Sequential([Input((3,)), LBFGS(), layers.Dense(1, "relu")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "m.keras")
