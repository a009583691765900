"""What layers of the user's own save besides weights, by a `save_own_variables` of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastmlp.layers.holder import WeightHolder

_FOLDER = "own/"


def pack_own(model: Any) -> dict[str, np.ndarray]:
    """The arrays, by `own/<number of the layer>/<key>`."""
    arrays: dict[str, np.ndarray] = {}
    for number, layer in _layers(model):
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        arrays |= {f"{_FOLDER}{number}/{key}": np.asarray(store[key]) for key in store}
    return arrays


def restore_own(model: Any, arrays: Mapping[str, np.ndarray], skipped: Sequence[Any] = ()) -> None:
    """Calls `load_own_variables` of the layers that have one of their own; not of those skipped."""
    for number, layer in _layers(model):
        start = f"{_FOLDER}{number}/"
        own = {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}
        if own and not any(layer is one for one in skipped):
            layer.load_own_variables(own)


def _layers(model: Any) -> Iterator[tuple[int, Any]]:
    for number, layer in enumerate(model._all_layers()):
        if type(layer).save_own_variables is not WeightHolder.save_own_variables:
            yield number, layer
