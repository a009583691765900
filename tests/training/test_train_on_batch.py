"""Steps on single batches: `train_on_batch` and `test_on_batch`."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, optimizers

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 3)).astype("float32"), RNG.normal(size=(10, 2))


def model(**arguments) -> Sequential:
    fastmlp.utils.set_random_seed(1)
    found = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    found.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"], **arguments})
    return found


class Largest(fastmlp.metrics.Metric):
    """The largest error: its state is a variable that is overwritten."""

    def __init__(self, name: str = "largest") -> None:
        super().__init__(name=name)
        self.largest = self.add_variable(name="largest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(max(float(self.largest.value), np.abs(y_true - y_pred).max()))

    def result(self):
        return self.largest


def test_a_step_is_that_of_fit():
    one, other = model(), model()
    for _ in range(3):
        one.train_on_batch(X, Y)
    other.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.optimizer.iterations == other.optimizer.iterations == 3


def test_gradients_accumulate_and_schedules_go_on_as_in_fit():
    def optimizer() -> optimizers.Optimizer:
        rate = optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        return optimizers.SGD(rate, gradient_accumulation_steps=2)

    one, other = model(optimizer=optimizer()), model(optimizer=optimizer())
    start = one.get_weights()
    one.train_on_batch(X, Y)
    np.testing.assert_array_equal(one.get_weights()[0], start[0])
    for _ in range(4):
        one.train_on_batch(X, Y)
    other.fit(X, Y, batch_size=10, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.optimizer.iterations == other.optimizer.iterations == 2


def test_values_are_of_this_batch_before_the_update():
    found = model()
    before = found.evaluate(X, Y, verbose=0, return_dict=True)
    assert found.test_on_batch(X, Y, return_dict=True) == pytest.approx(before)
    assert found.train_on_batch(X, Y, return_dict=True) == pytest.approx(before)
    after = found.evaluate(X, Y, verbose=0)
    assert found.test_on_batch(X, Y) == pytest.approx(after)
    assert after[0] < before["loss"]


def test_a_loss_without_metrics_is_a_number():
    found = model(metrics=None)
    assert isinstance(found.train_on_batch(X, Y), float)
    assert isinstance(found.test_on_batch(X, Y), float)


def test_batches_may_differ_in_size():
    found = model()
    for n in (1, 7, 10, 2):
        assert np.isfinite(found.train_on_batch(X[:n], Y[:n])).all()


def test_weights_of_samples_and_classes_count():
    found = model(metrics=None)
    weight = np.zeros(10)
    weight[0] = 10
    alone = found.test_on_batch(X[:1], Y[:1])
    assert found.test_on_batch(X, Y, weight) == pytest.approx(alone, rel=1e-5)
    labels = (Y[:, :1] > 0).astype("float32")
    binary = Sequential([Input((3,)), layers.Dense(1, "sigmoid")])
    binary.compile("sgd", "binary_crossentropy")
    weighted = binary.test_on_batch(X, labels, np.where(labels[:, 0] > 0, 3.0, 1.0))
    assert binary.train_on_batch(X, labels, class_weight={1: 3.0}) == pytest.approx(weighted)


def test_what_does_not_fit_is_refused_and_changes_nothing():
    found = model()
    start = found.get_weights()
    with pytest.raises(ValueError, match="3 features"):
        found.train_on_batch(X[:, :2], Y)
    with pytest.raises(ValueError, match=r"x has 10, y has 9"):
        found.train_on_batch(X, Y[:9])
    with pytest.raises(ValueError, match="train_on_batch: expected class_weight or sample_weight"):
        found.train_on_batch(X, Y, np.ones(10), {0: 1.0})
    with pytest.raises(RuntimeError, match=r"test_on_batch: .*compile"):
        Sequential([Input((3,)), layers.Dense(2)]).test_on_batch(X, Y)
    for a, b in zip(start, found.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert found.optimizer.iterations == 0


def test_a_model_is_built_by_its_first_batch():
    found = Sequential([layers.Dense(2)])
    found.compile("sgd", "mse")
    with pytest.raises(ValueError, match="y: expected shape"):
        found.train_on_batch(X, Y[:, :1])
    assert not found.built
    found.train_on_batch(X, Y)
    assert found.built


def test_metrics_hold_what_the_last_step_measured():
    """The first steps of a kind go the general way, later ones the short one."""
    own = fastmlp.metrics.MeanAbsoluteError(name="own")
    found = model(metrics=[own, "mse", fastmlp.metrics.AUC(num_thresholds=5), Largest()])
    y = (Y > 0).astype("float32")
    for method in ("train_on_batch", "test_on_batch") * 3:
        result = getattr(found, method)(X, y, return_dict=True)
        assert found.get_metrics_result() == pytest.approx(result)
        assert own.result() == pytest.approx(result["own"])
        assert [float(m.result()) for m in found.metrics] == pytest.approx(
            [result[key] for key in ("loss", "own", "mse", "auc", "largest")]
        )
    found.fit(X, y, epochs=2, verbose=0)
    found.train_on_batch(X[:4], y[:4])
    result = found.test_on_batch(X, y, return_dict=True)
    assert found.get_metrics_result() == pytest.approx(result)
    found.reset_metrics()
    assert own.result() == 0
    assert found.test_on_batch(X, y, return_dict=True) == pytest.approx(result)
    assert own.result() == pytest.approx(result["own"])


def test_metrics_of_several_outputs_hold_the_last_step():
    entry = Input((3,))
    outputs = {"a": layers.Dense(2, name="a")(entry), "b": layers.Dense(1, name="b")(entry)}
    found = fastmlp.Model(entry, outputs)
    found.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"b": ["mse"]})
    for _ in range(3):
        result = found.train_on_batch(X, {"a": Y, "b": Y[:, :1]}, return_dict=True)
        assert len(result) == 4
        assert found.get_metrics_result() == pytest.approx(result)


def test_a_step_by_hand_between_measures_into_metrics_that_are_shown():
    found = model(metrics=["mae"])
    for _ in range(3):
        result = found.test_on_batch(X, Y, return_dict=True)
        found.reset_metrics()
        assert found.train_step((X, Y)) == pytest.approx(result)
        assert found.get_metrics_result() == pytest.approx(result)


def test_reset_metrics_leaves_models_of_any_kind_as_they_are():
    found = model(metrics=["mae", "accuracy"])
    found.reset_metrics()
    first = found.train_on_batch(X, Y)
    found.reset_metrics()
    metric = fastmlp.metrics.AUC()
    metric.update_state([0, 1], [0.9, 0.1])
    found.compile("sgd", "mse", metrics=[metric])
    found.evaluate(X, (Y > 0).astype("float32"), verbose=0)
    found.reset_metrics()
    assert found.metrics[0].result() == fastmlp.metrics.AUC().result()
    assert len(first) == 3
