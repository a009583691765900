"""Steps and measurements of the user's own: both libraries call the same methods."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)).astype("float32"), RNG.normal(size=(24, 2)).astype("float32")
LABELS = (Y[:, 0] > 0).astype("int32")
WEIGHT = RNG.uniform(0.5, 2, 24).astype("float32")
KERNELS = [RNG.normal(size=shape).astype("float32") for shape in [(3, 4), (4,), (4, 2), (2,)]]


def measured(k: Any) -> Any:
    """Own metrics, those of `compile`, and numbers of the batch."""

    class Measured(k.Sequential):  # type: ignore[name-defined, misc]
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.spread = k.metrics.Mean(name="spread")

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            self.spread.update_state(k.ops.max(x, axis=1) - k.ops.min(x, axis=1), sample_weight)
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            worst = k.ops.max(k.ops.abs(k.ops.mean(y) - y_pred))
            assert set(logs) == {"loss", "mae", "spread"}
            return {"twice": 2 * logs["mae"], "worst": worst} | logs

    return Measured


def alone(k: Any) -> Any:
    """Neither the metrics of `compile` nor the loss."""

    class Alone(k.Sequential):  # type: ignore[name-defined, misc]
        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return {"rows": 0.5, "size": k.ops.mean(k.ops.square(y_pred))}

    return Alone


def result_alone(k: Any) -> Any:
    class Result(k.Sequential):  # type: ignore[name-defined, misc]
        def get_metrics_result(self) -> Any:
            logs = super().get_metrics_result()
            return logs | {"root": k.ops.sqrt(logs["loss"])}

    return Result


def make(k: Any, kind: Any, loss: str = "mse", **compiled: Any) -> Any:
    dense = k.layers.Dense
    model = kind([k.Input((3,)), dense(4, "tanh"), dense(2, "softmax" if loss != "mse" else None)])
    model.compile("sgd", loss, jit_compile=False, **compiled)
    model.set_weights(KERNELS)
    return model


def alike(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)


@pytest.mark.parametrize(
    ("kind", "metrics"), [(measured, ["mae"]), (alone, None), (result_alone, ["mae"])]
)
def test_what_compute_metrics_returns_are_the_logs(kind: Any, metrics: Any) -> None:
    ours, theirs = (make(k, kind(k), metrics=metrics) for k in (fastmlp, keras))
    given = {
        "batch_size": 8,
        "epochs": 2,
        "verbose": 0,
        "shuffle": False,
        "validation_split": 1 / 3,
    }
    found, expected = (m.fit(X, Y, sample_weight=WEIGHT, **given).history for m in (ours, theirs))
    alike(found, expected)
    for options in ({}, {"sample_weight": WEIGHT, "return_dict": True}):
        alike(*(m.evaluate(X, Y, 8, 0, **options) for m in (ours, theirs)))
    alike(*(m.train_on_batch(X[:8], Y[:8]) for m in (ours, theirs)))
    alike(*(m.test_on_batch(X[:8], Y[:8], return_dict=True) for m in (ours, theirs)))
    alike(*(m.get_metrics_result() for m in (ours, theirs)))


def test_classes_weigh_in_what_compute_metrics_gets() -> None:
    histories = []
    for k in (fastmlp, keras):

        class Weighed(k.Sequential):  # type: ignore[name-defined, misc]
            def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
                logs = super().compute_metrics(x, y, y_pred, sample_weight)
                return logs | {"weights": sample_weight.sum()}

        model = make(k, Weighed, "sparse_categorical_crossentropy", weighted_metrics=["acc"])
        given = {"class_weight": {1: 3.0}, "shuffle": False, "verbose": 0, "batch_size": 8}
        histories.append(model.fit(X, LABELS, **given).history)
    alike(*histories)


def stepped(k: Any) -> Any:
    """Each step looks at other data, and tells of other results."""

    class Stepped(k.Sequential):  # type: ignore[name-defined, misc]
        def test_step(self, *given: Any) -> Any:
            *state, data = given
            x, y = data[:2]
            found = super().test_step(*state, (2 * x, y))
            logs, *state = found if state else (found,)
            logs = {"double": 2 * logs["loss"], "first": x[0, 0]} | logs
            return (logs, *state) if state else logs

        def predict_step(self, *given: Any) -> Any:
            *state, data = given
            found = super().predict_step(*state, data)
            y, *state = found if state else (found,)
            x = data[0] if isinstance(data, tuple) else data
            outputs = {"y": y, "pair": (x[:, :1], y[:, 0])}
            return (outputs, *state) if state else outputs

    return Stepped


def test_steps_of_tests_and_predictions() -> None:
    ours, theirs = (make(k, stepped(k), metrics=["mae"]) for k in (fastmlp, keras))
    given = {"epochs": 2, "verbose": 0, "shuffle": False, "batch_size": 8}
    alike(*(m.fit(X, Y, **given, validation_split=1 / 3).history for m in (ours, theirs)))
    alike(*(m.fit(X, Y, **given, validation_data=(X, Y)).history for m in (ours, theirs)))
    alike(*(m.evaluate(X, Y, verbose=0, batch_size=8) for m in (ours, theirs)))
    alike(*(m.test_on_batch(X[:8], Y[:8], return_dict=True) for m in (ours, theirs)))
    for found, expected in (
        [m.predict(X, verbose=0, batch_size=8) for m in (ours, theirs)],
        [m.predict_on_batch(X[:8]) for m in (ours, theirs)],
    ):
        assert isinstance(found["pair"], tuple)
        for a, b in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("built", [True, False])
def test_a_model_with_steps_of_its_own_needs_no_call(built: bool) -> None:
    found = []
    for k in (fastmlp, keras):

        class Pair(k.Model):  # type: ignore[name-defined, misc]
            def __init__(self, k: Any) -> None:
                super().__init__()
                self.one = k.Sequential([k.Input((3,)), k.layers.Dense(2)])
                self.other = k.Sequential([k.Input((2,)), k.layers.Dense(1)])
                if built or k is keras:
                    self.built = True

            def train_step(self, *given: Any) -> Any:
                *state, data = given
                x = data[0] if isinstance(data, tuple) else data
                logs = {"rows": 1.0 * x.shape[0], "sum": x.sum()}
                return (logs, state[0]) if state else logs

            def test_step(self, *given: Any) -> Any:
                *state, data = given
                logs = {"rows": 2.0 * len(data[0])}
                return (logs, state[0]) if state else logs

        model = Pair(k)
        model.compile()
        fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
        logs = [model.fit(X, epochs=2, **fit), model.fit(X, Y, validation_split=1 / 3, **fit)]
        batches = ((X[i : i + 8], Y[i : i + 8]) for i in (0, 8))
        logs.append(model.fit(batches, steps_per_epoch=2, shuffle=False, verbose=0))
        found.append(
            {f"{i} {key}": v[-1] for i, h in enumerate(logs) for key, v in h.history.items()}
        )
        found[-1] |= {"test": model.evaluate(X, Y, verbose=0), "n": len(model.weights)}
    alike(*found)


def test_a_model_without_a_call_tells_of_rows_that_differ() -> None:
    class Own(fastmlp.Model):
        def train_step(self, data: Any) -> Any:
            return {}

    model = Own()
    model.compile()
    with pytest.raises(ValueError, match="y: expected 24 rows, as x"):
        model.fit(X, Y[:5], verbose=0)
    with pytest.raises(NotImplementedError, match=r"or a method call\(self, inputs\)"):
        model.predict(X, verbose=0)


@pytest.mark.parametrize("own_step", [False, True])
def test_reset_metrics_of_ones_own_is_called_before_each_pass(own_step: bool) -> None:
    counts = []
    for k in (fastmlp, keras):

        class Counted(k.Sequential):  # type: ignore[name-defined, misc]
            passes = 0

            def reset_metrics(self) -> None:
                self.passes += 1
                super().reset_metrics()

        class Stepped(Counted):
            def train_step(self, *given: Any) -> Any:
                return super().train_step(*given)

        model = make(k, Stepped if own_step else Counted)
        given = {"batch_size": 8, "verbose": 0, "shuffle": False}
        model.fit(X, Y, epochs=3, **given)
        counts.append([model.passes])
        model.fit(X, Y, epochs=2, validation_split=1 / 3, **given)
        counts[-1].append(model.passes)
        model.evaluate(X, Y, verbose=0, batch_size=8)
        counts[-1].append(model.passes)
    assert counts[0] == counts[1] == [3, 7, 8]
