"""Ops that go beyond their buffers are caught."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Input, Sequential, layers
from fastmlp.plan import memory
from tests.guards import GAP, guarded


def fitted() -> Sequential:
    model = Sequential([Input((5,)), layers.Dense(7, activation="relu"), layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(np.ones((9, 5)), np.ones((9, 3)), batch_size=4, verbose=0)
    return model


def test_plans_have_gaps_that_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, guarded(patch) as arenas:
        fitted()
    assert len(arenas) >= 1
    assert all((a[s : s + GAP] == 255).all() for a, starts in arenas for s in starts)
    assert sum(len(starts) for _, starts in arenas) >= 4


def test_a_buffer_that_is_too_small_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    place = memory.place

    def too_small(plan, buffer):
        before = plan.arena_bytes
        place(plan, buffer)
        plan.arena_bytes = max(before, plan.arena_bytes - 64)

    monkeypatch.setattr(memory, "place", too_small)
    with (
        pytest.raises(AssertionError, match=r"an op wrote .* beyond its buffer"),
        monkeypatch.context() as patch,
        guarded(patch),
    ):
        fitted()
