"""Models that measure or test in their own way, and what may happen beside steps of one's own."""

import threading

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, optimizers
from tests.training.own_steps import Own, data, make


class Measured(Sequential):
    """Tells the size of each batch, besides what it tells anyhow."""

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        assert isinstance(y_pred, np.ndarray) and len(y_pred) == len(x) == len(y)
        return {"rows": len(x)} | super().compute_metrics(x, y, y_pred, sample_weight)


def test_logs_are_those_of_native_steps_where_nothing_else_is_measured():
    x, y = data()
    histories = []
    for kind in (Measured, Sequential):
        model = make(kind, metrics=["mae"], weighted_metrics=["mse"])
        fastmlp.utils.set_random_seed(5)
        given = {"batch_size": 8, "epochs": 3, "verbose": 0, "validation_split": 0.2}
        history = model.fit(x, y, sample_weight=np.linspace(0, 1, 20), **given).history
        assert [metric.name for metric in model.metrics] == ["loss", "mae", "mse"]
        assert model.get_metrics_result()["loss"] == pytest.approx(history["val_loss"][-1], 1e-5)
        histories.append(history)
    found, expected = histories
    assert found.pop("rows") == [8, 8, 8] and found.pop("val_rows") == [4, 4, 4]
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4)


def test_outputs_are_those_before_the_update_with_dropout():
    class Watched(Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.seen.append(y_pred)
            return {}

    model = Watched([Input((4,)), layers.Dropout(0.5, seed=1)])
    model.add(layers.Dense(4, kernel_initializer="identity"))
    model.compile("sgd", "mse")
    model.seen = []
    model.fit(np.ones((6, 4)), np.zeros((6, 4)), verbose=0)
    model.evaluate(np.ones((6, 4)), np.zeros((6, 4)), verbose=0)
    assert set(np.unique(model.seen[0])) == {0.0, 2.0}
    assert model.seen[1].std() > 0 and not set(np.unique(model.seen[1])) & {0.0, 2.0}


@pytest.mark.parametrize("eager", [False, True])
def test_several_inputs_and_outputs_by_name(eager):
    class Two(fastmlp.Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            return logs | {"seen": len(x["a"]) + len(y["p"]) + len(y_pred["q"])}

    rng = np.random.default_rng(3)
    x = {"a": rng.normal(size=(12, 2)), "b": rng.normal(size=(12, 3))}
    y = {"p": rng.normal(size=(12, 1)), "q": rng.normal(size=(12, 2))}
    found = []
    for kind in (Two, fastmlp.Model):
        fastmlp.utils.set_random_seed(4)
        a, b = Input((2,), name="a"), Input((3,), name="b")
        joined = layers.concatenate([a, b])
        outputs = {"p": layers.Dense(1)(joined), "q": layers.Dense(2)(joined)}
        model = kind({"a": a, "b": b}, outputs)
        losses = {"p": "mse", "q": "mae"}
        model.compile("sgd", losses, metrics={"q": ["mse"]}, run_eagerly=eager)
        history = model.fit(x, y, batch_size=4, verbose=0, shuffle=False).history
        found.append((history, model.evaluate(x, y, verbose=0)))
        assert list(model.get_metrics_result()) == ["loss", "p_loss", "q_loss", "q_mse"]
    assert found[0][0].pop("seen") == [12]
    assert found[0][1].pop() == 36
    assert list(found[0][0]) == list(found[1][0])
    np.testing.assert_allclose(
        [*found[0][0].values()], [*found[1][0].values()], rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5)


def test_callbacks_are_told_of_batches_of_tests_and_predictions():
    told = []

    class Watch(callbacks.Callback):
        def on_test_begin(self, logs=None):
            told.append("begin")

        def on_test_batch_end(self, batch, logs=None):
            told.append((batch, logs["rows"]))

        def on_test_end(self, logs=None):
            told.append(sorted(logs))

        def on_predict_batch_end(self, batch, logs=None):
            told.append((batch, logs["outputs"].shape))

    class Halves(Measured):
        def predict_step(self, data):
            return super().predict_step(data)[:, :1]

    x, y = data()
    model = make(Halves)
    model.fit(x, y, batch_size=8, verbose=0, validation_split=0.5, callbacks=[Watch()])
    assert told == ["begin", (0, 8), (1, 2), ["loss", "rows"]]
    told.clear()
    model.evaluate(x, y, batch_size=16, verbose=0, callbacks=[Watch()])
    assert told == ["begin", (0, 16), (1, 4), ["loss", "rows"]]
    told.clear()
    model.compile(loss="mse", steps_per_execution=2)
    assert model.predict(x, batch_size=8, verbose=0, callbacks=[Watch()]).shape == (20, 1)
    assert told == [(1, (16, 1)), (3, (4, 1))]


def test_steps_of_tests_and_predictions_of_ones_own(capsys):
    class Tested(Sequential):
        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(self.compute_loss(y=y, y_pred=y_pred))
                else:
                    metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

        def predict_step(self, data):
            return {"y": self(data[0] if isinstance(data, tuple) else data), "n": [np.ones(2)]}

    x, y = data()
    own, native = make(Tested, metrics=["mae"]), make(Sequential, metrics=["mae"])
    expected = native.evaluate(x, y, batch_size=10, verbose=0)
    np.testing.assert_allclose(own.evaluate(x, y, batch_size=10), expected, rtol=1e-5)
    assert "2/2" in capsys.readouterr().out
    batches = [(x[:10], y[:10]), (x[10:], y[10:])]
    np.testing.assert_allclose(own.evaluate(batches.__iter__(), verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(own.test_on_batch(x, y), native.test_on_batch(x, y), rtol=1e-5)
    for given in (x, iter([(x[:10], y[:10]), (x[10:],)])):
        found = own.predict(given, batch_size=10 if given is x else None, verbose=0)
        np.testing.assert_array_equal(found["y"], native.predict(x, verbose=0))
        assert found["n"][0].shape == (4,)
    for _ in range(2):  # the second one, too, not by the short way of model(x)
        assert set(own.predict_on_batch(x[:3])) == {"y", "n"}
    for model in (own, native):  # its training is native
        fastmlp.utils.set_random_seed(5)
        model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=iter([(x, y)] * 2),
                  validation_steps=1)  # fmt: skip
    assert list(own.history.history) == list(native.history.history)
    for name, values in native.history.history.items():
        np.testing.assert_allclose(own.history.history[name], values, rtol=1e-5)


def test_sparse_matrices_and_unbuilt_models():
    sparse = pytest.importorskip("scipy.sparse")
    x, y = data()
    model = Measured([layers.Dense(2)])
    model.compile("sgd", "mse")
    history = model.fit(sparse.csr_matrix(x), y, batch_size=10, verbose=0).history
    assert history["rows"] == [10] and model.built


def test_a_loss_of_ones_own_with_measurements_of_ones_own():
    class Both(Measured):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            part = fastmlp.ops.mean(fastmlp.ops.abs(y - y_pred), axis=-1)
            self.part.update_state(part)
            return 2 * part

    x, y = data()
    model = make(Both)
    model.part = fastmlp.metrics.Mean("part")
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    assert sorted(history) == ["loss", "part", "rows"]
    np.testing.assert_allclose(history["loss"], np.multiply(2, history["part"]), rtol=1e-5)


def test_wrong_results_and_what_is_not_called_are_told():
    class Bad(Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return [1.0]

    x, y = data()
    with pytest.raises(TypeError, match=r"Bad\.test_step: expected it to return a dict of logs"):
        make(Bad).evaluate(x, y, verbose=0)
    model = make(Measured, optimizer=optimizers.LBFGS())
    with pytest.raises(ValueError, match="LBFGS: expected a model without steps of its own"):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="without a loss"):
        make(Measured, loss=None).fit(x, y, verbose=0)


def test_the_mean_of_the_loss_is_among_the_metrics_of_any_model():
    x, y = data()
    model = make(Sequential, metrics=["mae"])
    assert [metric.name for metric in model.metrics] == ["loss"]
    assert model.get_metrics_result() == {}
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    found = {name: values[-1] for name, values in history.items()}
    assert model.get_metrics_result() == pytest.approx(found)
    assert model.metrics[0].result() == pytest.approx(found["loss"])
    model.reset_metrics()
    assert model.metrics[1].count == 0


def test_one_metric_of_two_models_of_other_widths_has_the_result_of_the_last_step():
    shared = fastmlp.metrics.AUC(multi_label=True, num_thresholds=1000, name="auc")
    rng = np.random.default_rng(0)
    models = {}
    for units in (40, 2):
        models[units] = Sequential([Input((3,)), layers.Dense(units, activation="sigmoid")])
        models[units].compile("sgd", "binary_crossentropy", metrics=[shared])
    for rows in (4, 5, 6):
        for units, model in models.items():
            labels = rng.integers(0, 2, (rows, units))
            for _ in range(2):  # the second step goes the short way
                logs = model.train_on_batch(rng.normal(size=(rows, 3)), labels, return_dict=True)
                assert shared.result() == pytest.approx(logs["auc"])


def test_a_step_that_is_kept_gives_new_outputs_and_still_looks_at_its_data():
    class Kept(Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.seen.append(y_pred)
            return super().compute_metrics(x, y, y_pred, sample_weight)

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)).astype("float32"), rng.integers(0, 2, 8)
    model = Kept([Input((3,)), layers.Dense(2, "softmax")])
    model.compile(optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.seen = []
    losses = [model.train_on_batch(x, y) for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert len({array.tobytes() for array in model.seen}) == 4
    assert model.optimizer.iterations == 4
    np.testing.assert_allclose(losses[-1], -np.log(model.seen[-1][np.arange(8), y]).mean(), 1e-5)
    before = model.get_weights()
    with pytest.raises(ValueError, match="labels from 0 to 1"):
        model.train_on_batch(x, y + 1)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    with pytest.warns(UserWarning, match="holds nan in row"):
        model.test_on_batch(np.where(x > 0, np.nan, x).astype("float32"), y)
    model.train_on_batch(x, y, sample_weight=np.ones(8))
    assert model.train_on_batch(x, y) < losses[-1]


def test_validation_ends_when_its_iterator_does():
    x, y = data()
    model = make(Measured)
    with pytest.warns(UserWarning, match="validation_data: Your input ran out of data"):
        history = model.fit(x, y, epochs=2, verbose=0, validation_data=iter([(x, y)])).history
    assert len(history["loss"]) == 2 and history["val_rows"] == [20]


def test_a_step_that_calls_what_calls_it_is_told_so():
    class Circular(Sequential):
        def train_step(self, data):
            return self.train_on_batch(*data, return_dict=True)

        def test_step(self, data):
            return {"loss": self.evaluate(*data, verbose=0)}

        def predict_step(self, data):
            return self.predict(data, verbose=0)

    x, y = data()
    model = make(Circular)
    with pytest.raises(
        RuntimeError, match=r"Circular\.train_step: .* super\(\)\.train_step\(data\)"
    ):
        model.fit(x, y, verbose=0)
    with pytest.raises(
        RuntimeError, match=r"Circular\.test_step: evaluate and test_on_batch call it"
    ):
        model.evaluate(x, y, verbose=0)
    with pytest.raises(RuntimeError, match=r"Circular\.predict_step: predict and predict_on_batch"):
        model.predict_on_batch(x)


class Counted(Sequential):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.parametrize("kind", [Own, Counted])
def test_a_fit_goes_on_with_the_bits_of_a_single_one(kind):
    x, y = data()
    whole, parts = make(kind), make(kind)
    fastmlp.utils.set_random_seed(5)
    whole.fit(x, y, batch_size=8, epochs=4, verbose=0)
    fastmlp.utils.set_random_seed(5)
    parts.fit(x, y, batch_size=8, epochs=3, verbose=0)
    parts.fit(x, y, batch_size=8, epochs=4, initial_epoch=3, verbose=0)
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_that_are_refused_take_no_seed():
    x, y = data()
    plain, refused = make(Counted), make(Counted)
    fastmlp.utils.set_random_seed(5)
    plain.fit(x, y, batch_size=8, verbose=0)
    fastmlp.utils.set_random_seed(5)
    with pytest.raises(ValueError, match="expected"):
        refused.fit(x, y[1:], verbose=0)
    refused.fit(x, y, batch_size=8, verbose=0)
    for one, other in zip(refused.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_may_be_given_to_one_model_alone():
    x, y = data()
    model = make(Sequential)
    model.train_on_batch(x, y)
    model.test_on_batch(x, y)
    model.predict_on_batch(x)
    model.predict(x, verbose=0)
    model.train_step = lambda data: {"loss": 7.0}
    model.test_step = lambda data: {"loss": 8.0}
    model.predict_step = lambda data: np.full(len(data), 9.0)
    before = model.get_weights()
    assert model.fit(x, y, verbose=0).history == {"loss": [7.0]}
    assert model.train_on_batch(x, y) == 7.0
    assert model.evaluate(x, y, verbose=0) == model.test_on_batch(x, y) == 8.0
    assert model.predict(x, verbose=0).tolist() == [9.0] * len(x)
    assert model.predict_on_batch(x).tolist() == [9.0] * len(x)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_may_be_given_to_one_model_alone():
    x, y = data()
    model = make(Sequential)
    loss = model.test_on_batch(x, y)
    model.compute_loss = lambda x, y, y_pred, sample_weight=None: (
        3 * fastmlp.ops.mean((y - y_pred) ** 2)
    )
    assert model.test_on_batch(x, y) == pytest.approx(3 * loss)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(3 * loss)


def test_another_thread_predicts_between_two_steps():
    x, y = data()
    model = make(Counted)
    found = []
    other = threading.Thread(target=lambda: found.append(model.predict(x, verbose=0)))

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if not other.ident:
                other.start()

        def on_epoch_end(self, epoch, logs=None):
            other.join(0.1)
            model.stop_training = bool(found)

    model.fit(x, y, batch_size=8, epochs=100, callbacks=[Watch()], verbose=0)
    assert found
    other.join()
