"""Optimizers whose `update_step` is traced, built in or a user's, make the steps that Keras makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.parity import both


def mean_of_signs(lib: Any, **common: Any) -> Any:
    """A user's optimizer: two slots, a variable of its own, iterations, reads after assignments."""
    ops = lib.ops

    class MeanOfSigns(lib.optimizers.Optimizer):
        def __init__(self, learning_rate: Any = 0.01, beta: float = 0.8, **more: Any) -> None:
            super().__init__(learning_rate=learning_rate, **more)
            self.beta = beta

        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.means = self.add_optimizer_variables(variables, "mean")
            self.largest = [
                self.add_variable(shape=(), initializer="ones", name=f"largest_{i}")
                for i, _ in enumerate(variables)
            ]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            index = self._get_variable_index(variable)
            mean, largest = self.means[index], self.largest[index]
            before = mean * 1.0
            self.assign(mean, self.beta * mean + (1 - self.beta) * gradient)
            self.assign(largest, ops.maximum(0.5 * largest, ops.max(ops.abs(gradient))))
            t = ops.cast(self.iterations + 1, variable.dtype)
            rate = ops.cast(learning_rate, variable.dtype) / ops.sqrt(t)
            new = ops.convert_to_tensor(mean)
            step = ops.where(gradient * before < 0, 0.5 * new, new) / ops.convert_to_tensor(largest)
            self.assign_sub(variable, rate * step)

    return MeanOfSigns(0.1, **common)


CASES: dict[str, Callable[[Any], Any]] = {
    "lamb": lambda lib: lib.optimizers.Lamb(0.01),
    "lamb_decay_clipnorm": lambda lib: lib.optimizers.Lamb(
        0.02, 0.8, 0.95, 1e-5, weight_decay=0.1, clipnorm=0.2
    ),
    "adafactor": lambda lib: lib.optimizers.Adafactor(0.05),
    "adafactor_global_clipnorm": lambda lib: lib.optimizers.Adafactor(
        0.3, beta_2_decay=-0.6, clip_threshold=0.5, relative_step=False, global_clipnorm=0.3
    ),
    "muon": lambda lib: lib.optimizers.Muon(0.01),
    "muon_other": lambda lib: lib.optimizers.Muon(
        0.02, nesterov=False, rms_rate=None, ns_steps=3, adam_lr_ratio=0.5, weight_decay=None,
        exclude_layers=["none_like_this"],
    ),
    "own": mean_of_signs,
    "own_ema_decay": lambda lib: mean_of_signs(
        lib, use_ema=True, ema_momentum=0.8, weight_decay=0.1, clipvalue=0.1
    ),
    "own_accumulated": lambda lib: mean_of_signs(lib, gradient_accumulation_steps=2),
    "own_schedule": lambda lib: _scheduled(lib),
}  # fmt: skip


def _scheduled(lib: Any) -> Any:
    optimizer = mean_of_signs(lib)
    schedule = lib.optimizers.schedules.InverseTimeDecay(0.2, 10, 0.5)
    return type(optimizer)(schedule)


@pytest.mark.parametrize("optimizer", CASES.values(), ids=CASES)
def test_a_traced_optimizer_makes_the_steps_that_keras_makes(optimizer: Any) -> None:
    both.assert_same_training(
        both.network(),
        lambda lib: {"optimizer": optimizer(lib), "loss": "mse"},
        both.regression(),
        # Muon's polynomial multiplies roundings by up to 3.4 a round, five rounds a step
        tolerance=1e-4 if "muon" in str(optimizer(both.fastmlp)).lower() else both.TOLERANCE,
        validation=False,
    )


@pytest.mark.parametrize("name", ["Lamb", "Adafactor", "Muon"])
def test_variables_are_those_of_keras(name: str) -> None:
    data, found = both.regression(), []
    layers = both.network()
    weights = both.starting_weights(layers, data)
    for lib in (both.keras, both.fastmlp):
        model = lib.Sequential([lib.Input((6,)), *layers(lib)])
        model.set_weights(weights)
        model.compile(optimizer=getattr(lib.optimizers, name)(0.01), loss="mse")
        model.fit(data.x[:8], data.y[:8], epochs=3, verbose=0, shuffle=False)
        found.append([np.asarray(v) for v in model.optimizer.variables])
    theirs, ours = found
    assert [a.shape for a in ours] == [a.shape for a in theirs]
    for a, b in zip(ours, theirs, strict=True):
        both.assert_close(a, b, "optimizer variable", 1e-4)
