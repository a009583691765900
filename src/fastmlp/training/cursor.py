"""Where the training of a model is: what `fit` goes on from, and what files remember."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import _seed
from fastmlp._record import Record


class FitSeeds:
    """The seeds of one model's fits: the k-th is a function of (first, k).

    A model draws `first` from the global seed when it is first fitted. Copies of the model, and what
    is loaded from its file, go on with the same seeds; `set_random_seed` makes all draw anew.

    Attributes:
        first: The seed that all come from; `None`: not drawn yet.
        count: Seeds given so far.
    """

    def __init__(self, first: int | None = None, count: int = 0) -> None:
        self.first = first
        self.count = count
        self._source = _seed.source()

    def next(self) -> int:
        """A new seed, 0 <= seed < 2**63."""
        self.skip()
        assert self.first is not None
        return _seed.derive(self.first, self.count - 1)

    def skip(self) -> None:
        """Counts a seed that nobody looks at: to derive one takes longer than a small step."""
        if self.first is None or self._source is not _seed.source():
            self.first, self.count, self._source = _seed.next_seed(), 0, _seed.source()
        self.count += 1

    def __getstate__(self) -> dict[str, Any]:
        return {"first": self.first, "count": self.count}

    def __deepcopy__(self, memo: Any) -> FitSeeds:
        twin = FitSeeds(self.first, self.count)
        twin._source = self._source
        return twin

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


class Cursor(Record):
    """A moment of a fit, between two steps.

    Attributes:
        seed: Of the fit's shuffles and dropout.
        epoch: Number of the epoch at hand, from 0: epochs done.
        position: Samples done of it.
        sums: Accumulators of losses and metrics over these samples: one for each of the plan's
            tasks, or their sums if the epoch's samples are all done, or sizes differ from batch to batch;
            `None` at its beginning.
    """

    seed: int
    epoch: int = 0
    position: int = 0
    sums: np.ndarray | None = None


def beginning(
    last: Cursor | None, resume: Cursor | None, seeds: FitSeeds, first_epoch: int
) -> Cursor:
    """Where a fit begins: where a callback says, else at an epoch.

    Args:
        last: Where the last fit ended, if there was one.
        resume: Where a callback wants this one to begin.
        seeds: Of the model; a fit that does not go on with another one takes the next.
        first_epoch: Number of the epoch.
    """
    if resume is not None:
        return resume
    if last is not None and 0 < first_epoch == last.epoch:
        return Cursor(last.seed, first_epoch)
    return Cursor(seeds.next(), first_epoch)
