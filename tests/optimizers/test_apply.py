"""Optimizers from Python: state, apply, averages; and that a compiled plan does the same."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers, optimizers
from fastmlp.optimizers import schedules
from fastmlp.variables import Variable

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.05},
    "clipvalue": {"clipvalue": 0.01},
    "global_clipnorm": {"global_clipnorm": 0.05},
    "ema": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3, "weight_decay": 0.1, "clipnorm": 0.05},
    "accumulation_ema": {"gradient_accumulation_steps": 2, "use_ema": True},
}


def model(optimizer: Any, dtype: str = "float32") -> fastmlp.Sequential:
    fastmlp.utils.set_random_seed(3)
    made = fastmlp.Sequential(
        [
            fastmlp.Input((4,)),
            fastmlp.layers.Dense(
                2, use_bias=False, kernel_constraint="non_neg", dtype=dtype, name="d"
            ),
        ]
    )
    made.compile(optimizer, "mse")
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_apply_does_what_the_plan_does(options: dict[str, Any], dtype: str) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 4)).astype(dtype), rng.normal(size=(20, 2)).astype(dtype)
    schedule = schedules.InverseTimeDecay(0.05, 4, 1.0)
    trained, stepped = (model(optimizers.Adam(schedule, **options), dtype) for _ in range(2))
    trained.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0)
    (w,) = stepped.weights
    for step in range(20):
        rows = slice(2 * (step % 10), 2 * (step % 10) + 2)
        error = x[rows] @ w.value - y[rows]
        stepped.optimizer.apply([x[rows].T @ error / 2], [w])
    stepped.optimizer.finalize_variable_values([w])
    tolerance = {"rtol": 2e-4, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-9}
    np.testing.assert_allclose(trained.weights[0].value, w.value, **tolerance)
    ours, theirs = trained.optimizer.variables, stepped.optimizer.variables
    assert [v.name for v in ours] == [v.name for v in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.value, b.value, err_msg=a.path, **tolerance)


def test_variables_are_live_and_named_as_in_keras() -> None:
    optimizer = optimizers.SGD(0.5, momentum=0.9, name="opt")
    w = Variable([1.0, 2.0], name="kernel")
    w.path = "dense/kernel"
    assert not optimizer.built
    optimizer.build([w])
    assert optimizer.built
    assert [v.path for v in optimizer.variables] == [
        "opt/iteration",
        "opt/learning_rate",
        "opt/dense_kernel_momentum",
    ]
    optimizer.apply([np.array([1.0, 0.0])])
    assert [v.numpy().tolist() for v in optimizer.variables] == [1, 0.5, [-0.5, 0.0]]
    optimizer.variables[1].assign(0.25)
    assert optimizer.learning_rate == 0.25
    optimizer.set_weights([7, 0.125, [1.0, 1.0]])
    assert (optimizer.iterations, optimizer.learning_rate) == (7, 0.125)
    assert optimizer.state[w][0].tolist() == [1.0, 1.0]


def test_apply_gradients_takes_pairs_and_none_leaves_a_weight_alone() -> None:
    optimizer = optimizers.SGD(0.5)
    a, b = Variable([1.0], name="a"), Variable([2.0], name="b")
    assert optimizer.apply_gradients(zip([[1.0], [1.0]], [a, b], strict=True)) == 1
    with pytest.warns(UserWarning, match="no gradient for b"):
        optimizer.apply_gradients([([1.0], a), (None, b)])
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([0.0], [1.5])
    optimizer.apply_gradients([])
    assert optimizer.iterations == 2


def test_iterations_count_updates_and_steps_count_batches() -> None:
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    w = Variable([0.0], name="w")
    for _ in range(3):
        optimizer.apply([[1.0]], [w])
    assert (optimizer.iterations, optimizer.steps, w.numpy().tolist()) == (1, 3, [-1.0])
    optimizer.iterations = 4
    assert (optimizer.iterations, optimizer.steps) == (4, 8)


def test_a_scaled_loss_is_unscaled() -> None:
    optimizer = optimizers.SGD(1.0, loss_scale_factor=8.0)
    assert optimizer.scale_loss(0.5) == 4.0
    assert optimizers.SGD().scale_loss(0.5) == 0.5
    w = Variable([0.0], name="w")
    optimizer.apply([[8.0]], [w])
    assert w.numpy().tolist() == [-1.0]


def test_averages_start_at_the_weights_and_are_written_when_asked() -> None:
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    w = Variable([4.0], name="w")
    optimizer.build([w])
    optimizer.finalize_variable_values([w])
    assert w.numpy().tolist() == [4.0]
    optimizer.apply([[2.0]])
    optimizer.apply([[2.0]])
    assert w.numpy().tolist() == [0.0]
    optimizer.finalize_variable_values([w])
    assert w.numpy().tolist() == [1.0]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda o, w: o.apply([[1.0, 2.0], [1.0, 2.0]], [w]), "expected 1 gradients"),
        (lambda o, w: o.apply([[1.0, 2.0, 3.0]], [w]), r"a gradient of shape \(2,\) for 'w'"),
        (lambda o, w: o.apply([[1.0, 2.0]]), "expected weights.*optimizer.build"),
        (lambda o, w: o.apply([None], [w]), "expected a gradient for some weight"),
        (lambda o, w: o.apply([[1.0, 2.0]], [np.zeros(2)]), "expected weights, as model.weights"),
        (lambda o, w: o.set_weights([1.0]), "expected 2 arrays.*optimizer.build"),
        (lambda o, w: o.set_weights([[1], 0.5]), r"expected shape \(\) for"),
        (lambda o, w: setattr(o, "iterations", -1), "expected an integer iterations >= 0"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(call: Any, sentence: str) -> None:
    optimizer, w = optimizers.SGD(0.5), Variable([1.0, 2.0], name="w")
    with pytest.raises(ValueError, match=sentence):
        call(optimizer, w)
    assert (optimizer.iterations, w.numpy().tolist()) == (0, [1.0, 2.0])


def test_weights_that_come_late_are_refused() -> None:
    optimizer, w, late = optimizers.Adam(), Variable([1.0], name="w"), Variable([1.0], name="late")
    optimizer.apply([[1.0]], [w])
    with pytest.raises(ValueError, match="has done 1 steps on other weights than 'late'"):
        optimizer.apply([[1.0], [1.0]], [w, late])


def test_options_that_need_arrays_cannot_be_switched_on_later() -> None:
    optimizer, w = optimizers.SGD(), Variable([1.0], name="w")
    optimizer.apply([[1.0]], [w])
    optimizer.use_ema = True
    with pytest.raises(ValueError, match="Hint: make a new optimizer"):
        optimizer.apply([[1.0]], [w])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("option", "bias_too"), [("global_clipnorm", True), ("clipnorm", False)])
@pytest.mark.parametrize("by_fit", [True, False])
def test_an_infinite_gradient_gives_nan_not_a_step_of_length_zero(
    option: str, bias_too: bool, by_fit: bool
) -> None:
    dense = layers.Dense(1, kernel_initializer="ones")
    model = fastmlp.Sequential([fastmlp.Input((1,)), dense])
    model.compile(optimizers.SGD(0.1, **{option: 1.0}), "mse")
    x, y = np.full((4, 1), 1e30, "float32"), np.zeros((4, 1), "float32")
    if by_fit:
        model.fit(x, y, verbose=0)
    else:
        _, gradients = fastmlp.gradients(model, x, y)
        assert np.isinf(gradients[0]).all()
        model.optimizer.apply(gradients, model.trainable_variables)
    assert np.isnan(dense.kernel).all()
    assert np.isnan(dense.bias).all() == bias_too


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Ftrl", "Lion", "Adafactor"])
def test_apply_moves_a_number_as_in_keras(name: str) -> None:
    found = []
    for lib in (keras, fastmlp):
        optimizer = getattr(lib.optimizers, name)(0.1)
        weight = lib.layers.Layer().add_weight(shape=(), initializer="ones")
        optimizer.apply_gradients([(np.float32(1.0), weight)])
        optimizer.apply([np.float32(0.5)], [weight])
        found.append(float(weight.numpy()))
    assert found[1] == pytest.approx(found[0], rel=1e-5)


SETTINGS: list[tuple[str, dict[str, Any], str]] = [  # set later; what then needs another slot
    ("SGD", {"momentum": 0.9}, "momentum"),
    ("SGD", {"momentum": 0.9, "nesterov": True}, "momentum"),
    ("RMSprop", {"momentum": 0.5, "centered": True}, "centered"),
    ("Adam", {"amsgrad": True}, "amsgrad"),
    ("Ftrl", {"learning_rate_power": -0.7}, ""),
]


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize(("name", "settings", "needs"), SETTINGS)
def test_arguments_may_be_set_until_the_optimizer_is_built(
    name: str, settings: dict[str, Any], needs: str, eagerly: bool
) -> None:
    def trained(optimizer: Any) -> Any:
        made = model(optimizer)
        made.compile(optimizer, "mse", run_eagerly=eagerly)
        rng = np.random.default_rng(2)
        made.fit(rng.normal(size=(20, 4)), rng.normal(size=(20, 2)), 2, 3, verbose=0)
        return made.weights[0].numpy()

    kind = functools.partial(getattr(optimizers, name), 0.1)
    if name == "Adam":  # whose mean square must shrink, for the largest one to matter
        kind = functools.partial(kind, beta_2=0.3)
    late, plain = kind(), kind()
    for argument, value in settings.items():
        setattr(late, argument, value)
    weight = trained(late)
    np.testing.assert_array_equal(weight, trained(kind(**settings)))
    assert np.abs(weight - trained(plain)).max() > 1e-4
    assert type(late).from_config(late.get_config()).slots == late.slots
    if needs:
        with pytest.raises(ValueError, match=f"expected {needs}=.* as when it was built"):
            setattr(plain, needs, settings[needs])
        assert not getattr(plain, needs)


@pytest.mark.parametrize("name", ["SGD", "RMSprop"])
def test_momentum_changes_while_training_as_in_keras(name: str) -> None:
    x, y = np.eye(4, dtype="float32"), np.full((4, 2), 3.0, "float32")
    found = []
    for lib in (keras, fastmlp):
        dense = lib.layers.Dense(2, kernel_initializer="ones")
        made = lib.Sequential([lib.Input((4,)), dense])
        optimizer = getattr(lib.optimizers, name)(0.1, momentum=0.9)
        for momentum in (0.9, 0.5, 0.0):
            optimizer.momentum = momentum
            made.compile(optimizer, "mse")
            made.fit(x, y, epochs=2, verbose=0)
        found.append(np.asarray(made.get_weights()[0]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_gradients_in_the_memory_of_weights_are_those_of_before_the_step() -> None:
    a, b = Variable([1.0, 2.0]), Variable([10.0, 20.0])
    optimizers.SGD(0.5).apply([b.value, a.value], [a, b])
    np.testing.assert_array_equal(a.value, [-4.0, -8.0])
    np.testing.assert_array_equal(b.value, [9.5, 19.0])
    w = Variable([1.0, 2.0])
    optimizers.SGD(0.5, weight_decay=0.5).apply([w.value], [w])
    np.testing.assert_array_equal(w.value, [0.25, 0.5])


def test_gradients_may_begin_at_any_byte() -> None:
    w = Variable([1.0, 2.0])
    gradient = np.frombuffer(b"x" + np.ones(2, "float32").tobytes(), "float32", offset=1)
    optimizers.SGD(0.5).apply([gradient], [w])
    np.testing.assert_array_equal(w.value, [0.5, 1.5])


def test_fit_ends_with_finalize_variable_values_of_ones_own() -> None:
    class Told(optimizers.SGD):
        times = 0

        def finalize_variable_values(self, var_list: Any) -> None:
            self.times += len(list(var_list))

    made = fastmlp.Sequential([fastmlp.Input((2,)), layers.Dense(1)])
    made.compile(Told(0.1), "mse")
    for _ in range(3):
        made.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    assert made.optimizer.times == 6
