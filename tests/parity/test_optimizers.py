"""Every optimizer, plain and with clipping and weight decay, makes the steps that Keras makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from tests.parity import both

PLAIN: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda lib: lib.optimizers.SGD(0.05),
    "sgd_momentum": lambda lib: lib.optimizers.SGD(0.02, momentum=0.8),
    "sgd_nesterov": lambda lib: lib.optimizers.SGD(0.02, momentum=0.8, nesterov=True),
    "rmsprop": lambda lib: lib.optimizers.RMSprop(0.005),
    "rmsprop_centered": lambda lib: lib.optimizers.RMSprop(0.005, rho=0.8, centered=True),
    "rmsprop_momentum": lambda lib: lib.optimizers.RMSprop(0.005, momentum=0.5),
    "rmsprop_centered_momentum": lambda lib: lib.optimizers.RMSprop(
        0.005, rho=0.8, momentum=0.5, centered=True
    ),
    "adam": lambda lib: lib.optimizers.Adam(0.01),
    "adam_other_betas": lambda lib: lib.optimizers.Adam(0.01, 0.8, 0.95, 1e-3),
    "adam_amsgrad": lambda lib: lib.optimizers.Adam(0.01, beta_2=0.9, amsgrad=True),
    "adamw": lambda lib: lib.optimizers.AdamW(0.01, weight_decay=0.1),
    "adagrad": lambda lib: lib.optimizers.Adagrad(0.05),
    "adagrad_from_one": lambda lib: lib.optimizers.Adagrad(0.1, initial_accumulator_value=1.0),
    "adadelta": lambda lib: lib.optimizers.Adadelta(1.0),
    "adamax": lambda lib: lib.optimizers.Adamax(0.01),
    "nadam": lambda lib: lib.optimizers.Nadam(0.01),
    "lion": lambda lib: lib.optimizers.Lion(0.003),
    "lion_other_betas": lambda lib: lib.optimizers.Lion(0.003, 0.7, 0.8, weight_decay=0.1),
    "ftrl": lambda lib: lib.optimizers.Ftrl(0.05),
    "ftrl_penalties": lambda lib: lib.optimizers.Ftrl(
        0.05,
        initial_accumulator_value=0.5,
        l1_regularization_strength=0.01,
        l2_regularization_strength=0.02,
        l2_shrinkage_regularization_strength=0.03,
        beta=0.1,
    ),
    "ftrl_power": lambda lib: lib.optimizers.Ftrl(0.05, learning_rate_power=-0.3),
    "ftrl_fixed": lambda lib: lib.optimizers.Ftrl(0.02, learning_rate_power=0.0),
    "schedule_free": lambda lib: lib.optimizers.ScheduleFreeAdamW(0.01),
    "schedule_free_warmup": lambda lib: lib.optimizers.ScheduleFreeAdamW(
        0.01, beta_1=0.8, warmup_steps=20, weight_decay=0.05
    ),
}

# Limits that most gradients of this network exceed.
OPTIONS: dict[str, Callable[[Any], Any]] = {
    "sgd_clipnorm": lambda lib: lib.optimizers.SGD(0.05, clipnorm=0.2),
    "sgd_clipvalue": lambda lib: lib.optimizers.SGD(0.05, clipvalue=0.05),
    "sgd_global_clipnorm_decay": lambda lib: lib.optimizers.SGD(
        0.05, global_clipnorm=0.3, weight_decay=0.2
    ),
    "nesterov_clipnorm_decay": lambda lib: lib.optimizers.SGD(
        0.02, momentum=0.8, nesterov=True, clipnorm=0.2, weight_decay=0.2
    ),
    "momentum_clipvalue": lambda lib: lib.optimizers.SGD(0.02, momentum=0.8, clipvalue=0.05),
    "rmsprop_clipnorm_decay": lambda lib: lib.optimizers.RMSprop(
        0.005, clipnorm=0.2, weight_decay=0.2
    ),
    "rmsprop_centered_global_clipnorm": lambda lib: lib.optimizers.RMSprop(
        0.005, rho=0.8, momentum=0.5, centered=True, global_clipnorm=0.3
    ),
    "adam_global_clipnorm_decay": lambda lib: lib.optimizers.Adam(
        0.01, global_clipnorm=0.3, weight_decay=0.2
    ),
    "amsgrad_clipvalue": lambda lib: lib.optimizers.Adam(0.01, amsgrad=True, clipvalue=0.05),
    "adamw_clipnorm": lambda lib: lib.optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=0.2),
    "adagrad_clipvalue_decay": lambda lib: lib.optimizers.Adagrad(
        0.05, clipvalue=0.05, weight_decay=0.2
    ),
    "adadelta_global_clipnorm": lambda lib: lib.optimizers.Adadelta(1.0, global_clipnorm=0.3),
    "adamax_clipnorm_decay": lambda lib: lib.optimizers.Adamax(
        0.01, clipnorm=0.2, weight_decay=0.2
    ),
    "nadam_clipvalue_decay": lambda lib: lib.optimizers.Nadam(
        0.01, clipvalue=0.05, weight_decay=0.2
    ),
}


def _compiled(optimizer: Callable[[Any], Any]) -> both.Arguments:
    return lambda lib: {"optimizer": optimizer(lib), "loss": "mse"}


@pytest.mark.parametrize("optimizer", PLAIN.values(), ids=PLAIN)
def test_optimizer_makes_the_steps_that_keras_makes(optimizer):
    data = both.regression()
    both.assert_same_training(both.network(), _compiled(optimizer), data, validation=False)


@pytest.mark.parametrize("optimizer", OPTIONS.values(), ids=OPTIONS)
def test_clipping_and_weight_decay_do_what_keras_does(optimizer):
    plain = _compiled(lambda lib: type(optimizer(lib))(optimizer(lib).learning_rate))
    data = both.regression()
    start = both.starting_weights(both.network(), data)
    trained = both.assert_same_training(
        both.network(), _compiled(optimizer), data, start, validation=False
    )
    without = both.train(fastmlp, both.network(), plain, data, start)
    assert np.abs(trained.weights[0] - without.weights[0]).max() > 1e-3  # the option has an effect


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta",
                                  "Adamax", "Nadam", "Lion", "Ftrl", "ScheduleFreeAdamW"])  # fmt: skip
def test_defaults_are_those_of_keras(name):
    ours = getattr(fastmlp.optimizers, name)().get_config()
    theirs = getattr(keras.optimizers, name)().get_config()
    assert set(theirs) <= {*ours, "is_legacy_optimizer", "jit_compile"}
    for key in set(theirs) & set(ours) - {"name"}:
        theirs_value = theirs[key]
        if isinstance(theirs_value, float):
            assert ours[key] == pytest.approx(theirs_value, rel=1e-6), key
        else:
            assert ours[key] == theirs_value, key


def test_excluded_weights_do_not_decay():
    def optimizer(lib):
        decaying = lib.optimizers.Adam(0.01, weight_decay=0.5)
        decaying.exclude_from_weight_decay(var_names=["bias"])
        return decaying

    data = both.regression()
    both.assert_same_training(both.network(), _compiled(optimizer), data, validation=False)


def test_second_fit_goes_on_with_the_optimizers_state_and_a_new_learning_rate():
    data = both.regression()
    layers = both.network()
    weights = both.starting_weights(layers, data)
    results = []
    for lib in (keras, fastmlp):
        model = lib.Sequential([lib.Input((6,)), *layers(lib)])
        model.set_weights(weights)
        model.compile(optimizer=lib.optimizers.Nadam(0.01), loss="mse")
        fit = {"batch_size": both.BATCH, "shuffle": False, "verbose": 0}
        model.fit(data.x, data.y, epochs=2, **fit)
        model.optimizer.learning_rate = 0.002
        history = model.fit(data.x, data.y, epochs=5, initial_epoch=2, **fit)
        results.append((model.get_weights(), history.history["loss"], history.epoch))
        assert int(model.optimizer.iterations) == 55
    (theirs, their_loss, their_epochs), (ours, our_loss, our_epochs) = results
    for index, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        both.assert_close(a, b, f"weight {index}")
    both.assert_close(our_loss, their_loss, "loss")
    assert our_epochs == their_epochs == [2, 3, 4]
