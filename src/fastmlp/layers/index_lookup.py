"""The base of IntegerLookup and StringLookup: a vocabulary, and the place of each token in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Self

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, check_choice, check_int
from fastmlp.layers.encoding import check_mode, encode, is_symbolic, parts_of
from fastmlp.layers.hashing import bins, check_salt
from fastmlp.layers.raw import RawLayer
from fastmlp.variables import Variable

_DROPPED = -1  # the code of what vectors leave out


class _Vocabulary:
    """Tokens, and the place of each. Not a list: models look for layers in the lists of layers."""

    def __init__(self, tokens: list[Any], start: int) -> None:
        self.tokens = tokens
        self.places = {token: place for place, token in enumerate(tokens, start)}


class _Seen:
    """What `adapt` has counted.

    Attributes:
        tokens: How often each token came.
        holding: How many documents held it.
        documents: How many there were.
    """

    def __init__(self) -> None:
        self.tokens: Counter[Any] = Counter()
        self.holding: Counter[Any] = Counter()
        self.documents = 0


class IndexLookup(RawLayer):
    """Tokens to places in a vocabulary.

    The places are: the mask token's, if there is one and `output_mode` is `'int'`; then those of
    tokens that are not in the vocabulary; then those of the vocabulary.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        oov_method: str,
        salt: Any,
        name: str | None,
        has_input_vocabulary: bool | None = None,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        where = self._where()
        if max_tokens is not None:
            max_tokens = check_int(where, "max_tokens", max_tokens, 2)
        elif pad_to_max_tokens:
            raise bad_argument(where, "max_tokens, to pad to", "max_tokens", max_tokens)
        self.max_tokens = max_tokens
        self.num_oov_indices = check_int(where, "num_oov_indices", num_oov_indices, 0)
        self.mask_token, self.oov_token = mask_token, oov_token
        self.output_mode = check_mode(
            where, output_mode, sparse, ("int", "one_hot", "multi_hot", "count", "tf_idf")
        )
        if invert and self.output_mode != "int":
            raise bad_argument(where, "output_mode='int' with invert", "output_mode", output_mode)
        self.invert, self.sparse, self.pad_to_max_tokens = bool(invert), False, pad_to_max_tokens
        self.oov_method = check_choice(where, "oov_method", oov_method, ("floormod", "farmhash"))
        self.salt = check_salt(where, salt)
        self._check_weights(idf_weights)
        self._known = _Vocabulary([], 0)
        self._idf: Variable | None = None  # no weight: in configs, not in files of weights
        self._traced = False
        self._seen = _Seen()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        fixed = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        self._has_input_vocabulary = bool(fixed)

    # For subclasses.

    encoding = "utf-8"  # of files

    def _read(self, x: Any) -> list[Any]:
        """The tokens of an array of any shape, in a row."""
        raise NotImplementedError

    def _parse(self, line: str) -> Any:
        """A token of a file."""
        raise NotImplementedError

    def _word(self, token: Any) -> bytes:
        """What is hashed of a token."""
        raise NotImplementedError

    # The vocabulary.

    @property
    def _first(self) -> int:
        """Place of the first token that is not in the vocabulary."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _start(self) -> int:
        """Place of the vocabulary's first token."""
        return self._first + self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in their places.

        Args:
            include_special_tokens: Whether to begin with the mask and out-of-vocabulary tokens, so
                that a token's place here is that of its code.
        """
        return (self._special() if include_special_tokens else []) + list(self._known.tokens)

    def _special(self) -> list[Any]:
        return [self.mask_token] * self._first + [self.oov_token] * self.num_oov_indices

    def vocabulary_size(self) -> int:
        """Number of places, those of mask and out-of-vocabulary tokens included."""
        return self._start + len(self._known.tokens)

    @property
    def depth(self) -> int:
        """Size of the vectors."""
        padded = self.pad_to_max_tokens and self.max_tokens is not None
        return int(self.max_tokens or 0) if padded else self.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the tokens.

        Args:
            vocabulary: List or array of different tokens, with or without the mask and
                out-of-vocabulary tokens at its beginning; or the path of a text file, a token a line.
            idf_weights: With `output_mode='tf_idf'`: a weight for each of them. Without special
                tokens among them, those weigh as much as the mean.

        Raises:
            ValueError: A token comes twice, or a reserved one at another place than the beginning;
                there are more than `max_tokens`; weights are missing, or too many.
        """
        where = self._where()
        if isinstance(vocabulary, (str, bytes)):
            if self.output_mode == "tf_idf":
                raise bad_argument(where, "a list with idf_weights", "vocabulary", vocabulary)
            tokens, special = self._lines(str(vocabulary)), True
        else:
            given = self._read(vocabulary)
            special = given[: self._start] == self._special()
            tokens = given[self._start :] if special else given
        self._check_tokens(tokens)
        weights = self._weights_for(idf_weights, len(tokens), special)
        self._set(tokens, weights)

    def _lines(self, path: str) -> list[Any]:
        try:
            with open(path, encoding=self.encoding) as file:
                return [self._parse(line.rstrip("\r\n")) for line in file]
        except OSError as error:
            raise ValueError(
                f"{self._where()}: expected a text file with a token a line. Received: "
                f"vocabulary={path!r} ({error.strerror})"
            ) from error

    def _check_tokens(self, tokens: list[Any]) -> None:
        where = self._where()
        if not tokens:
            raise bad_argument(where, "at least one token", "vocabulary", tokens)
        twice = [token for token, n in Counter(tokens).items() if n > 1]
        if twice:
            raise ValueError(
                f"{where}: expected different tokens in vocabulary. Received twice: {twice[:10]}"
            )
        reserved = {"mask_token": self.mask_token}
        if self.invert:
            reserved["oov_token"] = self.oov_token
        for name, token in reserved.items():
            if token is not None and token in tokens:
                raise ValueError(
                    f"{where}: {name} {token!r} stands at place {tokens.index(token)} of vocabulary. "
                    f"Hint: leave special tokens out, or begin with {self._special()}"
                )
        size = self._start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{where}: expected at most max_tokens={self.max_tokens} tokens. Received: {size}, "
                f"special ones included"
            )

    def _check_weights(self, idf_weights: Any) -> None:
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"{self._where()}: idf_weights are for output_mode='tf_idf'. "
                f"Received: output_mode={self.output_mode!r}"
            )

    def _weights_for(self, given: Any, n: int, special: bool) -> np.ndarray | None:
        """The weight of each place, those of special tokens in front."""
        self._check_weights(given)
        if self.output_mode != "tf_idf":
            return None
        weights = np.asarray([] if given is None else given, "float64")
        expected = n + self._start * special
        if weights.shape != (expected,):
            raise ValueError(
                f"{self._where()}: expected idf_weights, one for each of {expected} tokens. "
                f"Received: {'None' if given is None else f'shape={weights.shape}'}"
            )
        return (
            weights
            if special
            else np.pad(weights, (self._start, 0), constant_values=weights.mean())
        )

    def _set(self, tokens: list[Any], weights: np.ndarray | None) -> None:
        size = self._start + len(tokens)
        vectors = self.output_mode != "int" and not self.pad_to_max_tokens
        if self._traced and vectors and size != self.vocabulary_size():
            raise RuntimeError(
                f"{self._where()}: expected a vocabulary of {self.vocabulary_size()} tokens as before, "
                f"since models were made with the layer. Received: {size}. Hint: adapt it first, or "
                "use pad_to_max_tokens=True"
            )
        self._known = _Vocabulary(tokens, self._start)
        if weights is not None:
            padded = np.pad(weights, (0, self.depth - size))
            if self._idf is None or self._idf.size != padded.size:
                self._idf = Variable.apart(padded, self.dtype, f"{self.name}/idf_weights")
            self._idf.assign(padded)

    # Adapting.

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Makes a vocabulary of the tokens of the data, the most frequent ones first.

        Of equally frequent ones the greater goes first. With `output_mode='tf_idf'` each sample is a
        document, and a token weighs `log(1 + documents / (1 + documents that hold it))`.

        Args:
            data: An array, a list, a series; or an iterable of batches, each an array, or a tuple of
                which the first is the inputs.
            steps: Batches that are read; `None`: all.

        Raises:
            ValueError: There are no tokens, or the vocabulary was given.
        """
        before, self._seen = self._seen, _Seen()
        try:
            for part in parts_of(self._where(), data, steps):
                whole = part is data and np.ndim(part) == 1  # each element is a document
                self.update_state(np.asarray(part)[:, None] if whole else part)
            self.finalize_state()
        except BaseException:
            self._seen = before
            raise
        self.reset_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of a batch; `finalize_state` then sets the vocabulary."""
        if self._has_input_vocabulary:
            raise ValueError(f"{self._where()}: adapt is for layers made without vocabulary.")
        tokens = self._read(data)
        seen = self._seen
        seen.tokens.update(tokens)
        if self.output_mode == "tf_idf":
            shape = np.shape(data)
            width = int(np.prod(shape[1:])) if len(shape) > 1 else len(tokens)
            for first in range(0, len(tokens), max(1, width)):
                seen.holding.update(set(tokens[first : first + width]))
                seen.documents += 1

    def finalize_state(self) -> None:
        """Sets the vocabulary from what `update_state` has seen."""
        counts = dict(self._seen.tokens)
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        if not counts:
            raise ValueError(f"{self._where()}: adapt expected at least one token. Received: none")
        if self.max_tokens is not None and self.max_tokens <= self._start:
            raise ValueError(
                f"{self._where()}: expected max_tokens above {self._start}, the number of special "
                f"tokens. Received: max_tokens={self.max_tokens}"
            )
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: self.max_tokens - self._start]
        weights = None
        if self.output_mode == "tf_idf":
            holding = np.array([self._seen.holding[token] for token in tokens])
            found = np.log(1 + self._seen.documents / (1 + holding)).astype(self.dtype)
            weights = self._weights_for(found, len(tokens), special=False)
        self._set(tokens, weights)

    def reset_state(self) -> None:
        """Forgets what `update_state` has seen."""
        self._seen = _Seen()

    # Looking up.

    def codes(self, *arrays: Any) -> np.ndarray:
        x = arrays[0]
        if not self._known.tokens:
            raise ValueError(
                f"{self._where()}: has no vocabulary yet. Hint: call adapt(data) first, or give it "
                "a vocabulary"
            )
        return self._find(self._read(x)).reshape(np.shape(x))

    def _find(self, tokens: Sequence[Any]) -> np.ndarray:
        """The place of each token."""
        found = np.array(list(map(self._known.places.get, tokens, repeat(-1))), np.int64)
        unknown = np.flatnonzero(found < 0)
        if unknown.size:
            others = [tokens[place] for place in unknown.tolist()]
            found[unknown] = self._unknown(others)
        return found

    def _unknown(self, tokens: list[Any]) -> np.ndarray:
        """The places of tokens that are not in the vocabulary."""
        mask = self.mask_token
        masked = np.fromiter((mask is not None and t == mask for t in tokens), bool, len(tokens))
        if self.num_oov_indices == 0 and not masked.all():
            others = [t for t, is_mask in zip(tokens, masked, strict=True) if not is_mask]
            raise ValueError(
                f"{self._where()}: expected tokens of the vocabulary, since num_oov_indices=0. "
                f"Received: {list(dict.fromkeys(others))[:10]}"
            )
        places: Any = 0
        if self.num_oov_indices > 1:
            places = self._oov_bins(tokens)
        return np.where(masked, 0 if self._first else _DROPPED, self._first + places)

    def _oov_bins(self, tokens: list[Any]) -> np.ndarray:
        """Which of several out-of-vocabulary places each token gets."""
        return bins([self._word(token) for token in tokens], self.num_oov_indices, self.salt)

    def _inverted(self, codes: np.ndarray) -> list[Any]:
        """The tokens at some places."""
        known = self.get_vocabulary()
        return [known[c] if 0 <= c < len(known) else self.oov_token for c in codes.tolist()]

    def call(self, inputs: Any) -> Any:
        if is_symbolic(inputs) and self.output_mode != "int":
            if not self._known.tokens and not self.pad_to_max_tokens:
                raise RuntimeError(
                    f"{self._where()}: needs its vocabulary before it is called, to know the size of "
                    "its vectors. Hint: call adapt(data) first"
                )
            self._traced = True
        return super().call(inputs)

    def encoded(self, codes: Any) -> Any:
        if self.output_mode != "tf_idf":
            return super().encoded(codes)
        counts = encode(codes, "count", self.depth, self.dtype)
        assert self._idf is not None
        return counts * self._idf if is_symbolic(counts) else ops.multiply(counts, self._idf.value)

    def get_config(self) -> dict[str, Any]:
        weights = None
        if self._idf is not None and self._known.tokens:
            weights = self._idf.value[: self.vocabulary_size()].tolist()
        vocabulary = self.get_vocabulary(include_special_tokens=weights is not None)
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary": vocabulary if self._known.tokens else None,
            "idf_weights": weights,
            "oov_method": self.oov_method,
            "salt": self.salt,
            "has_input_vocabulary": self._has_input_vocabulary,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(
                f"{cls.__name__}: expected the tokens in the config, not the path of a file. "
                f"Received: vocabulary={config['vocabulary']!r}. Hint: call set_vocabulary(path)"
            )
        return super().from_config(config)
