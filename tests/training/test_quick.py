"""Steps that are kept ready give what the general way gives: arrays take the one, lists the other."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, callbacks, layers, optimizers, utils


def small_model() -> Sequential:
    return Sequential(
        [
            Input((5,)),
            layers.Dense(7, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


def functional_model() -> Model:
    entry = Input((5,))
    twice = layers.Dense(5, activation="tanh")
    return Model(entry, layers.Dense(3, activation="softmax")(twice(twice(entry))))


def batches(n: int = 12, rows: int = 6) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5)
    return [
        (rng.normal(size=(rows, 5)).astype("float32"), rng.integers(0, 3, rows)) for _ in range(n)
    ]


def steps(make, compile_, as_lists: bool, change=lambda model, step: None) -> tuple[list, list]:
    """Results of steps, and the weights behind them."""
    utils.set_random_seed(3)
    model = make()
    compile_(model)
    results = []
    for step, (x, y) in enumerate(batches()):
        change(model, step)
        data = (x.tolist(), y.tolist()) if as_lists else (x, y)
        results.append(model.train_on_batch(*data))
        results.append(model.test_on_batch(*data, return_dict=True))
        results.append(model.predict(data[0], verbose=0).tolist())
    return results, [w.tolist() for w in model.get_weights()]


OPTIMIZERS = {
    "sgd": lambda: "sgd",
    "adam": lambda: "adam",
    "nadam": lambda: "nadam",
    "schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "moving average": lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=3),
    "clipped": lambda: optimizers.SGD(0.1, global_clipnorm=0.1),
}


@pytest.mark.parametrize("make", [small_model, functional_model])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_kept_steps_give_the_bits_of_the_general_way(make, optimizer):
    def compile_(model):
        model.compile(
            OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )

    assert steps(make, compile_, as_lists=False) == steps(make, compile_, as_lists=True)


def set_rate(model, step):
    model.optimizer.learning_rate = 0.01 * (step + 1)


def freeze(model, step):
    model.layers[0].trainable = step % 4 < 2


def clip(model, step):
    model.optimizer.clipvalue = None if step < 5 else 0.001


def compile_again(model, step):
    if step == 6:
        model.compile("rmsprop", "sparse_categorical_crossentropy")


def replace_optimizer(model, step):
    if step == 6:
        model.optimizer = optimizers.SGD(0.5)


def reseed(model, step):
    if step == 6:
        utils.set_random_seed(11)


def train(model, step):
    if step == 6:
        model.fit(*batches()[0], epochs=2, verbose=0)


def move_weights(model, step):
    if step == 6:
        for variable in model.weights:
            variable.assign(variable.numpy() / 2)


CHANGES = [set_rate, freeze, clip, compile_again, replace_optimizer, reseed, train, move_weights]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_between_steps_are_seen_at_once(change):
    def compile_(model):
        model.compile(optimizers.SGD(0.05), "sparse_categorical_crossentropy")

    quick = steps(small_model, compile_, False, change)
    assert quick == steps(small_model, compile_, True, change)
    assert quick[1] != steps(small_model, compile_, False)[1] or change is move_weights


def test_a_schedule_changed_between_steps_is_seen_at_once():
    def change(model, step):
        model.optimizer._learning_rate.decay_rate = 0.5 if step < 6 else 0.1

    def compile_(model):
        rate = optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy")

    quick = steps(small_model, compile_, False, change)
    assert quick == steps(small_model, compile_, True, change)
    assert quick != steps(small_model, compile_, False)


def test_bad_batches_after_good_ones_are_refused_and_change_nothing():
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = batches()[0]
    for _ in range(3):
        model.train_on_batch(x, y)
    before, steps_before = model.get_weights(), model.optimizer.steps
    bad = np.array(y)
    bad[2] = 3
    for wrong_x, wrong_y, message in [
        (x, bad, "expected labels from 0 to 2"),
        (x, y[:-1], "same number of samples"),
        (x[:, :4], y, "expected inputs with 5 features"),
        (x, np.tile(y[:, None], 2), "expected shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.train_on_batch(wrong_x, wrong_y)
    assert model.optimizer.steps == steps_before
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nan_is_warned_about_at_every_step():
    model = small_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = batches()[0]
    model.train_on_batch(x, y)
    broken = x.copy()
    broken[1, 2] = np.nan
    for _ in range(2):
        with pytest.warns(UserWarning, match="column 2 holds nan in row 1"):
            model.test_on_batch(broken, y)
        with pytest.warns(UserWarning, match="column 2 holds nan in row 1"):
            model.predict(broken, verbose=0)


@pytest.mark.usefixtures("native_products")
def test_predict_takes_any_number_of_rows_of_any_layout_and_type():
    model = small_model()
    x = np.random.default_rng(0).integers(0, 9, (3000, 5)).astype("float32")
    whole = model.predict(x, verbose=0)
    for rows in (1, 2, 31, 257, 3000, 5):
        for data in (x[:rows], x[:rows].astype("uint8"), np.asfortranarray(x[:rows])):
            np.testing.assert_array_equal(model.predict(data, verbose=0), whole[:rows])
    np.testing.assert_array_equal(model.predict(x[::-7], verbose=0), whole[::-7])
    for wrong in (0, -1, 2.5):
        with pytest.raises(ValueError, match="batch_size"):
            model.predict(x, verbose=0, batch_size=wrong)


def test_what_callbacks_ask_for_does_not_disturb_the_pass_they_are_told_of():
    x, y = batches(rows=8)[0]

    def fitted(as_lists: bool) -> list:
        utils.set_random_seed(1)
        model = small_model()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.train_on_batch(x, y)
        model.test_on_batch(x, y)
        model.predict(x, verbose=0)
        seen = []
        given = (x.tolist(), y.tolist()) if as_lists else (x, y)

        def ask(batch, logs=None):
            seen.append(model.train_on_batch(*given))
            seen.append(model.test_on_batch(*given))
            seen.append(model.predict(given[0], verbose=0).tolist())

        hooks = [callbacks.LambdaCallback(on_train_batch_end=ask, on_epoch_end=ask)]
        model.fit(np.tile(x, (3, 1)), np.tile(y, 3), batch_size=8, verbose=0, callbacks=hooks)

        class Ask(callbacks.Callback):
            def on_predict_batch_end(self, batch, logs=None):
                ask(batch)

            on_test_batch_end = on_predict_batch_end

        seen.append(model.predict(x, verbose=0, callbacks=[Ask()]).tolist())
        seen.append(model.evaluate(x, y, verbose=0, callbacks=[Ask()]))
        return [seen, [w.tolist() for w in model.get_weights()]]

    assert fitted(False) == fitted(True)


def test_threads_that_train_one_model_take_turns():
    model = small_model()
    model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    x, y = batches()[0]
    model.train_on_batch(x, y)

    def work():
        for _ in range(200):
            model.train_on_batch(x, y)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert model.optimizer.steps == 801


def test_steps_of_many_shapes_are_not_all_kept():
    model = small_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    for rows in range(1, 280):
        x, y = batches(1, rows)[0]
        model.train_on_batch(x, y)
        assert rows > 100 or len(model._quick._kept) == rows
    assert len(model._quick._kept) <= 256


def test_dropped_models_go_with_the_steps_they_kept():
    x, y = batches()[0]
    kind = fastmlp.runtime.Executable
    gc.collect()
    alive = sum(isinstance(o, kind) for o in gc.get_objects())
    for _ in range(3):
        model = small_model()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, verbose=0)
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
        del model
    gc.collect()
    assert sum(isinstance(o, kind) for o in gc.get_objects()) == alive


def test_weights_of_samples_go_the_short_way_with_the_same_bits():
    results, after = [], []
    for kind in (np.asarray, list):
        utils.set_random_seed(3)
        model = small_model()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        found = []
        for number, (x, y) in enumerate(batches()):
            weight = np.linspace(0.1, 2, len(x)).astype("float32") * (number % 3 + 1)
            found.append(model.train_on_batch(x, y, sample_weight=kind(weight)))
            found.append(model.test_on_batch(x, y, sample_weight=kind(weight)))
        results.append(found)
        after.append(model.get_weights())
    assert results[0] == results[1]
    for one, other in zip(*after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not any(len(key) == 4 for key in model._quick._kept)  # lists are looked at in full
    x, y = batches()[0]
    weight = np.ones(len(x))
    model.train_on_batch(x, y, sample_weight=weight)
    model.train_on_batch(x, y, sample_weight=weight)
    assert any(len(key) == 4 for key in model._quick._kept)
    before = model.get_weights()
    weight[2] = np.nan
    with pytest.raises(ValueError, match="sample_weight: expected finite numbers"):
        model.train_on_batch(x, y, sample_weight=weight)
    with pytest.raises(ValueError, match="sample_weight: expected finite numbers"):
        model.train_on_batch(x, y, sample_weight=np.full(len(x), 1e300))  # too large for float32
    with pytest.raises(TypeError, match="sample_weight: expected bool, integer or float"):
        model.train_on_batch(x, y, sample_weight=np.ones(len(x), object))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradients_are_kept_ready_of_a_model_that_takes_sizes():
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = batches()[0]
    fastmlp.gradients(model, x, y, training=False)
    assert model._quick._fetching
