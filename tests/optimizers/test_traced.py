"""Optimizers with an `update_step` of their own: traced into the plan, the same on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import layers, ops, optimizers
from fastmlp.variables import Variable

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(24, 5)), RNG.normal(size=(24, 3))


class Own(optimizers.Optimizer):
    """Momentum, with a counter that all weights share if `shared`."""

    def __init__(self, learning_rate: Any = 0.05, shared: bool = False, **common: Any) -> None:
        super().__init__(learning_rate, **common)
        self.shared = shared

    def build(self, variables: Any) -> None:
        variables = list(variables)
        super().build(variables)
        self.momenta = self.add_optimizer_variables(variables, "momentum")
        self.count = self.add_variable((), name="count")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        momentum = self.momenta[self._get_variable_index(variable)]
        self.assign(momentum, 0.9 * momentum + gradient)
        if self.shared:
            self.assign_add(self.count, 1.0)
        self.assign_sub(variable, learning_rate * momentum / (1.0 + self.count))


def network(optimizer: Any, **options: Any) -> Any:
    fastmlp.utils.set_random_seed(1)
    hidden = layers.Dense(7, "tanh", dtype="float64", **options)
    model = fastmlp.Sequential([fastmlp.Input((5,)), hidden, layers.Dense(3, dtype="float64")])
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "common",
    [
        {},
        {"clipnorm": 0.1},
        {"global_clipnorm": 0.1, "weight_decay": 0.1},
        {"clipvalue": 0.01, "use_ema": True, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2, "use_ema": True},
    ],
    ids=str,
)
def test_fit_does_what_apply_does_on_arrays(shared: bool, common: dict[str, Any]) -> None:
    model = network(Own(shared=shared, **common), kernel_constraint="max_norm")
    twin = network(Own(shared=shared, **common), kernel_constraint="max_norm")
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for i in range(0, 24, 8):
            _, gradients = fastmlp.gradients(twin, X[i : i + 8], Y[i : i + 8])
            twin.optimizer.apply(gradients, twin.trainable_variables)
    twin.optimizer.finalize_variable_values(twin.trainable_variables)
    for ours, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert model.optimizer.count.value == twin.optimizer.count.value


@pytest.mark.parametrize("optimizer", [optimizers.Lamb, optimizers.Adafactor, optimizers.Muon])
def test_large_layers_in_panels_see_every_update(optimizer: Any) -> None:
    results = []
    for gemm in ("native", "blas"):
        fastmlp.config.set_gemm(gemm)
        try:
            fastmlp.utils.set_random_seed(1)
            model = fastmlp.Sequential([fastmlp.Input((40,)), layers.Dense(64), layers.Dense(48)])
            model.compile(optimizer(0.01), "mse")
            x = np.random.default_rng(0).normal(size=(256, 40))
            model.fit(x, x[:, :1] * np.ones(48), batch_size=128, epochs=4, verbose=0)
            results.append(model.predict(x, verbose=0))
        finally:
            fastmlp.config.set_gemm("auto")
    np.testing.assert_allclose(*results, rtol=1e-3, atol=1e-4)


def test_the_rate_and_constants_may_change_between_fits() -> None:
    class Steps(optimizers.Optimizer):
        factor = 1.0

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor}

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign_sub(variable, learning_rate * self.factor * ops.ones_like(variable))

    model = fastmlp.Sequential([fastmlp.Input((5,)), layers.Dense(3, kernel_initializer="zeros")])
    model.compile(Steps(0.5), "mse")
    model.fit(X, Y, batch_size=24, verbose=0)
    model.optimizer.learning_rate = 0.25
    model.fit(X, Y, batch_size=24, verbose=0)
    model.optimizer.factor = 4.0
    model.fit(X, Y, batch_size=24, verbose=0)
    np.testing.assert_allclose(model.layers[0].kernel, -0.5 - 0.25 - 1.0)


def test_a_variable_read_after_its_assignment_has_the_new_value() -> None:
    class Swap(optimizers.Optimizer):
        def build(self, variables: Any) -> None:
            super().build(variables)
            self.other = [self.add_variable(v.shape, "ones") for v in self._trainable_variables]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            other = self.other[self._get_variable_index(variable)]
            before = variable * 1.0
            self.assign(variable, other)
            self.assign(other, before)
            self.assign_add(variable, 10.0 * ops.ones_like(variable))

    model = fastmlp.Sequential([fastmlp.Input((5,)), layers.Dense(3, kernel_initializer="zeros")])
    model.compile(Swap(0.1), "mse")
    model.fit(X, Y, batch_size=24, verbose=0)
    np.testing.assert_array_equal(model.layers[0].kernel, np.full((5, 3), 11.0))
    np.testing.assert_array_equal(model.optimizer.other[0].value, np.zeros((5, 3)))


def test_numpy_code_in_update_step_is_refused_with_a_hint() -> None:
    class Numpy(optimizers.Optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign(variable, np.sqrt(variable))

    model = network(Numpy(0.1))
    before = model.get_weights()
    with pytest.raises(TypeError, match="no values while what changes it is traced") as caught:
        model.fit(X, Y, verbose=0)
    assert "write it with fastmlp.ops" in caught.value.__notes__[0]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert isinstance(
        np.sqrt(Variable([4.0], name="w")), np.ndarray
    )  # outside of tracing it is one


def test_a_value_of_another_shape_is_refused() -> None:
    class Scalar(optimizers.Optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign(variable, ops.mean(gradient))

    with pytest.raises(ValueError, match=r"expected a value of shape \(5, 7\).*shape=\(\)"):
        network(Scalar(0.1)).fit(X, Y, verbose=0)


def test_a_variable_of_another_type_than_the_weight_is_refused() -> None:
    class Single(Own):
        def build(self, variables: Any) -> None:
            super().build(variables)
            self.count = self.add_variable((), dtype="float32", name="count")

    with pytest.raises(
        ValueError, match=r"count': expected dtype float64.*dtype=float32.*add_variable"
    ):
        network(Single(0.1, shared=True)).fit(X, Y, verbose=0)


def test_operators_on_weights_outside_of_tracing_give_arrays() -> None:
    w = Variable([1.0, -2.0], name="w")
    for result, expected in (
        (w + 1, [2, -1]), (2 * w, [2, -4]), (-w, [-1, 2]), (w**2, [1, 4]), (abs(w), [1, 2]),
        (w / 2, [0.5, -1]), (3 - w, [2, 5]), (w > 0, [True, False]), (w[1:], [-2]),
    ):  # fmt: skip
        assert isinstance(result, np.ndarray)
        np.testing.assert_array_equal(result, expected)
