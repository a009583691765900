"""Weights of wide layers lie in panels while a fit runs: nobody who looks at them may notice."""

import copy
import threading
import time

import numpy as np
import pytest

from fastmlp import Input, Sequential, callbacks, layers, optimizers
from fastmlp.plan import panels
from fastmlp.training.loop import FitLoop
from fastmlp.utils import set_random_seed

pytestmark = pytest.mark.usefixtures("two_threads")
FEW, MANY = 70, 210  # units; with few, threads have copies of their own for the way back


def make(eagerly=False, first=lambda: [Input((60,))], units=MANY):
    set_random_seed(3)
    model = Sequential([*first(), layers.Dense(units, "relu"), layers.Dense(70)])
    model.compile("adam", "mse", run_eagerly=eagerly)
    return model


def data(rows=300):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 60)).astype("f"), rng.normal(size=(rows, 70)).astype("f")


class Meddler(callbacks.Callback):
    """Looks at the weights wherever it may, and changes them after each epoch."""

    def __init__(self, batches):
        super().__init__()
        self.seen = []
        if batches:
            self.on_train_batch_end = self.look

    def look(self, *args, **kwargs):
        self.seen.append([w.copy() for w in self.model.get_weights()])

    def on_test_begin(self, logs=None):
        self.look()

    def on_epoch_end(self, epoch, logs=None):
        self.look()
        for layer in self.model.layers:
            layer.kernel[...] *= 0.9


@pytest.mark.parametrize("units", [FEW, MANY])
@pytest.mark.parametrize("batches", [False, True])
def test_callbacks_see_and_change_the_weights_of_now(batches, units):
    x, y = data()
    seen, losses = [], []
    for eagerly in (False, True):
        meddler = Meddler(batches)
        history = make(eagerly, units=units).fit(
            x, y, 100, 3, validation_data=data(150), callbacks=[meddler], verbose=0, shuffle=False
        )
        seen.append(meddler.seen)
        losses.append(history.history)
    assert len(seen[0]) == len(seen[1]) == (15 if batches else 6)
    for found, expected in zip(*seen, strict=True):
        for w, w_expected in zip(found, expected, strict=True):
            np.testing.assert_allclose(w, w_expected, rtol=2e-4, atol=2e-5)
    for name in losses[0]:
        np.testing.assert_allclose(losses[0][name], losses[1][name], rtol=1e-4)


