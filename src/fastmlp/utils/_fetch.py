"""What `get_file` does: downloads, checks, extracts."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from fastmlp.datasets._files import open_url
from fastmlp.errors import bad_argument, check_choice, warn_user
from fastmlp.utils.progbar import Progbar

_BLOCK = 1 << 16


def fetch(
    fname: Any,
    origin: str | None,
    file_hash: str | None,
    hash_algorithm: str,
    extract: bool,
    archive_format: str | Sequence[str] | None,
    cache_dir: Any,
    cache_subdir: str,
    force_download: bool,
) -> str:
    """As `get_file`, whose arguments these are."""
    if origin is None:
        raise bad_argument("get_file", "an address", "origin", origin)
    check_choice("get_file", "hash_algorithm", hash_algorithm, ("auto", "sha256", "md5"))
    name = _name(fname, origin)
    folder = _folder(cache_dir, cache_subdir)
    target, extracted = folder / name, folder / name
    if extract:
        stem = name.partition(".")[0]
        if fname is not None and "." in name:
            extracted = folder / f"{stem}_extracted"
        else:
            target = folder / f"{name}_archive"
    fresh = force_download or not target.is_file()
    if (
        not fresh
        and file_hash is not None
        and _hash(target, file_hash, hash_algorithm) != file_hash
    ):
        print(f"{target} is not the file that is expected; it is downloaded again.", flush=True)
        fresh = True
    if fresh:
        _download(origin, target, file_hash, hash_algorithm)
    if not extract:
        return str(target)
    formats = _formats(archive_format)
    if not _extract(target, extracted, formats):
        warn_user(
            f"get_file: {target} is no archive of the formats {', '.join(formats) or 'given'}."
        )
    return str(extracted)


def _name(fname: Any, origin: str) -> str:
    from urllib.parse import unquote, urlsplit

    name = str(fname or unquote(PurePosixPath(urlsplit(origin).path).name))
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        hint = "cache_dir and cache_subdir say where it lies"
        raise bad_argument("get_file", "the name of a file, without folders", "fname", name, hint)
    return name


def _folder(cache_dir: Any, cache_subdir: str) -> Path:
    """The folder of the cache, made if need be; where it cannot be written, one for the time being."""
    home = cache_dir or os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    base = Path(home).expanduser()
    try:
        (base / cache_subdir).mkdir(parents=True, exist_ok=True)
    except OSError:
        base = Path(tempfile.gettempdir()) / ".keras"
        (base / cache_subdir).mkdir(parents=True, exist_ok=True)
    return base / cache_subdir


def _hash(file: Path, expected: str, algorithm: str) -> str:
    if algorithm == "auto":
        algorithm = "sha256" if len(expected) == 64 else "md5"
    with open(file, "rb") as stream:
        digest = hashlib.new(algorithm, usedforsecurity=False)
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _download(origin: str, target: Path, file_hash: str | None, algorithm: str) -> None:
    from urllib.error import URLError  # slow to import, seldom needed

    print(f"Downloading data from {origin}", flush=True)
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    temporary = Path(part)
    try:
        try:
            with os.fdopen(handle, "wb") as file, open_url(origin) as answer:
                size = answer.headers.get("Content-Length") if answer.headers else None
                _copy(answer, file, int(size) if size else None, origin)
        except URLError as error:
            raise OSError(f"get_file: {origin} cannot be fetched: {error}") from error
        came = None if file_hash is None else _hash(temporary, file_hash, algorithm)
        if came != file_hash:
            raise ValueError(
                f"get_file: expected a file with the hash {file_hash} from {origin}. "
                f"Received: {came}. Hint: the file has changed, or something answered in its place"
            )
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(answer: Any, file: Any, size: int | None, origin: str) -> None:
    progress, done = Progbar(size, verbose=1 if (size or 0) > _BLOCK else 0, unit_name="B"), 0
    while block := answer.read(_BLOCK):
        file.write(block)
        done += len(block)
        progress.update(done)
    if size is not None and done < size:
        raise OSError(f"get_file: {origin} ended after {done} of {size} bytes")


def _formats(given: str | Sequence[str] | None) -> tuple[str, ...]:
    known = ("tar", "zip")
    formats = (given,) if isinstance(given, str) else tuple(given or ())
    for one in formats:
        check_choice("get_file", "archive_format", one, ("auto", *known))
    return known if "auto" in formats else formats


def _extract(archive: Path, folder: Path, formats: Iterable[str]) -> bool:
    """Extracts an archive beside its folder, which then gets its name; returns whether it is one."""
    kinds: dict[str, tuple[Any, Any]] = {
        "tar": (tarfile.is_tarfile, tarfile.open),
        "zip": (zipfile.is_zipfile, zipfile.ZipFile),
    }
    for is_one, opened in (kinds[name] for name in formats):
        if not is_one(archive):
            continue
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=folder.name, suffix=".part"))
        try:
            with opened(archive) as members:
                _check_members(archive, members)
                if hasattr(tarfile, "data_filter") and isinstance(members, tarfile.TarFile):
                    members.extractall(temporary, filter="data")
                else:
                    members.extractall(temporary)
            shutil.rmtree(folder, ignore_errors=True)
            os.chmod(temporary, 0o755)
            os.replace(temporary, folder)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"get_file: {archive} cannot be extracted: {error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True
    return False


def _check_members(archive: Path, members: Any) -> None:
    """Refuses members that lie, or point, outside of the folder.

    Raises:
        ValueError: There is one.
    """
    if isinstance(members, zipfile.ZipFile):
        found = [(info.filename, "") for info in members.infolist()]
    else:
        found = []
        for one in members.getmembers():
            beside = one.name.rpartition("/")[0]
            target = f"{beside}/{one.linkname}" if one.issym() and beside else one.linkname
            if one.linkname.startswith("/"):
                target = one.linkname
            found.append((one.name, target))
            if not (one.isfile() or one.isdir() or one.issym() or one.islnk()):
                raise ValueError(f"get_file: {archive} holds {one.name!r}, which is no file.")
    for name, target in found:
        if not _stays(name) or not _stays(target):
            raise ValueError(
                f"get_file: {archive} is not extracted, since its member {name!r} would reach out of "
                "its folder. Hint: do not trust where it came from"
            )


def _stays(path: str) -> bool:
    """Whether a path within an archive stays there."""
    depth = 0
    for part in path.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return False
    return not path.startswith(("/", "\\")) and ":" not in path[:2]
