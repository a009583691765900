"""mnist and fashion_mnist: where they are looked for, and what is refused. No network."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from fastmlp.datasets import _files, fashion_mnist, mnist

MODULES = pytest.mark.parametrize("module", [mnist, fashion_mnist], ids=["mnist", "fashion"])


def arrays(n: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    return {
        "x_train": rng.integers(0, 256, (n, 28, 28), np.uint8),
        "y_train": rng.integers(0, 10, n, np.uint8),
        "x_test": rng.integers(0, 256, (2, 28, 28), np.uint8),
        "y_test": rng.integers(0, 10, 2, np.uint8),
    }


def write(file: Path, content: dict[str, np.ndarray]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **content)
    return file


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def idx_files(content: dict[str, np.ndarray]) -> dict[str, bytes]:
    keys = ("x_train", "y_train", "x_test", "y_test")
    names = [f"{part}.gz" for part in fashion_mnist.PARTS]
    return {name: idx(content[key]) for name, key in zip(names, keys, strict=True)}


def assert_loaded(data, content: dict[str, np.ndarray]) -> None:
    (x_train, y_train), (x_test, y_test) = data
    for array, key in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"),
                       (y_test, "y_test")):  # fmt: skip
        assert array.dtype == np.uint8 and np.array_equal(array, content[key])


class Server:
    """Answers from a dict instead of the network."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []

    def open(self, url: str) -> io.BytesIO:
        self.asked.append(url)
        if url not in self.files:
            raise URLError("no route to host")
        return io.BytesIO(self.files[url])


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """A server without files, an empty cache, and no FASTMLP_DATA."""
    server = Server()
    monkeypatch.setattr(_files, "open_url", server.open)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    return server


@MODULES
def test_a_given_file_or_folder_is_read(module, tmp_path, server):
    content = arrays()
    file = write(tmp_path / "there" / module.FILE, content)
    renamed = write(tmp_path / "other.npz", content)
    for path in (file, str(file), file.parent, str(file.parent), renamed):
        assert_loaded(module.load_data(path), content)
    assert not server.asked


@MODULES
def test_fastmlp_data_comes_before_the_cache(module, tmp_path, monkeypatch, server):
    cached, own = arrays(3), arrays(4)
    write(tmp_path / "keras" / "datasets" / module.FILE, cached)
    assert_loaded(module.load_data(), cached)
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "own"))
    assert_loaded(module.load_data(), cached)
    write(tmp_path / "own" / module.FILE, own)
    assert_loaded(module.load_data(), own)
    assert_loaded(module.load_data(module.FILE), own)
    assert not server.asked


def test_the_cache_is_in_the_home_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert _files.cache_folder() == tmp_path / ".keras" / "datasets"


@MODULES
def test_a_path_that_does_not_exist_is_refused(module, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"expected a file\. Received: path='.*nowhere.npz'"
    ):
        module.load_data(tmp_path / "nowhere.npz")
    with pytest.raises(FileNotFoundError, match=f"expected {module.FILE} in the folder"):
        module.load_data(tmp_path)


@MODULES
def test_without_network_the_error_tells_where_it_looked(module, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "own"))
    with pytest.raises(FileNotFoundError, match="no route to host") as caught:
        module.load_data()
    message = str(caught.value)
    assert str(tmp_path / "own" / module.FILE) in message
    assert str(tmp_path / "keras" / "datasets" / module.FILE) in message
    assert "pass path=" in message and "FASTMLP_DATA" in message
    assert not [f for _, _, files in os.walk(tmp_path) for f in files]


def test_mnist_is_downloaded_checked_and_kept(tmp_path, monkeypatch, server, capsys):
    content = arrays()
    served = write(tmp_path / "served.npz", content).read_bytes()
    server.files[mnist.URL] = served
    monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(served).hexdigest())
    assert_loaded(mnist.load_data(), content)
    assert capsys.readouterr().out == f"Downloading data from {mnist.URL}\n"
    assert os.listdir(tmp_path / "keras" / "datasets") == ["mnist.npz"]
    assert_loaded(mnist.load_data(), content)
    assert server.asked == [mnist.URL]


def test_a_download_with_another_checksum_is_thrown_away(tmp_path, server):
    server.files[mnist.URL] = b"<html>please log in</html>"
    with pytest.raises(ValueError, match=f"expected a file with sha256 {mnist.SHA256}"):
        mnist.load_data()
    assert os.listdir(tmp_path / "keras" / "datasets") == []


