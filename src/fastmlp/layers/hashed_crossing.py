"""HashedCrossing."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import texts
from fastmlp.errors import check_int
from fastmlp.layers import hashes
from fastmlp.layers.encoding import check_mode
from fastmlp.layers.raw import RawLayer

_SEED = 0xDECAFCAFFE  # TensorFlow's, of crossed features


class HashedCrossing(RawLayer):
    """A feature for pairs (or more) of categories: `y = hash(x₁, x₂, …) mod num_bins`.

    The hash is that of Keras.

    Args:
        num_bins: Number of bins.
        output_mode: `'int'`: the number of the bin; `'one_hot'`: a vector of `num_bins` elements.
        sparse: Only `False`.
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of two or more, each `(batch, 1)` or `(batch,)`, of strings or integers.

    Output shape:
        `(batch, 1)`, or `(batch, num_bins)` of vectors.

    Raises:
        ValueError: An argument is not as described; when called: the inputs are.
        TypeError: When called: an input is neither of strings nor of integers.

    Example:

    >>> import numpy as np
    >>> layer = HashedCrossing(5)
    >>> layer((np.array(["A", "B", "A"]), np.array([101, 101, 102])))
    array([1, 4, 3])

    Source: Cheng et al., "Wide & deep learning for recommender systems", 2016; Keras 3 (the hash).
    """

    def __init__(
        self, num_bins: int, output_mode: str = "int", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_bins = check_int(self._where(), "num_bins", num_bins, 1)
        self.output_mode = check_mode(self._where(), output_mode, sparse, ("int", "one_hot"))
        self.sparse = False

    @property
    def depth(self) -> int:
        return self.num_bins

    def _parts(self, inputs: Any) -> list[Any]:
        several = isinstance(inputs, (list, tuple)) and len(inputs) > 1
        parts = [x if hasattr(x, "shape") else np.asarray(x) for x in inputs] if several else []
        shapes = {tuple(part.shape) for part in parts}
        shape = shapes.pop() if len(shapes) == 1 else (0, 0)
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            came = [getattr(x, "shape", x) for x in inputs] if several else inputs
            raise ValueError(
                f"{self._where()}: expected a list of at least two inputs of one shape, (batch, 1) "
                f"or (batch,). Received: {came!r:.200}"
            )
        return parts

    def codes(self, *arrays: Any) -> np.ndarray:
        hashed = np.full(np.size(arrays[0]), np.uint64(_SEED))
        for x in arrays:
            hashed = hashes.combine(hashed, self._hashed(x))
        return (hashed % np.uint64(self.num_bins)).astype(np.int64).reshape(np.shape(arrays[0]))

    def _hashed(self, x: Any) -> hashes.Words:
        """The fingerprint of a string; an integer as it is."""
        if texts.is_text(x):
            return hashes.fingerprint64(list(map(str.encode, texts.strings(self._where(), x))))
        return texts.integers(self._where(), x).reshape(-1).astype(np.uint64)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }
