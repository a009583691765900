"""get_file: cache, hashes, archives; from files and a server on this machine."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fastmlp.utils import get_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where files come from; the cache is beside it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def made(folder, name, content=b"hello"):
    (folder / name).write_bytes(content)
    return (folder / name).as_uri()


def test_a_file_is_downloaded_once(folder, tmp_path, capsys):
    origin = made(folder, "a.txt")
    path = get_file(origin=origin)
    assert path == str(tmp_path / "home" / "datasets" / "a.txt")
    assert "Downloading data from file://" in capsys.readouterr().out
    made(folder, "a.txt", b"changed")
    assert get_file(origin=origin) == path
    assert Path(path).read_bytes() == b"hello"
    assert capsys.readouterr().out == ""
    get_file(origin=origin, force_download=True)
    assert Path(path).read_bytes() == b"changed"


def test_name_and_place_are_the_users(folder, tmp_path):
    path = get_file("b.bin", made(folder, "a.txt"), cache_dir=tmp_path / "c", cache_subdir="sub")
    assert path == str(tmp_path / "c" / "sub" / "b.bin")
    path = get_file("b.bin", made(folder, "a.txt"), cache_subdir=str(tmp_path / "absolute"))
    assert path == str(tmp_path / "absolute" / "b.bin")


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "auto"])
def test_hashes_are_checked(folder, algorithm, tmp_path):
    origin = made(folder, "a.txt")
    kind = "md5" if algorithm == "md5" else "sha256"
    known = {c: hashlib.new(kind, c).hexdigest() for c in (b"hello", b"newer")}
    asked = {"file_hash": known[b"hello"], "hash_algorithm": algorithm}
    path = get_file(origin=origin, **asked)
    made(folder, "a.txt", b"newer")
    assert get_file(origin=origin, **asked) == path  # still the one that is wanted
    get_file(origin=origin, file_hash=known[b"newer"], hash_algorithm=algorithm)
    assert Path(path).read_bytes() == b"newer"
    with pytest.raises(ValueError, match="expected a file with the hash"):
        get_file("other", origin, **asked)
    assert [p.name for p in (tmp_path / "home" / "datasets").iterdir()] == ["a.txt"]


def test_the_old_spelling_of_a_hash(folder):
    with pytest.raises(ValueError, match="expected a file with the hash 0"):
        get_file(origin=made(folder, "a.txt"), md5_hash="0" * 32)


def tar(folder, name, members, mode="w:gz"):
    with tarfile.open(folder / name, mode) as archive:
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return (folder / name).as_uri()


def zipped(folder, name, members):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return (folder / name).as_uri()


MEMBERS = {"d/one.txt": b"1", "two.txt": b"2"}


@pytest.mark.parametrize("make", [tar, zipped])
def test_archives_are_extracted(folder, tmp_path, make):
    home = tmp_path / "home" / "datasets"
    origin = make(folder, "x.tar.gz", MEMBERS)
    assert get_file(origin=origin, extract=True) == str(home / "x.tar.gz")
    assert get_file("plain", origin, extract=True) == str(home / "plain")
    assert get_file("dotted.tgz", origin, extract=True) == str(home / "dotted_extracted")
    for place in ("x.tar.gz", "plain", "dotted_extracted"):
        assert (home / place / "d" / "one.txt").read_bytes() == b"1"
        assert (home / place / "two.txt").read_bytes() == b"2"
    assert get_file("plain", origin, extract=True) == str(home / "plain")  # once more
    assert not [p for p in home.iterdir() if p.name.endswith(".part")]


def test_links_within_an_archive_are_kept(folder):
    members = {"d/a": b"1", "d/b": (tarfile.SYMTYPE, "a"), "c": (tarfile.LNKTYPE, "d/a")}
    path = get_file("links", tar(folder, "x.tar", members, "w"), untar=True)
    assert Path(f"{path}/d/b").read_bytes() == Path(f"{path}/c").read_bytes() == b"1"


UNSAFE = {
    "parent": (tar, {"../evil": b"x"}),
    "deep": (tar, {"a/../../evil": b"x"}),
    "absolute": (tar, {"/tmp/evil": b"x"}),
    "link": (tar, {"a": (tarfile.SYMTYPE, "../../evil")}),
    "absolute link": (tar, {"a": (tarfile.SYMTYPE, "/etc")}),
    "hard link": (tar, {"a": (tarfile.LNKTYPE, "../evil")}),
    "device": (tar, {"a": (tarfile.CHRTYPE, "")}),
    "zip": (zipped, {"good": b"1", "../evil": b"x"}),
    "zip for Windows": (zipped, {"..\\evil": b"x"}),
    "zip, absolute": (zipped, {"/evil": b"x"}),
    "drive": (zipped, {"C:evil": b"x"}),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_archives_that_reach_out_are_refused_whole(folder, tmp_path, name):
    make, members = UNSAFE[name]
    origin = make(folder, "x.bin", {"first": b"1", **members})
    with pytest.raises(ValueError, match=r"not extracted|which is no file"):
        get_file("x", origin, extract=True)
    home = tmp_path / "home" / "datasets"
    assert [p.name for p in home.iterdir()] == ["x_archive"]
    assert not list(tmp_path.rglob("evil"))


def test_what_is_no_archive_is_told(folder, tmp_path):
    with pytest.warns(UserWarning, match="no archive of the formats tar, zip"):
        get_file("x", made(folder, "a.txt"), extract=True)
    broken = tar(folder, "y.tar.gz", {"a": bytes(100_000)})
    content = (folder / "y.tar.gz").read_bytes()
    (folder / "y.tar.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be extracted"):
        get_file("y", broken, extract=True)


@pytest.mark.parametrize("fname", ["../a", "a/b", "..", "a\\b"])
def test_names_lead_nowhere_else(folder, fname):
    with pytest.raises(ValueError, match="without folders"):
        get_file(fname, made(folder, "a.txt"))


def test_bad_arguments(folder):
    origin = made(folder, "a.txt")
    with pytest.raises(ValueError, match="an address"):
        get_file("a")
    with pytest.raises(ValueError, match="without folders"):
        get_file(origin="http://localhost/")
    with pytest.raises(ValueError, match="'auto', 'sha256', 'md5'"):
        get_file(origin=origin, hash_algorithm="sha1")
    with pytest.raises(ValueError, match="'auto', 'tar', 'zip'"):
        get_file(origin=origin, extract=True, archive_format="rar")


class Short(SimpleHTTPRequestHandler):
    """A server that promises more than it sends, if it is asked for `short`."""

    def send_header(self, keyword, value):
        more = 5 if keyword == "Content-Length" and "short" in self.path else 0
        super().send_header(keyword, str(int(value) + 5) if more else value)

    def log_message(self, *args):
        pass


def test_a_server_is_asked(folder, tmp_path, capsys):
    made(folder, "big.bin", bytes(300_000))
    made(folder, "short.bin", bytes(10))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Short, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        path = get_file(origin=f"{address}/big.bin?version=3")
        assert len(Path(path).read_bytes()) == 300_000
        assert "300000/300000" in capsys.readouterr().out
        with pytest.raises(OSError, match="404") as refused:
            get_file(origin=f"{address}/absent.bin")
        assert refused.value.__cause__.closed  # else Python 3.14 warns
        with pytest.raises(OSError, match="ended after 10 of 15 bytes"):
            get_file(origin=f"{address}/short.bin")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert [p.name for p in (tmp_path / "home" / "datasets").iterdir()] == ["big.bin"]
    with pytest.raises(OSError, match="cannot be fetched"):
        get_file(origin=f"{address}/big2.bin")
