"""Hashing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import texts
from fastmlp.errors import bad_argument, check_int, is_int
from fastmlp.layers import hashes
from fastmlp.layers.encoding import check_mode
from fastmlp.layers.raw import RawLayer


class Hashing(RawLayer):
    """Strings or integers to a fixed number of bins: `y = hash(x) mod num_bins`.

    The hash is that of Keras: FarmHash's fingerprint, or SipHash if there is a `salt`; of an integer
    that of its digits. Values of one bin cannot be told apart.

    Args:
        num_bins: Number of bins.
        mask_value: Value that gets bin 0, which no other value gets then.
        salt: Key of SipHash: one integer or two.
        output_mode: `'int'`: the number of the bin. `'one_hot'`, `'multi_hot'`, `'count'`: vectors of
            `num_bins` elements, as of `CategoryEncoding`.
        sparse: Only `False`.
        **kwargs: `name`, `dtype`.

    Input shape:
        `(batch, …)`, of strings or integers; fractions are cut.

    Output shape:
        The same; `(batch, num_bins)` of vectors.

    Raises:
        ValueError: An argument is not as described.
        TypeError: When called: the inputs are neither strings nor numbers.

    Example:

    >>> Hashing(3)([["A"], ["B"], ["C"]])
    array([[1],
           [0],
           [1]])
    >>> Hashing(3, mask_value="")([["A"], [""], ["C"]])
    array([[1],
           [0],
           [2]])

    Source: Weinberger et al., "Feature hashing for large scale multitask learning" (2009).
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = self._where()
        self.num_bins = check_int(where, "num_bins", num_bins, 1)
        self.mask_value = mask_value
        self.salt = check_salt(where, salt)
        self.output_mode = check_mode(where, output_mode, sparse)
        self.sparse = False

    @property
    def depth(self) -> int:
        return self.num_bins

    def codes(self, *arrays: Any) -> np.ndarray:
        x = arrays[0]
        values: list[Any]
        if texts.is_text(x):
            values = texts.strings(self._where(), x)
            words = list(map(str.encode, values))
        else:
            values = texts.integers(self._where(), x, cut=True).reshape(-1).tolist()
            words = digits(values)
        if self.mask_value is None or self.num_bins == 1:
            found = bins(words, self.num_bins, self.salt)
        else:
            masked = [value == self.mask_value for value in values]
            found = np.where(masked, 0, bins(words, self.num_bins - 1, self.salt) + 1)
        return found.reshape(np.shape(x))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


def check_salt(where: str, salt: Any) -> list[int] | None:
    """A key of two integers.

    Raises:
        ValueError: It is something else.
    """
    if salt is None:
        return None
    parts = list(salt) if isinstance(salt, (list, tuple)) else [salt, salt]
    if len(parts) != 2 or not all(map(is_int, parts)):
        raise bad_argument(where, "an integer or two", "salt", salt)
    return list(map(int, parts))


def digits(numbers: Sequence[int]) -> list[bytes]:
    """Integers as they are written."""
    return [b"%d" % number for number in numbers]


def bins(words: Sequence[bytes], num_bins: int, salt: Sequence[int] | None) -> np.ndarray:
    """The bin of each word."""
    hashed = hashes.fingerprint64(words) if salt is None else hashes.siphash64(words, salt)
    return (hashed % np.uint64(num_bins)).astype(np.int64)
