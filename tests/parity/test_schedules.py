"""Schedules, moving averages, gradient accumulation and `apply` do the steps that Keras does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
import pytest

import fastmlp
from fastmlp.variables import Variable
from tests.parity import both

SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "exponential": lambda s: s.ExponentialDecay(0.1, 7, 0.5),
    "exponential_staircase": lambda s: s.ExponentialDecay(0.1, 7, 0.5, staircase=True),
    "inverse_time": lambda s: s.InverseTimeDecay(0.1, 7, 0.5),
    "inverse_time_staircase": lambda s: s.InverseTimeDecay(0.1, 7, 0.5, staircase=True),
    "polynomial": lambda s: s.PolynomialDecay(0.1, 30, 0.01, power=2.0),
    "polynomial_cycle": lambda s: s.PolynomialDecay(0.1, 11, 0.01, power=0.5, cycle=True),
    "piecewise": lambda s: s.PiecewiseConstantDecay([5, 20], [0.1, 0.05, 0.01]),
    "cosine": lambda s: s.CosineDecay(0.1, 30, alpha=0.1),
    "cosine_warmup": lambda s: s.CosineDecay(0.01, 30, 0.1, warmup_target=0.1, warmup_steps=9),
    "cosine_restarts": lambda s: s.CosineDecayRestarts(0.1, 6, m_mul=0.7),
    "cosine_restarts_even": lambda s: s.CosineDecayRestarts(0.1, 6, t_mul=1.0, alpha=0.2),
}
OPTIONS: dict[str, Callable[[Any], Any]] = {
    "schedule": lambda lib: lib.optimizers.SGD(
        lib.optimizers.schedules.CosineDecay(0.01, 40, warmup_target=0.1, warmup_steps=9)
    ),
    "schedule_and_decay": lambda lib: lib.optimizers.Adam(
        lib.optimizers.schedules.ExponentialDecay(0.02, 10, 0.5), weight_decay=0.2
    ),
    "ema": lambda lib: lib.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9),
    "ema_overwrite": lambda lib: lib.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=7
    ),
    "accumulation": lambda lib: lib.optimizers.SGD(
        0.1, momentum=0.8, gradient_accumulation_steps=3
    ),
    "accumulation_and_all": lambda lib: lib.optimizers.Adam(
        lib.optimizers.schedules.ExponentialDecay(0.05, 20, 0.5),
        gradient_accumulation_steps=4,
        clipnorm=0.2,
        weight_decay=0.1,
        use_ema=True,
        ema_momentum=0.8,
        ema_overwrite_frequency=3,
    ),
    "accumulation_nadam": lambda lib: lib.optimizers.Nadam(
        0.02, gradient_accumulation_steps=2, global_clipnorm=0.3
    ),
    "loss_scale": lambda lib: lib.optimizers.SGD(0.05, loss_scale_factor=16.0),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_the_learning_rates_are_those_of_keras(make):
    theirs, ours = make(keras.optimizers.schedules), make(fastmlp.optimizers.schedules)
    expected = jax.jit(jax.vmap(theirs))(np.arange(60, dtype=np.int32))
    # float32 against float64: a cosine near the end of a period loses 1e-7 of its start
    np.testing.assert_allclose(ours.rates(0, 60), expected, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("optimizer", OPTIONS.values(), ids=OPTIONS)
def test_an_option_makes_the_steps_that_keras_makes(optimizer):
    def layers(lib):
        constrained = lib.layers.Dense(5, activation="tanh", kernel_constraint="max_norm")
        return [constrained, lib.layers.Dense(3, kernel_regularizer="l2")]

    both.assert_same_training(
        layers,
        lambda lib: {"optimizer": optimizer(lib), "loss": "mse"},
        both.regression(),
        validation=False,
    )


@pytest.mark.parametrize("optimizer", OPTIONS.values(), ids=OPTIONS)
def test_apply_makes_the_steps_that_keras_makes(optimizer):
    rng = np.random.default_rng(4)
    first = [rng.normal(size=(3, 2)).astype("f"), rng.normal(size=2).astype("f")]
    gradients = [[rng.normal(size=w.shape).astype("f") for w in first] for _ in range(50)]
    theirs, ours = [keras.Variable(w) for w in first], [Variable(w, name="w") for w in first]
    their_optimizer, our_optimizer = optimizer(keras), optimizer(fastmlp)
    their_optimizer.build(theirs)
    step = jax.jit(their_optimizer.stateless_apply)
    state, values = [v.value for v in their_optimizer.variables], [v.value for v in theirs]
    for grads in gradients:
        values, state = step(state, grads, values)
        our_optimizer.apply(grads, ours)
    for a, b in zip(ours, values, strict=True):
        both.assert_close(a.value, b, "weight")
    for variable, value in zip(their_optimizer.variables, state, strict=True):
        variable.assign(value)
    assert our_optimizer.iterations == int(their_optimizer.iterations)
    assert our_optimizer.learning_rate == pytest.approx(float(their_optimizer.learning_rate), 1e-5)
    our_state = [v.numpy() for v in our_optimizer.variables]
    if isinstance(their_optimizer, keras.optimizers.Nadam):
        state.pop()  # its product; ours is computed from the number of the step
    for a, b in zip(our_state, state, strict=True):
        both.assert_close(a, b, "state")
