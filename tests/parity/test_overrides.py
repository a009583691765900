"""Methods that a subclass of a built-in class overrides count, as in Keras: in `fit` and `evaluate`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers, losses, metrics, ops, optimizers
from fastmlp._core.optimizers import UPDATES
from tests.parity import both


def half_steps(lib: Any, name: str, **arguments: Any) -> Any:
    class Half(getattr(lib.optimizers, name)):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(0.5 * gradient, variable, 0.5 * learning_rate)

    return Half(0.02, **arguments)


def tripled(lib: Any, name: str, **arguments: Any) -> Any:
    class Tripled(getattr(lib.losses, name)):
        factor = 3.0

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return self.factor * super().call(y_true, y_pred)

    return Tripled(name="tripled", **arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "clipnorm": 0.5}),
        ("Adam", {"amsgrad": True, "use_ema": True}),
        ("Adagrad", {"gradient_accumulation_steps": 2}),
    ],
)
def test_an_update_step_that_changes_gradient_and_rate_counts(name: str, arguments: Any) -> None:
    both.assert_same_training(
        both.network(),
        lambda lib: {"optimizer": half_steps(lib, name, **arguments), "loss": "mse"},
        both.regression(),
        validation=False,
    )


NATIVE = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"beta_1": 0.0, "amsgrad": True}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Lion", {}),
    ("Ftrl", {"l1_regularization_strength": 0.01, "beta": 0.1}),
    ("Ftrl", {"learning_rate_power": -0.3, "l2_shrinkage_regularization_strength": 0.03}),
    ("ScheduleFreeAdamW", {"warmup_steps": 5}),
]


@pytest.mark.parametrize(("name", "arguments"), NATIVE)
def test_an_update_step_that_only_calls_super_makes_the_native_steps(
    name: str, arguments: Any
) -> None:
    kind = getattr(optimizers, name)

    class Same(kind):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate)

    data, found = both.regression(), []
    for one in (kind, Same):
        model = fastmlp.Sequential(
            [
                fastmlp.Input((6,), dtype="float64"),
                layers.Dense(3, "tanh", dtype="float64"),
                layers.Dense(3, dtype="float64"),
            ]
        )
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        optimizer = one(0.05, global_clipnorm=1.0, **arguments)
        model.compile(optimizer, "mse")
        model.fit(data.x, data.y, epochs=3, batch_size=8, verbose=0, shuffle=False)
        found.append([*model.get_weights(), *map(np.asarray, optimizer.variables)])
    for native, traced in zip(*found, strict=True):
        np.testing.assert_allclose(traced, native, rtol=1e-9, atol=1e-12)


def test_every_native_update_is_among_them() -> None:
    kinds = {getattr(optimizers, name)(0.1, **arguments).kind for name, arguments in NATIVE}
    assert kinds == set(UPDATES)


@pytest.mark.parametrize(
    "name",
    ["apply", "apply_gradients", "_clip_gradients", "_get_current_learning_rate", "scale_loss"],
)
def test_a_method_that_fit_does_not_call_is_refused(name: str) -> None:
    kind = type("Own", (optimizers.SGD,), {name: lambda self, *args: None})
    model = fastmlp.Sequential([fastmlp.Input((6,)), layers.Dense(3)])
    before = model.get_weights()
    model.compile(kind(0.1), "mse")
    data = both.regression()
    with pytest.raises(TypeError, match=f"Own: expected {name} as fastmlp has it.*Hint"):
        model.fit(data.x, data.y, verbose=0)
    with pytest.raises(TypeError, match=f"Own: expected {name}"):
        model.train_on_batch(data.x, data.y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_apply_of_ones_own_is_called_by_a_train_step_of_ones_own() -> None:
    class Half(optimizers.SGD):
        def apply(self, grads: Any, trainable_variables: Any = None) -> None:
            super().apply([0.5 * g for g in grads], trainable_variables)

    w = fastmlp.variables.Variable(np.ones(2, "float32"), name="w")
    Half(0.1).apply([np.ones(2)], [w])
    np.testing.assert_allclose(w.value, 0.95, rtol=1e-6)


LOSSES = [
    ("MeanSquaredError", {}, None, both.regression),
    ("Huber", {"delta": 0.5}, None, both.regression),
    ("CosineSimilarity", {}, None, both.regression),
    ("Hinge", {}, None, both.binary),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "sigmoid", both.binary),
    ("BinaryCrossentropy", {"from_logits": True}, None, both.binary),
    ("BinaryFocalCrossentropy", {}, "sigmoid", both.binary),
    ("CategoricalCrossentropy", {}, "softmax", both.one_hot),
    ("CategoricalCrossentropy", {"from_logits": True}, None, both.one_hot),
    ("SparseCategoricalCrossentropy", {}, "softmax", both.classes),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, None, both.classes),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "softmax", both.classes),
    ("KLDivergence", {}, "softmax", both.distribution),
]


@pytest.mark.parametrize(("name", "arguments", "activation", "data"), LOSSES)
def test_a_call_that_multiplies_a_loss_counts(
    name: str, arguments: Any, activation: Any, data: Any
) -> None:
    both.assert_same_training(
        both.network(activation),
        lambda lib: {
            "optimizer": lib.optimizers.SGD(0.02),
            "loss": tripled(lib, name, **arguments),
        },
        data(),
    )


def test_a_call_may_leave_what_a_loss_ignores_to_it() -> None:
    def loss(lib: Any) -> Any:
        class Same(lib.losses.SparseCategoricalCrossentropy):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return super().call(y_true, y_pred)

        return Same(ignore_class=1)

    both.assert_same_training(
        both.network("softmax"), lambda lib: {"optimizer": "sgd", "loss": loss(lib)}, both.classes()
    )


def test_a_call_without_super_sees_targets_as_they_came() -> None:
    class Shifted(losses.SparseCategoricalCrossentropy):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return super().call(y_true - 5, y_pred)

    data, found = both.classes(), []
    for loss, y in ((losses.SparseCategoricalCrossentropy(), data.y), (Shifted(), data.y + 5)):
        model = fastmlp.Sequential([fastmlp.Input((6,)), layers.Dense(3, "softmax")])
        model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
        model.compile("sgd", loss)
        found.append(model.fit(data.x, y, verbose=0, shuffle=False).history["loss"])
    np.testing.assert_allclose(*found, rtol=1e-6)


def metric(lib: Any, name: str, what: str, **arguments: Any) -> Any:
    """A metric of which one method is overridden."""
    base = getattr(lib.metrics, name)

    class Updates(base):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return super().update_state(1 - y_true, 1 - 0.5 * y_pred, sample_weight)

    class Results(base):
        def result(self) -> Any:
            return 10 * super().result()

    class Resets(base):
        def reset_state(self) -> None:
            pass

    class Counts(base):
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.batches = self.add_weight(shape=(), initializer="zeros", name="batches")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            super().update_state(y_true, y_pred, sample_weight)
            self.batches.assign_add(1.0)

        def result(self) -> Any:
            return super().result() + self.batches

    class Means(base):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return super().update_state(lib.ops.abs(y_true - y_pred), sample_weight)

    return locals()[what](name="overridden", **arguments)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, "Updates") for name in ("MeanSquaredError", "BinaryAccuracy", "AUC", "Recall")),
        *((name, "Results") for name in ("MeanAbsoluteError", "RootMeanSquaredError", "AUC")),
        ("Precision", "Results"),
        ("F1Score", "Updates"),
        ("MeanSquaredError", "Resets"),
        ("MeanSquaredError", "Counts"),
        ("Mean", "Means"),
    ],
)
def test_a_metric_with_a_method_of_its_own_is_that_of_keras(name: str, what: str) -> None:
    arguments = {"average": "macro"} if name == "F1Score" else {}
    both.assert_same_training(
        both.network("sigmoid"),
        lambda lib: {
            "optimizer": "sgd",
            "loss": "mse",
            "metrics": [metric(lib, name, what, **arguments), "mae"],
        },
        both.binary(),
        # Keras adds up in float32, and counts thresholds that a rounding may cross
        tolerance=1e-4,
    )


def test_the_object_tells_what_fit_logged() -> None:
    data = both.binary()
    measured = [metric(fastmlp, "MeanSquaredError", what) for what in ("Updates", "Results")]
    model = fastmlp.Sequential([fastmlp.Input((6,)), layers.Dense(3)])
    for one in measured:
        model.compile("sgd", "mse", weighted_metrics=[one])
        weights = np.linspace(0.5, 1.5, len(data.y))
        history = model.fit(data.x, data.y, sample_weight=weights, verbose=0).history
        assert history["overridden"][-1] == pytest.approx(float(one.result()))


@pytest.mark.parametrize("where", ["kernel_regularizer", "activity_regularizer"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("L1", {"l1": 0.02}), ("L2", {"l2": 0.02}), ("L1L2", {"l1": 0.02, "l2": 0.01}), ("L2", {"l2": 0.0})],
)  # fmt: skip
def test_a_regularizer_that_calls_super_counts(where: str, name: str, arguments: Any) -> None:
    def regularizer(lib: Any) -> Any:
        class Twice(getattr(lib.regularizers, name)):
            def __call__(self, x: Any) -> Any:
                return 2 * super().__call__(x)

        return Twice(**arguments)

    both.assert_same_training(
        lambda lib: [lib.layers.Dense(3, **{where: regularizer(lib)})],
        lambda lib: {"optimizer": "sgd", "loss": "mse"},
        both.regression(),
        validation=False,
    )


@pytest.mark.parametrize("of", ["constraint", "schedule"])
def test_constraints_and_schedules_that_call_super_count(of: str) -> None:
    def constraint(lib: Any) -> Any:
        class Above(lib.constraints.NonNeg):
            def __call__(self, w: Any) -> Any:
                return super().__call__(w) + 0.1

        return Above() if of == "constraint" else None

    def rate(lib: Any) -> Any:
        class Floor(lib.optimizers.schedules.CosineDecay):
            def __call__(self, step: Any) -> Any:
                return 0.5 * super().__call__(step)

        return Floor(0.1, 40) if of == "schedule" else 0.05

    both.assert_same_training(
        lambda lib: [lib.layers.Dense(3, kernel_constraint=constraint(lib))],
        lambda lib: {"optimizer": lib.optimizers.SGD(rate(lib)), "loss": "mse"},
        both.regression(),
        validation=False,
    )


def dense(lib: Any, what: str) -> Any:
    base, ops = lib.layers.Dense, lib.ops

    class Doubled(base):
        def call(self, x: Any, training: Any = None) -> Any:
            return 2 * super().call(x, training)

    class Product(base):
        def call(self, x: Any) -> Any:
            return self.activation(ops.matmul(x, self.kernel) + self.bias)

    class Centred(base):
        def call(self, x: Any) -> Any:
            return x @ (self.kernel - ops.mean(self.kernel, axis=0)) + self.kernel[0]

    class Sparse(base):
        @property
        def kernel(self) -> Any:
            return self._kernel * np.array([1.0, 0.0, 2.0, 1.0], "float32")

    return locals()[what](4, activation="tanh")


@pytest.mark.parametrize("what", ["Doubled", "Product", "Centred", "Sparse"])
def test_a_dense_that_computes_from_its_kernel_trains_it(what: str) -> None:
    both.assert_same_training(
        lambda lib: [dense(lib, what), lib.layers.Dense(3)],
        lambda lib: {"optimizer": "sgd", "loss": "mse"},
        both.regression(),
    )


def test_a_kernel_in_a_loss_of_ones_own_is_trained() -> None:
    def penalized(lib: Any, layer: Any) -> Any:
        ops = lib.ops
        return lambda y, p: (
            ops.mean(ops.square(y - p), -1) + 0.1 * ops.sum(ops.square(layer.kernel))
        )

    found = []
    for lib in (keras, fastmlp):
        layer = lib.layers.Dense(3)
        model = lib.Sequential([lib.Input((6,)), layer])
        model.set_weights([np.full(w.shape, 0.2) for w in model.get_weights()])
        model.compile("sgd", penalized(lib, layer))
        data = both.regression()
        model.fit(data.x[:80], data.y[:80], batch_size=8, verbose=0, shuffle=False)
        found.append(model.get_weights()[0])
    both.assert_close(found[1], found[0], "kernel")


@pytest.mark.parametrize(
    "layer",
    [
        lambda lib: _own(lib.layers.Dropout)(0.0),
        lambda lib: _own(lib.layers.Activation)("tanh"),
        lambda lib: _own(lib.layers.LayerNormalization)(),
    ],
)
def test_the_call_of_a_subclass_of_a_layer_counts(layer: Any) -> None:
    both.assert_same_training(
        lambda lib: [layer(lib), lib.layers.Dense(3)],
        lambda lib: {"optimizer": "sgd", "loss": "mse"},
        both.regression(),
        validation=False,
    )


def _own(base: Any) -> Any:
    class Own(base):
        def call(self, inputs: Any) -> Any:
            return 2 * super().call(inputs)

    return Own


@pytest.mark.parametrize("name", ["LSTMCell", "GRUCell", "SimpleRNNCell"])
def test_the_call_of_a_subclass_of_a_cell_counts(name: str) -> None:
    def layer(lib: Any) -> Any:
        class Doubled(getattr(lib.layers, name)):
            def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
                y, after = super().call(inputs, states, training)
                return 2 * y, after

        return lib.layers.RNN(Doubled(3))

    both.assert_same_training(
        lambda lib: [lib.layers.Reshape((3, 2)), layer(lib)],
        lambda lib: {"optimizer": "sgd", "loss": "mse"},
        both.regression(),
        validation=False,
    )


def test_the_first_states_of_a_subclass_of_a_recurrent_layer_count() -> None:
    def layer(lib: Any) -> Any:
        class Ones(lib.layers.LSTM):
            def get_initial_state(self, batch_size: Any) -> Any:
                return [x + 1 for x in super().get_initial_state(batch_size)]

        return Ones(3)

    both.assert_same_training(
        lambda lib: [lib.layers.Reshape((3, 2)), layer(lib)],
        lambda lib: {"optimizer": "sgd", "loss": "mse"},
        both.regression(),
        validation=False,
    )


def test_what_a_subclass_merges_counts() -> None:
    class Difference(layers.Add):
        def _merge_function(self, inputs: Any) -> Any:
            return ops.subtract(*inputs)

    a, b = np.ones((2, 3), "float32"), np.full((2, 3), 3.0, "float32")
    np.testing.assert_array_equal(Difference()([a, b]), a - b)


def test_what_is_not_overridden_stays_native(capsys: Any) -> None:
    assert not optimizers.Adam().is_traced
    assert not metrics.AUC().is_code
    assert metrics.MeanSquaredError().in_plans.__class__ is metrics.MeanSquaredError
    model = fastmlp.Sequential([fastmlp.Input((6,)), layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae", metrics.AUC()])
    data = both.binary()
    model.fit(data.x, data.y, verbose=0)
    model.plan_summary()
    plan = capsys.readouterr().out
    assert all(op in plan for op in ("update adam", "loss mean_squared_error", "metric_confusion"))
    assert "python" not in plan.lower()