@pytest.mark.parametrize("units", [FEW, MANY])
def test_steps_one_by_one_are_those_of_a_fit(units):
    x, y = data()
    whole, single = make(units=units), make(units=units)
    whole.fit(x, y, 100, 2, verbose=0, shuffle=False)
    for _ in range(2):
        for i in range(0, 300, 100):
            single.train_on_batch(x[i : i + 100], y[i : i + 100])
    for a, b in zip(whole.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_index_that_is_no_row_leaves_the_weights_of_the_step_before():
    def first():
        return [Input((4,), dtype="float32"), layers.Embedding(20, 30), layers.Flatten()]

    x = np.random.default_rng(0).integers(0, 20, (300, 4))
    y = data()[1]
    expected, model = make(first=first), make(first=first)
    expected.fit(x[:200], y[:200], 100, verbose=0, shuffle=False)
    x[250, 2] = 20
    with pytest.raises(ValueError, match="20"):
        model.fit(x, y, 100, verbose=0, shuffle=False)
    for a, b in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Copies of these weights take milliseconds: executions are longer than 50 ms.


def make_wide():
    set_random_seed(3)
    model = Sequential([Input((60,)), layers.Dense(2000, "relu"), layers.Dense(2000, "relu"),
                        layers.Dense(70)])  # fmt: skip
    model.compile("adam", "mse")
    return model


@pytest.mark.usefixtures("native_products")
def test_executions_are_longer_where_copies_are_dear(monkeypatch):
    calls, go = [], FitLoop._go

    def counted(self, **limits):
        calls.append(limits)
        go(self, **limits)

    monkeypatch.setattr(FitLoop, "_go", counted)
    x, y = data(800)
    model, single = make_wide(), make_wide()
    model.fit(x[:8], y[:8], 8, verbose=0, shuffle=False)
    del calls[:]
    start = time.monotonic()
    model.fit(x, y, 8, verbose=1, shuffle=False)  # a bar asks for one every 50 ms
    assert len(calls) <= 1 + (time.monotonic() - start) / 0.1
    for i in (0, *range(0, 800, 8)):
        single.train_on_batch(x[i : i + 8], y[i : i + 8])
    for a, b in zip(model.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("native_products")
def test_other_threads_see_whole_steps_while_a_fit_lasts():
    x, y = data(100)
    model, again = make_wide(), make_wide()
    options = {"batch_size": 50, "epochs": 10**6, "verbose": 0, "shuffle": False}
    fit = threading.Thread(target=model.fit, args=(x, y), kwargs=options)
    kernel = model.layers[1].kernel
    before = kernel.copy()
    fit.start()
    deadline = time.monotonic() + 60
    while np.array_equal(kernel, before) and time.monotonic() < deadline:
        time.sleep(0.01)  # without a turn
    assert not np.array_equal(kernel, before)
    outputs = {model.predict(x, verbose=0).tobytes() for _ in range(3)}
    assert fit.is_alive()
    model.stop_training = True
    fit.join(60)
    assert not fit.is_alive()

    class Compare(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            outputs.discard(self.model.predict(x, verbose=0).tobytes())
            done = not outputs or self.model.optimizer.iterations == model.optimizer.iterations
            self.model.stop_training = done

    again.fit(x, y, callbacks=[Compare()], **options)
    assert not outputs


def steps(monkeypatch, rows=100, together=True, **settings):
    """Weights after some steps, and the ops of the last phase."""
    set_random_seed(3)
    model = Sequential(
        [Input((60,)), layers.Dense(MANY, "relu", **settings.pop("layer", {})), layers.Dense(70)]
    )
    model.compile(optimizers.SGD(0.1, **settings), "mse")
    with monkeypatch.context() as patched:
        if not together:
            patched.setattr(panels, "descend", lambda plan: None)
        model.fit(*data(2 * rows + 5), rows, 2, verbose=0)
    (executable,) = [e for e in model._executables.values() if e.plan.stages]
    names = [
        op.name for phase in executable.plan.phases for group in phase.groups for op in group.ops
    ]
    return model.get_weights(), names


@pytest.mark.parametrize("rows", [32, 100, 256])
@pytest.mark.usefixtures("native_products")
def test_gradient_descent_is_one_with_the_gradient_and_gives_the_same_bits(monkeypatch, rows):
    found, names = steps(monkeypatch, rows)
    expected, apart = steps(monkeypatch, rows, together=False)
    assert names.count("descend") == 2 and "grad_matmul" not in names
    assert "descend" not in apart
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (31, {}),
        (257, {}),
        (100, {"momentum": 0.9}),
        (100, {"clipvalue": 1.0}),
        (100, {"clipnorm": 1.0}),
        (100, {"weight_decay": 0.1}),
        (100, {"use_ema": True}),
        (100, {"gradient_accumulation_steps": 2}),
        (100, {"layer": {"kernel_regularizer": "l2"}}),
        (100, {"layer": {"kernel_constraint": "max_norm"}}),
    ],
)
@pytest.mark.usefixtures("native_products")
def test_what_comes_between_gradient_and_descent_keeps_them_apart(monkeypatch, rows, settings):
    found, names = steps(monkeypatch, rows, **copy.deepcopy(settings))
    expected, apart = steps(monkeypatch, rows, together=False, **settings)
    assert names.count("descend") == ("layer" in settings)
    assert "descend" not in apart
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
