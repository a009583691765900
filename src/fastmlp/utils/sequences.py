"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.errors import bad_argument, check_int


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: npt.DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Puts sequences into one array, filled up or cut to one length.

    Args:
        sequences: Sequences `(length, …)`: lists of numbers, or arrays; of one shape but for the
            length.
        maxlen: Length in the result. Default: that of the longest.
        dtype: Type of the result.
        padding: `'pre'` or `'post'`: where a short sequence is filled up.
        truncating: `'pre'` or `'post'`: where a long sequence is cut.
        value: What it is filled up with.

    Returns:
        Array `(len(sequences), maxlen, …)`.

    Raises:
        ValueError: If something is no sequence, or their shapes differ.

    Example:

    >>> pad_sequences([[1], [2, 3], [4, 5, 6, 7]], maxlen=3)
    array([[0, 0, 1],
           [0, 2, 3],
           [5, 6, 7]], dtype=int32)
    """
    where = "pad_sequences"
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise bad_argument(where, "'pre' or 'post'", name, given)
    if not hasattr(sequences, "__len__"):
        raise bad_argument(where, "a list of sequences", "sequences", type(sequences))
    for at, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise bad_argument(where, "a list of sequences", f"sequences[{at}]", sequence)
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        hint = "dtype=object holds texts"
        raise bad_argument(where, f"a number for dtype={kind.name}", "value", value, hint)
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    maxlen = check_int(where, "maxlen", maxlen, 0)
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    result = np.full((len(sequences), maxlen, *inner), value, kind)
    for at, sequence in enumerate(sequences):
        start = max(0, len(sequence) - maxlen) if truncating == "pre" else 0
        part = np.asarray(sequence[start : start + maxlen], dtype=kind)
        if not len(part):
            continue
        if part.shape[1:] != inner:
            expected = f"steps of shape {inner}, as those before"
            raise bad_argument(where, expected, f"sequences[{at}].shape", np.shape(sequence))
        first = maxlen - len(part) if padding == "pre" else 0
        result[at, first : first + len(part)] = part
    return result
