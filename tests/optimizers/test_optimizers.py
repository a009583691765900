"""Optimizers as descriptions: names, arguments, configs, what the plan reads, bad arguments."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

from fastmlp import _names, optimizers
from fastmlp._core import _native
from fastmlp.optimizers import base
from tests.not_in_keras import NOT_IN_KERAS

CLASSES = [
    optimizers.SGD,
    optimizers.RMSprop,
    optimizers.Adam,
    optimizers.AdamW,
    optimizers.Adagrad,
    optimizers.Adadelta,
    optimizers.Adamax,
    optimizers.Nadam,
    optimizers.Lion,
    optimizers.Ftrl,
    optimizers.ScheduleFreeAdamW,
    optimizers.Lamb,
    optimizers.Adafactor,
    optimizers.Muon,
]

# arguments → what the plan reads: kind, slots, hyper()
CASES: list[tuple[Any, dict[str, Any], str, tuple[str, ...], tuple[float, ...]]] = [
    (optimizers.SGD, {}, "sgd", (), (0.01,)),
    (optimizers.SGD, {"nesterov": True}, "sgd", (), (0.01,)),
    (optimizers.SGD, {"momentum": 0.9}, "momentum", ("momentum",), (0.01, 0.9)),
    (
        optimizers.SGD,
        {"momentum": 0.9, "nesterov": True},
        "nesterov",
        ("momentum",),
        (0.01, 0.9),
    ),
    (optimizers.RMSprop, {}, "rmsprop", ("velocity",), (0.001, 0.9, 0.0, 1e-7)),
    (
        optimizers.RMSprop,
        {"momentum": 0.5},
        "rmsprop_momentum",
        ("velocity", "momentum"),
        (0.001, 0.9, 0.5, 1e-7),
    ),
    (
        optimizers.RMSprop,
        {"centered": True},
        "rmsprop_centered",
        ("velocity", "average_gradient"),
        (0.001, 0.9, 0.0, 1e-7),
    ),
    (
        optimizers.RMSprop,
        {"centered": True, "momentum": 0.5},
        "rmsprop_centered_momentum",
        ("velocity", "momentum", "average_gradient"),
        (0.001, 0.9, 0.5, 1e-7),
    ),
    (optimizers.Adam, {}, "adam", ("momentum", "velocity"), (0.001, 0.9, 0.999, 1e-7)),
    (
        optimizers.Adam,
        {"amsgrad": True},
        "amsgrad",
        ("momentum", "velocity", "velocity_hat"),
        (0.001, 0.9, 0.999, 1e-7),
    ),
    (optimizers.AdamW, {}, "adam", ("momentum", "velocity"), (0.001, 0.9, 0.999, 1e-7)),
    (optimizers.Adagrad, {}, "adagrad", ("accumulator",), (0.001, 1e-7)),
    (
        optimizers.Adadelta,
        {},
        "adadelta",
        ("accumulated_grad", "accumulated_delta_var"),
        (0.001, 0.95, 1e-7),
    ),
    (optimizers.Adamax, {}, "adamax", ("momentum", "norm"), (0.001, 0.9, 0.999, 1e-7)),
    (optimizers.Nadam, {}, "nadam", ("momentum", "velocity"), (0.001, 0.9, 0.999, 1e-7)),
    (optimizers.Lion, {}, "lion", ("momentum",), (0.001, 0.9, 0.99)),
    (
        optimizers.Ftrl,
        {"beta": 0.5},
        "ftrl",
        ("accumulator", "linear"),
        (0.001, -0.5, 0.0, 0.0, 0.0, 0.5),
    ),
    (
        optimizers.Ftrl,
        {"learning_rate_power": -1},
        "ftrl_power",
        ("accumulator", "linear"),
        (0.001, -1.0, 0.0, 0.0, 0.0, 0.0),
    ),
    (
        optimizers.ScheduleFreeAdamW,
        {"warmup_steps": 3},
        "schedule_free",
        ("momentum", "velocity"),
        (0.0025, 0.9, 0.999, 1e-8, 3.0),
    ),
]


@pytest.mark.parametrize(("cls", "arguments", "kind", "slots", "hyper"), CASES)
def test_what_the_plan_reads(
    cls: Any, arguments: dict[str, Any], kind: str, slots: Any, hyper: Any
) -> None:
    optimizer = cls(**arguments)
    assert optimizer.kind == kind
    assert optimizer.slots == slots
    assert optimizer.hyper() == hyper
    assert len(optimizer.slot_init) == len(slots)
    assert optimizer.iterations == 0


def test_every_native_update_is_described_with_its_number_of_slots() -> None:
    assert {kind: len(slots) for _, _, kind, slots, _ in CASES} == _native.UPDATES


def test_the_list_above_is_complete() -> None:
    others = {name.lower() for name in NOT_IN_KERAS["optimizers"]}  # those of the whole data
    others |= {"multioptimizer", "lossscaleoptimizer"}  # made of others
    assert {cls.__name__.lower() for cls in CLASSES} == set(base.registry.names()) - others


def test_adagrad_starts_its_accumulator_elsewhere_than_at_zero() -> None:
    assert optimizers.Adagrad().slot_init == (0.1,)
    assert optimizers.Adagrad(initial_accumulator_value=0).slot_init == (0.0,)
    assert optimizers.Adam().slot_init == (0.0, 0.0)


@pytest.mark.parametrize("cls", CLASSES)
def test_names_ignore_case_and_classes_instances_and_configs_are_understood(cls: Any) -> None:
    name = cls.__name__
    instance = cls()
    for identifier in (name, name.lower(), name.upper(), cls, optimizers.serialize(instance)):
        assert type(optimizers.get(identifier)) is cls
    assert optimizers.get(instance) is instance
    assert optimizers.get(None) is None


@pytest.mark.parametrize(("cls", "arguments"), [case[:2] for case in CASES])
def test_the_config_makes_an_equal_optimizer(cls: Any, arguments: dict[str, Any]) -> None:
    common = {"use_ema": True, "ema_overwrite_frequency": 3, "gradient_accumulation_steps": 2}
    optimizer = cls(learning_rate=0.5, clipnorm=2, loss_scale_factor=8, **common, **arguments)
    optimizer.weight_decay = 0.25
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is cls
    assert again.get_config() == optimizer.get_config()
    assert (again.kind, again.slots, again.hyper()) == (
        optimizer.kind,
        optimizer.slots,
        optimizer.hyper(),
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_arguments_defaults_and_configs_are_kerass(cls: Any) -> None:
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.optimizers, cls.__name__)(name="opt")
    config = theirs.get_config()
    ours = cls(name="opt").get_config()
    assert ours.pop("learning_rate") == pytest.approx(config.pop("learning_rate"))
    assert ours == config
    own = [name for name in inspect.signature(cls).parameters if name != "common"]
    names = list(inspect.signature(type(theirs)).parameters)
    assert own == [name for name in names if name in own]
    first = [p.name for p in inspect.signature(cls).parameters.values() if p.kind != p.KEYWORD_ONLY]
    assert first[:-1] == names[: len(first) - 1]
    again = optimizers.deserialize(keras.optimizers.serialize(theirs))
    assert type(again) is cls


def test_names_are_counted() -> None:
    _names.reset()
    assert [optimizers.RMSprop().name, optimizers.RMSprop().name] == ["rm_sprop", "rm_sprop_1"]
    assert optimizers.Adam(name="mine").name == "mine"


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.array(0.25)])
def test_the_learning_rate_may_be_any_number_from_zero_and_may_be_set(value: Any) -> None:
    optimizer = optimizers.SGD(value)
    assert isinstance(optimizer.learning_rate, float)
    assert optimizer.hyper() == (float(value),)
    optimizer.learning_rate = 0.125
    assert optimizer.hyper() == (0.125,)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "0.1", None, True, [0.1]])
@pytest.mark.parametrize("cls", CLASSES)
def test_bad_learning_rates_are_refused_and_change_nothing(cls: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{cls.__name__}: expected learning_rate >= 0.*Rec"):
        cls(learning_rate=value)
    optimizer = cls(0.5)
    with pytest.raises(ValueError, match="expected learning_rate >= 0"):
        optimizer.learning_rate = value
    assert optimizer.learning_rate == 0.5


@pytest.mark.parametrize("cls", CLASSES)
def test_lr_is_accepted_with_one_warning(cls: Any) -> None:
    with pytest.warns(FutureWarning, match=rf"write {cls.__name__}\(learning_rate=…\)") as caught:
        optimizer = cls(lr=0.5)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert optimizer.learning_rate == 0.5


def test_the_attribute_lr_is_an_alias() -> None:
    optimizer = optimizers.SGD()
    with pytest.warns(FutureWarning, match=r"write optimizer.learning_rate"):
        optimizer.lr = 0.5
    with pytest.warns(FutureWarning, match=r"write optimizer.learning_rate"):
        assert optimizer.lr == 0.5


def test_decay_has_no_effect_and_says_so() -> None:
    with pytest.warns(
        FutureWarning, match=r"SGD\(decay=…\) has no effect, as in Keras 3"
    ) as caught:
        optimizer = optimizers.SGD(0.1, decay=1e-6)
    assert len(caught) == 1
    assert optimizer.hyper() == (0.1,)
    optimizers.SGD(0.1, decay=0.0)


def test_epsilon_none_of_earlier_kerases_is_the_default() -> None:
    assert optimizers.Adam(epsilon=None).epsilon == 1e-7


@pytest.mark.parametrize("cls", CLASSES)
def test_unknown_arguments_are_refused_with_a_suggestion(cls: Any) -> None:
    with pytest.raises(
        ValueError, match=f"{cls.__name__}: unknown argument 'clip_norm'. Did you mean 'clipnorm'"
    ):
        cls(clip_norm=1.0)
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        cls(learning_rte=1.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"clipnorm": 1, "clipvalue": 2}, "only one of clipnorm, clipvalue and global_clipnorm"),
        ({"clipnorm": 1, "global_clipnorm": 2}, "Received: clipnorm=1, global_clipnorm=2"),
        ({"clipnorm": 0}, "expected clipnorm > 0.*None turns it off"),
        ({"clipvalue": -1}, "expected clipvalue > 0"),
        ({"global_clipnorm": math.nan}, "expected global_clipnorm > 0"),
        ({"weight_decay": -1}, "expected weight_decay >= 0"),
        ({"loss_scale_factor": 0}, "expected loss_scale_factor > 0"),
        ({"gradient_accumulation_steps": 1}, "an integer gradient_accumulation_steps >= 2"),
        ({"gradient_accumulation_steps": 2.5}, "an integer gradient_accumulation_steps >= 2"),
        ({"ema_overwrite_frequency": 0}, "expected an integer ema_overwrite_frequency >= 1"),
        ({"ema_momentum": 2}, "expected 0 <= ema_momentum <= 1"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_bad_common_arguments_are_refused(cls: Any, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{cls.__name__}: .*{sentence}"):
        cls(**arguments)


@pytest.mark.parametrize(
    ("cls", "arguments", "sentence"),
    [
        (optimizers.SGD, {"momentum": 1.5}, "SGD: expected 0 <= momentum <= 1"),
        (optimizers.SGD, {"momentum": "0.9"}, "SGD: expected 0 <= momentum <= 1"),
        (optimizers.RMSprop, {"rho": 1.0}, "RMSprop: expected 0 <= rho < 1"),
        (optimizers.RMSprop, {"momentum": -0.1}, "RMSprop: expected 0 <= momentum <= 1"),
        (optimizers.Adadelta, {"rho": -0.1}, "Adadelta: expected 0 <= rho < 1"),
        (optimizers.Adagrad, {"initial_accumulator_value": -1}, "initial_accumulator_value >= 0"),
        (optimizers.Adam, {"beta_1": 1.0}, "Adam: expected 0 <= beta_1 < 1"),
        (optimizers.AdamW, {"beta_2": -0.1}, "AdamW: expected 0 <= beta_2 < 1"),
        (optimizers.AdamW, {"weight_decay": None}, "AdamW: expected weight_decay >= 0.*use Adam"),
        (optimizers.Adamax, {"beta_2": 2}, "Adamax: expected 0 <= beta_2 < 1"),
        (optimizers.Nadam, {"beta_1": math.nan}, "Nadam: expected 0 <= beta_1 < 1"),
        (optimizers.Nadam, {"epsilon": -1e-7}, "Nadam: expected epsilon >= 0"),
        (optimizers.Lion, {"beta_1": 0}, "Lion: expected 0 < beta_1 <= 1"),
        (optimizers.Ftrl, {"learning_rate_power": 0.5}, "Ftrl: expected learning_rate_power <= 0"),
        (optimizers.Ftrl, {"beta": -1}, "Ftrl: expected beta >= 0"),
        (optimizers.ScheduleFreeAdamW, {"beta_1": 0}, "expected 0 < beta_1 < 1"),
        (optimizers.ScheduleFreeAdamW, {"warmup_steps": 0.5}, "an integer warmup_steps >= 0"),
    ],
)
def test_bad_arguments_are_refused(cls: Any, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        cls(**arguments)


@pytest.mark.parametrize(
    ("identifier", "sentence"),
    [
        ("adan", "Unknown optimizer 'adan'. Did you mean 'adam'"),
        ("rmsporp", "Did you mean 'rmsprop'"),
        (3, "Could not interpret optimizer identifier"),
        (print, "Could not interpret optimizer identifier"),
        (int, "Could not interpret optimizer identifier"),
    ],
)
def test_other_identifiers_are_refused(identifier: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        optimizers.get(identifier)


class Weight:
    def __init__(self, name: str) -> None:
        self.name = name


def test_weight_decay_applies_to_all_weights_but_the_excluded() -> None:
    kernel, bias, other = Weight("kernel"), Weight("bias"), Weight("kernel")
    optimizer = optimizers.SGD(weight_decay=0.1)
    assert all(optimizer.decays(w) for w in (kernel, bias, other))
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert [optimizer.decays(w) for w in (kernel, bias, other)] == [True, False, True]
    optimizer.exclude_from_weight_decay(var_list=[other])
    assert [optimizer.decays(w) for w in (kernel, bias, other)] == [True, True, False]
    assert not optimizers.SGD().decays(kernel)
    with pytest.raises(ValueError, match="expected a list of strings"):
        optimizer.exclude_from_weight_decay(var_names="bias")
