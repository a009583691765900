"""What stands on the disk while a file is written: the old or the new one, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastmlp.saving.safetensors import read, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "file.fastmlp"
    write(found, {"x": np.zeros(300_000)}, {})
    return found


def test_an_error_while_writing_leaves_the_old_file_and_no_other(path, monkeypatch):
    before = path.read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="Cannot write: No space left on device"):
        write(path, {"x": np.zeros(10)}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_limit_of_the_system_leaves_the_old_file(path):
    before = path.read_bytes()
    code = f"""
import resource
import numpy as np
from fastmlp.saving.safetensors import write
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write({str(path)!r}, {{"x": np.zeros(100_000)}}, {{}})
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Cannot write: File too large\n"
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_kill_9_while_writing_leaves_a_whole_file(path):
    """Writers are killed at moments of their own; each leaves one of the versions it wrote."""
    code = f"""
import numpy as np
from fastmlp.saving.safetensors import write
version = 0
print("go", flush=True)
while True:
    version += 1
    write({str(path)!r}, {{"x": np.full(300_000, version, "float64")}}, {{}})
"""
    seen = set()
    for number in range(8):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline()
            try:
                writer.wait(timeout=0.01 + 0.017 * number)
            except subprocess.TimeoutExpired:
                writer.kill()
        x = read(path)[0]["x"]
        assert len(x) == 300_000 and len(set(x.tolist())) == 1
        seen.add(int(x[0]))
    assert max(seen) > 0


def test_a_new_file_has_the_usual_rights_and_an_old_one_keeps_its_own(tmp_path):
    (tmp_path / "other").touch()
    write(tmp_path / "new", {}, {})
    assert os.stat(tmp_path / "new").st_mode == os.stat(tmp_path / "other").st_mode
    os.chmod(tmp_path / "new", 0o640)
    write(tmp_path / "new", {}, {})
    assert os.stat(tmp_path / "new").st_mode & 0o777 == 0o640


def test_a_link_is_followed(tmp_path):
    write(tmp_path / "real", {}, {})
    os.symlink("real", tmp_path / "link")
    write(tmp_path / "link", {"x": np.zeros(1)}, {})
    assert os.path.islink(tmp_path / "link")
    assert list(read(tmp_path / "real")[0]) == ["x"]


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="Cannot write"):
        write(tmp_path / "missing" / "file", {}, {})
