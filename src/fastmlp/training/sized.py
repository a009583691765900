"""A graph of which all sizes are known: what plans are made of."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from fastmlp.boundary import Boundary
from fastmlp.graph import Shape, Tensor
from fastmlp.ops.states import check_rows


class Sized:
    """Inputs and outputs of a model; one whose inputs leave sizes open has them for each length of data.

    Args:
        inputs: Symbolic inputs, flat.
        outputs: What is computed from them; none: nobody knows the sizes yet.
        samples: The only size that batches may have; `None`: any.

    Attributes:
        sizes: Shapes of a sample of each input.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor] = (),
        outputs: Sequence[Tensor] = (),
        samples: int | None = None,
    ) -> None:
        self.samples = samples
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.sizes: tuple[Shape, ...] = tuple(t.shape[1:] for t in inputs)

    @functools.cached_property
    def boundary(self) -> Boundary:
        """From the inputs to what plans start from."""
        return Boundary(self.inputs, self.outputs)

    def check_rows(self, method: str, batch_size: int, n: int | None = None) -> None:
        """Refuses batches of other samples than there are states of.

        Args:
            method: Who asks, for the error.
            batch_size: Samples a batch.
            n: Samples of all batches.
        """
        rows = self.boundary.rows
        if rows is not None:
            check_rows(method, rows, batch_size, n)
