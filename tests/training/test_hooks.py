"""Hooks of callbacks: their order, their logs, what they may do; and what is printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers, optimizers


@pytest.fixture(autouse=True)
def _seed():
    fastmlp.utils.set_random_seed(1)


def small_model(output: str | None = None, **compile_arguments: Any) -> Sequential:
    model = Sequential([Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(2, output)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compile_arguments})
    return model


def small_data(n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype("float32")
    return x, np.tanh(x[:, :2] - x[:, 1:])


def linear_model(kernel: Any, **compile_arguments: Any) -> Sequential:
    kernel = np.asarray(kernel, "float32")
    model = Sequential([Input(kernel.shape[:1]), layers.Dense(kernel.shape[1], use_bias=False)])
    model.set_weights([kernel])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compile_arguments})
    return model


class Recorder(callbacks.Callback):
    """Writes down each hook it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def on_train_begin(self, logs=None):
        self.calls.append("train")

    def on_train_end(self, logs=None):
        self.calls.append(("trained", sorted(logs or {})))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch", epoch))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch ends", epoch, sorted(logs)))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("batch", batch, sorted(logs)))

    def on_test_begin(self, logs=None):
        self.calls.append("test")

    def on_test_batch_end(self, batch, logs=None):
        self.calls.append(("test batch", batch))

    def on_test_end(self, logs=None):
        self.calls.append("tested")


def test_hooks_come_in_the_order_of_keras():
    x, y = small_data(20)
    recorder = Recorder()
    small_model().fit(
        x, y, batch_size=16, epochs=2, validation_data=(x, y), verbose=0, callbacks=[recorder]
    )
    epoch = [
        ("batch", 0, ["loss"]), ("batch", 1, ["loss"]),
        "test", ("test batch", 0), ("test batch", 1), "tested",
    ]  # fmt: skip
    keys = ["loss", "val_loss"]
    first = [("epoch", 0), *epoch, ("epoch ends", 0, keys)]
    second = [("epoch", 1), *epoch, ("epoch ends", 1, keys)]
    assert recorder.calls == ["train", *first, *second, ("trained", keys)]


def test_results_do_not_depend_on_callbacks_and_progress(capsys):
    x, y = small_data()
    start = small_model().get_weights()
    found = []
    for verbose, hooks in ((0, []), (0, [Recorder()]), (1, []), (2, []),
                           (0, [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)])):  # fmt: skip
        fastmlp.utils.set_random_seed(4)
        model = small_model()
        model.set_weights(start)
        history = model.fit(
            x, y, batch_size=8, epochs=4, validation_split=0.2, verbose=verbose, callbacks=hooks
        ).history
        found.append((history, [w.tobytes() for w in model.get_weights()]))
    capsys.readouterr()
    assert all(entry == found[0] for entry in found)


def test_logs_of_batches_are_the_means_so_far():
    x, y = np.arange(5, dtype="float32")[:, None], np.zeros((5, 1))
    seen = []
    hook = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    model = linear_model([[1.0]], optimizer=optimizers.SGD(0.0))
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[hook])
    assert seen == [0.5, 3.5, 6.0]


def test_stop_training_ends_after_the_epoch():
    x, y = small_data()

    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    model = small_model()
    assert model.fit(x, y, epochs=10, verbose=0, callbacks=[Stop()]).epoch == [0, 1]
    assert model.fit(x, y, epochs=3, verbose=0).epoch == [0, 1, 2]


