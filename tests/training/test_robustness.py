"""Signals, forks, threads and errors in the middle of training leave everything usable."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from fastmlp import Input, Sequential, callbacks, layers

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and fork")


def run(script: str, *arguments: str) -> str:
    """What a script prints in a process of its own; it must end well and within a minute or two."""
    done = subprocess.run(
        # Python 3.15 forks no process with threads if the warning of it is an error.
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning",
         "-c", textwrap.dedent(_SETUP) + textwrap.dedent(script), *arguments],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


# Data and two networks for the scripts: one that runs on one thread, one that runs on several.
_SETUP = """
import os, signal, sys, threading, time
import numpy as np
import fastmlp
from fastmlp import Input, Sequential, callbacks, layers

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
fastmlp.config.set_num_threads(2)
rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 20)).astype("float32")
y = rng.integers(0, 10, 2000)

def make(width, seed=1):
    fastmlp.utils.set_random_seed(seed)
    model = Sequential([Input((20,)), layers.Dense(width, activation="relu"),
                        layers.Dropout(0.2), layers.Dense(width, activation="relu"),
                        layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model

def bits(model):
    return [w.tobytes() for w in model.get_weights()]

def fit(model, **options):
    return model.fit(x, y, **{"batch_size": 250, "epochs": 3, "verbose": 0, **options})

sent = []
def interrupt_later(model):
    # Ctrl-C, a while after the next step of a model
    first = model.optimizer.iterations
    def interrupt():
        while model.optimizer.iterations == first:
            time.sleep(0.01)
        time.sleep(0.2)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
"""

# Ctrl-C.

_INTERRUPT = """
width, mode = int(sys.argv[1]), sys.argv[2]
model = make(width)
fit(model)
before = bits(model)
options = {
    "plain": {},
    "epoch callback": {"callbacks": [callbacks.LambdaCallback(on_epoch_end=lambda e, logs: None)]},
    "batch callback": {"callbacks": [callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)]},
    "validation": {"validation_data": (x, y)},
    "progress": {"verbose": 1},
}[mode]
interrupt_later(model)
try:
    fit(model, epochs=10**7, **options)
except KeyboardInterrupt:
    delay = time.monotonic() - sent[0]
else:
    raise SystemExit("fit was not interrupted")
assert delay < 20, delay  # it would have taken days
assert bits(model) != before
assert all(np.isfinite(w).all() for w in model.get_weights())
steps = model.optimizer.iterations
fit(model)
assert model.optimizer.iterations == steps + 24
assert np.isfinite(model.predict(x, verbose=0)).all()
"""


@posix
@pytest.mark.parametrize("mode", ["plain", "epoch callback", "batch callback", "validation",
                                  "progress"])  # fmt: skip
@pytest.mark.parametrize("width", [8, 256])
def test_ctrl_c_ends_fit_and_leaves_a_model_that_trains_on(width, mode):
    run(_INTERRUPT, str(width), mode)


@posix
@pytest.mark.parametrize("width", [256, 2048])
def test_ctrl_c_leaves_the_weights_of_a_whole_step(width):
    """The weights are those of so many steps of the same training, run to its end."""
    run("""
        width = int(sys.argv[1])
        model = make(width)
        interrupt_later(model)
        try:
            fit(model, epochs=10**7, shuffle=False)
        except KeyboardInterrupt:
            pass
        steps = model.optimizer.iterations
        assert steps > 0
        again = make(width)
        class Stop(callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if self.model.optimizer.iterations == steps:
                    raise StopIteration
        try:
            fit(again, epochs=10**7, shuffle=False, callbacks=[Stop()])
        except StopIteration:
            pass
        assert again.optimizer.iterations == steps
        assert bits(again) == bits(model)
    """, str(width))  # fmt: skip


@posix
def test_ctrl_c_ends_predict_and_evaluate():
    run("""
        model = make(512)
        large = np.broadcast_to(x[:1], (50_000_000, 20))  # no memory behind it
        threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            model.evaluate(large, np.broadcast_to(np.int64(3), 50_000_000), verbose=0)
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("evaluate was not interrupted")
        assert np.isfinite(model.predict(x, verbose=0)).all()
    """)


# Fork.

_CHILD = """
def in_child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, status
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    raise SystemExit("the child hangs")
"""


@posix
@pytest.mark.parametrize("width", [8, 256, 1100])
def test_child_forked_after_training_trains_to_the_same_bits(width):
    run(
        _CHILD
        + textwrap.dedent("""
        width = int(sys.argv[1])
        model = make(width)
        fit(model, epochs=1)
        expected = make(width, 2)
        fit(expected, epochs=1)
        def work():
            model = make(width, 2)
            fit(model, epochs=1)
            assert bits(model) == bits(expected)
        in_child(work)
        in_child(work)
        again = make(width, 2)
        fit(again, epochs=1)
        assert bits(again) == bits(expected)
        """),
        str(width),
    )


@posix
@pytest.mark.parametrize("width", [8, 256])
def test_child_forked_while_another_thread_trains_trains_too(width):
    run(
        _CHILD
        + textwrap.dedent("""
        width = int(sys.argv[1])
        expected = make(width, 2)
        fit(expected)
        busy = make(width)
        class Stop(callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = stop.is_set()
        stop = threading.Event()
        thread = threading.Thread(target=fit, args=(busy,),
                                  kwargs={"epochs": 10**7, "callbacks": [Stop()]})
        thread.start()
        time.sleep(0.2)
        def work():
            model = make(width, 2)
            fit(model)
            assert bits(model) == bits(expected)
            assert np.isfinite(busy.predict(x[:10], verbose=0)).all()  # its thread is gone
            fit(busy)
        for _ in range(3):
            in_child(work)
        stop.set()
        thread.join()
        assert all(np.isfinite(w).all() for w in busy.get_weights())
        """),
        str(width),
    )


@posix
def test_child_forked_in_a_callback_trains_too():
    run(
        _CHILD
        + textwrap.dedent("""
        def work():
            model = make(256, 2)
            fit(model)
            assert np.isfinite(model.predict(x, verbose=0)).all()
        class Fork(callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                in_child(work)
        plain, forking = make(256), make(256)
        fit(plain)
        fastmlp.utils.set_random_seed(1)
        forking = make(256)
        fit(forking, callbacks=[Fork()])
        assert bits(plain) == bits(forking)
    """)
    )


def test_process_ends_while_a_daemon_thread_trains():
    run("""
        model = make(256)
        thread = threading.Thread(target=fit, args=(model,), kwargs={"epochs": 10**7}, daemon=True)
        thread.start()
        time.sleep(0.3)
    """)


# Python threads.


def _model(width: int, kernel_seed: int) -> Sequential:
    model = Sequential([Input((20,)), layers.Dense(width, activation="relu"), layers.Dense(1)])
    rng = np.random.default_rng(kernel_seed)
    model.set_weights([rng.normal(size=w.shape) / 10 for w in model.get_weights()])
    model.compile("adam", "mse")
    return model


def _data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(1000, 20)).astype("float32")
    return x, x[:, 0]


def _in_threads(calls):
    errors = []

    def guarded(call):
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert not errors, errors


@pytest.mark.parametrize("width", [8, 600])
def test_models_trained_from_several_python_threads_get_the_bits_of_one_after_the_other(width):
    x, y = _data()
    options = {"batch_size": 250, "epochs": 5, "shuffle": False, "verbose": 0}
    expected, models = [_model(width, k) for k in range(4)], [_model(width, k) for k in range(4)]
    for model in expected:
        model.fit(x, y, **options)
    _in_threads([lambda model=model: model.fit(x, y, **options) for model in models])
    for a, b in zip(expected, models, strict=True):
        assert all((v == w).all() for v, w in zip(a.get_weights(), b.get_weights(), strict=True))


def test_one_model_trained_from_several_python_threads_takes_turns():
    x, y = _data()
    options = {"batch_size": 250, "epochs": 5, "shuffle": False, "verbose": 0}
    expected, model = _model(600, 0), _model(600, 0)
    for _ in range(3):
        expected.fit(x, y, **options)
    _in_threads([lambda: model.fit(x, y, **options) for _ in range(3)])
    assert model.optimizer.iterations == 60
    for a, b in zip(expected.get_weights(), model.get_weights(), strict=True):
        assert (a == b).all()


def test_one_model_predicts_from_several_python_threads():
    x, _ = _data()
    model = _model(600, 0)
    expected = model.predict(x, verbose=0)
    found = []
    _in_threads([lambda n=n: found.append((n, model.predict(x[:n], verbose=0), model(x[:n])))
                 for n in (1, 10, 500, 1000) for _ in range(5)])  # fmt: skip
    assert len(found) == 20
    for n, predicted, called in found:
        np.testing.assert_allclose(predicted, expected[:n], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(called, expected[:n], rtol=1e-5, atol=1e-6)


def test_a_call_of_more_rows_than_before_leaves_those_at_work_in_other_threads_alone():
    """It makes a plan for more rows; the one before is still in use, and so its memory."""
    run("""
        for _ in range(5):
            model = Sequential([Input((20,)), layers.Dense(4000, activation="relu"), layers.Dense(1)])
            expected, found = model.predict(x, verbose=0), []
            model(x[:1])
            def grow():
                found.extend(model(x[:n]) for n in range(200, 2000, 40))
            def stay():
                found.extend(model(x[:200]) for _ in range(300))
            threads = [threading.Thread(target=work) for work in (grow, stay, stay, stay)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(found) == 945
            for called in found:
                np.testing.assert_allclose(called, expected[: len(called)], rtol=1e-5, atol=1e-5)
    """)


# Errors in callbacks.


class BrokenAtEpochEnd(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise ZeroDivisionError


class BrokenAtBatchEnd(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise ZeroDivisionError


class BrokenInValidation(callbacks.Callback):
    def on_test_batch_begin(self, batch, logs=None):
        raise ZeroDivisionError


class BrokenAtTheStart(callbacks.Callback):
    def on_train_begin(self, logs=None):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("broken", "steps"),
    [(BrokenAtTheStart, 0), (BrokenAtBatchEnd, 3), (BrokenInValidation, 4), (BrokenAtEpochEnd, 8)],
)
def test_error_in_a_callback_comes_out_and_the_model_trains_on(broken, steps):
    x, y = _data()
    options = {"batch_size": 250, "epochs": 5, "shuffle": False, "verbose": 0}
    model, expected = _model(8, 0), _model(8, 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(x, y, validation_data=(x, y), callbacks=[broken()], **options)
    assert model.optimizer.iterations == steps
    epochs, rest = divmod(steps, 4)  # what has been done before the error
    if epochs:
        expected.fit(x, y, **{**options, "epochs": epochs})
    if rest:
        expected.fit(x[: 250 * rest], y[: 250 * rest], **{**options, "epochs": 1})
    model.fit(x, y, **options)
    expected.fit(x, y, **options)
    for a, b in zip(expected.get_weights(), model.get_weights(), strict=True):
        assert (a == b).all()


def test_error_of_a_model_does_not_keep_the_data_alive():
    import gc
    import weakref

    class Array(np.ndarray):
        """Can be referred to weakly."""

    x, y = _data()
    tracked = x.view(Array)
    model = _model(8, 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(tracked, y, verbose=0, callbacks=[BrokenAtTheStart()])
    model.fit(tracked, y, verbose=0)
    model.evaluate(tracked, y, verbose=0)
    model.predict(tracked, verbose=0)
    reference = weakref.ref(tracked)
    del tracked
    gc.collect()
    assert reference() is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is there on Linux only")
def test_many_models_leave_no_memory_behind():
    """A model of this size holds 2 MB and more: 60 of them would be over 120 MB.

    What the allocator keeps of those that the collector finds together was seen to differ by 55 MB.
    """
    run("""
        import gc, pathlib
        def resident():
            for _ in range(60):
                model = make(300)
                fit(model, epochs=1)
                model.predict(x, verbose=0)
            del model
            gc.collect()
            status = pathlib.Path("/proc/self/status").read_text()
            return int(status.split("RssAnon:")[1].split()[0])
        before, after = resident(), resident()
        assert after < before + 80_000, (before, after)
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is there on Linux only")
def test_small_models_start_no_threads():
    """Those that NumPy's BLAS started at import are not ours."""
    run("""
        fastmlp.config.set_gemm("native")  # the scalar tier would ask SciPy's BLAS
        before = len(os.listdir("/proc/self/task"))
        fit(make(8))
        assert len(os.listdir("/proc/self/task")) == before
        fit(make(256))
        assert len(os.listdir("/proc/self/task")) == before + 1
    """)
