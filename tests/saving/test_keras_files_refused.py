"""Files of Keras that are damaged, hold code, or do not fit: nothing changes, and the error says why."""

from __future__ import annotations

import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, config, layers, models
from tests.saving.keras_models import (
    OWN,
    data,
    flat,
    row,
    small,
    train,
    write,
)

# Keras's own, when h5py turns one of its variables into an array
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_python_code_runs_only_where_that_is_asked_for(tmp_path, monkeypatch):
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2 + 1)]).save(
        tmp_path / "m.keras"
    )
    with pytest.raises(ValueError, match=r"no Python code.*safe_mode=False"):
        models.load_model(tmp_path / "m.keras")
    model = models.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0), [[3, 3]])
    monkeypatch.setitem(config._settings, "unsafe_deserialization", False)  # as after the test
    config.enable_unsafe_deserialization()
    assert len(models.load_model(tmp_path / "m.keras").layers) == 1


def test_classes_of_ones_own_are_to_be_handed_over(tmp_path):
    row(fastmlp, 3, of=lambda L: [OWN[fastmlp]["Own"](4)]).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"Unknown layer 'Own'.*custom_objects"):
        models.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
def test_no_damaged_file_changes_a_model(ending, tmp_path):
    model, path = small(fastmlp), tmp_path / f"m.{ending}"
    (model.save if ending == "keras" else model.save_weights)(path)
    before, content = flat(model.get_weights()), path.read_bytes()
    damaged = [content[:n] for n in range(0, len(content), len(content) // 23)]
    damaged += [b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"x" * 99]
    for part in damaged:
        path.write_bytes(part)
        with pytest.raises(ValueError, match=r"m\..*damaged, or another"):
            model.load_weights(path)
        if ending == "keras":
            with pytest.raises(ValueError, match="damaged, or another"):
                models.load_model(path)
    np.testing.assert_array_equal(flat(model.get_weights()), before)


def test_each_byte_of_a_keras_file_that_is_not_what_it_was_is_noticed_or_harmless(tmp_path):
    model, path = small(fastmlp), tmp_path / "m.keras"
    model.save(path)
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        try:
            twin = models.load_model(path)
        except ValueError:
            continue
        np.testing.assert_array_equal(flat(twin.get_weights()), flat(model.get_weights()))


@pytest.mark.parametrize("kind", ["external", "soft", "bomb", "text", "shape", "missing"])
def test_no_array_is_believed(kind, tmp_path):
    model = Sequential([Input((3,)), layers.Dense(2)])
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    before = flat(model.get_weights())
    with h5py.File(path, "a") as file:
        group = file["layers/dense/vars"]
        group["kept"] = group["0"][()]
        del group["0"]
        if kind == "external":
            group["0"] = h5py.ExternalLink("other.h5", "/x")
        elif kind == "soft":
            group["0"] = h5py.SoftLink("/layers/dense/vars/kept")
        elif kind == "bomb":
            group.create_dataset("0", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")
        elif kind == "text":
            group["0"] = np.array([b"ab"] * 6).reshape(3, 2)
        elif kind == "shape":
            group["0"] = np.zeros((2, 3), "f4")
        del group["kept"]
    with pytest.raises(ValueError, match=r"load_weights: '.*m\.weights\.h5': expected"):
        model.load_weights(path)
    np.testing.assert_array_equal(flat(model.get_weights()), before)


def test_a_config_that_wants_more_than_the_file_holds_gets_no_memory(tmp_path):
    Sequential([Input((3,)), layers.Dense(2)]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b'"units": 2', b'"units": 2000000000')
    write(tmp_path / "m.keras", members)
    with pytest.raises(ValueError, match="expected weights of other shapes"):
        models.load_model(tmp_path / "m.keras")


def test_another_model_is_told_where_it_differs_and_may_be_skipped(tmp_path):
    path = tmp_path / "m.weights.h5"
    saved = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
    other = Sequential([Input((2,)), layers.Dense(3), layers.Dense(4)])
    saved.save_weights(path)
    expected = r"expected \[\(3, 4\), \(4,\)\] for Dense '.*' at 'layers/dense_1'.*skip_mismatch"
    before = flat(other.get_weights())
    with pytest.raises(ValueError, match=expected):
        other.load_weights(path)
    np.testing.assert_array_equal(flat(other.get_weights()), before)
    with pytest.warns(UserWarning, match="left alone"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel, saved.layers[0].kernel)
    np.testing.assert_array_equal(flat(other.layers[1].get_weights()), before[9:])
    same = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
    last = same.layers[1].get_weights()[0]
    same.load_weights(path, objects_to_skip=[same.layers[1]])
    np.testing.assert_array_equal(same.layers[1].kernel, last)
    with pytest.raises(ValueError, match="not built"):
        Sequential([layers.Dense(3)]).load_weights(path)


def test_another_optimizer_keeps_its_state_and_says_so(tmp_path):
    x, model = data("small"), small(fastmlp)
    model.compile("adam", "mse")
    train(model, x, x[:, :2])
    model.save(tmp_path / "m.keras")
    other = small(fastmlp)
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="state of SGD is left alone"):
        other.load_weights(tmp_path / "m.keras")
    assert other.optimizer.iterations == 0
    np.testing.assert_array_equal(flat(other.get_weights()), flat(model.get_weights()))


def test_without_h5py_the_package_to_install_is_named(tmp_path, monkeypatch):
    model = small(fastmlp)
    model.save(tmp_path / "m.keras")
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (model.save, model.load_weights, models.load_model, callbacks.ModelCheckpoint):
        with pytest.raises(ImportError, match=r'pip install "fastmlp\[keras-files\]"'):
            call(tmp_path / "m.keras")


def test_a_file_that_is_there_stays_if_that_is_asked_for(tmp_path, monkeypatch):
    path, model = tmp_path / "m.keras", small(fastmlp)
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == before
    model.layers[0].kernel[...] += 1
    model.save(path)
    np.testing.assert_array_equal(
        flat(models.load_model(path).get_weights()), flat(model.get_weights())
    )
    assert [file.name for file in tmp_path.iterdir()] == ["m.keras"]
