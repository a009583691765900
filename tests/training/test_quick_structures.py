"""Steps, fits and calls on lists and dicts of arrays, and fits on arrays, take the short way with the same bits."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops, optimizers, utils

N = 12


def agent(named: bool = False) -> Model:
    """Two inputs, two outputs: a critic and an actor on one body."""
    state, action = Input((4,), name="state"), Input((2,), name="action")
    body = layers.Dense(8, activation="tanh")(layers.concatenate([state, action]))
    body = layers.Dropout(0.25)(body)
    policy = layers.Dense(3, activation="softmax", name="policy")(body)
    value = layers.Dense(1, name="value")(body)
    inputs: Any = {"state": state, "action": action} if named else [state, action]
    outputs: Any = {"policy": policy, "value": value} if named else [policy, value]
    model = Model(inputs, outputs)
    losses = {"policy": "sparse_categorical_crossentropy", "value": "mse"}
    model.compile("adam", losses, metrics={"policy": ["accuracy"], "value": ["mae"]})
    return model


def data(step: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(step)
    state, action = rng.normal(size=(N, 4)).astype("float32"), rng.normal(size=(N, 2))
    return state, action, rng.integers(0, 3, N), rng.normal(size=N)


class Other(np.ndarray):
    """An array that only the general way takes."""


def as_others(given: Any) -> Any:
    if isinstance(given, dict):
        return {key: part.view(Other) for key, part in given.items()}
    return [part.view(Other) for part in given]


FORMS = {
    "lists": lambda s, a, p, v: ([s, a], [p, v]),
    "tuples": lambda s, a, p, v: ((s, a), (p, v)),
    "dicts": lambda s, a, p, v: ({"action": a, "state": s}, {"value": v, "policy": p}),
    "columns": lambda s, a, p, v: ([s, a[:, ::-1]], [p.astype("int32"), v[:, None]]),
}


def run(form: str, general: bool, named: bool = False) -> list[Any]:
    utils.set_random_seed(3)
    model = agent(named)
    found: list[Any] = []
    for step in range(5):
        x, y = FORMS[form](*data(step))
        if general:
            x, y = as_others(x), as_others(y)
        found.append(model.train_on_batch(x, y))
        found.append(model.test_on_batch(x, y, return_dict=True))
        loss, gradients = fastmlp.gradients(model, x, y)
        found.append([loss, *[g.tolist() for g in gradients]])
        found.append(model.fit(x, y, batch_size=5, epochs=2, verbose=0).history)
        for outputs in (model.predict(x, verbose=0), model.predict_on_batch(x)):
            parts = outputs.values() if isinstance(outputs, dict) else outputs
            found.append([part.tolist() for part in parts])
    return [*found, [w.tolist() for w in model.get_weights()]]


@pytest.mark.parametrize(
    ("form", "named"),
    [("lists", False), ("tuples", False), ("columns", False), ("dicts", False), ("dicts", True)],
)
def test_structures_give_the_bits_of_the_general_way(form: str, named: bool) -> None:
    assert run(form, False, named) == run(form, True, named)


def test_structures_take_the_short_way() -> None:
    model = agent()
    state, action, p, v = data(0)
    x, y = [state, action], [p, v]
    for _ in range(2):
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
        model(x)
        model.fit(x, y, verbose=0)
        fastmlp.gradients(model, x, y, training=False)
    quick = model._quick
    kept = (quick._kept, quick._predicting, quick._calling, quick._fitting, quick._fetching)
    assert all(len(one) == 1 for one in kept)


@pytest.mark.parametrize("verbose", [0, False])
def test_silence_is_0_or_false(verbose: Any) -> None:
    model = small()
    x, _, _, y = data(0)
    for _ in range(2):
        model.fit(x, y, verbose=verbose)
        model.predict(x, verbose=verbose)
    assert len(model._quick._fitting) == len(model._quick._predicting) == 1
    before = model._executables
    model._executables = None  # the general way would stumble
    model._quick._made_for = None
    model.fit(x, y, verbose=verbose)
    model.predict(x, verbose=verbose)
    model._executables = before


def test_models_that_need_no_targets_take_it_too() -> None:
    class Sparse(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.mean(ops.square(x)))
            return x

    def steps(general: bool) -> list[Any]:
        utils.set_random_seed(1)
        model = Sequential([Input((4,)), layers.Dense(3), Sparse()])
        model.compile("sgd")
        found: list[Any] = []
        for step in range(3):
            x = data(step)[0]
            found.append(model.train_on_batch(x.view(Other) if general else x))
            found.append(model.fit(x.view(Other) if general else x, verbose=0).history)
        assert general or len(model._quick._kept) == len(model._quick._fitting) == 1
        return found

    assert steps(False) == steps(True)


def test_what_does_not_fit_is_refused_after_what_did_and_changes_nothing() -> None:
    model = agent()
    state, action, p, v = data(0)
    for _ in range(2):
        model.train_on_batch([state, action], [p, v])
        model.fit([state, action], [p, v], verbose=0)
    before, steps = model.get_weights(), model.optimizer.steps
    wrong = [
        (([state, action[:-1]], [p, v]), "same number of samples"),
        (([state[:, :3], action], [p, v]), "expected inputs with 4 features"),
        (([state, action], [p + 1, v]), "expected labels from 0 to 2"),
        (([state, action], [p]), "expected one for each"),
        (([state], [p, v]), "expected one for each"),
        (({"state": state}, [p, v]), "nothing was given for input 'action'"),
    ]
    for given, message in wrong:
        for method in (model.train_on_batch, model.fit):
            with pytest.raises(ValueError, match=message):
                method(*given)
    assert model.optimizer.steps == steps
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_array_given_twice_is_not_taken_for_another() -> None:
    a, b = Input((4,)), Input((4,))
    model = Model([a, b], ops.concatenate([a, b], axis=-1))
    x, z = data(0)[0], data(1)[0]
    for given in ([x, x], [x, z], [z, x], [x[:, :], x], [x, z]):
        for result in (model(given), model.predict(given, verbose=0)):
            np.testing.assert_array_equal(result, np.concatenate(given, 1))


def test_more_arrays_than_inputs_are_refused_after_a_list_of_one() -> None:
    model = small()
    x, _, _, y = data(0)
    for _ in range(2):
        model.train_on_batch([x], y)
        model.fit([x], y, verbose=0)
        model.predict([x], verbose=0)
        model([x])
    for given in ([x, x + 1], [x, np.float32(1)], [np.array(1.0)], np.array(1.0)):
        for call in (
            lambda given: model.train_on_batch(given, y),
            lambda given: model.fit(given, y, verbose=0),
            lambda given: model.predict(given, verbose=0),
            model,
        ):
            with pytest.raises((ValueError, TypeError), match=r"expected|input"):
                call(given)


def test_a_step_of_ones_own_that_is_set_later_is_called() -> None:
    model = small()
    x, _, _, y = data(0)
    for _ in range(3):
        model.fit(x, y, verbose=0)
        model.train_on_batch(x, y)
    model.train_step = lambda given: {"loss": 7.0}
    assert model.fit(x, y, verbose=0).history == {"loss": [7.0]}
    assert model.train_on_batch(x, y) == 7.0


def test_nan_is_warned_about_by_name() -> None:
    model = agent()
    state, action, p, v = data(0)
    model.train_on_batch([state, action], [p, v])
    model.predict([state, action], verbose=0)
    broken = action.copy()
    broken[3, 1] = np.nan
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"x\['action'\].*column 1 holds nan in row 3"):
            model.test_on_batch([state, broken], [p, v])
        with pytest.warns(UserWarning, match=r"x\['action'\].*column 1 holds nan in row 3"):
            model.predict([state, broken], verbose=0)
        with pytest.warns(UserWarning, match=r"x\['action'\].*column 1 holds nan in row 3"):
            model.fit([state, broken], [p, v], verbose=0)


def small(optimizer: Any = "adam") -> Sequential:
    model = Sequential([Input((4,)), layers.Dense(6, activation="relu"), layers.Dropout(0.3)])
    model.add(layers.BatchNormalization())
    model.add(layers.Dense(1))
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def set_rate(model: Any, step: int) -> None:
    model.optimizer.learning_rate = 0.01 * (step + 1)


def freeze(model: Any, step: int) -> None:
    model.layers[0].trainable = step % 4 < 2


def look_ahead(model: Any, step: int) -> None:
    model.optimizer.nesterov = step > 2


def compile_again(model: Any, step: int) -> None:
    if step == 3:
        model.compile("rmsprop", "mae")


def reseed(model: Any, step: int) -> None:
    if step == 3:
        utils.set_random_seed(11)


FITS = [
    {},
    {"batch_size": 5},
    {"epochs": 3, "batch_size": 4},
    {"shuffle": False},
    {"epochs": 4, "initial_epoch": 2},
    {"epochs": 0},
]


def fits(general: bool, change: Any = lambda model, step: None, **options: Any) -> list[Any]:
    utils.set_random_seed(5)
    model = small(optimizers.SGD(0.05, momentum=0.9))
    found: list[Any] = []
    for step in range(6):
        change(model, step)
        x, _, _, y = data(step)
        given = as_others((x, y)) if general else (x, y)
        history = model.fit(*given, verbose=0, **options)
        assert model.history is history and history.model is model
        found.append((history.epoch, history.history, history.params, model.optimizer.steps))
        if options.get("epochs", 1):
            found.append([float(metric.result()) for metric in model.metrics])
    return [*found, [w.tolist() for w in model.get_weights()]]


@pytest.mark.parametrize("options", FITS, ids=str)
def test_fits_on_arrays_give_the_bits_of_the_general_way(options: dict[str, Any]) -> None:
    assert fits(False, **options) == fits(True, **options)


@pytest.mark.parametrize("change", [set_rate, freeze, look_ahead, compile_again, reseed])
def test_changes_between_fits_and_steps_are_seen_at_once(change: Any) -> None:
    assert fits(False, change) == fits(True, change) != fits(False)


class Scaled(optimizers.SGD):
    scale = 1.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, learning_rate * self.scale * gradient)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


def test_constants_of_an_optimizer_of_ones_own_are_seen_at_once() -> None:
    def weights(general: bool) -> list[Any]:
        utils.set_random_seed(5)
        model = Sequential([Input((4,)), layers.Dense(1)])
        model.compile(Scaled(0.1), "mse")
        for step in range(6):
            model.optimizer.scale = 1.0 + step // 3
            x, _, _, y = data(step)
            given = as_others((x, y)) if general else (x, y)
            model.train_on_batch(*given)
            model.fit(*given, verbose=0)
        return [w.tolist() for w in model.get_weights()]

    assert weights(False) == weights(True)


def test_arguments_are_looked_at_in_short_fits() -> None:
    model = small()
    x, _, _, y = data(0)
    model.fit(x, y, verbose=0)
    for name, value in [
        ("epochs", -1), ("epochs", 1.5), ("initial_epoch", -1), ("batch_size", 0),
        ("batch_size", 2.5), ("batch_size", [3]), ("validation_split", 2.0), ("shuffle", "rows"),
        ("validation_freq", 0), ("steps_per_epoch", 0), ("verbose", "loud"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"fit: expected.*{name}|{name}"):
            model.fit(x, y, **{"verbose": 0, name: value})
    with pytest.raises(TypeError, match="y: expected an array"):
        model.fit(x, verbose=0)


def test_threads_that_fit_one_model_take_turns() -> None:
    model = small(optimizers.SGD(0.001))
    x, _, _, y = data(0)
    model.fit(x, y, verbose=0)

    def work() -> None:
        for _ in range(50):
            model.fit(x, y, verbose=0)
            model.train_on_batch(x, y)
            model.predict(x, verbose=0)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert model.optimizer.steps == 401


def test_weights_are_not_taken_for_targets() -> None:
    x, _, _, y = data(0)
    model = small()
    for _ in range(2):
        model.train_on_batch([x], y)
    with pytest.raises(TypeError, match="y: expected an array"):
        model.train_on_batch([x], None, sample_weight=np.abs(y))


def test_targets_without_a_loss_are_not_taken_for_weights() -> None:
    def losses(general: bool) -> list[float]:
        utils.set_random_seed(2)
        model = agent()
        model.compile("sgd", {"policy": None, "value": "mse"})
        found = []
        for step in range(3):
            state, action, p, v = data(step)
            x: Any = [state, action]
            weights = np.linspace(0, 1, N)
            found.append(
                model.train_on_batch(as_others(x) if general else x, [p, v], sample_weight=weights)
            )
        assert general or len(model._quick._kept) == 1
        return found

    assert losses(False) == losses(True)


def test_a_dict_with_more_than_the_input_predicts_for_the_input() -> None:
    model = Sequential([Input((4,), name="state"), layers.Dense(1)])
    x, other = data(0)[0], data(1)[0]
    for _ in range(3):
        found = model.predict({"other": other, "state": x}, verbose=0)
        np.testing.assert_array_equal(found, model.predict(x, verbose=0))


def test_inputs_that_are_the_targets_take_the_short_way() -> None:
    def losses(general: bool) -> list[Any]:
        utils.set_random_seed(2)
        model = Sequential([Input((4,)), layers.Dense(4)])
        model.compile("sgd", "mse")
        found: list[Any] = []
        for step in range(4):
            x = data(step)[0]
            given = as_others((x, x)) if general else (x, data(9)[0] if step == 2 else x)
            if general and step == 2:
                given = as_others((x, data(9)[0]))
            found.append(model.train_on_batch(*given))
            found.append(model.fit(*given, verbose=0).history)
        assert general or len(model._quick._kept) == len(model._quick._fitting) == 1
        return found

    assert losses(False) == losses(True)


def test_losses_of_own_steps_add_up_to_the_same_bits() -> None:
    class Own(Sequential):
        def train_step(self, given: Any) -> Any:
            return super().train_step(given)

    def logs(general: bool, n: int) -> list[Any]:
        utils.set_random_seed(1)
        model = Own([Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        rng = np.random.default_rng(n)
        x, y = rng.normal(size=(n, 4)), rng.normal(size=n)
        given = as_others((x, y)) if general else (x, y)
        return [model.train_step(given) for _ in range(12)]

    for n in (7, 13, 25, 49, 50, 99):
        assert logs(False, n) == logs(True, n)


def test_nan_is_warned_about_where_a_step_fails_too() -> None:
    model = Sequential([Input((4,), dtype="int32"), layers.Embedding(9, 2), layers.Flatten()])
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    x, y = np.ones((N, 4), "float32"), np.ones(N)
    for _ in range(2):
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
    x[3, 1] = np.nan
    for call in (lambda: model.train_on_batch(x, y), lambda: model.predict(x, verbose=0)):
        with (
            pytest.warns(UserWarning, match="column 1 holds nan in row 3"),
            pytest.raises(ValueError, match="whole numbers from 0 to 8"),
        ):
            call()


def test_a_kept_fit_leaves_no_metrics_of_steps_that_were_not_done() -> None:
    def names(general: bool) -> list[str]:
        model = agent()
        state, action, p, v = data(0)
        x: Any = [state, action]
        for _ in range(3):
            model.fit(as_others(x) if general else x, [p, v], epochs=0, verbose=0)
        return [metric.name for metric in model.metrics]

    assert names(False) == names(True)


def test_models_may_have_many_inputs_and_outputs() -> None:
    def results(general: bool) -> list[Any]:
        utils.set_random_seed(1)
        inputs = [Input((2,)) for _ in range(20)]
        model = Model(inputs, [layers.Dense(1)(one) for one in inputs])
        model.compile("sgd", "mse")
        x: Any = [np.full((3, 2), i, "float32") for i in range(20)]
        y: Any = [np.full(3, i, "float32") for i in range(20)]
        x, y = (as_others(x), as_others(y)) if general else (x, y)
        found: list[Any] = []
        for _ in range(3):
            found.append([one.tolist() for one in model(x)])
            found.append([one.tolist() for one in model.predict(x, verbose=0)])
            found.append(model.train_on_batch(x, y))
        assert general or len(model._quick._kept) == len(model._quick._calling) == 1
        return found

    assert results(False) == results(True)
