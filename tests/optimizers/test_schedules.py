"""Schedules as objects: many steps at once, configs, what an optimizer takes, bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import optimizers
from fastmlp.optimizers import schedules
from fastmlp.optimizers.schedules import base

CASES: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (schedules.ExponentialDecay, (0.1, 7, 0.5), {}),
    (schedules.ExponentialDecay, (0.1, 7, 0.5), {"staircase": True}),
    (schedules.InverseTimeDecay, (0.1, 7, 0.5), {}),
    (schedules.InverseTimeDecay, (0.1, 7, 0.5), {"staircase": True}),
    (schedules.PolynomialDecay, (0.1, 10), {"power": 2.0}),
    (schedules.PolynomialDecay, (0.1, 10, 0.01), {"cycle": True}),
    (schedules.PiecewiseConstantDecay, ([5, 9], [0.1, 0.05, 0.01]), {}),
    (schedules.CosineDecay, (0.1, 15), {"alpha": 0.1}),
    (schedules.CosineDecay, (0.0, 15), {"warmup_target": 0.2, "warmup_steps": 6}),
    (schedules.CosineDecayRestarts, (0.1, 4), {}),
    (schedules.CosineDecayRestarts, (0.1, 5), {"t_mul": 1.0, "m_mul": 0.5, "alpha": 0.1}),
]


def weight(value: Any = (1.0, 2.0), name: str = "w") -> fastmlp.variables.Variable:
    return fastmlp.variables.Variable(value, name=name)


def model(optimizer: Any) -> fastmlp.Sequential:
    layers = [fastmlp.Input((2,)), fastmlp.layers.Dense(1, kernel_initializer="zeros")]
    made = fastmlp.Sequential(layers)
    made.compile(optimizer, "mse")
    return made


def test_the_list_above_is_complete() -> None:
    assert {base.registry.find(name) for name in base.registry.names()} == {c for c, *_ in CASES}


@pytest.mark.parametrize(("cls", "positional", "named"), CASES)
def test_a_block_of_steps_is_the_steps_one_by_one(cls: Any, positional: Any, named: Any) -> None:
    schedule = cls(*positional, **named)
    block = schedule.rates(3, 40)
    assert block.dtype == np.float64
    assert [schedule(step) for step in range(3, 43)] == list(block)
    assert type(schedule(np.int64(3))) is float
    np.testing.assert_array_equal(schedule(np.arange(3, 43)), block)


@pytest.mark.parametrize(("cls", "positional", "named"), CASES)
def test_the_config_makes_an_equal_schedule(cls: Any, positional: Any, named: Any) -> None:
    keras = pytest.importorskip("keras")
    schedule = cls(*positional, **named)
    theirs = getattr(keras.optimizers.schedules, cls.__name__)(*positional, **named)
    assert schedule.get_config() == theirs.get_config()
    for config in (schedules.serialize(schedule), keras.optimizers.schedules.serialize(theirs)):
        again = schedules.deserialize(config)
        assert type(again) is cls
        assert again.get_config() == schedule.get_config()
    optimizer = optimizers.Adam(schedule)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert again.hyper()[0](5) == schedule(5)


class Halving(schedules.LearningRateSchedule):
    def __init__(self, first: float = 1.0) -> None:
        self.first, self.asked = first, []

    def __call__(self, step):
        self.asked.append(int(step))
        return self.first * 0.5**step


def test_a_schedule_of_the_user_trains_by_its_rates() -> None:
    x, y = np.ones((40, 2)), np.ones(40)
    rates = [0.25 * 0.5**step for step in range(40)]
    scheduled, stepped = model(optimizers.SGD(Halving(0.25))), model(optimizers.SGD(1.0))
    scheduled.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    for step, rate in enumerate(rates):
        stepped.optimizer.learning_rate = rate
        stepped.fit(x[step : step + 1], y[step : step + 1], batch_size=1, verbose=0)
    for ours, theirs in zip(scheduled.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert scheduled.optimizer.learning_rate == 0.25 * 0.5**40


def test_steps_ahead_that_training_never_reaches_may_raise() -> None:
    class Table(schedules.LearningRateSchedule):
        def __call__(self, step):
            return [0.5, 0.25, 0.125][step]

    assert list(Table().rates(1, 9)) == [0.25, 0.125]
    trained = model(optimizers.SGD(Table()))
    trained.fit(np.ones((3, 2)), np.ones(3), batch_size=1, verbose=0)
    assert trained.optimizer.iterations == 3
    before = trained.get_weights()
    with pytest.raises(IndexError):
        trained.fit(np.ones((3, 2)), np.ones(3), batch_size=1, verbose=0)
    np.testing.assert_array_equal(trained.get_weights()[0], before[0])


def test_a_subclass_of_a_formula_goes_by_its_own_call() -> None:
    class Warm(schedules.CosineDecay):
        def __call__(self, step):
            return 0.5 if step < 2 else super().__call__(step)

    plain = schedules.CosineDecay(0.1, 10)
    assert list(Warm(0.1, 10).rates(0, 4)) == [0.5, 0.5, plain(2), plain(3)]


def test_a_schedule_that_is_changed_between_fits_is_asked_again() -> None:
    schedule = schedules.PiecewiseConstantDecay([1000], [0.5, 0.1])
    trained = model(optimizers.SGD(schedule))
    fit = {"batch_size": 1, "verbose": 0}
    trained.fit(np.ones((1, 2)), np.ones(1), **fit)
    schedule.values = [0.0, 0.0]
    before = trained.get_weights()[0].copy()
    trained.fit(np.ones((4, 2)), np.ones(4), **fit)
    np.testing.assert_array_equal(trained.get_weights()[0], before)


def test_an_optimizer_with_a_schedule_takes_no_number() -> None:
    optimizer = optimizers.SGD(schedules.InverseTimeDecay(0.1, 1, 1))
    with pytest.raises(TypeError, match="expected a schedule, as the optimizer was made with one"):
        optimizer.learning_rate = 0.5
    assert optimizer.learning_rate == 0.1
    optimizer.iterations = 1
    assert optimizer.learning_rate == 0.05
    optimizer.learning_rate = schedules.InverseTimeDecay(1.0, 1, 1)
    assert optimizer.learning_rate == 0.5
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_functions_of_nothing_and_of_the_step() -> None:
    rates = iter([0.5, 0.25])
    optimizer = optimizers.SGD(lambda: next(rates))
    assert optimizer.learning_rate == 0.5
    assert optimizer.hyper() == (0.25,)
    by_step = optimizers.SGD(lambda step: 1.0 / (1 + step))
    by_step.iterations = 3
    assert by_step.learning_rate == 0.25
    assert optimizers.SGD(lambda: 0.5).get_config()["learning_rate"] == 0.5


def test_a_division_by_zero_at_step_0_is_no_error() -> None:
    class Noam(schedules.LearningRateSchedule):
        def __call__(self, step):
            step = np.float32(step)
            return 0.5 * min(1 / np.sqrt(step), step * 0.1)

    assert list(Noam().rates(0, 2)) == pytest.approx([0, 0.05])


@pytest.mark.parametrize("value", [-0.5, math.nan, None, "0.1", [0.1, 0.2]])
def test_a_schedule_must_return_a_number_from_zero_on(value: Any) -> None:
    class Bad(schedules.LearningRateSchedule):
        def __call__(self, step):
            return value

    trained = model(optimizers.SGD(Bad()))
    with pytest.raises(ValueError, match=r"Bad: expected learning rate >= 0.*called for step 0"):
        trained.fit(np.ones((3, 2)), np.ones(3), verbose=0)
    np.testing.assert_array_equal(trained.get_weights()[0], 0)


def test_a_class_is_not_a_schedule() -> None:
    with pytest.raises(ValueError, match=r"Hint: give an instance, as CosineDecay\(…\)"):
        optimizers.SGD(schedules.CosineDecay)


def test_what_a_schedule_of_the_user_must_bring() -> None:
    empty = schedules.LearningRateSchedule()
    with pytest.raises(NotImplementedError, match="__call__"):
        empty(0)
    with pytest.raises(NotImplementedError, match="get_config"):
        optimizers.SGD(Halving()).get_config()
    assert repr(optimizers.SGD(Halving())) == "<SGD learning_rate=<Halving>>"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "expected decay_steps > 0"),
        (lambda: schedules.ExponentialDecay(-1, 5, 0.5), "expected initial_learning_rate >= 0"),
        (lambda: schedules.InverseTimeDecay(0.1, 5, -1), "expected decay_rate >= 0"),
        (lambda: schedules.PolynomialDecay(0.1, -5), "expected decay_steps > 0"),
        (lambda: schedules.PolynomialDecay(0.1, 5, power="2"), "expected power >= 0"),
        (lambda: schedules.CosineDecay(0.1, 5, alpha=2), "expected 0 <= alpha <= 1"),
        (lambda: schedules.CosineDecay(0.1, 5, warmup_target=-1), "expected warmup_target >= 0"),
        (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5), "expected t_mul >= 1"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), "expected 2 values"),
        (lambda: schedules.PiecewiseConstantDecay([3, 3], [1, 2, 3]), "expected rising boundaries"),
        (
            lambda: schedules.deserialize({"class_name": "CosinDecay"}),
            "Did you mean 'CosineDecay'",
        ),
    ],
)
def test_bad_arguments_are_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
