"""The same hooks, in the same order, with the same keys and numbers, as the installed Keras calls."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

HOOKS = [
    f"on_{what}_{when}"
    for what in ("train", "test", "predict", "train_batch", "test_batch", "predict_batch", "epoch",
                 "batch")
    for when in ("begin", "end")
]  # fmt: skip
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = np.tanh(X[:, :2] - X[:, 1:])
WEIGHTS = [RNG.normal(size=shape).astype("float32") for shape in ((3, 4), (4,), (4, 2), (2,))]


def make(lib: Any, **arguments: Any) -> Any:
    model = lib.Sequential(
        [lib.Input((3,)), lib.layers.Dense(4, "tanh"), lib.layers.Dense(2, name="out")]
    )
    model.set_weights(WEIGHTS)
    optimizer = arguments.pop("optimizer", lambda lib: lib.optimizers.SGD(0.1))(lib)
    model.compile(optimizer=optimizer, loss="mse", **{"metrics": ["mae"], **arguments})
    return model


def recorder(lib: Any, calls: list[Any], hooks: Any = HOOKS) -> Any:
    """A callback that writes down name, number and logs of each hook, and its params."""

    def note(name: str) -> Any:
        def hook(self: Any, *args: Any, logs: Any = None) -> None:
            *number, found = args if args and isinstance(args[-1], dict) else (*args, logs)
            shown = {
                k: np.shape(v) if np.ndim(v) else round(float(v), 4)
                for k, v in (found or {}).items()
            }
            if "predict" in name:
                shown = {}
            calls.append((name, *number, list(shown.items())))

        return hook

    def set_params(self: Any, params: Any) -> None:
        self.params = params
        calls.append(("params", sorted(params.items())))

    methods = {name: note(name) for name in hooks} | {"set_params": set_params}
    return type("Recorder", (lib.callbacks.Callback,), methods)()


def both(run: Any, **arguments: Any) -> tuple[Any, Any]:
    found = []
    for lib in (keras, fastmlp):
        calls: list[Any] = []
        run(lib, make(lib, **arguments), calls)
        found.append(calls)
    return found[0], found[1]


FITS: dict[str, dict[str, Any]] = {
    "plain": {},
    "validation": {"validation_data": (X[:7], Y[:7])},
    "split": {"validation_split": 0.3},
    "from an epoch": {"initial_epoch": 1, "epochs": 3},
    "no epoch": {"epochs": 0},
}


@pytest.mark.parametrize("name", FITS)
def test_hooks_of_fit(name):
    def run(lib: Any, model: Any, calls: list[Any]) -> None:
        arguments = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False, **FITS[name]}
        history = model.fit(X, Y, callbacks=[recorder(lib, calls)], **arguments)
        calls.append((history.epoch, list(history.history), sorted(history.params.items())))

    expected, found = both(run)
    assert found == expected


@pytest.mark.parametrize("hooks", [["on_epoch_end"], ["on_batch_end"], ["on_train_batch_begin"],
                                   ["on_test_begin", "on_test_end"], ["on_test_batch_end"]])  # fmt: skip
def test_a_callback_with_few_hooks_gets_these(hooks):
    def run(lib: Any, model: Any, calls: list[Any]) -> None:
        told = recorder(lib, calls, hooks)
        model.fit(
            X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False, validation_split=0.2,
            callbacks=[told],
        )  # fmt: skip

    expected, found = both(run)
    assert found == expected


def test_hooks_of_evaluate_and_predict():
    def run(lib: Any, model: Any, calls: list[Any]) -> None:
        told = recorder(lib, calls)
        model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[told])
        model.predict(X, batch_size=8, verbose=0, callbacks=[told])

    expected, found = both(run)
    assert found == expected


@pytest.mark.parametrize("at_once", [2, 3, 100])
def test_hooks_on_batches_come_after_steps_per_execution(at_once):
    def run(lib: Any, model: Any, calls: list[Any]) -> None:
        told = recorder(lib, calls)
        model.fit(
            X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False, validation_data=(X[:11], Y[:11]),
            callbacks=[told],
        )  # fmt: skip
        model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[told])
        model.predict(X, batch_size=4, verbose=0, callbacks=[told])

    expected, found = both(run, steps_per_execution=at_once, run_eagerly=True)
    assert found == expected


class Stopping:
    """Sets an attribute of the model at a hook."""

    def __init__(self, name: str, at: int, attribute: str = "stop_training") -> None:
        self.name, self.at, self.attribute = name, at, attribute

    def of(self, lib: Any) -> Any:
        def hook(told: Any, number: int, logs: Any = None) -> None:
            if number == self.at:
                setattr(told.model, self.attribute, True)

        return type("Stop", (lib.callbacks.Callback,), {self.name: hook})()


@pytest.mark.parametrize(
    ("name", "at"),
    [("on_epoch_end", 0), ("on_epoch_begin", 1), ("on_train_batch_end", 1)],
)
def test_hooks_after_stop_training(name, at):
    def run(lib: Any, model: Any, calls: list[Any]) -> None:
        told = [Stopping(name, at).of(lib), recorder(lib, calls)]
        model.fit(
            X, Y, batch_size=8, epochs=3, verbose=0, shuffle=False, validation_split=0.2,
            callbacks=told,
        )  # fmt: skip

    expected, found = both(run)
    assert found == expected


def without_end() -> Any:
    while True:
        yield X[:8], Y[:8]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras's own
def test_a_callback_ends_evaluate_predict_and_validation():
    def run(lib: Any, model: Any, calls: list[Any]) -> None:
        told = [Stopping("on_test_batch_end", 1, "stop_evaluating").of(lib), recorder(lib, calls)]
        results = [
            model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=told),
            model.evaluate(without_end(), verbose=0, callbacks=told),
        ]
        history = model.fit(
            X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y),
            callbacks=told,
        ).history  # fmt: skip
        results += history.values()
        told = [Stopping("on_predict_batch_end", 1, "stop_predicting").of(lib)]
        results += [
            model.predict(X, batch_size=8, verbose=0, callbacks=told),
            model.predict(without_end(), verbose=0, callbacks=told),
            model.predict(X, batch_size=8, verbose=0),
        ]
        calls.append([np.round(result, 3).tolist() for result in results])

    expected, found = both(run)
    assert found[:-1] == expected[:-1]
    for ours, theirs in zip(found[-1], expected[-1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


def averaged(lib: Any) -> Any:
    return lib.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.7)


def averaged_within(lib: Any) -> Any:
    return lib.optimizers.LossScaleOptimizer(averaged(lib))


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("optimizer", [averaged, averaged_within])
def test_swap_ema_weights(swap_on_epoch, optimizer):
    found = []
    for lib in (keras, fastmlp):
        model = make(lib, optimizer=optimizer)
        seen: list[Any] = []

        def look(epoch: int, logs: Any = None, model: Any = model, seen: Any = seen) -> None:
            seen.append([np.array(w) for w in model.get_weights()])

        told = lib.callbacks.SwapEMAWeights(swap_on_epoch)
        looks = lib.callbacks.LambdaCallback(on_epoch_begin=look, on_epoch_end=look)
        history = model.fit(
            X, Y, batch_size=4, epochs=3, verbose=0, shuffle=False, validation_split=0.25,
            callbacks=[told, looks],
        )  # fmt: skip
        found.append((history.history, seen, model.get_weights()))
    for name, values in found[0][0].items():
        np.testing.assert_allclose(found[1][0][name], values, rtol=1e-4, err_msg=name)
    for theirs, ours in zip(found[0][1], found[1][1], strict=True):
        for a, b in zip(theirs, ours, strict=True):
            np.testing.assert_allclose(b, a, atol=2e-6)
    for a, b in zip(found[0][2], found[1][2], strict=True):
        np.testing.assert_allclose(b, a, atol=2e-6)


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_progbar_logger_stands_in_for_the_bar(verbose, capsys):
    """Of one bar the tests of the progress display show that it is Keras's; this is the same."""
    found = []
    for hooks in ([], [fastmlp.callbacks.ProgbarLogger()]):
        model = make(fastmlp)
        told = {"batch_size": 8, "verbose": verbose, "callbacks": hooks}
        model.fit(X, Y, epochs=2, shuffle=False, validation_split=0.2, **told)
        model.evaluate(X, Y, **told)
        model.predict(X, **told)
        text = capsys.readouterr().out
        lines = [line.rpartition("\r")[2] for line in text.splitlines()]
        lines = [re.sub(r"\d+(s|ms|us)\b|\x1b\[\d+m|\x08|\s+$", "", line) for line in lines]
        # Not the bar after the first batch, which only who hears of batches draws.
        found.append([line for line in lines if line and not line.startswith("1/")])
    assert found[0] == found[1]
    assert bool(found[0]) == bool(verbose)
