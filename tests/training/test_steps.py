"""Steps of an epoch, of a validation, and how often it is validated."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers
from fastmlp.callbacks import LambdaCallback
from fastmlp.utils import PyDataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


def model() -> Sequential:
    fastmlp.utils.set_random_seed(1)
    made = Sequential([Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    made.compile(optimizer="adam", loss="mse")
    return made


def bits(one) -> list[bytes]:
    return [w.tobytes() for w in one.get_weights()]


class Batches(PyDataset):
    """The data in five batches; remembers which were made, and the hooks."""

    def __init__(self, **options):
        super().__init__(**options)
        self.made, self.told = [], []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.made.append(index)
        return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append(("end", len(self.made)))


# steps_per_epoch of arrays.


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("hook", [False, True])
def test_an_epoch_of_fewer_steps_goes_on_where_the_last_one_ended(shuffle, hook):
    one = model()
    hooks = LambdaCallback(on_train_batch_end=lambda b, logs: None) if hook else None
    one.fit(X[:40], Y[:40], 10, 1, 0, shuffle=shuffle)
    other = model()
    other.fit(X[:40], Y[:40], 10, 2, 0, hooks, shuffle=shuffle, steps_per_epoch=2)
    assert bits(one) == bits(other)
    assert len(other.history.history["loss"]) == 2
    assert other.history.params["steps"] == 2


def test_data_that_end_within_an_epoch_end_it_with_a_warning():
    one, other = model(), model()
    with pytest.warns(UserWarning, match="ran out of data"):
        one.fit(X, Y, 10, 3, 0, shuffle=False, steps_per_epoch=3)
    assert one.optimizer.iterations == 8  # 3, 2, 3
    other.fit(X, Y, 10, 1, 0, shuffle=False)
    other.fit(X[:30], Y[:30], 10, 1, 0, shuffle=False)
    assert bits(one) == bits(other)
    with pytest.warns(UserWarning, match="ran out of data"):
        one.fit(X, Y, 10, 2, 0, steps_per_epoch=9)
    assert one.optimizer.iterations == 18


def test_steps_without_a_batch_size_share_the_data():
    one = model()
    one.fit(X, Y, steps_per_epoch=4, epochs=2, verbose=0)
    other = model()
    other.fit(X, Y, batch_size=13, epochs=2, verbose=0)
    assert bits(one) == bits(other)


def test_windows_give_the_bits_of_one_fit_however_it_is_cut():
    one = model()
    one.fit(X[:40], Y[:40], 10, 4, 0, steps_per_epoch=2)
    other = model()
    for epoch in range(4):
        other.fit(X[:40], Y[:40], 10, epoch + 1, 0, initial_epoch=epoch, steps_per_epoch=2)
    assert bits(one) == bits(other)


def test_more_samples_than_an_order_holds_are_visited_window_by_window():
    n = 300_000
    x = np.arange(n, dtype="float32")[:, None] / n
    one = model()
    fastmlp.utils.set_random_seed(1)
    one = Sequential([Input((1,)), layers.Dense(1)])
    one.compile("sgd", "mse")
    other = fastmlp.models.Sequential([Input((1,)), layers.Dense(1)])
    other.set_weights(one.get_weights())
    other.compile("sgd", "mse")
    fastmlp.utils.set_random_seed(2)
    one.fit(x, x, 10_000, 1, 0)
    fastmlp.utils.set_random_seed(2)
    other.fit(x, x, 10_000, 3, 0, steps_per_epoch=10)
    assert bits(one) == bits(other)


# Validation.


@pytest.mark.parametrize(
    ("freq", "epochs"), [(2, [1, 3, 5]), (5, [4]), ([1, 4], [0, 3]), ({6}, [5]), (9, [])]
)
@pytest.mark.parametrize("batches", [False, True])
def test_validation_follows_the_epochs_that_it_is_to(freq, epochs, batches):
    held = Batches() if batches else (X, Y)
    expected = model().fit(X, Y, 10, 6, 0, validation_data=(X, Y)).history
    seen = []
    hook = LambdaCallback(on_epoch_end=lambda e, logs: seen.append("val_loss" in logs))
    given = model().fit(X, Y, 10, 6, 0, hook, validation_data=held, validation_freq=freq).history
    assert given["loss"] == expected["loss"]
    np.testing.assert_allclose(
        given.get("val_loss", []), [expected["val_loss"][e] for e in epochs], rtol=1e-6
    )
    assert seen == [e in epochs for e in range(6)]


def test_validation_steps_limit_the_samples():
    given = model().fit(X, Y, 10, 2, 0, validation_data=(X, Y), validation_steps=2).history
    expected = model().fit(X, Y, 10, 2, 0, validation_data=(X[:20], Y[:20])).history
    assert given == expected
    whole = model().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), validation_steps=3)
    other = model().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y))
    assert whole.history == other.history
    with pytest.warns(UserWarning, match="validation_data: .*ran out"):
        model().fit(X, Y, 10, verbose=0, validation_data=(X, Y), validation_steps=9)


def test_evaluate_and_predict_look_at_so_many_steps():
    one = model()
    assert one.evaluate(X, Y, 10, 0, steps=2) == one.evaluate(X[:20], Y[:20], verbose=0)
    assert len(one.predict(X, 10, 0, steps=3)) == 30
    assert len(one.predict(X, verbose=0, steps=3)) == 50
    with pytest.warns(UserWarning, match="predict: .*ran out"):
        assert len(one.predict(X, 10, 0, steps=30)) == 50


BAD = {
    "steps_per_epoch": (0, 1.5, "ten"),
    "validation_steps": (0, -1),
    "validation_freq": (0, "often", 1.5),
    "validation_batch_size": (0,),
    "shuffle": ("rows",),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_other_values_are_refused_before_anything_changes(name, value):
    one = model()
    before = bits(one)
    with pytest.raises((ValueError, TypeError), match=name.replace("validation_batch", "batch")):
        one.fit(X, Y, verbose=0, validation_data=(X, Y), **{name: value})
    assert bits(one) == before


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint64])
def test_counts_may_be_integers_of_numpy(kind):
    def run(i):
        one = model()
        one.fit(
            X, Y, batch_size=i(7), epochs=i(4), initial_epoch=i(2), steps_per_epoch=i(3), verbose=0,
            validation_data=(X, Y), validation_batch_size=i(9), validation_steps=i(2), validation_freq=i(2),
        )  # fmt: skip
        measured = one.evaluate(X, Y, batch_size=i(7), steps=i(3), verbose=0)
        return bits(one), measured, one.predict(X, batch_size=i(7), steps=i(3), verbose=0).tobytes()

    assert run(kind) == run(int)


def test_shuffle_batch_leaves_batches_as_they_are():
    one, other = model(), model()
    one.fit(X, Y, 10, 2, 0, shuffle="batch")
    other.fit(X, Y, 10, 2, 0, shuffle=False)
    assert bits(one) == bits(other)


# PyDataset.


@pytest.mark.parametrize(
    "options",
    [{}, {"workers": 3, "max_queue_size": 2}, {"workers": 2, "use_multiprocessing": True}],
    ids=["one", "threads", "processes"],
)
def test_a_data_set_trains_as_the_arrays_do(options):
    one, other = model(), model()
    data = Batches(**options)
    expected = one.fit(X, Y, 10, 3, 0, shuffle=False).history
    history = other.fit(data, epochs=3, verbose=0, shuffle=False)
    assert history.history == expected
    assert history.params["steps"] == 5
    assert bits(one) == bits(other)
    assert [told for told in data.told if told == "begin"] == ["begin"] * 3
    if not options:
        assert data.told == ["begin", ("end", 5), "begin", ("end", 10), "begin", ("end", 15)]


def test_batches_of_a_data_set_come_in_a_new_order_each_epoch():
    data = Batches()
    model().fit(data, epochs=2, verbose=0)
    first, second = data.made[:5], data.made[5:]
    assert sorted(first) == sorted(second) == [0, 1, 2, 3, 4]
    assert first != second
    again = Batches()
    model().fit(again, epochs=2, verbose=0)
    assert again.made == data.made


def test_a_data_set_may_have_fewer_steps_an_epoch_than_batches():
    data = Batches()
    one, other = model(), model()
    one.fit(data, epochs=5, verbose=0, shuffle=False, steps_per_epoch=1)
    other.fit(X, Y, 10, 1, 0, shuffle=False)
    assert bits(one) == bits(other)
    assert data.told.count("begin") == 5
    with pytest.warns(UserWarning, match="ran out of data"):
        one.fit(Batches(), verbose=0, steps_per_epoch=9)


def test_a_data_set_without_an_end_needs_steps():
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return X[index % 5 * 10 :][:10], Y[index % 5 * 10 :][:10]

    one, other = model(), model()
    one.fit(Endless(), epochs=2, verbose=0, steps_per_epoch=5)
    other.fit(X, Y, 10, 2, 0, shuffle=False)
    assert bits(one) == bits(other)


def test_a_subclass_may_forget_to_call_init():
    class Forgot(PyDataset):
        def __init__(self):
            pass

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X, Y

    assert model().fit(Forgot(), verbose=0).params["steps"] == 2


def test_an_error_in_a_worker_reaches_the_user():
    class Fails(Batches):
        def __getitem__(self, index):
            if index == 3:
                raise LookupError("no batch 3")
            return super().__getitem__(index)

    for workers in (1, 3):
        one = model()
        with pytest.raises(LookupError, match="no batch 3"):
            one.fit(Fails(workers=workers), verbose=0, shuffle=False)
        assert one.optimizer.iterations == 3


def test_a_data_set_without_batches_is_refused():
    class Empty(Batches):
        def __len__(self):
            return 0

    with pytest.raises(ValueError, match=r"at least one batch.* an empty Empty"):
        model().fit(Empty(), verbose=0)
    with pytest.raises(NotImplementedError, match="define __len__"):
        model().fit(PyDataset(), verbose=0)
