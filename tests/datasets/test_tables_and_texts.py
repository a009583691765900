"""Housing data and texts: the same numbers as Keras makes of the same files; no file is trusted."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from fastmlp.datasets import _files, boston_housing, california_housing, imdb, reuters

RNG = np.random.default_rng(0)


def texts(n: int) -> np.ndarray:
    found = np.empty(n, object)
    for i in range(n):
        found[i] = RNG.integers(1, 60, RNG.integers(1, 20)).tolist()
    return found


def table(columns: int, n: int = 700) -> dict[str, np.ndarray]:
    return {"x": RNG.normal(size=(n, columns)), "y": RNG.normal(size=n)}


CONTENTS = {
    boston_housing: table(13),
    california_housing: table(8),
    imdb: {"x_train": texts(40), "y_train": RNG.integers(0, 2, 40),
           "x_test": texts(30), "y_test": RNG.integers(0, 2, 30)},
    reuters: {"x": texts(50), "y": RNG.integers(0, 46, 50)},
}  # fmt: skip
MODULES = pytest.mark.parametrize("module", CONTENTS, ids=lambda m: m.__name__.split(".")[-1])


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    def refuse(url: str) -> Any:
        raise OSError(f"no route to {url}")

    monkeypatch.setattr(_files, "open_url", refuse)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FASTMLP_DATA", raising=False)


@pytest.fixture
def stored(tmp_path, monkeypatch) -> Path:
    """A folder with all files, which Keras's loaders read too."""
    folder = tmp_path / "stored"
    folder.mkdir()
    for module, content in CONTENTS.items():
        np.savez(folder / module.FILE, **content)
    for name in (imdb.INDEX, reuters.INDEX):
        (folder / name).write_text(json.dumps({"the": 1, "größe": 2}))
    for name in ("boston_housing", "california_housing", "imdb", "reuters"):
        module = __import__(f"keras.src.datasets.{name}", fromlist=["x"])
        monkeypatch.setattr(module, "get_file", lambda path=None, fname=None, **_: folder / (path or fname))  # fmt: skip
    return folder


CALLS: list[tuple[Any, dict[str, Any]]] = [
    (boston_housing, {}),
    (boston_housing, {"test_split": 0.0, "seed": 1}),
    (california_housing, {}),
    (california_housing, {"version": "small", "test_split": 0.37}),
    (imdb, {}),
    (imdb, {"num_words": 30, "skip_top": 6, "seed": 5}),
    (imdb, {"maxlen": 9, "start_char": None}),
    (imdb, {"num_words": 20, "oov_char": None, "index_from": 0}),
    (reuters, {}),
    (reuters, {"num_words": 25, "maxlen": 12, "test_split": 0.5}),
    (reuters, {"start_char": None, "index_from": 0, "skip_top": 9, "oov_char": None, "seed": 2}),
]


@pytest.mark.parametrize(("module", "arguments"), CALLS, ids=str)
def test_the_numbers_are_those_of_keras(module, arguments, stored):
    theirs = getattr(keras.datasets, module.__name__.split(".")[-1]).load_data(**arguments)
    ours = module.load_data(path=stored, **arguments)
    for a, b in zip(ours, theirs, strict=True):
        for found, expected in zip(a, b, strict=True):
            assert found.dtype == expected.dtype and len(found) == len(expected)
            assert all(np.array_equal(p, q) for p, q in zip(found, expected, strict=True))


def test_word_indices_and_topics(stored):
    for module in (imdb, reuters):
        assert module.get_word_index(stored) == {"the": 1, "größe": 2}
    assert reuters.get_label_names() == keras.datasets.reuters.get_label_names()


@MODULES
def test_files_are_found_in_the_folders_too(module, stored, monkeypatch):
    monkeypatch.setenv("FASTMLP_DATA", str(stored))
    for path in (module.FILE, None):
        assert len(module.load_data(path=path)) == 2
    with pytest.raises(FileNotFoundError, match="expected a file"):
        module.load_data(path=stored / "other.npz")


@MODULES
def test_without_network_the_error_tells_where_it_looked(module):
    with pytest.raises(
        FileNotFoundError, match=rf"could not be downloaded.*Looked for.*{module.FILE}"
    ):
        module.load_data()


def test_a_download_is_checked_and_kept(stored, monkeypatch, tmp_path):
    content = (stored / boston_housing.FILE).read_bytes()
    monkeypatch.setattr(_files, "open_url", lambda url: io.BytesIO(content))
    with pytest.raises(ValueError, match="expected a file with sha256"):
        boston_housing.load_data()
    assert not list((tmp_path / "keras" / "datasets").iterdir())
    monkeypatch.setattr(boston_housing, "SHA256", hashlib.sha256(content).hexdigest())
    boston_housing.load_data()
    assert (tmp_path / "keras" / "datasets" / boston_housing.FILE).read_bytes() == content


class Evil:
    """Would run code if it were unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('code of a file was run')",))


def test_a_file_that_wants_to_run_code_is_refused(tmp_path):
    evil = np.array([Evil(), [1]], dtype=object)
    np.savez(tmp_path / "reuters.npz", x=evil, y=np.array([1, 2]))
    with pytest.raises(ValueError, match=r"it asks for builtins\.exec"):
        reuters.load_data(tmp_path)
    with zipfile.ZipFile(tmp_path / "boston_housing.npz", "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Evil()))
        archive.writestr("y.npy", pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="cannot be used"):
        boston_housing.load_data(tmp_path)


BROKEN: dict[str, Any] = {
    "noise": b"noise",
    "other arrays": {"z": np.zeros(3)},
    "another shape": {"x": np.zeros((3, 2)), "y": np.zeros(3), "x_train": np.zeros((2, 2)),
                      "y_train": np.zeros(2), "x_test": np.zeros(2), "y_test": np.zeros(2)},
    "fewer labels": {"x": np.zeros((3, 13)), "y": np.zeros(2)},
    "texts of texts": {"x": np.array(["a", [1]], object), "y": np.zeros(2, int)},
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
@MODULES
def test_damaged_files_are_refused(module, name, tmp_path):
    content = BROKEN[name]
    if isinstance(content, bytes):
        (tmp_path / module.FILE).write_bytes(content)
    else:
        np.savez(tmp_path / module.FILE, **content)
    with pytest.raises(ValueError, match="cannot be used"):
        module.load_data(path=tmp_path)


@pytest.mark.parametrize("content", ["[1]", '{"a": "b"}', "{", "[" * 100_000])
def test_damaged_word_indices_are_refused(content, tmp_path):
    (tmp_path / imdb.INDEX).write_text(content)
    with pytest.raises(ValueError, match="cannot be used"):
        imdb.get_word_index(tmp_path)


def test_bad_arguments_are_refused(stored):
    with pytest.raises(ValueError, match="test_split"):
        boston_housing.load_data(stored, test_split=1.0)
    with pytest.raises(ValueError, match="seed"):
        reuters.load_data(stored, seed=-1)
    with pytest.raises(ValueError, match="Did you mean 'small'"):
        california_housing.load_data("smal", stored)
    with pytest.raises(ValueError, match="Increase maxlen"):
        imdb.load_data(stored, maxlen=1)
