"""Named arrays and texts in one file, in the layout of safetensors.

    8 bytes: n          little endian
    n bytes: a JSON object, padded with blanks to a multiple of 8
        "__metadata__"  texts by name; "sha256" is that of the file with 64 zeros in its place
        others          {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    the arrays, one after the other

Everything that a file says is checked against its size before it is believed.

Source: https://github.com/huggingface/safetensors, section "Format".
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp.saving.atomic import replacing

_DTYPES = {"F64": np.float64, "I64": np.int64, "F32": np.float32, "I32": np.int32}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_LONGEST_HEADER = 100_000_000  # bytes; the limit of safetensors
_MAX_AXES = 32
_NO_HASH = "0" * 64
_HASH_KEY = b'"sha256":"'
_FOREIGN = {
    b"PK\x03\x04": "a zip file, as Keras's .keras",
    b"\x89HDF": "an HDF5 file, as Keras's .h5",
    b"\x93NUM": "a file of np.save",
    b"\x80\x04\x95": "a pickle",
}


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]
) -> None:
    """Writes a file, or replaces one as a whole.

    Args:
        path: Of the file.
        arrays: float32, float64, int32 or int64.
        texts: Go into the metadata.

    Raises:
        OSError: The file cannot be written; one that was there is whole.
    """
    import hashlib
    import json

    # Wide elements first: then every array starts at a multiple of its element's size.
    ordered = sorted(arrays.items(), key=lambda item: -item[1].itemsize)
    header: dict[str, Any] = {"__metadata__": {"sha256": _NO_HASH, **texts}}
    start = 0
    for name, array in ordered:
        end = start + array.nbytes
        kind = _NAMES[array.dtype]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (start, end)}
        start = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    parts: list[Any] = [len(text).to_bytes(8, "little"), text]
    parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for _, array in ordered]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    at = text.index(_HASH_KEY) + len(_HASH_KEY)
    parts[1] = text[:at] + digest.hexdigest().encode() + text[at + 64 :]
    with replacing(path) as file:
        for part in parts:
            file.write(part)


def _at_once(path: str, flags: int) -> int:
    """Opens a file; a pipe, too, without waiting for its writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads what `write` has written.

    Args:
        path: Of the file.

    Returns:
        The arrays and the texts.

    Raises:
        ValueError: It is no such file, or it is damaged.
        OSError: It cannot be read.
    """
    with open(path, "rb", opener=_at_once) as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise _bad(path, "is no regular file")
        first = file.read(8)
        for magic, what in _FOREIGN.items():
            if first.startswith(magic):
                raise _bad(path, f"is {what}")
        n, size = int.from_bytes(first, "little"), info.st_size - 8
        if size < 2 or n > size or n > _LONGEST_HEADER:
            raise _bad(path, f"begins with no header that fits into its {info.st_size} bytes")
        text = file.read(n)
        header = _header(path, text)
        texts = _texts(path, header.pop("__metadata__", None))
        spans = {name: _span(path, name, entry) for name, entry in header.items()}
        _check_spans(path, [(start, end) for start, end, _, _ in spans.values()], size - n)
        data = np.empty(size - n, np.uint8)
        if len(text) != n or file.readinto(data.data) != data.size:
            raise _bad(path, "ends too early")
    _check_hash(path, first, text, data, texts.pop("sha256", ""))
    arrays = {
        name: data[start:end].view(dtype).reshape(shape)
        for name, (start, end, dtype, shape) in spans.items()
    }
    return arrays, texts


def _bad(path: str | os.PathLike[str], what: str) -> ValueError:
    return ValueError(
        f"'{os.fspath(path)}': expected a file that fastmlp has saved. This one {what}."
    )


def _header(path: Any, text: bytes) -> dict[str, Any]:
    import json

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice")
        return found

    try:
        header = json.loads(text.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"has a header that is no JSON: {str(error)[:80]}") from None
    if not isinstance(header, dict):
        raise _bad(path, "has a header that is no JSON object")
    return header


def _texts(path: Any, metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _bad(path, "has no texts in its metadata")
    return metadata


def _span(path: Any, name: str, entry: Any) -> tuple[int, int, Any, tuple[int, ...]]:
    """`(start, end, dtype, shape)` of an array; start and end agree with the others."""
    try:
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), entry["shape"]
        start, end = entry["data_offsets"]
        sizes = (start, end, *shape)
        whole = all(type(n) is int and n >= 0 for n in sizes) and len(shape) <= _MAX_AXES
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole or end - start != math.prod(shape) * dtype.itemsize:
        raise _bad(path, f"describes its array {name!r:.60} in a way that makes no sense")
    return start, end, dtype, tuple(shape)


def _check_spans(path: Any, spans: list[tuple[int, int]], size: int) -> None:
    at = 0
    for start, end in sorted(spans):
        if start != at:
            raise _bad(path, "has arrays that overlap, or holes between them")
        at = end
    if at != size:
        raise _bad(path, f"has {size} bytes of arrays where its header tells of {at}")


def _check_hash(path: Any, first: bytes, text: bytes, data: np.ndarray, given: str) -> None:
    import hashlib

    quoted = _HASH_KEY + given.encode() + b'"'
    if len(given) != 64 or text.count(quoted) != 1:
        raise _bad(path, "has no checksum")
    digest = hashlib.sha256(first)
    digest.update(text.replace(quoted, _HASH_KEY + _NO_HASH.encode() + b'"'))
    digest.update(data.data)
    if digest.hexdigest() != given:
        raise _bad(path, "is damaged: its checksum does not fit its content")
