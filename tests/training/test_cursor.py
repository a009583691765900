"""A training that is cut into pieces ends with the bits of one that is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, layers
from fastmlp.training.cursor import Cursor, FitSeeds


@pytest.fixture(autouse=True)
def _seed():
    fastmlp.utils.set_random_seed(1)


def data(n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5)).astype("float32")
    return x, np.tanh(x[:, :1] - x[:, 1:2])


def model(optimizer: Any = "adam") -> Sequential:
    fastmlp.utils.set_random_seed(3)
    made = Sequential(
        [
            Input((5,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    made.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
    return made


def bits(trained: Sequential) -> list[bytes]:
    return [w.tobytes() for w in trained.get_weights()]


def fit(what: Sequential, **arguments: Any) -> dict[str, list[float]]:
    x, y = data()
    settings = {"batch_size": 8, "epochs": 6, "verbose": 0, **arguments}
    return what.fit(x, y, **settings).history


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "rmsprop"])
def test_initial_epoch_goes_on_with_the_seed_of_before(optimizer):
    whole = model(optimizer)
    expected = fit(whole)["loss"]
    parts = model(optimizer)
    found = [loss for e in range(6) for loss in fit(parts, initial_epoch=e, epochs=e + 1)["loss"]]
    assert found == expected
    assert bits(parts) == bits(whole)


def test_another_fit_from_the_start_draws_a_new_seed():
    first, second = model(), model()
    fit(first, epochs=2)
    second.set_weights(first.get_weights())
    assert first._cursor is not None
    seed = first._cursor.seed
    fit(first, epochs=2)
    assert first._cursor.seed != seed


def test_set_random_seed_makes_a_model_draw_anew():
    trained = model()
    start = trained.get_weights()
    found = []
    for _ in range(2):
        fastmlp.utils.set_random_seed(9)
        trained.set_weights(start)
        trained.compile("adam", "mse")
        fit(trained)
        found.append(bits(trained))
    assert found[0] == found[1]


def test_seeds_differ_and_are_repeated_by_their_state():
    seeds = FitSeeds()
    drawn = [seeds.next() for _ in range(3)]
    again = FitSeeds(seeds.first, 0)
    assert [again.next() for _ in range(3)] == drawn
    assert len(set(drawn)) == 3


class Stop(Exception):
    pass


@pytest.mark.parametrize("validation", [0.0, 0.3])
@pytest.mark.parametrize("step", [0, 2, 4])
@pytest.mark.parametrize("hooks", [False, True])
def test_a_fit_goes_on_from_any_batch(validation, step, hooks):
    """Also from the last batch of an epoch, when only validation and logs are left of it."""
    arguments = {"validation_split": validation, "batch_size": 7 if validation else 10}
    whole = model()
    expected = fit(whole, **arguments)
    parts = model()

    def stop(batch: int, logs: Any) -> None:
        assert parts._fit is not None
        if parts._fit.cursor().epoch == 3 and batch == step:
            raise Stop

    with pytest.raises(Stop):
        fit(parts, callbacks=callbacks.LambdaCallback(on_train_batch_end=stop), **arguments)
    cursor = parts._cursor
    assert cursor is not None and (cursor.epoch, cursor.position > 0) == (3, True)

    class Resume(callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model._resume = cursor

    seen: list[int] = []
    counting = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    found = fit(parts, callbacks=[Resume(), *([counting] if hooks else [])], **arguments)
    assert bits(parts) == bits(whole)
    assert {name: values[3:] for name, values in expected.items()} == found
    if hooks:
        assert seen[: 5 - step] == [*range(step + 1, 5), 0]


def test_a_cursor_that_does_not_fit_the_data_is_refused():
    trained = model()
    before = bits(trained)

    class Resume(callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model._resume = Cursor(1, 0, 20, np.zeros(4))

    with pytest.raises(ValueError, match="go on with the data and the batch_size of before"):
        fit(trained, callbacks=[Resume()])
    assert bits(trained) == before
