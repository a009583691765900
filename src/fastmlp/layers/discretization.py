"""Discretization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from fastmlp import boundary, ops
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Node
from fastmlp.layers import quantiles
from fastmlp.layers.encoding import (
    ArrayLayer,
    check_mode,
    encode,
    encoded_shape,
    is_symbolic,
    numbers,
    parts_of,
)
from fastmlp.variables import Variable


class Discretization(ArrayLayer):
    """The bin that each number is in: `y` = how many boundaries are not above x.

    `y = Σ_i (boundaries[i] <= x)`

    The boundaries are given, or found by `adapt` so that bins hold equally many of its numbers.

    Args:
        bin_boundaries: The boundaries in ascending order: `[0, 2]` makes the bins `(-∞, 0)`, `[0, 2)`
            and `[2, ∞)`.
        num_bins: In place of them, the number of bins that `adapt` makes.
        epsilon: Share of the numbers by which `adapt` may be wrong: it keeps about `1 / epsilon` of
            them, however many there are.
        output_mode: `'int'`: the number of the bin. `'one_hot'`, `'multi_hot'`, `'count'`: vectors of
            as many elements as bins, as of `CategoryEncoding`.
        sparse: Only `False`.
        dtype: Type of the results.
        **kwargs: `name`, `input_shape`.

    Input shape:
        `(batch, …)`.

    Output shape:
        The same; `(batch, bins)` of vectors, `(batch, numbers, bins)` of `'one_hot'` if there are
        several numbers.

    Raises:
        ValueError: An argument is not as described; when called: there are no boundaries yet.

    Example:

    >>> import numpy as np
    >>> Discretization([0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]]))
    array([[0, 2, 3, 1]], dtype=int32)
    >>> layer = Discretization(num_bins=4, epsilon=0.01)
    >>> layer.adapt(np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]))
    >>> layer.bin_boundaries
    [0.0, 0.5, 1.2999999523162842]

    Source: Keras 3's quantile summaries.
    """

    invert = False  # see RawLayer

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        where = self._where()
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"{where}: expected either bin_boundaries or num_bins. "
                f"Received: bin_boundaries={bin_boundaries}, num_bins={num_bins}"
            )
        self.num_bins = None if num_bins is None else check_int(where, "num_bins", num_bins, 1)
        self.epsilon = check_number(where, "epsilon", epsilon, 0, 1, above=True)
        self.output_mode = check_mode(where, output_mode, sparse)
        self.sparse = False
        self._edges: Variable | None = None  # no weight: in configs, not in files of weights
        self._traced = False
        self._summary = quantiles.empty()
        if bin_boundaries is not None:
            self.bin_boundaries = bin_boundaries

    def _where(self) -> str:
        return f"Discretization '{self.name}'"

    @property
    def bin_boundaries(self) -> list[float] | None:
        """The boundaries; `None` before `adapt`."""
        return None if self._edges is None else self._boundaries

    @bin_boundaries.setter
    def bin_boundaries(self, values: Any) -> None:
        edges = numbers(self._where(), values).astype("float64")
        if edges.ndim != 1 or not np.all(np.isfinite(edges)) or np.any(np.diff(edges) < 0):
            raise bad_argument(
                self._where(), "finite numbers in ascending order", "bin_boundaries", values
            )
        if self._edges is not None and self._edges.size == edges.size:
            self._edges.assign(edges)
        elif self._traced:
            raise RuntimeError(
                f"{self._where()}: expected as many bins as before, since models were made with "
                f"the layer. Received: {edges.size + 1} bins. Hint: adapt it first"
            )
        else:
            self._edges = Variable.apart(edges, self.dtype, f"{self.name}/boundaries")
        self._boundaries: list[float] = edges.tolist()

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds boundaries that cut the data into `num_bins` bins of about equally many numbers.

        Args:
            data: An array or frame, or an iterable of batches, each an array, or a tuple of which
                the first is the inputs.
            steps: Batches that are read; `None`: all.

        Raises:
            ValueError: There are no numbers, or the boundaries were given.
            TypeError: The data are no numbers.
        """
        if self.num_bins is None:
            raise ValueError(f"{self._where()}: adapt is for layers made with num_bins.")
        summary = quantiles.empty()
        for part in parts_of(self._where(), data, steps):
            summary = self._merged(part, summary)
        self._finish(summary)
        self._summary = summary

    def update_state(self, data: Any) -> None:
        """Takes a part of the data into account; `finalize_state` then sets the boundaries."""
        self._summary = self._merged(data, self._summary)

    def finalize_state(self) -> None:
        """Sets the boundaries from what `update_state` has seen."""
        if self.num_bins is not None:
            self._finish(self._summary)

    def reset_state(self) -> None:
        """Forgets what `update_state` has seen."""
        self._summary = quantiles.empty()

    def _merged(self, part: Any, summary: quantiles.Summary) -> quantiles.Summary:
        values = numbers(self._where(), part)
        if not np.all(np.isfinite(values)):
            raise ValueError(
                f"{self._where()}: adapt expected finite numbers. Received: nan or inf"
            )
        return quantiles.merge(quantiles.summarize(values, self.epsilon), summary, self.epsilon)

    def _finish(self, summary: quantiles.Summary) -> None:
        if not summary.size:
            raise ValueError(f"{self._where()}: adapt expected at least one number. Received: none")
        assert self.num_bins is not None
        self.bin_boundaries = quantiles.boundaries(summary, self.num_bins)

    def call(self, inputs: Any) -> Any:
        if self._edges is None:
            raise ValueError(
                f"{self._where()}: has no boundaries yet. Hint: call adapt(data) first, or give "
                "bin_boundaries"
            )
        bins: Any
        if is_symbolic(inputs):
            self._traced = True
            above = ops.sum(ops.less(ops.expand_dims(inputs, -1), self._edges), -1)
            bins = self._edges.size - above  # so that NaN is in the last bin, as in NumPy
            if self.output_mode == "int":
                bins = Node(
                    "identity", [bins], bins.shape, bins.dtype, attrs={"to": "int32"}
                ).output
            if inputs.node.op == "input":
                bins.codes = boundary.encode(self, [inputs], self.dtype)
        else:
            bins = self.codes(inputs)
        return encode(bins, self.output_mode, self.depth, self.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the outputs; before `adapt`, with `num_bins` bins."""
        depth = self.depth if self._edges is not None else self.num_bins
        assert depth is not None
        return encoded_shape(input_shape, self.output_mode, depth)

    @property
    def depth(self) -> int:
        """Number of bins."""
        return 1 + (0 if self._edges is None else self._edges.size)

    def codes(self, x: Any) -> np.ndarray:
        """The bin of each number of an array."""
        assert self._edges is not None
        bins: np.ndarray = np.digitize(np.asarray(x, self.dtype), self._edges.value)
        return bins.astype("int32")

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        config = dict(config)
        found = config.pop("bin_boundaries", None)
        if config.get("num_bins") is None:
            return super().from_config({**config, "bin_boundaries": found})
        layer = super().from_config(config)
        if found is not None:
            layer.bin_boundaries = found
        return layer
