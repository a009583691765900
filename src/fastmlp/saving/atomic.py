"""Files that are either the old or the new one, never half of each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends without an error.

    It lies in the same folder until then. It is on the disk before it is renamed, and the new name
    is before the block ends; so a full disk, a killed process or a lost machine leave the old file.

    Args:
        path: Of the file to replace or make; a symbolic link is followed.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full; the old file is whole.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, 0o666), "wb") as file:
            if os.path.exists(target):
                os.chmod(temporary, os.stat(target).st_mode & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        raise OSError(error.errno, f"Cannot write: {error.strerror}", os.fspath(path)) from error
    except BaseException:
        _remove(temporary)
        raise
    _sync_folder(folder)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.remove(path)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # renames are on the disk there, and folders cannot be opened
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