def test_learning_rate_set_in_a_callback_holds_from_the_next_step():
    x, y = small_data()
    kernels = []

    class Off(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernels.append(self.model.layers[0].kernel.copy())
            if epoch == 1:
                self.model.optimizer.learning_rate = 0.0

    small_model().fit(x, y, epochs=4, verbose=0, callbacks=[Off()])
    assert (kernels[0] != kernels[1]).any()
    assert (kernels[1] == kernels[2]).all() and (kernels[2] == kernels[3]).all()


def test_callback_may_use_and_change_the_model():
    x, y = small_data()
    seen = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((self.model.evaluate(x, y, verbose=0), logs["val_loss"]))
            self.model.predict(x, verbose=0)
            self.model.layers[1].kernel[...] = 0

        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                assert (self.model.layers[1].kernel == 0).all()

    small_model().fit(x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=[Look()])
    assert all(a == pytest.approx(b, rel=1e-6) for a, b in seen)


def test_early_stopping_restores_the_best_weights():
    x, y = small_data()
    stop = callbacks.EarlyStopping(
        monitor="val_loss", patience=2, restore_best_weights=True, mode="max"
    )  # a falling loss never gets better in this mode: the first epoch stays the best
    model = small_model()
    result = model.fit(x, y, epochs=50, validation_data=(x, y), verbose=0, callbacks=[stop])
    assert result.epoch == [0, 1, 2]
    assert model.evaluate(x, y, verbose=0) == result.history["val_loss"][0]


def test_callbacks_see_the_batches_of_evaluate_and_predict():
    x, y = small_data()
    seen = []
    hook = callbacks.LambdaCallback(
        on_test_batch_end=lambda batch, logs: seen.append(batch),
        on_predict_batch_end=lambda batch, logs: seen.append(batch),
    )
    model = small_model()
    model.evaluate(x, y, batch_size=20, verbose=0, callbacks=[hook])
    assert seen == [0, 1, 2]
    model.predict(x, batch_size=40, verbose=0, callbacks=[hook])
    assert seen == [0, 1, 2, 0, 1]


class PerBatch(callbacks.Callback):
    """Calls a function after each batch."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def on_train_batch_end(self, batch, logs=None):
        self.function(self.model, batch, logs)


@pytest.mark.parametrize("eagerly", [False, True])
def test_what_a_batch_hook_changes_holds_from_the_next_batch(eagerly):
    """Learning rate, momentum and weights; against the same steps one by one."""
    x, y = small_data(24)
    start = small_model().get_weights()

    def models(**arguments: Any) -> Any:
        model = small_model(
            optimizer=optimizers.SGD(0.1, momentum=0.9), run_eagerly=eagerly, **arguments
        )
        model.set_weights(start)
        return model

    def change(model: Any, batch: int, logs: Any) -> None:
        if batch == 0:
            model.optimizer.learning_rate = 0.05
        elif batch == 1:
            model.optimizer.momentum = 0.5
        else:
            model.layers[1].kernel[...] *= 0.5  # the layer whose product backward reads a copy

    hooked, steps = models(), models()
    hooked.fit(x, y, batch_size=6, shuffle=False, verbose=0, callbacks=[PerBatch(change)])
    for batch in range(4):
        steps.train_on_batch(x[6 * batch :][:6], y[6 * batch :][:6])
        change(steps, batch, None)
    for one, other in zip(hooked.get_weights(), steps.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("eagerly", [False, True])
def test_batch_hooks_see_the_steps_done(eagerly):
    x, y = small_data(20)
    seen = []
    model = small_model(run_eagerly=eagerly)
    hook = PerBatch(lambda model, batch, logs: seen.append((batch, model.optimizer.iterations)))
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[hook])
    assert seen == [(0, 1), (1, 2), (2, 3), (0, 4), (1, 5), (2, 6)]


@pytest.mark.parametrize("eagerly", [False, True])
def test_steps_set_or_done_in_hooks_count(eagerly):
    """`iterations` moves where callbacks set it or train the model, and fit goes on from there."""

    class Sets(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.iterations = 100 * epoch

    class Trains(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.train_on_batch(x, y)

    class Ends(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.iterations = 7

    x, y = small_data(40)
    for callback, steps in ((Sets(), 204), (Trains(), 24), (Ends(), 7)):
        model = small_model(run_eagerly=eagerly)
        model.fit(x, y, batch_size=10, epochs=3, verbose=0, callbacks=[callback])
        assert model.optimizer.iterations == steps


def test_schedule_replaced_in_a_batch_hook_holds_from_the_next_batch():
    x, y = np.ones((4, 1), "float32"), np.zeros((4, 1))
    kernels = []

    def change(model: Any, batch: int, logs: Any) -> None:
        kernels.append(float(model.layers[0].kernel[0, 0]))
        model.optimizer.learning_rate = optimizers.schedules.PiecewiseConstantDecay([9], [0.0, 1.0])

    model = linear_model(
        [[1.0]], optimizer=optimizers.SGD(optimizers.schedules.ExponentialDecay(0.25, 1, 1.0))
    )
    model.fit(x, y, batch_size=1, verbose=0, callbacks=[PerBatch(change)])
    assert kernels == [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("eagerly", [False, True])
def test_logs_of_the_last_batch_are_those_of_the_pass(eagerly):
    x, y = small_data(20)
    y = (y > 0).astype("float32")
    seen: dict[str, list[Any]] = {"train": [], "test": []}
    hook = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen["train"].append(logs),
        on_test_batch_end=lambda batch, logs: seen["test"].append(logs),
    )
    model = small_model("sigmoid", metrics=["mae", "auc"], run_eagerly=eagerly)
    history = model.fit(
        x, y, batch_size=8, epochs=2, validation_data=(x[:10], y[:10]), verbose=0, callbacks=[hook]
    ).history
    assert [len(logs) for logs in seen.values()] == [6, 4]
    for epoch in range(2):
        for name in ("loss", "mae", "auc"):
            assert seen["train"][3 * epoch + 2][name] == history[name][epoch]
            assert seen["test"][2 * epoch + 1][name] == history[f"val_{name}"][epoch]
    seen["test"].clear()
    results = model.evaluate(x, y, batch_size=8, verbose=0, callbacks=[hook], return_dict=True)
    assert seen["test"][-1] == results


def test_an_error_in_a_batch_hook_leaves_the_weights_of_a_whole_step():
    x, y = small_data(24)
    seen = []

    def fail(model: Any, batch: int, logs: Any) -> None:
        if batch == 2:
            seen.extend(model.get_weights())
            raise KeyError("mine")

    model = small_model()
    with pytest.raises(KeyError, match="mine"):
        model.fit(x, y, batch_size=6, verbose=0, callbacks=[PerBatch(fail)])
    assert model.optimizer.iterations == 3
    for one, other in zip(model.get_weights(), seen, strict=True):
        np.testing.assert_array_equal(one, other)
    model.fit(x, y, batch_size=6, verbose=0)
    assert model.optimizer.iterations == 7


# Output.


def test_silent_fit_prints_nothing(capfd):
    x, y = small_data()
    model = small_model()
    model.fit(x, y, epochs=2, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    assert capfd.readouterr() == ("", "")


def test_verbose_2_prints_a_line_an_epoch(capsys):
    x, y = small_data()
    small_model(metrics=["mae"]).fit(x, y, epochs=2, validation_split=0.2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    for line in lines[1::2]:
        assert line.startswith("2/2 - ")
        keys = [part.split(":")[0] for part in line.split(" - ")[3:]]
        assert keys == ["loss", "mae", "val_loss", "val_mae"]


def test_bar_of_thousands_of_fast_epochs_is_short(capsys):
    x, y = small_data()
    small_model().fit(x, y, epochs=3000, verbose=1)
    out = capsys.readouterr().out
    assert "3000/3000" in out
    assert len(out) < 100_000  # Keras's lines for 3,000 epochs are 300,000 characters and more


class Batches(callbacks.Callback):
    """Writes down the batches that it is told of, and how far the training is."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.ended: list[tuple[int, int, float]] = []
        self.outputs: list[np.ndarray] = []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append((batch, self.model.optimizer.iterations, logs["loss"]))

    def on_predict_batch_end(self, batch, logs=None):
        self.outputs.append(logs["outputs"])


@pytest.mark.parametrize("form", ["arrays", "generator", "own step"])
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_several_steps_per_execution_change_nothing_but_the_hooks(form, run_eagerly):
    class Own(Sequential):
        def train_step(self, data):
            return super().train_step(data)

    x, y = small_data(18)

    def train(at_once):
        fastmlp.utils.set_random_seed(1)
        kind = Own if form == "own step" else Sequential
        model = kind([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
        model.compile("sgd", "mse", steps_per_execution=at_once, run_eagerly=run_eagerly)
        told = Batches()
        data: Any = (x, y)
        if form == "generator":
            data = (((x[i : i + 4], y[i : i + 4]) for i in range(0, 18, 4)),)
        model.fit(*data, batch_size=None if form == "generator" else 4, verbose=0, callbacks=[told])
        return model, told

    (one, every), (other, third) = train(1), train(3)
    assert every.begun == [0, 1, 2, 3, 4]
    assert third.begun == [0, 3]
    # As in Keras the last number counts on, where an epoch ends within an execution.
    assert third.ended == [every.ended[2], (5, *every.ended[4][1:])]
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_outputs_of_an_execution_are_those_of_its_batches():
    model = small_model(steps_per_execution=2)
    x, _ = small_data(20)
    expected = model.predict(x, verbose=0)
    for data in (x, (x[i : i + 8] for i in range(0, 20, 8))):
        told = Batches()
        batch_size = 8 if data is x else None
        model.predict(data, batch_size=batch_size, verbose=0, callbacks=[told])
        assert [len(part) for part in told.outputs] == [16, 4]
        np.testing.assert_array_equal(np.concatenate(told.outputs), expected)


def test_an_execution_ends_with_the_steps_of_an_epoch():
    model = small_model(steps_per_execution=2)
    x, y = small_data(20)
    read = []

    def batches():
        while True:
            read.append(1)
            yield x[:4], y[:4]

    told = Batches()
    model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0, callbacks=[told])
    assert told.begun == [0, 2, 0, 2]
    assert model.optimizer.iterations == len(read) == 6


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
def test_steps_per_execution_is_a_positive_integer(wrong):
    with pytest.raises((ValueError, TypeError), match="steps_per_execution"):
        small_model(steps_per_execution=wrong)
