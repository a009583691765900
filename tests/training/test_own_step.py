"""fit with a train_step of the user's own."""

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, optimizers
from tests.training.own_steps import Own, data, make


@pytest.mark.parametrize("shuffle", [False, True])
def test_it_trains_as_fit_itself_does(shuffle):
    x, y = data()
    own, native = make(), make(Sequential)
    for model in (own, native):
        fastmlp.utils.set_random_seed(5)
        model.fit(x, y, batch_size=8, epochs=3, shuffle=shuffle, verbose=0)
    assert own.seen == [[(8, 3), (8, 2)], [(8, 3), (8, 2)], [(4, 3), (4, 2)]] * 3
    assert own.optimizer.iterations == native.optimizer.iterations == 9
    for a, b in zip(own.get_weights(), native.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_weights_validation_callbacks_and_history():
    x, y = data()
    told = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            told.append((batch, sorted(logs)))

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    model = make()
    weight = np.ones(20)
    history = model.fit(x, y, 8, 9, 0, [Watch()], 0.2, sample_weight=weight)
    assert model.seen[0] == [(8, 3), (8, 2), (8,)]
    assert told == [(0, ["loss", "mine"]), (1, ["loss", "mine"])] * 2
    assert sorted(history.history) == ["loss", "mine", "val_loss"]
    assert history.history["mine"] == [2.0, 2.0]
    held_out = model.evaluate(x[16:], y[16:], verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(held_out, rel=1e-5)


def test_generators_and_steps_per_epoch():
    x, y = data()

    def forever():
        while True:
            yield x[:5], y[:5]

    model = make()
    model.fit(forever(), steps_per_epoch=4, epochs=2, verbose=0, validation_data=(x, y))
    assert model.seen == [[(5, 3), (5, 2)]] * 8
    model.seen.clear()
    model.fit([[1.0, 2.0, 3.0]] * 4, [[0.0, 1.0]] * 4, batch_size=2, verbose=0)
    assert model.seen == [[(2, 3), (2, 2)]] * 2
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(iter([(x, y)]), epochs=2, verbose=0)


def test_the_inherited_step_is_train_on_batch():
    class Same(Sequential):
        def train_step(self, data):
            return super().train_step(data)

    x, y = data()
    same, native = make(Same), make(Sequential)
    for model in (same, native):
        fastmlp.utils.set_random_seed(5)
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    for a, b in zip(same.get_weights(), native.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_model_without_loss_may_train_by_its_own_step():
    class Decay(Sequential):
        def train_step(self, data):
            x = data
            self.layers[0].kernel[...] *= 0.5
            return {"size": float(np.abs(self.layers[0].kernel).sum() + 0 * x.sum())}

    model = make(Decay, loss=None)
    sizes = model.fit(data()[0], batch_size=10, epochs=3, verbose=0).history["size"]
    np.testing.assert_allclose(np.divide(sizes[1:], sizes[:-1]), 0.25, rtol=1e-5)


def test_what_it_raises_or_returns_wrongly_is_told():
    class Bad(Sequential):
        def train_step(self, data):
            return 3.0

    x, y = data()
    with pytest.raises(TypeError, match=r"Bad\.train_step: expected it to return a dict of logs"):
        make(Bad).fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="y: expected 20 rows, as x"):
        make().fit(x, y[:7], verbose=0)
    with pytest.raises(ValueError, match="class_weight"):
        make().fit(x, y, verbose=0, class_weight={7: 1.0})
    with pytest.raises(RuntimeError, match="no optimizer and loss yet"):
        Own([Input((3,)), layers.Dense(1)]).fit(x, y, verbose=0)


def test_a_step_of_ones_own_may_have_several_optimizers():
    class Two(Sequential):
        def train_step(self, data):
            loss, grads = fastmlp.gradients(self, *data)
            weights = self.trainable_weights
            self.slow.apply(grads[:2], weights[:2])
            self.fast.apply(grads[2:], weights[2:])
            return {"loss": loss}

    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    y = x[:, :1]
    model = Two([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    model.slow, model.fast = optimizers.SGD(0.01), optimizers.SGD(0.5)
    model.compile("sgd", "mse")
    before = model.get_weights()
    _, grads = fastmlp.gradients(model, x, y)
    model.fit(x, y, batch_size=8, verbose=0)
    for old, new, g, rate in zip(
        before, model.get_weights(), grads, [0.01, 0.01, 0.5, 0.5], strict=True
    ):
        np.testing.assert_allclose(new, old - rate * g, rtol=1e-5, atol=1e-7)


def test_metrics_in_attributes_begin_anew_in_each_epoch():
    class Tracking(Own):
        def train_step(self, data):
            super().train_step(data)
            self.tracker.update_state(1.0)
            return {"seen": self.tracker.result()}

    model = make(Tracking)
    model.tracker = fastmlp.metrics.Sum()
    assert model.fit(*data(), batch_size=8, epochs=2, verbose=0).history["seen"] == [3.0, 3.0]


def test_a_step_of_ones_own_may_call_a_loss_of_ones_own():
    class Both(Own):
        def compute_loss(self, x=None, y=None, y_pred=None):
            return 2 * super().compute_loss(x, y, y_pred)

        def train_step(self, data):
            x, y = data
            loss = self.compute_loss(x, y, self(x))
            return super().train_step(data) | {"mine": loss}

    history = make(Both).fit(*data(), verbose=0).history
    assert history["mine"] == pytest.approx(history["loss"], rel=1e-5)


@pytest.mark.parametrize("names", [["mae", "acc"], []])
def test_compiled_metrics_within_a_step_are_those_of_evaluate(names):
    class Measured(Own):
        def train_step(self, data):
            logs = super().train_step(data)
            return logs | self.compute_metrics(data[0], data[1], self(data[0]))

    x, y = data()
    model = make(Measured, metrics=names)
    fastmlp.utils.set_random_seed(1)
    history = model.fit(x, y, batch_size=20, epochs=2, verbose=0, validation_data=(x, y)).history
    assert sorted(model.get_metrics_result()) == sorted(["loss", *names])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    for name in names:
        assert history[name][-1] == pytest.approx(logs[name], rel=1e-5)
        assert history[f"val_{name}"][-1] == pytest.approx(logs[name], rel=1e-5)
    assert [metric.name for metric in model.metrics] == ["loss", *names]


def test_the_loop_over_metrics_of_the_guides():
    class Looped(Own):
        def train_step(self, data):
            x, y = data
            batch_loss = super().train_step(data)["loss"]
            y_pred = self(x)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(batch_loss)
                else:
                    metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    x, y = data()
    batches = ((x, y) for _ in range(3))
    history = make(Looped, metrics=["mae"]).fit(batches, steps_per_epoch=3, verbose=0).history
    assert sorted(history) == ["loss", "mae"] and min(history["loss"] + history["mae"]) > 0
