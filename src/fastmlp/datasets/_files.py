"""Finding, downloading and reading the files of data sets."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Data = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_TIMEOUT = 30  # seconds without an answer
SERVER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def cache_folder() -> Path:
    """Where Keras keeps data sets: `KERAS_HOME/datasets`, or `~/.keras/datasets`."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".keras") / "datasets"


def folders() -> list[Path]:
    """Where data sets are looked for: `FASTMLP_DATA`, if set, and Keras's cache."""
    own = os.environ.get("FASTMLP_DATA")
    return ([Path(own).expanduser()] if own else []) + [cache_folder()]


def find(
    path: str | os.PathLike[str] | None, file: str, parts: tuple[str, ...] = ()
) -> Path | None:
    """Finds a data set on this machine.

    Args:
        path: A file or a folder, which then must have it; `None`, or `file` itself where there is
            no such file: look in the usual folders.
        file: Name of the npz file.
        parts: Names of the files that together stand for it.

    Returns:
        The npz file, the folder that has all the parts, or `None`.

    Raises:
        FileNotFoundError: If `path` does not exist or does not have it.
    """
    if path is not None:
        given = Path(path).expanduser()
        if given.is_file():
            return given
        found = _in_folder(given, file, parts)
        if found is not None:
            return found
        if os.fspath(path) != file:
            what = "a file" if not given.is_dir() else f"{file} in the folder"
            raise FileNotFoundError(
                f"load_data: expected {what}. Received: path={os.fspath(path)!r}, "
                f"that is {given.absolute()}. Hint: without path, it is downloaded once."
            )
    for folder in folders():
        found = _in_folder(folder, file, parts)
        if found is not None:
            return found
    return None


def _in_folder(folder: Path, file: str, parts: tuple[str, ...]) -> Path | None:
    if (folder / file).is_file():
        return folder / file
    for place in (folder, folder / "fashion-mnist") if parts else ():
        if all((place / part).is_file() for part in parts):
            return place
    return None


def sha256_of(file: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def download(
    url: str, target: Path, sha256: str, digest: Callable[[Path], str] = sha256_of
) -> Path:
    """Downloads a file, checks it, and only then gives it its name.

    Args:
        url: Where from.
        target: Where to; its folder is made.
        sha256: What `digest` must say.
        digest: Function of the downloaded file.

    Returns:
        The target.

    Raises:
        OSError: If the network or the disk fails; nothing is left behind.
        ValueError: If something else came.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"Downloading data from {url}", flush=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, open_url(url) as answer:
            while block := answer.read(1 << 20):
                file.write(block)
        came = digest(temporary)
        if came != sha256:
            raise ValueError(
                f"load_data: expected a file with sha256 {sha256} from {url}. Received: {came}. "
                "Hint: a proxy may have answered in its place; try again, or pass path=."
            )
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def open_url(url: str) -> Any:
    """The answer of a server, as a binary stream."""
    from urllib.error import HTTPError
    from urllib.request import urlopen  # slow to import, seldom needed

    try:
        return urlopen(url, timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()  # it holds the page that came instead; Python 3.14 warns if nobody closes it
        raise


def unreachable(title: str, file: str, url: str, error: Exception) -> FileNotFoundError:
    """The error for data that are nowhere."""
    places = ", ".join(str(folder / file) for folder in folders())
    return FileNotFoundError(
        f"load_data: {title} is not on this machine and could not be downloaded from {url} "
        f"({error}). Looked for: {places}. Hint: download {file} elsewhere and pass path=, or set "
        "FASTMLP_DATA to the folder that has it."
    )


def damaged(file: Path, why: str) -> ValueError:
    """The error for a file that cannot be used."""
    return ValueError(
        f"load_data: {file} cannot be used: {why}. Hint: if it was downloaded, delete it and try "
        "again."
    )


def read_npz(file: Path, image: tuple[int, ...]) -> Data:
    """Reads a file of Keras's layout; objects in it are never unpickled.

    Args:
        file: The npz file, with `x_train`, `y_train`, `x_test` and `y_test`.
        image: Shape of one image.

    Returns:
        `(x_train, y_train), (x_test, y_test)`.

    Raises:
        ValueError: If the file is damaged or has something else in it.
    """
    if not zipfile.is_zipfile(file):
        raise damaged(file, "it is no npz archive")
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as content:
            there = ", ".join(content.files) or "nothing"
            arrays = {key: np.asarray(content[key]) for key in _KEYS if key in content.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(file, f"it cannot be read ({error})") from error
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise damaged(file, f"it has no {', '.join(missing)}, only {there}")
    x_train, y_train, x_test, y_test = (arrays[key] for key in _KEYS)
    return checked((x_train, y_train), (x_test, y_test), image, file)


def checked(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    image: tuple[int, ...],
    file: Path,
) -> Data:
    """Checks that there is one label for each image.

    Raises:
        ValueError: If the shapes are others.
    """
    for name, (x, y) in (("train", train), ("test", test)):
        if x.shape[1:] != image or y.shape != x.shape[:1]:
            expected = ", ".join(["n", *map(str, image)])
            raise damaged(
                file,
                f"expected x_{name} ({expected}) and y_{name} (n,), it has {x.shape} and {y.shape}",
            )
        if x.dtype.kind not in "uif" or y.dtype.kind not in "ui":
            raise damaged(
                file, f"expected numbers, x_{name} and y_{name} have {x.dtype} and {y.dtype}"
            )
    return train, test


def fetch(
    path: str | os.PathLike[str] | None,
    file: str,
    title: str,
    sha256: str,
    digest: Callable[[Path], str] = sha256_of,
) -> Path:
    """Finds a file on this machine, or downloads it from where Keras has it.

    Args:
        path: As for `find`.
        file: Its name.
        title: What it is, for errors.
        sha256: What `digest` must say of a downloaded file.
        digest: Function of the downloaded file.

    Raises:
        FileNotFoundError: It is nowhere and cannot be downloaded.
        ValueError: Something else came.
    """
    found = find(path, file)
    if found is not None:
        return found
    try:
        return download(SERVER + file, cache_folder() / file, sha256, digest)
    except OSError as error:
        raise unreachable(title, file, SERVER + file, error) from error


def md5_of(file: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
