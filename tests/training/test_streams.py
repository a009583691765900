"""Data that come in batches: generators, iterables, and what may go wrong with them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers
from fastmlp.callbacks import Callback, LambdaCallback

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 2))).astype("float32")
W = RNG.uniform(0.5, 2, size=40)


def model(built: bool = True, **options) -> Sequential:
    fastmlp.utils.set_random_seed(1)
    inputs = [Input((3,))] if built else []
    made = Sequential([*inputs, layers.Dense(4, activation="tanh"), layers.Dense(2)])
    made.compile(**{"optimizer": "adam", "loss": "mse", "weighted_metrics": ["mae"], **options})
    return made


def batches(n=None, size=10, weighted=False, start=0):
    """Batches of the data, over and over again, or so many."""
    for k in range(start, n + start) if n is not None else iter(int, 1):
        rows = slice((k * size) % 40, (k * size) % 40 + size)
        yield (X[rows], Y[rows], W[rows]) if weighted else (X[rows], Y[rows])


def endless(size=10, weighted=False):
    k = 0
    while True:
        yield from batches(1, size, weighted, start=k)
        k += 1


def bits(one) -> list[bytes]:
    return [w.tobytes() for w in one.get_weights()]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("built", [True, False])
def test_a_generator_trains_as_the_arrays_do(built, weighted):
    one, other = model(built), model(built)
    weights = W if weighted else None
    expected = one.fit(X, Y, 10, 3, 0, shuffle=False, sample_weight=weights).history
    given = other.fit(endless(weighted=weighted), steps_per_epoch=4, epochs=3, verbose=0).history
    assert bits(one) == bits(other)
    assert given == expected
    assert one.optimizer.iterations == other.optimizer.iterations == 12


def test_batches_may_differ_in_size_and_grow():
    sizes = [4, 10, 1, 16, 9]
    ends = np.cumsum(sizes)
    parts = [slice(end - n, end) for end, n in zip(ends, sizes, strict=True)]
    one, other = model(), model()
    logs = other.fit(((X[p], Y[p]) for p in parts), verbose=0).history
    losses = [one.train_on_batch(X[p], Y[p])[0] for p in parts]
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(logs["loss"], [np.dot(losses, sizes) / 40], rtol=1e-6)


@pytest.mark.parametrize("kind", [list, iter, np.asarray, "frame"])
def test_a_batch_may_be_of_anything_that_arrays_may_be_of(kind):
    if kind == "frame":
        kind = pytest.importorskip("pandas").DataFrame
    as_list = kind in (list, iter)
    given = [[kind(x) if kind is list else x, y] for x, y in batches(4)]
    given = [(x.tolist() if as_list and kind is not list else kind(x), y) for x, y in given]
    one, other = model(), model()
    one.fit(X, Y, 10, verbose=0, shuffle=False)
    other.fit(iter(given), verbose=0)
    assert bits(one) == bits(other)


def test_an_iterable_is_read_anew_each_epoch():
    class Loader:
        def __iter__(self):
            return batches(4)

    one, other = model(), model()
    one.fit(X, Y, 10, 3, 0, shuffle=False)
    history = other.fit(Loader(), epochs=3, verbose=0)
    assert bits(one) == bits(other)
    assert history.params["steps"] is None


def test_a_generator_that_fills_the_same_arrays_again_is_safe():
    def refilled():
        x, y = np.empty((10, 3), "float32"), np.empty((10, 2), "float32")
        for a, b in batches(4):
            x[...], y[...] = a, b
            yield x, y

    one, other = model(), model()
    one.fit(X, Y, 10, verbose=0, shuffle=False)
    other.fit(refilled(), verbose=0)
    assert bits(one) == bits(other)


def test_several_inputs_and_outputs_come_as_lists_or_dicts():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    hidden = layers.Dense(2)(a) + b
    both = fastmlp.Model([a, b], [layers.Dense(1, name="p")(hidden), layers.Dense(2, name="q")(b)])
    both.compile("sgd", "mse")
    start = both.get_weights()
    found = []
    for form in range(3):
        both.set_weights(start)
        both.optimizer.iterations = 0
        data = {
            0: ([X, Y], [Y[:, :1], Y]),
            1: ({"a": X, "b": Y}, {"q": Y, "p": Y[:, :1]}),
            2: ({"b": Y, "a": X}, [Y[:, :1], Y], {"p": W, "q": np.ones(40)}),
        }[form]
        history = both.fit(iter([data]), verbose=0).history
        found.append((history, both.get_weights()))
    assert found[0][0] == found[1][0]
    assert list(found[2][0]) == ["loss", "p_loss", "q_loss"]
    assert found[2][0]["p_loss"] != found[0][0]["p_loss"]
    assert found[2][0]["q_loss"] == found[0][0]["q_loss"]


def test_class_weights_count_within_batches():
    y = (np.arange(40) % 3).astype("int64")
    loss = "sparse_categorical_crossentropy"
    models = [model(loss=loss, weighted_metrics=None) for _ in range(2)]
    for one in models:
        one.pop()
        one.add(layers.Dense(3, activation="softmax", kernel_initializer="ones"))
    options = {"class_weight": {0: 2.0, 2: 0.5}, "verbose": 0}
    expected = models[0].fit(X, y, 20, shuffle=False, **options).history
    given = models[1].fit(iter([(X[:20], y[:20]), (X[20:], y[20:])]), **options).history
    assert given == expected


# Ends.


def test_a_generator_that_ends_early_warns_and_ends_the_training():
    one = model()
    with pytest.warns(UserWarning, match="ran out of data; interrupting training"):
        history = one.fit(batches(6), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 2
    assert one.optimizer.iterations == 6


def test_a_generator_that_is_dry_after_an_epoch_warns():
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model().fit(batches(4), steps_per_epoch=4, epochs=2, verbose=0)
    assert history.epoch == [0]


def test_a_finite_generator_is_one_epoch():
    assert model().fit(batches(4), verbose=0).epoch == [0]


def test_no_more_is_read_than_is_wanted():
    source = batches(9)
    model().fit(source, steps_per_epoch=2, epochs=3, verbose=0)
    assert len(list(source)) == 3


def test_reading_stops_when_a_callback_stops_the_training():
    def stop(batch, logs):
        one.stop_training = batch == 1

    one = model()
    one.fit(endless(), verbose=0, callbacks=LambdaCallback(on_train_batch_end=stop))
    assert one.optimizer.iterations == 2
    assert not [t for t in threading.enumerate() if t.name == "fastmlp reader" and t.is_alive()]


def test_hooks_are_those_of_arrays():
    class Told(Callback):
        def __init__(self):
            super().__init__()
            self.told = []

        def on_epoch_begin(self, epoch, logs=None):
            self.told.append(("epoch", epoch))

        def on_train_batch_begin(self, batch, logs=None):
            self.told.append(("begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            self.told.append(("end", batch, logs))

        def on_test_batch_end(self, batch, logs=None):
            self.told.append(("test", batch, logs))

        def on_test_end(self, logs=None):
            self.told.append(("test end", logs))

        def on_epoch_end(self, epoch, logs=None):
            self.told.append(("epoch end", logs))

    one, other = Told(), Told()
    model().fit(X, Y, 10, 2, 0, one, shuffle=False, validation_data=(X, Y))
    model().fit(
        endless(), steps_per_epoch=4, epochs=2, verbose=0, callbacks=other,
        validation_data=endless(), validation_steps=4,
    )  # fmt: skip
    assert other.told == one.told


def test_progress_shows_steps_that_are_not_known(capsys):
    model().fit(batches(4), verbose=1)
    shown = capsys.readouterr().out
    assert "1/Unknown" in shown and "4/4" in shown


# Validation, evaluate, predict.


def test_validation_batches_are_read_on_or_anew():
    class Loader:
        def __iter__(self):
            return batches(4)

    expected = model().fit(X, Y, 10, 3, 0, shuffle=False, validation_data=(X[:20], Y[:20])).history
    anew = model().fit(X, Y, 10, 3, 0, None, shuffle=False, validation_data=Loader(),
                       validation_steps=2).history  # fmt: skip
    for name, values in expected.items():
        np.testing.assert_allclose(anew[name], values, rtol=1e-6)
    on = model().fit(X, Y, 10, 3, 0, None, shuffle=False, validation_data=endless(),
                     validation_steps=2).history  # fmt: skip
    assert on["loss"] == expected["loss"]
    np.testing.assert_allclose(on["val_loss"][::2], expected["val_loss"][::2], rtol=1e-6)
    assert abs(on["val_loss"][1] - expected["val_loss"][1]) > 1e-3


def test_validation_that_runs_dry_warns_and_training_goes_on():
    with pytest.warns(UserWarning, match="validation_data: Your input ran out"):
        history = model().fit(X, Y, 10, 2, 0, validation_data=batches(4)).history
    assert (len(history["loss"]), len(history["val_loss"])) == (2, 1)


def test_evaluate_and_predict_take_batches():
    one = model()
    np.testing.assert_allclose(
        one.evaluate(batches(4, weighted=True), verbose=0),
        one.evaluate(X, Y, sample_weight=W, verbose=0),
        rtol=1e-6,
    )
    expected = one.predict(X, verbose=0)
    np.testing.assert_array_equal(one.predict(batches(4), verbose=0), expected)
    np.testing.assert_array_equal(one.predict(iter([X[:30], X[30:]]), verbose=0), expected)
    np.testing.assert_array_equal(one.predict(endless(), steps=3, verbose=0), expected[:30])
    loss = one.evaluate(endless(), steps=2, verbose=0)
    np.testing.assert_allclose(loss, one.evaluate(X[:20], Y[:20], verbose=0), rtol=1e-6)


def test_predict_tells_callbacks_the_outputs():
    for x in (X, batches(4)):
        seen = []
        hook = LambdaCallback(on_predict_batch_end=lambda b, logs, to=seen: to.append(logs))
        found = model().predict(x, 10, callbacks=hook, verbose=0)
        assert [logs["outputs"].shape for logs in seen] == [(10, 2)] * 4
        np.testing.assert_array_equal(np.concatenate([logs["outputs"] for logs in seen]), found)


# Errors.


def boom(n):
    yield from batches(n)
    raise OSError("the file is gone")


@pytest.mark.parametrize("n", [0, 2])
def test_an_error_of_the_generator_reaches_the_user_unchanged(n):
    one = model()
    with pytest.raises(OSError, match="the file is gone"):
        one.fit(boom(n), verbose=0)
    assert one.optimizer.iterations == n
    assert all(np.isfinite(w).all() for w in one.get_weights())
    one.fit(X, Y, verbose=0)


CHANGES = {
    "features": ((X[:10, :2], Y[:10]), ValueError, "Batch 3: .*expected inputs with 3 features"),
    "targets": ((X[:10], Y[:10, :1]), ValueError, r"Batch 3: y: expected shape \(samples, 2\)"),
    "lengths": ((X[:10], Y[:9]), ValueError, "Batch 3: Data: expected the same number"),
    "no targets": ((X[:10],), TypeError, "Batch 3: y: expected an array"),
    "weights": ((X[:10], Y[:10], W[:10]), ValueError, "Batch 3: sample_weight: .*without"),
    "strings": ((X[:10].astype(str), Y[:10]), TypeError, "Batch 3: x: expected bool, integer"),
    "entries": ((X, Y, W, W), ValueError, "Batch 3: expected .x,., .x, y. or"),
    "no rows": ((X[:0], Y[:0]), ValueError, "Batch 3: x: expected at least one row"),
}


@pytest.mark.parametrize(("third", "kind", "message"), CHANGES.values(), ids=CHANGES)
def test_a_batch_unlike_the_first_is_refused_and_named(third, kind, message):
    one, other = model(), model()
    with pytest.raises(kind, match=message):
        one.fit(iter([*batches(2), third]), verbose=0)
    other.fit(batches(2), verbose=0)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("batch", [(X[:, :2], Y), (X, Y[:, :1]), (X, Y[:7]), (X, None), 5])
def test_a_bad_first_batch_changes_nothing(batch):
    one = model()
    before = bits(one)
    with pytest.raises((ValueError, TypeError), match=r"Batch 1|x: expected an array"):
        one.fit(iter([batch]), verbose=0)
    assert bits(one) == before
    assert one.optimizer.iterations == 0


def test_a_model_that_a_bad_batch_would_shape_is_not_built():
    one = model(built=False)
    with pytest.raises(ValueError, match="Batch 1: Data"):
        one.fit(iter([(X, Y[:5])]), verbose=0)
    assert not one.built


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": Y}, "expected no y, because x is a generator"),
        ({"sample_weight": W}, "expected no sample_weight"),
        ({"validation_split": 0.2}, "expected no validation_split"),
    ],
)
def test_what_batches_hold_themselves_is_not_taken_twice(options, message):
    with pytest.raises(ValueError, match=message):
        model().fit(batches(4), verbose=0, **options)


def test_no_batch_at_all_is_refused():
    for empty in (batches(0), iter(())):
        with pytest.raises(ValueError, match="expected at least one batch"):
            model().fit(empty, verbose=0)


def test_nan_in_a_batch_warns_once_and_names_the_column():
    x = X.copy()
    x[15, 1] = np.nan
    given = [(x[:10], Y[:10]), (x[10:20], Y[10:20]), (x[10:20], Y[10:20])]
    with pytest.warns(UserWarning, match="x: column 1 holds nan in row 5") as caught:
        model().fit(iter(given), verbose=0)
    assert len(caught) == 1


def test_a_callback_that_raises_ends_the_training_as_it_is():
    def fail(batch, logs):
        if batch == 2:
            raise KeyError("mine")

    one = model()
    with pytest.raises(KeyError, match="mine"):
        one.fit(endless(), verbose=0, callbacks=LambdaCallback(on_train_batch_end=fail))
    assert one.optimizer.iterations == 3
    assert one.fit(X, Y, verbose=0).epoch == [0]


# A generator that asks the model.


def test_a_generator_may_ask_the_model_that_it_feeds():
    one = model()
    seen = []

    def asking():
        for x, y in batches(4):
            seen.append(one.predict(x, verbose=0).shape)
            seen.append(one.evaluate(x, y, verbose=0)[0] > 0)
            yield x, y

    one.fit(asking(), verbose=0)
    assert seen == [(10, 2), True] * 4


def test_another_thread_may_predict_while_a_model_is_fitted():
    one = model()
    found, begun = [], threading.Event()

    def ask():
        begun.wait()
        found.extend(one.predict(X, verbose=0) for _ in range(3))
        one.stop_training = True

    thread = threading.Thread(target=ask)
    thread.start()
    one.fit(X, Y, epochs=10**7, verbose=0,
            callbacks=LambdaCallback(on_train_begin=lambda logs: begun.set()))  # fmt: skip
    thread.join()
    assert len(found) == 3
    assert all(np.isfinite(y).all() for y in found)


def test_a_generator_that_trains_the_model_it_feeds_is_told_so():
    one = model()

    def training():
        yield X, Y
        one.train_on_batch(X, Y)
        yield X, Y

    with pytest.raises(RuntimeError, match="cannot change the model that is waiting"):
        one.fit(training(), verbose=0)
    assert one.optimizer.iterations == 1
    one.train_on_batch(X, Y)
