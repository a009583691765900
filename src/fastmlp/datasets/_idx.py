"""Reading the original files of MNIST-like data sets: packed arrays of unsigned bytes."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from fastmlp.datasets import _files


def unpacked_sha256(file: Path) -> str:
    """The sha256 of what is in a file; mirrors pack it differently."""
    try:
        with gzip.open(file) as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        return f"none, it does not unpack ({error})"


def read(file: Path) -> np.ndarray:
    """Reads an idx file of unsigned bytes.

    Two zero bytes, type 8, number of axes, then each axis as big-endian uint32, then the bytes.

    Source: http://yann.lecun.com/exdb/mnist/
    """
    try:
        with gzip.open(file) as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise _files.damaged(file, f"it does not unpack: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise _files.damaged(file, "it is no idx file of unsigned bytes")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise _files.damaged(file, "its header is cut off")
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], ">u4"))
    if len(content) - header != int(np.prod(shape)):
        raise _files.damaged(file, f"{len(content) - header} bytes are no array of shape {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()
