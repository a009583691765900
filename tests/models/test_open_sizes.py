"""Sizes that inputs leave open: data of several lengths through one model."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 9, 3)).astype("float32")
Y = RNG.normal(size=(32, 1)).astype("float32")


def functional(**options) -> Model:
    entry = Input((None, 3))
    h = layers.LSTM(4, return_sequences=True, **options)(entry)
    model = Model(entry, layers.Dense(1)(layers.GlobalAveragePooling1D()(h)))
    model.compile("adam", "mse", metrics=["mae"])
    return model


def sequential(**options) -> Model:
    model = Sequential([Input((None, 3)), layers.GRU(4, **options), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Own(Model):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = layers.GRU(4), layers.Dense(1)

    def call(self, x):
        return self.out(self.gru(x))


def own() -> Model:
    model = Own()
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("make", [functional, sequential, own])
def test_each_call_may_have_a_length_of_its_own(make):
    model = make()
    model.fit(X, Y, verbose=0)
    for length in (9, 4, 1, 9):
        x = X[:, :length]
        expected = model(x)
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
        np.testing.assert_array_equal(model.predict_on_batch(x), expected)
        assert model.evaluate(x, Y, verbose=0)[0] == pytest.approx(
            np.mean((expected - Y) ** 2), rel=1e-5
        )
    before = model.get_weights()
    model.train_on_batch(X[:, :5], Y)
    assert not np.array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("make", [functional, sequential, own])
def test_validation_and_callbacks_may_look_at_other_lengths(make):
    model, seen = make(), []

    class Looks(fastmlp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(model.predict(X[:3, : epoch + 1], verbose=0).shape)

    history = model.fit(
        X, Y, epochs=3, verbose=0, validation_data=(X[:, :4], Y), callbacks=[Looks()]
    ).history
    assert seen == [(3, 1)] * 3
    expected = model.evaluate(X[:, :4], Y, verbose=0)
    assert history["val_loss"][-1] == pytest.approx(expected[0], rel=1e-6)


def test_a_length_trains_as_if_it_had_been_told():
    entry = Input((9, 3))
    told = Model(entry, layers.Dense(1)(layers.GRU(4)(entry)))
    told.compile("adam", "mse")
    left = sequential()
    left.set_weights(told.get_weights())
    fastmlp.utils.set_random_seed(1)
    told.fit(X, Y, epochs=2, verbose=0)
    fastmlp.utils.set_random_seed(1)
    left.fit(X, Y, epochs=2, verbose=0)
    for a, b in zip(told.get_weights(), left.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_and_shapes_are_known_before_the_data(capsys):
    model = functional()
    assert model.built
    assert model.input_shape == (None, None, 3)
    assert model.layers[1].output_shape == (None, None, 4)
    assert model.count_params() == 4 * 4 * (3 + 4 + 1) + 5
    model.summary()
    assert "(None, None, 4)" in capsys.readouterr().out
    inner = layers.Bidirectional(layers.LSTM(2))
    inner(Input((None, 3)))
    assert inner.forward_layer.output_shape is None  # not that of a size that was tried
    assert model.metrics_names == ["loss", "mae"]
    with pytest.raises(RuntimeError, match="does not know the sizes"):
        model.plan_summary()


def test_encoder_and_decoder_run_step_by_step():
    given, wanted = Input((None, 5)), Input((None, 6))
    _, *states = layers.LSTM(8, return_state=True)(given)
    decoder, out = (
        layers.LSTM(8, return_sequences=True, return_state=True),
        layers.Dense(6, "softmax"),
    )
    model = Model([given, wanted], out(decoder(wanted, initial_state=states)[0]))
    model.compile("rmsprop", "categorical_crossentropy")
    x, y = RNG.normal(size=(8, 7, 5)), np.eye(6)[RNG.integers(0, 6, (8, 4))]
    model.fit([x, y], np.roll(y, -1, 1), verbose=0)
    whole = model.predict([x, y], verbose=0)

    encoder = Model(given, states)
    before = [Input((8,)), Input((8,))]
    h, *after = decoder(wanted, initial_state=before)
    step = Model([wanted, *before], [out(h), *after])
    kept = encoder.predict(x, verbose=0)
    for t in range(4):
        found, *kept = step.predict([y[:, t : t + 1], *kept], verbose=0)
        np.testing.assert_allclose(found[:, 0], whole[:, t], rtol=1e-5, atol=1e-6)


def test_masks_follow_every_length():
    entry = Input((None,), dtype="int32")
    h = layers.Embedding(20, 4, mask_zero=True)(entry)
    assert h.mask.shape == (None, None)
    model = Model(entry, layers.LSTM(3)(layers.Dropout(0.5)(h)))
    words = RNG.integers(1, 20, (6, 5))
    padded = np.pad(words, ((0, 0), (0, 4)))
    np.testing.assert_array_equal(model(padded), model(words))


def test_strings_of_every_length():
    entry = Input((None,), dtype="string")
    numbers = layers.StringLookup(vocabulary=["a", "b", "c"])(entry)
    model = Model(entry, layers.GRU(2)(layers.Embedding(4, 3)(numbers)))
    x = np.array([["a", "b", "z"], ["c", "a", "b"]])
    for length in (3, 1):
        told = Input((length,), dtype="string")
        same = Model(told, model.layers[-1](model.layers[-2](model.layers[1](told))))
        found = model.predict(x[:, :length], verbose=0)
        np.testing.assert_array_equal(found, same.predict(x[:, :length], verbose=0))


@pytest.mark.parametrize("make", [functional, sequential])
def test_copies_go_on_as_the_model(make, tmp_path):
    model = make()
    model.fit(X, Y, verbose=0)
    model.predict(X[:, :4], verbose=0)
    model.save(tmp_path / "model.fastmlp")
    copies = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        fastmlp.models.load_model(tmp_path / "model.fastmlp"),
    ]
    cloned = fastmlp.models.clone_model(model)
    cloned.set_weights(model.get_weights())
    for twin in (*copies, cloned):
        assert twin.input_shape == (None, None, 3)
        for length in (9, 3):
            np.testing.assert_array_equal(twin(X[:, :length]), model(X[:, :length]))
    model.fit(X, Y, verbose=0)
    for twin in copies:
        twin.fit(X, Y, verbose=0)
        np.testing.assert_array_equal(twin.get_weights()[0], model.get_weights()[0])


def test_states_of_batches_are_of_every_length(tmp_path):
    def make():
        entry = Input(batch_shape=(4, None, 3))
        model = Model(entry, layers.GRU(2, stateful=True)(entry))
        model.compile("sgd", "mse")
        return model

    x = X[:4]
    model, fixed = make(), make()
    fixed.set_weights(model.get_weights())
    whole = fixed(x)
    model(x[:, :5])
    model.save(tmp_path / "model.fastmlp")
    again = fastmlp.models.load_model(tmp_path / "model.fastmlp")
    for one in (model, again):
        np.testing.assert_allclose(one(x[:, 5:]), whole, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="4"):
        model.predict(x[:3], batch_size=3, verbose=0)


def test_attributes_that_are_set_later_count():
    model = functional()
    first = model(X)
    model.layers[-1].activation = fastmlp.activations.get("relu")
    model.compile("adam", "mse")
    np.testing.assert_array_equal(model(X), np.maximum(first, 0))
    np.testing.assert_array_equal(model(X[:, :2]) >= 0, True)


def test_threads_may_call_with_different_lengths():
    model = functional()
    lengths = range(1, 9)
    expected = {n: model(X[:, :n]) for n in lengths}
    wrong: list = []

    def call(n):
        found = [model(X[:, :n]) for _ in range(50)]
        wrong.extend(y for y in found if not np.array_equal(y, expected[n]))

    threads = [threading.Thread(target=call, args=(n,)) for n in lengths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_predictions_of_several_lengths_do_not_fit_in_one_array():
    entry = Input((None, 3))
    model = Model(entry, layers.GRU(2, return_sequences=True)(entry))
    with pytest.raises(ValueError, match=r"\(9, 2\). Received: \(4, 2\).*predict_on_batch"):
        model.predict(iter([X, X[:, :4]]), verbose=0)
    assert functional().predict(iter([X, X[:, :4]]), verbose=0).shape == (64, 1)


def test_what_is_kept_of_lengths_is_bounded():
    entry = Input((None, 64))
    model = Model(entry, layers.LSTM(64, return_sequences=True)(entry))
    model.compile("sgd", "mse")
    for n in range(1, 60):
        x = np.zeros((64, n, 64), "float32")
        model.train_on_batch(x, x)
        model(x[:1])
    kept = model._executables.values()
    assert sum(e.plan.arena_bytes for e in kept) < 1 << 27
    assert len(model._by_sizes) <= 256
    assert len(model._functions) <= 50


def test_plans_of_one_size_are_kept_however_large():
    model = Sequential([Input((2048,)), layers.Dense(1024), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((2048, 2048), "float32"), np.zeros((2048, 1), "float32")
    for rows in (2048, 2047, 2046):
        model.train_on_batch(x[:rows], y[:rows])
        model.test_on_batch(x[:rows], y[:rows])
    kept = model._executables.values()
    assert len(kept) == 6
    assert sum(e.plan.arena_bytes for e in kept) > 1 << 26


def test_steps_of_ones_own_get_every_length():
    class Steps(Model):
        def train_step(self, data):
            seen.append(data[0].shape)
            return super().train_step(data)

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            assert y_pred.shape == y.shape
            return super().compute_metrics(x, y, y_pred, sample_weight)

    def make(kind):
        fastmlp.utils.set_random_seed(5)
        entry = Input((None, 3))
        model = kind(entry, layers.Dense(2)(layers.GRU(4, return_sequences=True)(entry)))
        model.compile("adam", "mse", metrics=["mae"])
        return model

    seen: list = []
    lengths = (9, 4, 2, 9, 4, 2, 2, 9)
    parts = [(X[:, :n], X[:, :n, :2]) for n in lengths]
    model, plain = make(Steps), make(Model)
    for one in (model, plain):
        one.fit(iter(parts), steps_per_epoch=len(parts), verbose=0)
    assert seen == [(32, n, 3) for n in lengths]
    found = model.evaluate(iter(parts), steps=len(parts), verbose=0)
    expected = plain.evaluate(iter(parts), steps=len(parts), verbose=0)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    model.fit(*parts[0], verbose=0)
    model.predict(parts[2][0], verbose=0)
    model.fit(*parts[0], verbose=0)


@pytest.mark.parametrize("hook", ["on_predict_end", "on_predict_batch_end"])
def test_a_callback_of_predict_may_predict_another_length(hook):
    entry = Input((None, 3))
    model = Model(entry, layers.GRU(2, return_sequences=True)(entry))

    class Looks(fastmlp.callbacks.Callback):
        pass

    setattr(Looks, hook, lambda *_, **__: model.predict(X[:, :2], verbose=0))
    expected = model(X[:4])
    for _ in range(2):
        found = model.predict(X[:4], verbose=0, callbacks=[Looks()])
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(model.predict(X[:4], verbose=0), expected)


def test_models_that_need_several_steps_are_saved(tmp_path):
    entry = Input((None, 3))
    h = layers.Reshape((-1, 6))(entry[:, 1:] - entry[:, :-1])
    model = Model(entry, layers.Dense(2)(layers.GRU(3)(h)))
    model.compile("adam", "mse")
    model.save(tmp_path / "before.fastmlp")
    model.fit(X, X[:, 0, :2], verbose=0)
    model.save(tmp_path / "after.fastmlp")
    fastmlp.models.load_model(tmp_path / "before.fastmlp")
    twin = fastmlp.models.load_model(tmp_path / "after.fastmlp")
    np.testing.assert_array_equal(twin(X[:, :5]), model(X[:, :5]))


def test_lists_of_inputs_come_in_every_form():
    class Two(Model):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.out = layers.GRU(2), layers.Dense(1)

        def call(self, inputs):
            return self.out(self.gru(inputs[0]) + inputs[1])

    entries = [Input((None, 3)), Input((1,))]
    open_model = Model(entries, layers.Dense(1)(layers.GRU(2)(entries[0]) + entries[1]))
    subclass = Two()
    subclass.build([(None, 9, 3), (None, 1)])
    ones = np.ones(32, "float32")
    for model in (open_model, subclass):
        model.compile("sgd", "mse")
        expected = model.predict([X, ones[:, None]], verbose=0)
        for x in ([X, ones], [X.tolist(), ones.tolist()], (X, ones.tolist())):
            np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
        model.fit([X, ones], Y, verbose=0)
        assert model.predict([X[:, :4], ones], verbose=0).shape == (32, 1)


def test_models_within_models_take_open_sizes():
    entry = Input((None, None, 3))
    inner = Sequential([layers.GRU(2), layers.Dense(2)])
    assert layers.TimeDistributed(inner)(entry).shape == (None, None, 2)
    told = Input((9, 3))
    closed = Model(told, layers.GRU(2)(told))
    outer_entry = Input((None, 3))
    outer = Model(outer_entry, closed(outer_entry))
    np.testing.assert_array_equal(outer.predict(X, verbose=0), closed.predict(X, verbose=0))
    with pytest.raises(ValueError, match=r"\(None, 9, 3\). Received"):
        outer.predict(X[:, :4], verbose=0)


def test_a_model_is_built_for_open_sizes():
    for model in (Sequential([layers.GRU(4), layers.Dense(1)]), Own()):
        model.build((None, None, 3))
        assert model.output_shape == (None, 1)
        assert model.predict(X[:, :4], verbose=0).shape == (32, 1)


def test_what_a_try_has_built_is_forgotten_when_it_fails():
    class Mixes(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, x):
            return self.dense(ops.transpose(x, (0, 2, 1)))

    layer = Mixes()
    with pytest.raises(ValueError, match=r"expected inputs with None features"):
        layer(Input((None, 3)))
    assert not layer.dense.built
    assert layer(Input((6, 3))).shape == (None, 3, 4)


def test_the_error_of_a_subclass_is_told():
    class Short(Own):
        def call(self, x):
            if x.shape[1] < 3:
                raise ValueError("too short for me")
            return super().call(x)

    model = Short()
    model.predict(X, verbose=0)
    with pytest.raises(ValueError, match="too short for me"):
        model.predict(X[:, :2], verbose=0)


def test_rooms_are_no_larger_than_batches_of_their_length():
    entry = Input((None, 3))
    model = Model(entry, layers.LSTM(8, return_sequences=True)(entry))
    model.compile("sgd", "mse")
    parts = [np.zeros((n, length, 3), "float32") for n, length in [(256, 2), (2, 256), (64, 8)]]
    batches = [(x, np.zeros((*x.shape[:2], 8), "float32")) for x in parts]
    model.fit(iter(batches), steps_per_epoch=3, verbose=0)
    assert sorted(e.plan.capacity for e in model._executables.values()) == [2, 64, 256]


class Lengths(fastmlp.utils.PyDataset):
    """A batch of each of some lengths."""

    def __init__(self, each_step: bool = False) -> None:
        super().__init__()
        self.each_step = each_step

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index):
        x = X[:, : (9, 4, 7, 4, 9)[index]]
        return x, x[..., :1] if self.each_step else Y


def tagger() -> Model:
    entry = Input((None, 3))
    model = Model(entry, layers.Dense(1)(layers.GRU(2, return_sequences=True)(entry)))
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("make", [functional, own, tagger])
def test_a_fit_on_batches_of_every_length_can_be_interrupted(make, tmp_path):
    class Interrupts(fastmlp.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    whole, parted = make(), make()
    whole.fit(Lengths(make is tagger), epochs=0, verbose=0)
    parted.fit(Lengths(make is tagger), epochs=0, verbose=0)
    parted.set_weights(whole.get_weights())
    fastmlp.utils.set_random_seed(3)
    expected = whole.fit(Lengths(make is tagger), epochs=2, shuffle=False, verbose=0).history
    fastmlp.utils.set_random_seed(3)
    backup = fastmlp.callbacks.BackupAndRestore(str(tmp_path), save_freq=1)
    with pytest.raises(KeyboardInterrupt):
        parted.fit(
            Lengths(make is tagger),
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=[Interrupts(), backup],
        )
    history = parted.fit(
        Lengths(make is tagger), epochs=2, shuffle=False, verbose=0, callbacks=[backup]
    ).history
    for key, values in history.items():
        np.testing.assert_allclose(values, expected[key], rtol=1e-6)
    for a, b in zip(whole.get_weights(), parted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_interpreted_plan_takes_every_length():
    model = functional()
    expected = model.predict(X[:, :4], verbose=0)
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(iter([(X, Y), (X[:, :4], Y)]), steps_per_epoch=2, verbose=0)
    assert model.predict(X[:, :4], verbose=0).shape == expected.shape


def test_shapes_that_follow_from_open_ones():
    entry = Input((None, 4))
    assert (entry[:, 1:] * 2).shape == (None, None, 4)
    assert ops.mean(entry, axis=1).shape == (None, 4)
    assert layers.Reshape((-1, 2))(entry).shape == (None, None, 2)
    assert layers.Flatten()(entry).shape == (None, None)
    assert layers.LSTM(3).compute_output_shape((None, None, 4)) == (None, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(2)(layers.Flatten()(Input((None, 4)))), "features.*None, None"),
        (lambda: layers.PReLU()(Input((None, 4))), "'alpha'.*None, 4.*Hint"),
        (lambda: layers.LSTM(2)(Input((4, None))), "batch, steps, features"),
        (lambda: layers.BatchNormalization(axis=1)(Input((None, 4))), "'gamma'"),
        (lambda: Sequential([Input((None,)), layers.Dense(3)]), "features"),
        (lambda: layers.Add()([Input((None, 3)), Input((None, 4))]), "fit each other"),
        (lambda: functional().predict(X[..., :2], verbose=0), r"\(None, 3\). Received: \(9, 2\)"),
        (lambda: functional()(X[..., :2]), r"\(None, 3\). Received: \(9, 2\)"),
        (lambda: functional().fit([X, X], Y, verbose=0), "Received.*, "),
        (lambda: functional().predict([[1, 2], [1]], verbose=0), "different lengths"),
        (lambda: ops.unstack(Input((None, 3)), axis=1), "as many outputs"),
        (lambda: ops.unstack(Input((3,)), num=2, axis=1), "num=2.*None, 3"),
        (lambda: functional().predict(X[:, :0], verbose=0), "at least one number"),
    ],
)
def test_what_does_not_fit_is_told(make, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make()


def test_unstack_takes_the_number_for_a_size_that_is_open():
    entry = Input((None, 3))
    first, second = ops.unstack(entry, num=2, axis=1)
    assert first.shape == second.shape == (None, 3)
    model = Model(entry, first - second)
    found = model.predict(X[:, :2], verbose=0)
    np.testing.assert_array_equal(found, X[:, 0] - X[:, 1])
    with pytest.raises(ValueError, match=r"unstack.*num=2.*None, 9, 3"):
        model.predict(X, verbose=0)


def test_an_error_tells_which_size_was_tried():
    with pytest.raises(ValueError, match="fit each other") as caught:
        Input((None, 3)) + np.zeros((10, 3))
    assert "(None, None, 3)" in str(caught.value)
    assert "None were tried with 61" in caught.value.__notes__[0]


def test_a_subclass_refuses_what_its_layers_refuse():
    model = own()
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"\(samples, 9, 3\). Received: shape=\(32, 9, 2\)"):
        model.predict(X[..., :2], verbose=0)
    with pytest.raises(ValueError, match=r"\(samples, 9, 3\). Received: shape=\(32, 9\)"):
        model.predict(X[..., 0], verbose=0)
    np.testing.assert_array_equal(model(X), model.predict(X, verbose=0))
