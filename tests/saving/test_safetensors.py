"""The layout of files: other readers understand it, and no file is believed before it is checked."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from fastmlp.saving.safetensors import read, write

ARRAYS = {
    "a/kernel": np.arange(6, dtype="float32").reshape(2, 3),
    "b": np.array(7, dtype="int64"),
    "empty": np.empty((0, 3), "float32"),
    "größe": np.linspace(0, 1, 5),
}
TEXTS = {"format": "x", "state": '{"sha256":"' + "0" * 64 + '"}', "ü": "\n\t"}
REFUSED = "expected a file that fastmlp has saved"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "file.fastmlp"
    write(found, ARRAYS, TEXTS)
    return found


def assert_equal(found: dict[str, np.ndarray]) -> None:
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_what_is_written_is_read(path):
    arrays, texts = read(path)
    assert_equal(arrays)
    assert texts == TEXTS


def test_the_safetensors_package_reads_it(path):
    assert_equal(safetensors.numpy.load_file(path))
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata().items() >= TEXTS.items()


def test_arrays_that_are_not_contiguous_are_written_as_they_look(tmp_path):
    array = np.arange(12, dtype="float32").reshape(3, 4).T[::2]
    write(tmp_path / "t", {"x": array}, {})
    assert (read(tmp_path / "t")[0]["x"] == array).all()


def test_every_truncation_is_refused(path, tmp_path):
    content = path.read_bytes()
    for n in range(len(content)):
        (tmp_path / "cut").write_bytes(content[:n])
        with pytest.raises(ValueError, match=REFUSED):
            read(tmp_path / "cut")


def test_every_flipped_byte_is_noticed(path, tmp_path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in range(len(content)):
        broken = bytearray(content)
        broken[at] ^= 1 << rng.integers(8)
        (tmp_path / "flipped").write_bytes(broken)
        with pytest.raises(ValueError, match=REFUSED):
            read(tmp_path / "flipped")


def test_random_bytes_are_refused(tmp_path):
    rng = np.random.default_rng(1)
    for _ in range(500):
        (tmp_path / "noise").write_bytes(rng.bytes(rng.integers(200)))
        with pytest.raises(ValueError, match=REFUSED):
            read(tmp_path / "noise")


def raw(header: Any, data: bytes = b"", n: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if n is None else n).to_bytes(8, "little") + text + data


def entry(start: int, end: int, shape: Any = (1,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


META = {"__metadata__": {}}
FOREIGN = {
    "header longer than the file": raw(b"{}", n=2**63),
    "header of 100 GB": raw(b"{}", n=10**11),
    "no header": raw(b""),
    "a list": raw([]),
    "deep": raw(b"[" * 100_000),
    "a name twice": raw(b'{"__metadata__":{},"a":1,"a":1}'),
    "no text": raw({"__metadata__": {"format": 1}}),
    "no metadata": raw({"a": entry(0, 4)}, b"1234"),
    "no encoding": raw(b'{"\xff": 1}'),
    "a huge shape": raw({**META, "a": entry(0, 4, (2**62, 2**62))}, b"1234"),
    "a huge shape of nothing": raw({**META, "a": entry(0, 0, (2**70, 0))}),
    "a negative size": raw({**META, "a": entry(0, 4, (-1, -1))}, b"1234"),
    "a fraction": raw({**META, "a": entry(0, 4, (1.0,))}, b"1234"),
    "a truth": raw({**META, "a": entry(0, 4, (True,))}, b"1234"),
    "negative offsets": raw({**META, "a": entry(-4, 0)}, b"1234"),
    "backward offsets": raw({**META, "a": entry(4, 0)}, b"1234"),
    "offsets beyond the end": raw({**META, "a": entry(0, 40, (10,))}, b"1234"),
    "three offsets": raw({**META, "a": {**entry(0, 4), "data_offsets": [0, 4, 8]}}, b"1234"),
    "overlapping": raw({**META, "a": entry(0, 8, (2,)), "b": entry(4, 8)}, b"12345678"),
    "a hole": raw({**META, "a": entry(4, 8)}, b"12345678"),
    "left over": raw({**META, "a": entry(0, 4)}, b"12345678"),
    "an unknown type": raw({**META, "a": entry(0, 4, (1,), "F13")}, b"1234"),
    "a type that is a list": raw({**META, "a": entry(0, 4, (1,), ["F32"])}, b"1234"),
    "many axes": raw({**META, "a": entry(0, 4, (1,) * 100)}, b"1234"),
    "an entry that is a number": raw({**META, "a": 5}, b""),
    "no checksum": raw({**META, "a": entry(0, 4)}, b"1234"),
    "a keras file": b"PK\x03\x04" + b"x" * 100,
    "hdf5": b"\x89HDF\r\n\x1a\n" + b"x" * 100,
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused_without_asking_for_memory(name, tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(FOREIGN[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=REFUSED):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_file_of_the_safetensors_package_is_refused_politely(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"x": np.zeros(3)}, path, {"format": "np"})
    with pytest.raises(ValueError, match=REFUSED):
        read(path)


def test_a_folder_or_a_device_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(ValueError, match="no regular file"):
        read("/dev/null")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        read(tmp_path / "pipe")
