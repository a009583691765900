"""Event files of TensorBoard, written without TensorFlow.

A file is a sequence of records; a record is one message of Protocol Buffers:

    uint64  n                 little endian, as all numbers
    uint32  masked crc32c of the 8 bytes before
    bytes   an Event, n bytes long
    uint32  masked crc32c of these

    Event            1 wall_time: double   2 step: varint   3 file_version: text   5 summary: Summary
    Summary          1 value: Value, repeated
    Value            1 tag: text   8 tensor: TensorProto   9 metadata: SummaryMetadata
    SummaryMetadata  1 plugin_data: {1 plugin_name: text, 2 content: bytes}
    TensorProto      1 dtype   2 shape: {2 dim, repeated: {1 size}}   4 content: bytes
                     8 texts: bytes, repeated

Source: tensorflow/core/util/event.proto, tensorflow/core/framework/{summary,tensor}.proto,
tensorflow/core/lib/io/record_writer.cc; crc32c: RFC 3720, appendix B.4.
"""

from __future__ import annotations

import itertools
import os
import struct
import time
import zlib
from collections.abc import Iterable

import numpy as np

_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # of enum DataType
_BUCKETS = 30  # of a histogram, as TensorBoard's own
_numbers = itertools.count()


class EventFile:
    """A new event file in a folder.

    What is added is kept until `flush`, so that no file is open in between.

    Args:
        folder: Made if it is missing.
    """

    def __init__(self, folder: str) -> None:
        import socket

        os.makedirs(folder, exist_ok=True)
        now = time.time()
        name = f"{int(now):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}.v2"
        self.path = os.path.join(folder, f"events.out.tfevents.{name}")
        self._unwritten = bytearray()
        self._add(_double(1, now) + _bytes(3, b"brain.Event:2"))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds a number."""
        tensor = _varint(1, _FLOAT) + _bytes(2, b"") + _bytes(4, struct.pack("<f", _float32(value)))
        self._summary(tag, tensor, "scalars", step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Adds the distribution of numbers; those that are not finite do not count."""
        buckets = histogram(values)
        tensor = _varint(1, _DOUBLE) + _shape(buckets.shape)
        content = np.ascontiguousarray(buckets, "<f8").tobytes()
        self._summary(tag, tensor + _bytes(4, content), "histograms", step)

    def image(self, tag: str, image: np.ndarray, step: int) -> None:
        """Adds a picture `(height, width)`, 0 black, 1 white."""
        height, width = image.shape
        texts = [str(width).encode(), str(height).encode(), png(image)]
        self._strings(tag, texts, "images", b"", step)

    def text(self, tag: str, text: str, plugin: str, content: bytes, step: int) -> None:
        """Adds a text that a plugin of TensorBoard knows how to show."""
        self._strings(tag, [text.encode()], plugin, content, step, scalar=True)

    def flush(self) -> None:
        """Writes what was added.

        Raises:
            OSError: The file cannot be written.
        """
        with open(self.path, "ab") as file:
            file.write(self._unwritten)
        self._unwritten.clear()

    def _strings(
        self,
        tag: str,
        texts: list[bytes],
        plugin: str,
        content: bytes,
        step: int,
        scalar: bool = False,
    ) -> None:
        shape = _bytes(2, b"") if scalar else _shape((len(texts),))
        tensor = _varint(1, _STRING) + shape + b"".join(_bytes(8, text) for text in texts)
        self._summary(tag, tensor, plugin, step, content)

    def _summary(
        self, tag: str, tensor: bytes, plugin: str, step: int, content: bytes = b""
    ) -> None:
        data = _bytes(1, plugin.encode()) + (_bytes(2, content) if content else b"")
        value = _bytes(1, tag.encode()) + _bytes(8, tensor) + _bytes(9, _bytes(1, data))
        summary = _bytes(5, _bytes(1, value))
        self._add(_double(1, time.time()) + _varint(2, step) + summary)

    def _add(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        for part in (length, event):
            self._unwritten += part + struct.pack("<I", masked_crc32c(part))


def histogram(values: np.ndarray) -> np.ndarray:
    """Counts of numbers in buckets of equal width, `(30, 3)`: left edge, right edge, count.

    Of equal numbers all edges are that number, and the last bucket has them all.
    """
    flat = np.asarray(values, "float64").reshape(-1)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return np.zeros((_BUCKETS, 3))
    low, high = flat.min(), flat.max()
    edges = np.linspace(low, high, _BUCKETS + 1)
    counts: np.ndarray = np.zeros(_BUCKETS)
    if low == high:
        counts[-1] = flat.size
    else:
        bucket = np.floor((flat - low) / ((high - low) / _BUCKETS)).astype(np.intp)
        counts = np.bincount(np.minimum(bucket, _BUCKETS - 1), minlength=_BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def png(image: np.ndarray) -> bytes:
    """A picture `(height, width)`, 0 black, 1 white, as a PNG file of 8 bits a pixel.

    Source: PNG (Portable Network Graphics) Specification, W3C.
    """
    height, width = image.shape
    pixels = np.clip(np.nan_to_num(image) * 255.5, 0, 255).astype(np.uint8)
    rows = np.insert(pixels, 0, 0, axis=1).tobytes()  # filter 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _table() -> list[int]:
    """crc32c of each byte; polynomial 0x1EDC6F41, reflected."""
    found = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        found.append(crc)
    return found


_TABLE = _table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of a record: crc32c, rotated, plus a constant.

    Example:

    >>> hex(masked_crc32c(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# Protocol Buffers: a field is its number and kind, then its value.


def _number(value: int) -> bytes:
    """7 bits a byte, the lowest first; negative numbers as 64 bits."""
    value &= 0xFFFFFFFFFFFFFFFF
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _double(field: int, value: float) -> bytes:
    return _number(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value


def _shape(sizes: Iterable[int]) -> bytes:
    return _bytes(2, b"".join(_bytes(2, _varint(1, size)) for size in sizes))


def _float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(np.mean(value)))