def test_an_interrupted_download_leaves_nothing(tmp_path, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(_files, "open_url", lambda url: Broken())
    with pytest.raises(KeyboardInterrupt):
        mnist.load_data()
    assert os.listdir(tmp_path / "keras" / "datasets") == []


def test_fashion_mnist_is_downloaded_in_four_files_as_keras_keeps_them(
    tmp_path, monkeypatch, server
):
    content = arrays()
    files = idx_files(content)
    server.files = {fashion_mnist.URL + name: packed for name, packed in files.items()}
    sums = {
        name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(packed)).hexdigest()
        for name, packed in files.items()
    }
    monkeypatch.setattr(fashion_mnist, "PARTS", sums)
    assert_loaded(fashion_mnist.load_data(), content)
    folder = tmp_path / "keras" / "datasets" / "fashion-mnist"
    assert sorted(os.listdir(folder)) == sorted(files)
    assert len(server.asked) == 4
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert_loaded(fashion_mnist.load_data(), content)
    assert len(server.asked) == 5
    for path in (folder, folder.parent):
        assert_loaded(fashion_mnist.load_data(path), content)


def test_fashion_mnist_refuses_what_does_not_unpack(tmp_path, server):
    for name in fashion_mnist.PARTS:
        server.files[f"{fashion_mnist.URL}{name}.gz"] = b"<html>"
    with pytest.raises(ValueError, match="does not unpack"):
        fashion_mnist.load_data()
    assert os.listdir(tmp_path / "keras" / "datasets" / "fashion-mnist") == []


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"no gzip", "does not unpack"),
        (gzip.compress(b"\0\0\x08\x01" * 20, mtime=0)[:-12], "does not unpack"),
        (gzip.compress(b"PK\3\4", mtime=0), "no idx file of unsigned bytes"),
        (gzip.compress(b"\0\0\x08\x03\0\0\0\1", mtime=0), "header is cut off"),
        (
            gzip.compress(b"\0\0\x08\x01\0\0\0\5abc", mtime=0),
            r"3 bytes are no array of shape \(5,\)",
        ),
    ],
)
def test_damaged_idx_files_are_named(packed, why, tmp_path):
    for name, good in idx_files(arrays()).items():
        (tmp_path / name).write_bytes(good)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(packed)
    with pytest.raises(ValueError, match=f"train-labels-idx1-ubyte.gz cannot be used: .*{why}"):
        fashion_mnist.load_data(tmp_path)


@MODULES
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"y_test": None}, "it has no y_test, only x_train, y_train, x_test"),
        ({"x_train": np.zeros((5, 784))}, r"expected x_train \(n, 28, 28\) .* it has \(5, 784\)"),
        ({"y_train": np.zeros(4, int)}, r"y_train \(n,\), it has \(5, 28, 28\) and \(4,\)"),
        ({"y_test": np.zeros((2, 10))}, r"y_test \(n,\)"),
        ({"y_test": np.array(["a", "b"])}, "expected numbers, .* y_test have uint8 and <U1"),
        ({"y_test": np.array([1, None])}, "allow_pickle"),
    ],
)  # fmt: skip
def test_npz_files_with_something_else_are_refused(module, change, why, tmp_path):
    content = {key: value for key, value in (arrays() | change).items() if value is not None}
    file = write(tmp_path / "wrong.npz", content)
    with pytest.raises(ValueError, match=f"wrong.npz cannot be used: .*{why}"):
        module.load_data(file)


def test_files_that_are_no_npz_are_refused(tmp_path):
    text, empty, single = tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "c.npz"
    text.write_text("x_train,y_train\n")
    empty.write_bytes(b"")
    np.save(tmp_path / "c", np.zeros(3))
    (tmp_path / "c.npy").rename(single)
    cut = write(tmp_path / "d.npz", arrays())
    cut.write_bytes(cut.read_bytes()[:-100])
    for file in (text, empty, single, cut):
        with pytest.raises(ValueError, match="cannot be used"):
            mnist.load_data(file)


def test_npz_files_with_damaged_bytes_are_refused(tmp_path):
    file = write(tmp_path / "e.npz", arrays())
    content = bytearray(file.read_bytes())
    content[2000:2010] = bytes(10)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"e.npz cannot be used: .*CRC"):
        mnist.load_data(file)


def test_checksums_are_those_of_the_real_data(data_dir):
    file = data_dir / fashion_mnist.FILE
    if not file.is_file():
        pytest.skip(f"{file} is not here")
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(file)
    expected = fashion_mnist.PARTS.values()
    for array, sha256 in zip((x_train, y_train, x_test, y_test), expected, strict=True):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        assert hashlib.sha256(header + array.tobytes()).hexdigest() == sha256


def test_what_is_no_array_in_an_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w") as archive:
        for key in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{key}.npy", b"text")
    with pytest.raises(ValueError, match="cannot be used"):
        mnist.load_data(tmp_path)
