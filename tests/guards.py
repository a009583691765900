"""Gaps in the memory of plans, which tell of ops that read or write beyond their buffers.

All buffers of a step lie in one arena, one behind the other: what writes too far changes the next one,
and what reads too far gets numbers of it. With a gap behind each buffer, full of ones in every bit
(NaN as a float, -1 as an integer), the first is seen in the gap, the second in the results.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from fastmlp.plan import memory
from fastmlp.plan.ir import Buffer, Plan
from fastmlp.runtime import Executable

GAP = 256  # bytes


@contextmanager
def guarded(patch: pytest.MonkeyPatch) -> Iterator[list[tuple[np.ndarray, list[int]]]]:
    """Every plan that is compiled within gets gaps, which are looked at in the end.

    Yields:
        Of every executable its arena, and where its gaps begin.
    """
    gaps: weakref.WeakKeyDictionary[Plan, list[int]] = weakref.WeakKeyDictionary()
    arenas: list[tuple[np.ndarray, list[int]]] = []
    place, make = memory.place, Executable.__init__

    def place_with_gap(plan: Plan, buffer: Buffer) -> None:
        place(plan, buffer)
        gaps.setdefault(plan, []).append(plan.arena_bytes)
        plan.arena_bytes += GAP

    def make_with_gaps(self: Executable, plan: Plan, *args: Any, **kwargs: Any) -> None:
        make(self, plan, *args, **kwargs)
        starts = gaps.get(plan, [])
        for start in starts:
            self._arena[start : start + GAP] = 255
        arenas.append((self._arena, starts))

    patch.setattr(memory, "place", place_with_gap)
    patch.setattr(Executable, "__init__", make_with_gaps)
    yield arenas
    for arena, starts in arenas:
        for start in starts:
            changed = np.flatnonzero(arena[start : start + GAP] != 255)
            assert not len(changed), f"an op wrote {changed[-1] + 1} bytes beyond its buffer"
