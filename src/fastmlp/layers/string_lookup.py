"""StringLookup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import texts
from fastmlp.layers.encoding import is_symbolic
from fastmlp.layers.index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Strings to their places in a vocabulary, which is given or found by `adapt`.

    `y = i + num_oov_indices` where `vocabulary[i] = x`, and 1 more with a mask token, whose place
    is 0.

    Args:
        max_tokens: Largest vocabulary, special tokens included; `None`: no limit.
        num_oov_indices: Places for strings that are not in the vocabulary: with several, their hash
            tells which; with none, they are an error.
        mask_token: String that has place 0 with `output_mode='int'`, and is left out of vectors.
        oov_token: What `invert` makes of the places of unknown strings.
        vocabulary: List of strings, or the path of a text file with one in each line.
        idf_weights: With `output_mode='tf_idf'`: a weight for each string.
        invert: Whether to make strings of places; on arrays only.
        output_mode: `'int'`: places. `'one_hot'`, `'multi_hot'`, `'count'`: vectors over the
            vocabulary, as of `CategoryEncoding`. `'tf_idf'`: counts times `idf_weights`.
        pad_to_max_tokens: Whether vectors have `max_tokens` elements whatever the vocabulary.
        sparse: Only `False`.
        encoding: Of strings that come as bytes, and of files.
        name: Name.
        salt: Key of SipHash, for several `num_oov_indices`: one integer or two.
        **kwargs: `dtype`, `oov_method`.

    Input shape:
        `(batch, …)` of strings.

    Output shape:
        The same; `(batch, vocabulary)` of vectors, `(batch, strings, vocabulary)` of `'one_hot'` if
        there are several strings.

    Raises:
        ValueError: An argument is not as described; when called: there is no vocabulary.
        TypeError: When called: the inputs are no strings.

    Example:

    >>> layer = StringLookup(vocabulary=["a", "b", "c"])
    >>> layer([["a", "c"], ["d", "b"]])
    array([[1, 3],
           [0, 2]])
    >>> layer.get_vocabulary()
    ['[UNK]', 'a', 'b', 'c']
    >>> StringLookup(vocabulary=["a", "b", "c"], invert=True)([[1, 3], [0, 2]])
    array([['a', 'c'],
           ['[UNK]', 'b']], dtype=object)

    Source: Keras 3's layer of that name.
    """

    given_input_dtype = "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Sequence[str] | str | None = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        oov_method: str = "floormod",
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert,
            output_mode, sparse, pad_to_max_tokens, oov_method, salt, name, **kwargs,
        )  # fmt: skip

    def _read(self, x: Any) -> list[str]:
        return texts.strings(self._where(), x, self.encoding)

    def _parse(self, line: str) -> str:
        return line

    def _word(self, token: str) -> bytes:
        return token.encode(self.encoding)

    def call(self, inputs: Any) -> Any:
        if not self.invert:
            return super().call(inputs)
        if is_symbolic(inputs):
            raise TypeError(
                f"{self._where()}: invert makes strings, which a model cannot compute with. "
                "Hint: call the layer on the array that predict returns"
            )
        places = texts.integers(self._where(), inputs)
        found = np.empty(places.shape, object)
        found[...] = np.array(self._inverted(places.reshape(-1)), object).reshape(places.shape)
        return found

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}
