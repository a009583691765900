"""What a list of kernels names has its twin in NumPy, its constants, its formula of tensors."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fastmlp._core import _native, losses, optimizers
from fastmlp._reference import activations as activation_twins
from fastmlp._reference import losses as loss_twins
from fastmlp._reference import updates as update_twins
from fastmlp.losses import tensors as loss_formulas
from fastmlp.losses.lookup import CLASS_OF
from fastmlp.optimizers import tensors as update_formulas

KERNELS = "in csrc/kernels/kernels.def"
ROWS = "registered in _core/loss_*.pyx"
LOSSES = {cls().kind for cls in CLASS_OF.values()} - {""}


@pytest.mark.parametrize(
    ("names", "where", "table", "what"),
    [
        (_native.UPDATES, KERNELS, update_twins.UPDATES, "twin in _reference/updates.py"),
        (_native.UPDATES, KERNELS, optimizers.HYPER, "line in HYPER of _core/optimizers.pyx"),
        (_native.UPDATES, KERNELS, update_formulas._FORMULAS, "formula in optimizers/tensors.py"),
        (_native.ACTIVATIONS, KERNELS, activation_twins._FORWARD, "twin in _reference/activations.py"),
        (_native.ACTIVATIONS, KERNELS, activation_twins._SLOPE, "slope in _reference/activations.py"),
        (losses.ROWS, ROWS, loss_twins.FUNCTIONS, "twin in _reference/losses.py"),
        (LOSSES, "the kind of a loss", loss_formulas._FORMULAS, "formula in losses/tensors.py"),
    ],
)  # fmt: skip
def test_each_has_all_that_belongs_to_it(
    names: Iterable[str], where: str, table: Iterable[str], what: str
) -> None:
    for name in names:
        assert name in table, f"{name!r} is {where} and has no {what}"
    if names is not LOSSES:  # formulas of variants and of metrics belong to none
        for name in table:
            assert name in names, f"{name!r} has a {what} and is not {where}"
