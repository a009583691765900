"""The format of Keras 2, `.h5`: both ways."""

from __future__ import annotations

import json

import h5py
import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, models
from tests.saving.keras_models import (
    MODELS,
    fill,
    flat,
    load,
    train,
    trained,
    ways,
)

# Keras's own, when h5py turns one of its variables into an array
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


LEGACY = [name for name in MODELS if name not in ("functions", "own model")]  # Keras refuses those


@ways
@pytest.mark.parametrize("name", LEGACY)
def test_a_legacy_file_holds_a_model_and_its_training(name, writer, reader, tmp_path):
    model, x, y = trained(writer, name)
    path = tmp_path / "m.h5"
    if writer is fastmlp:
        with pytest.warns(UserWarning, match="legacy"):
            model.save(path)
    else:
        model.save(path)
    twin = load(reader, path)
    expected = flat(model.predict(x, verbose=0))
    np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)
    fill(twin)
    twin.load_weights(path)
    np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)
    if reader is fastmlp:  # Keras builds the optimizer for no weights, and then cannot train on
        np.testing.assert_allclose(train(twin, x, y), train(model, x, y), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("lib", [keras, fastmlp])
@pytest.mark.filterwarnings("ignore:.*legacy:UserWarning")
def test_the_optimizer_may_be_left_out(lib, tmp_path):
    model, path = lib.Sequential([lib.Input((2,)), lib.layers.Dense(1)]), str(tmp_path / "m.h5")
    model.compile("adam", lib.losses.MeanSquaredError())  # Keras cannot load "mse" compiled
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    model.save(path, include_optimizer=False)
    assert getattr(load(lib, path), "optimizer", None) is None
    lib.saving.save_model(model, path, include_optimizer=False)
    assert getattr(load(lib, path), "optimizer", None) is None
    model.save(path)
    assert load(lib, path).optimizer is not None
    if lib is fastmlp:  # Keras does not read its own file
        model.save(tmp_path / "m.keras", include_optimizer=False)  # of use with .h5 only
        assert load(lib, tmp_path / "m.keras").optimizer is not None


@pytest.mark.parametrize("name", LEGACY)
def test_weights_alone_are_those_of_a_legacy_file(name, tmp_path):
    """Keras 3 reads such a file and writes none; the programs for Keras 2 do."""
    model, x, _ = trained(fastmlp, name)
    path = str(tmp_path / "w.h5")
    with pytest.warns(FutureWarning, match=r"write save_weights\('.*w\.weights\.h5'\)"):
        model.save_weights(path)
    expected = flat(model.predict(x, verbose=0))
    for lib in (fastmlp, keras):
        twin, *_ = trained(lib, name)
        fill(twin)
        twin.load_weights(path)
        np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lib", [keras, fastmlp])
@pytest.mark.filterwarnings("ignore:.*legacy:UserWarning")
def test_a_checkpoint_may_be_a_legacy_file(lib, tmp_path):
    model = lib.Sequential([lib.Input((2,)), lib.layers.Dense(1)])
    model.compile("adam", lib.losses.MeanSquaredError())
    x = np.ones((4, 2))
    checkpoint = lib.callbacks.ModelCheckpoint(str(tmp_path / "m.h5"), monitor="loss")
    model.fit(x, x[:, :1], verbose=0, callbacks=[checkpoint])
    found = load(lib, tmp_path / "m.h5").predict(x, verbose=0)
    np.testing.assert_array_equal(found, model.predict(x, verbose=0))


def test_a_graph_as_keras_2_wrote_it_is_understood():
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}, "name": "d",
             "inbound_nodes": [[["a", 0, 0, {}]], [["d", 0, 0, {}]]]}  # fmt: skip
    both = {"class_name": "Add", "config": {"name": "s"}, "name": "s",
            "inbound_nodes": [[["d", 0, 0, {}], ["d", 1, 0, {}]]]}  # fmt: skip
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "a"},
             "name": "a", "inbound_nodes": []}  # fmt: skip
    config = {"layers": [first, dense, both], "input_layers": [["a", 0, 0]],
              "output_layers": [["s", 0, 0]], "name": "m"}  # fmt: skip
    model = fastmlp.Model.from_config(config)
    assert model.output_shape == (None, 2) and model.count_params() == 6


def test_a_legacy_file_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "m.h5"
    saved = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
    other = Sequential([Input((2,)), layers.Dense(3), layers.Dense(4)])
    with pytest.warns(UserWarning, match="legacy"):
        saved.save(path)
    before = flat(other.get_weights())
    with pytest.raises(ValueError, match=r"expected \[\(3, 4\), \(4,\)\] for layer.*skip_mismatch"):
        other.load_weights(path)
    np.testing.assert_array_equal(flat(other.get_weights()), before)
    with pytest.warns(UserWarning, match="left alone"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel, saved.layers[0].kernel)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ValueError, match="damaged, or another"):
        models.load_model(path)


def test_a_file_of_keras_2_is_read_and_trains(tmp_path):
    first = {"batch_input_shape": [None, 3, 4], "dtype": "float32", "name": "in", "ragged": False}
    lstm = {"name": "lstm", "batch_input_shape": [None, 3, 4], "units": 2, "time_major": False}
    wrapped = {"name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}
    rows = [("InputLayer", first), ("LSTM", lstm), ("Dense", {"name": "out", "units": 1})]
    inner = {"name": "m", "layers": [{"class_name": k, "config": c} for k, c in rows]}
    settings = {"loss": "mse", "loss_weights": None, "weighted_metrics": None,
                "metrics": [[{"class_name": "MeanMetricWrapper", "config": wrapped}]],
                "optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.5}}}  # fmt: skip
    shapes = {"lstm": {"kernel:0": (4, 8), "recurrent_kernel:0": (2, 8), "bias:0": (8,)},
              "out": {"kernel:0": (2, 1), "bias:0": (1,)}}  # fmt: skip
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": inner})
        file.attrs["training_config"] = json.dumps(settings)
        file.create_group("model_weights").attrs["layer_names"] = [b"lstm", b"out"]
        for name, arrays in shapes.items():
            group = file.create_group(f"model_weights/{name}/{name}")
            group.parent.attrs["weight_names"] = [f"{name}/{key}".encode() for key in arrays]
            for key, shape in arrays.items():
                group[key] = np.full(shape, 0.1, "f4")
    model = models.load_model(tmp_path / "m.h5")
    assert all((w == np.float32(0.1)).all() for w in model.get_weights())
    assert float(model.optimizer.learning_rate) == 0.5
    history = model.fit(np.ones((4, 3, 4)), np.ones((4, 1)), verbose=0).history
    assert sorted(history) == ["loss", "mae"]
