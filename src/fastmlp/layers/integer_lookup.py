"""IntegerLookup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import texts
from fastmlp.errors import bad_argument, check_int
from fastmlp.layers.index_lookup import IndexLookup


class IntegerLookup(IndexLookup):
    """Integers to their places in a vocabulary, which is given or found by `adapt`.

    `y = i + num_oov_indices` where `vocabulary[i] = x`, and 1 more with a mask token, whose place
    is 0.

    Identifiers of any size are told apart: they are read as the user gave them, not as floats.

    Args:
        max_tokens: Largest vocabulary, special tokens included; `None`: no limit.
        num_oov_indices: Places for integers that are not in the vocabulary: with several,
            `oov_method` tells which; with none, they are an error.
        mask_token: Integer that has place 0 with `output_mode='int'`, and is left out of vectors.
        oov_token: What `invert` makes of the places of unknown integers.
        vocabulary: List of integers, or the path of a text file with one in each line.
        vocabulary_dtype: Only `'int64'`.
        idf_weights: With `output_mode='tf_idf'`: a weight for each integer.
        invert: Whether to make integers of places.
        output_mode: `'int'`: places. `'one_hot'`, `'multi_hot'`, `'count'`: vectors over the
            vocabulary, as of `CategoryEncoding`. `'tf_idf'`: counts times `idf_weights`.
        sparse: Only `False`.
        pad_to_max_tokens: Whether vectors have `max_tokens` elements whatever the vocabulary.
        oov_method: `'floormod'`: the remainder of the integer; `'farmhash'`: the hash of its digits.
        salt: Key of SipHash, for `'farmhash'`: one integer or two.
        name: Name.
        **kwargs: `dtype`.

    Input shape:
        `(batch, …)` of integers.

    Output shape:
        The same; `(batch, vocabulary)` of vectors, `(batch, integers, vocabulary)` of `'one_hot'` if
        there are several integers.

    Raises:
        ValueError: An argument is not as described; when called: there is no vocabulary.
        TypeError: When called: the inputs are no numbers.

    Example:

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer([[12, 1138, 42], [42, 1000, 36]])
    array([[1, 3, 4],
           [4, 0, 2]])
    >>> layer = IntegerLookup(output_mode="one_hot")
    >>> layer.adapt([[7], [7], [123456789]])
    >>> layer([[7], [123456788], [123456789]])
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 0., 1.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Sequence[int] | str | None = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        where = f"IntegerLookup '{name}'" if name else "IntegerLookup"
        if vocabulary_dtype != "int64":
            raise bad_argument(where, "'int64'", "vocabulary_dtype", vocabulary_dtype)
        if salt is not None and oov_method != "farmhash":
            raise bad_argument(where, "oov_method='farmhash' with salt", "oov_method", oov_method)
        for what, token in (("mask_token", mask_token), ("oov_token", oov_token)):
            if token is not None:
                check_int(where, what, token)
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert,
            output_mode, sparse, pad_to_max_tokens, oov_method, salt, name, **kwargs,
        )  # fmt: skip

    def _read(self, x: Any) -> list[int]:
        found: list[int] = texts.integers(self._where(), x).reshape(-1).tolist()
        return found

    def _parse(self, line: str) -> int:
        try:
            return int(line)
        except ValueError:
            raise ValueError(
                f"{self._where()}: expected an integer in each line. Received: {line!r:.60}"
            ) from None

    def _word(self, token: int) -> bytes:
        return b"%d" % token

    def _oov_bins(self, tokens: list[int]) -> np.ndarray:
        if self.oov_method == "farmhash":
            return super()._oov_bins(tokens)
        return np.array(tokens) % self.num_oov_indices

    def codes(self, *arrays: Any) -> np.ndarray:
        if not self.invert:
            return super().codes(*arrays)
        places = texts.integers(self._where(), arrays[0])
        return np.array(self._inverted(places.reshape(-1)), np.int64).reshape(places.shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": "int64"}
