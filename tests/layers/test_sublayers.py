"""What a layer finds in its attributes."""

from __future__ import annotations

import pytest

from fastmlp import Input, Sequential, layers, metrics
from fastmlp.layers import holder


def test_attributes_may_be_set_while_another_thread_looks_at_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.kept = {"a": metrics.Mean()}
    looks = holder._may_hold_layers

    def meanwhile(kind: type) -> bool:
        number = len(vars(model))
        vars(model)[f"new_{number}"] = model.kept[f"new_{number}"] = None
        return looks(kind)

    monkeypatch.setattr(holder, "_may_hold_layers", meanwhile)
    assert len(model.weights) == len(model.get_weights()) == 2
    assert len(model.layers) == 1
