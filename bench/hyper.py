"""Numbers for the constants of every update, for its benchmark and its tests."""

from __future__ import annotations

from fastmlp._core import optimizers

HYPER = {
    "learning_rate": 0.01,
    "momentum": 0.9,
    "rho": 0.9,
    "epsilon": 1e-7,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "learning_rate_power": -0.5,
    "l1_regularization_strength": 0.05,
    "l2_regularization_strength": 0.02,
    "l2_shrinkage_regularization_strength": 0.01,
    "beta": 0.3,
    "warmup_steps": 5.0,
}


def hyper_of(kind: str) -> tuple[float, ...]:
    """What the update's kernel is given."""
    return tuple(HYPER[name] for name in optimizers.HYPER[kind])
