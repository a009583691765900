"""Metrics whose state is variables: in Keras and here from the same lines, native or as Python code."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import metrics, ops
from tests.parity import both

RNG = np.random.default_rng(0)
X = RNG.normal(size=(29, 3)).astype("float32")
Y = RNG.normal(size=(29, 2)).astype("float32")
W = RNG.uniform(0.2, 2, 29).astype("float32")


def make(lib, body):
    """A metric as Keras documents them; `body` updates the variables `total` and `count`."""

    class Own(lib.metrics.Metric):
        def __init__(self, name="own", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_variable(shape=(2,), initializer="zeros", name="total")
            self.count = self.add_weight(shape=(), initializer="zeros", name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            body(self, lib.ops, y_true, y_pred, sample_weight)

        def result(self):
            return lib.ops.sum(self.total) / self.count

    return Own()


def added(self, ops, y_true, y_pred, sample_weight):
    values = ops.cast(ops.abs(y_true - y_pred) > 0.5, self.dtype)
    counted = ops.ones_like(y_true[:, 0])
    if sample_weight is not None:
        values = values * ops.expand_dims(ops.cast(sample_weight, self.dtype), 1)
        counted = counted * sample_weight
    self.total.assign_add(ops.sum(values, axis=0))
    self.count.assign_add(ops.sum(counted))


def assigned(self, ops, y_true, y_pred, sample_weight):
    self.total.assign(self.total + ops.sum(y_true * y_pred, axis=0) + ops.sum(y_pred, axis=0))
    self.count.assign(ops.sum(y_true * y_true) + self.count)


def of_batches(self, ops, y_true, y_pred, sample_weight):
    self.total.assign_add(ops.mean(ops.square(y_true - y_pred), axis=0))
    self.count.assign_add(1)


def overwritten(self, ops, y_true, y_pred, sample_weight):
    self.total.assign(ops.maximum(self.total, ops.max(ops.abs(y_true - y_pred), axis=0)))
    self.count.assign_add(1)


BODIES = [added, assigned, of_batches, overwritten]


def model(*given, weighted=(), **arguments):
    model = fastmlp.Sequential([fastmlp.Input((3,)), fastmlp.layers.Dense(2, name="out")])
    model.set_weights([np.full((3, 2), 0.3), np.zeros(2)])
    model.compile("sgd", "mse", metrics=[*given], weighted_metrics=[*weighted], **arguments)
    return model


def test_they_train_and_evaluate_as_in_keras():
    def arguments(lib):
        def named(body, name):
            metric = make(lib, body)
            metric.name = name
            return metric

        return {
            "optimizer": lib.optimizers.SGD(0.05),
            "loss": "mse",
            "metrics": [named(body, body.__name__) for body in BODIES],
            "weighted_metrics": [named(added, "weighted")],
        }

    data = both.regression()
    data.y, data.y_val = data.y[:, :2], data.y_val[:, :2]
    weights = np.random.default_rng(3).uniform(0.2, 2, len(data.x)).astype("float32")
    both.assert_same_training(both.network(None, 2), arguments, data, sample_weight=weights)


@pytest.mark.parametrize("body", BODIES)
def test_arrays_and_plans_agree(body):
    for eager in (False, True):
        metric = make(fastmlp, body)
        one = model(metric, run_eagerly=eager)
        found = one.evaluate(X, Y, batch_size=8, verbose=0)[1]
        alone = make(fastmlp, body)
        for i in range(0, 29, 8):
            alone.update_state(Y[i : i + 8], one.predict(X[i : i + 8], verbose=0))
        assert found == pytest.approx(float(alone.result()), rel=1e-5)
        assert float(metric.result()) == pytest.approx(found)
        assert found == one.evaluate(X, Y, batch_size=8, verbose=0)[1]  # it begins anew


@pytest.mark.parametrize("body", BODIES)
def test_what_only_adds_is_native_and_the_rest_is_told(body):
    one = model(make(fastmlp, body))
    one.fit(X, Y, verbose=0)
    lines = []
    one.plan_summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert ("python_metric" in text) == (body is overwritten)
    assert ("metric_sums" in text) == (body is not overwritten)


def test_numbers_of_threads_and_native_calls_do_not_matter():
    x, y = np.tile(X, (50, 1)), np.tile(Y, (50, 1))
    found, before = [], fastmlp.config.num_threads()
    for threads in (1, 3):
        fastmlp.utils.set_random_seed(1)
        fastmlp.config.set_num_threads(threads)
        one = model(metrics.R2Score(), make(fastmlp, added))
        found.append(one.fit(x, y, epochs=3, batch_size=100, verbose=0).history)
    fastmlp.config.set_num_threads(before)
    assert found[0] == found[1]


class Several(metrics.Metric):
    def __init__(self, name="several"):
        super().__init__(name=name)
        self.lows = self.add_variable((2,))
        self.highs = self.add_variable((2,))

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.lows.assign_add(ops.sum(y_pred < 0, axis=0))
        self.highs.assign_add(ops.sum(y_pred >= 0, axis=0))

    def result(self):
        return {"lows": self.lows, "all": ops.sum(self.lows + self.highs)}


def test_a_dict_of_results_becomes_entries_of_the_logs():
    one = model(Several(), "mae")
    history = one.fit(X, Y, epochs=2, batch_size=8, validation_data=(X, Y), verbose=0).history
    assert sorted(history) == sorted(
        [*("loss", "mae", "lows", "all"), *("val_loss", "val_mae", "val_lows", "val_all")]
    )
    assert history["all"] == [58.0, 58.0]
    negative = (one.predict(X, verbose=0) < 0).sum(axis=0)
    np.testing.assert_array_equal(history["val_lows"][-1], negative)
    found = one.evaluate(X, Y, verbose=0, return_dict=True)
    np.testing.assert_array_equal(found["lows"], negative)
    assert len(one.evaluate(X, Y, verbose=0)) == 4
    result = Several()(Y, Y)
    assert result["all"] == 58


class Composed(metrics.Metric):
    """Built of another metric, and of NumPy."""

    def __init__(self, name="composed"):
        super().__init__(name=name)
        self.mean = metrics.Mean()
        self.seen = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.mean.update_state(np.max(np.abs(y_true - y_pred), axis=1))
        self.seen.append(len(y_true))

    def result(self):
        return self.mean.result()

    def reset_state(self):
        self.mean.reset_state()
        self.seen = []


def test_other_states_run_as_python_code():
    metric = Composed()
    one = model(metric)
    expected = np.abs(Y - one.predict(X, verbose=0)).max(axis=1).mean()
    assert one.evaluate(X, Y, batch_size=8, verbose=0)[1] == pytest.approx(expected, rel=1e-6)
    assert metric.seen == [8, 8, 8, 5]


def test_what_keeps_something_beside_its_variables_is_python_code():
    class Noted(metrics.Metric):
        def __init__(self):
            super().__init__(name="noted")
            self.total = self.add_variable()
            self.batches = 0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.batches += 1
            self.total.assign_add(ops.sum(y_pred))

        def result(self):
            return self.total

    metric = Noted()
    one = model(metric)
    found = one.evaluate(X, Y, batch_size=8, verbose=0)[1]
    assert metric.batches == 4
    assert found == pytest.approx(one.predict(X, verbose=0).sum(), rel=1e-5)


def test_first_values_count():
    class FromTen(metrics.Metric):
        def __init__(self):
            super().__init__(name="from_ten")
            self.total = self.add_variable(initializer=lambda shape, dtype=None: np.full(shape, 10))

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_sub(ops.sum(ops.ones_like(y_true)))

        def reset_state(self):
            self.total.assign(10)

        def result(self):
            return self.total

    assert model(FromTen()).evaluate(X, Y, batch_size=8, verbose=0)[1] == 10 - 58


def test_variables_are_listed_and_reset():
    metric = make(fastmlp, added)
    assert [v.name for v in metric.variables] == ["total", "count"]
    assert [v.shape for v in metric.variables] == [(2,), ()]
    metric.update_state(Y, Y + 1)
    assert float(metric.count) == 29
    metric.reset_state()
    assert not any(v.value.any() for v in metric.variables)
    assert [v.path for v in Composed().variables] == ["mean/total", "mean/count"]


def test_what_is_wrong_is_told():
    class Early(metrics.Metric):
        def __init__(self):
            self.total = self.add_variable()

    with pytest.raises(RuntimeError, match=r"Early: expected __init__ to begin with super"):
        Early()

    class Unfinished(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.total = self.add_variable()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(ops.sum(y_pred))

    with pytest.raises(NotImplementedError, match="Unfinished does not define result"):
        Unfinished()(Y, Y)

    def wrong(self, ops, y_true, y_pred, sample_weight):
        self.total.assign_add(ops.sum(y_pred))
        raise ZeroDivisionError("own mistake")

    with pytest.raises(ZeroDivisionError, match="own mistake"):
        model(make(fastmlp, wrong)).evaluate(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"f1_score: .*\(batch, outputs\).*to_categorical"):
        metrics.F1Score()([1, 0], [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"r2_score: .*sample_weight.shape=\(3,\)|\(3, 1\)"):
        metrics.R2Score()(Y, Y, W[:3])
    score = metrics.R2Score()
    score(Y, Y)
    with pytest.raises(ValueError, match=r"r2_score: expected .*\(batch, 2\)"):
        score(Y[:, :1], Y[:, :1])
    with pytest.warns(UserWarning, match="not adjusted"):
        metrics.R2Score(num_regressors=60)(Y, Y + 1)


def test_variables_of_native_metrics_are_live():
    mean = metrics.Mean("m")
    total, count = mean.variables
    assert [v.path for v in mean.variables] == ["m/total", "m/count"]
    mean.update_state([1.0, 5.0])
    assert float(total) == 6 and float(count) == 2
    total.assign(8.0)
    assert mean.result() == 4
    mean.reset_state()
    mean.update_state([3.0])
    assert float(total) == 3
    precision = metrics.Precision()
    precision.update_state([1, 0], [0.9, 0.8])
    (true, false) = precision.variables
    assert true.value == false.value == 1
    with pytest.raises(ValueError, match="read-only"):
        true.assign([0.0])


def test_reset_reaches_metrics_in_attributes():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.mean, self.seen = metrics.Mean(), self.add_variable((), name="seen")
            self.auc = metrics.AUC(num_thresholds=3)

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.mean.update_state(y_pred)
            self.auc.update_state(y_true, y_pred)
            self.seen.assign_add(1.0)

        def result(self):
            return self.mean.result() + self.auc.result()

    metric = Both()
    for _ in range(2):
        metric.update_state([0, 1], [0.25, 0.75])
        assert metric.result() == 1.5 and float(metric.seen) == 1
        assert len(metric.variables) == 7
        metric.reset_state()


def test_metrics_in_lists_and_dicts_are_parts_as_those_in_attributes():
    def rates(lib):
        class Rates(lib.metrics.Metric):
            def __init__(self):
                super().__init__(name="rates")
                self.counts = (lib.metrics.TruePositives(), [lib.metrics.FalsePositives()])
                self.means = {"y": lib.metrics.Mean()}

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.counts[0].update_state(y_true, y_pred)
                self.counts[1][0].update_state(y_true, y_pred)
                self.means["y"].update_state(y_true)

            def result(self):
                return (
                    self.counts[0].result() - self.counts[1][0].result() + self.means["y"].result()
                )

        return Rates()

    ours, theirs = rates(fastmlp), rates(keras)
    for y_true in ([0.0, 1.0, 1.0], [1.0, 0.0, 0.0]):
        for metric in (ours, theirs):
            metric.reset_state()
            metric.update_state(y_true, [0.2, 0.7, 0.8])
        assert float(ours.result()) == pytest.approx(float(theirs.result()))
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    one = model(rates(fastmlp))
    assert one.evaluate(X, Y > 0, verbose=0) == one.evaluate(X, Y > 0, verbose=0)  # it begins anew


def test_variables_in_attributes_are_state_as_in_keras():
    def share(lib):
        class Share(lib.metrics.Metric):
            def __init__(self):
                super().__init__(name="share")
                self.hits = lib.Variable(0.0, trainable=False, name="hits")
                self.seen = lib.Variable(0.0, trainable=False, name="seen")

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.hits.assign_add(lib.ops.sum(lib.ops.cast(y_pred > 0.5, "float32")))
                self.seen.assign_add(lib.ops.sum(lib.ops.ones_like(y_pred)))

            def result(self):
                return self.hits / self.seen

        return Share()

    ours, theirs = share(fastmlp), share(keras)
    for metric in (ours, theirs):
        metric.update_state(np.ones(3, "f"), np.array([0.2, 0.7, 0.8], "f"))
    assert float(ours.result()) == pytest.approx(float(theirs.result()))
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    ours.reset_state()
    assert [float(v) for v in ours.variables] == [0.0, 0.0]
    one = model(share(fastmlp))
    assert one.evaluate(X, Y, verbose=0) == one.evaluate(X, Y, verbose=0)  # it begins anew
