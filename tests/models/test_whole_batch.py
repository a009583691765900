"""Models whose samples depend on the others of their batch: losses, metrics and layers of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops

RNG = np.random.default_rng(3)
X = RNG.normal(size=(20, 4))
Y = RNG.normal(size=(20, 3))


class Beside(layers.Layer):
    """Each sample minus the one before it in its batch."""

    def call(self, x: Any) -> Any:
        return x - ops.roll(x, 1, axis=0)


def contrast(y: Any, p: Any) -> Any:
    scores = ops.matmul(p, ops.transpose(y))
    numbers = ops.arange(ops.shape(y)[0])
    return ops.sparse_categorical_crossentropy(numbers, scores, from_logits=True)


def _model(dtype: str = "float32", **kwargs: Any) -> Model:
    fastmlp.utils.set_random_seed(1)
    entry = Input((4,), dtype=dtype)
    hidden = layers.Dense(5, "tanh", dtype=dtype)(entry)
    hidden = Beside(dtype=dtype)(hidden)
    model = Model(entry, layers.Dense(3, dtype=dtype)(hidden))
    model.compile("sgd", contrast, **kwargs)
    return model


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-3), ("float64", 1e-6)])
def test_gradients_are_slopes(dtype: str, limit: float) -> None:
    errors = fastmlp.check_gradients(_model(dtype), X[:7], Y[:7])
    assert max(errors.values()) < limit


def test_plans_of_numpy_give_the_same() -> None:
    found = [
        _model("float64", run_eagerly=eagerly).fit(X, Y, batch_size=8, epochs=2, verbose=0).history
        for eagerly in (False, True)
    ]
    np.testing.assert_allclose(found[0]["loss"], found[1]["loss"], rtol=1e-10)


def test_bits_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = []
    for threads in ("1", "2"):
        monkeypatch.setenv("FASTMLP_NUM_THREADS", threads)
        model = _model()
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_epoch_has_an_order_of_its_own_and_a_seed_repeats_them() -> None:
    logs = [_model().fit(X, Y, batch_size=8, epochs=3, verbose=0).history["loss"] for _ in "ab"]
    plain = _model().fit(X, Y, batch_size=8, epochs=3, verbose=0, shuffle=False).history["loss"]
    assert logs[0] == logs[1]
    assert logs[0] != plain


def test_batches_of_equal_numbers_are_the_steps_of_train_on_batch() -> None:
    one, other = _model(), _model()
    one.fit(X[:16], Y[:16], batch_size=8, shuffle=False, verbose=0)
    for rows in (slice(0, 8), slice(8, 16)):
        other.train_on_batch(X[rows], Y[rows])
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_generator_may_yield_batches_of_any_number() -> None:
    one, other = _model(), _model()
    cuts = [(0, 5), (5, 12), (12, 20), (0, 5)]
    one.fit(((X[a:b], Y[a:b]) for a, b in cuts), verbose=0)
    for a, b in cuts:
        other.train_on_batch(X[a:b], Y[a:b])
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_calls_and_predictions_are_of_each_batch() -> None:
    model = _model()
    whole, parts = model(X), [model(X[i : i + 5]) for i in range(0, 20, 5)]
    assert not np.allclose(whole, np.concatenate(parts))
    predicted = model.predict(X, batch_size=5, verbose=0)
    np.testing.assert_array_equal(predicted, np.concatenate(parts))
    np.testing.assert_array_equal(model.predict_on_batch(X), whole)
    assert model(X[:0]).shape == (0, 3)


def test_training_within_layers_and_own_losses() -> None:
    class Averaged(Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = layers.Dense(4), layers.Dense(3)

        def call(self, x: Any) -> Any:
            h = self.inner(x)
            return self.outer(ops.mean(ops.stack([h, ops.tanh(h)]), axis=0) * ops.shape(x)[0])

        def compute_loss(self, x: Any, y: Any, y_pred: Any, **_: Any) -> Any:
            return ops.sum(ops.square(y - y_pred)) / (ops.shape(y)[0] - 1)

    model = Averaged()
    model.compile("sgd")
    before = model.predict(X[:6], verbose=0)
    expected = np.square(Y[:6] - before).sum() / 5
    assert model.evaluate(X[:6], Y[:6], verbose=0) == pytest.approx(expected, rel=1e-5)


def test_a_clone_and_a_saved_model_are_alike(tmp_path: Any) -> None:
    entry = Input((4,))
    model = Model(entry, ops.mean(ops.stack([entry, layers.Dense(4)(entry)]), axis=0))
    assert model.output_shape == (None, 4)
    model.save(tmp_path / "model.fastmlp")
    loaded = fastmlp.models.load_model(tmp_path / "model.fastmlp")
    np.testing.assert_array_equal(loaded(X), model(X))
    clone = fastmlp.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(X), model(X))


def test_a_layer_alone_takes_arrays_and_tells_its_shape() -> None:
    layer = Beside()
    np.testing.assert_allclose(
        layer(X[:3]), X[:3] - np.roll(X[:3], 1, axis=0), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(layer(X), X - np.roll(X, 1, axis=0), rtol=1e-6, atol=1e-6)
    assert layer.compute_output_shape((None, 4)) == (None, 4)
    assert layers.TimeDistributed(layer)(np.ones((3, 2, 4))).shape == (3, 2, 4)


def test_samples_change_places_anew_in_each_step() -> None:
    class Shuffled(layers.Layer):
        def call(self, x: Any) -> Any:
            return fastmlp.random.shuffle(x)

    model = Sequential([Input((1,)), Shuffled()])
    x = np.arange(12.0)[:, None]
    found = [model(x)[:, 0] for _ in range(3)]
    assert all(sorted(y) == list(range(12)) for y in found)
    assert len({tuple(y) for y in found}) == 3


def test_indices_may_be_computed() -> None:
    class Mixed(layers.Layer):
        def call(self, x: Any) -> Any:
            order = fastmlp.random.shuffle(ops.arange(ops.shape(x)[0]))
            return ops.concatenate([x, ops.take(x, order, axis=0)], axis=-1)

    y = Mixed()(X)
    np.testing.assert_allclose(y[:, :4], X, rtol=1e-6)
    assert sorted(map(tuple, y[:, 4:])) == sorted(map(tuple, X.astype("float32")))


def test_what_refuses_in_any_case_says_what_it_said() -> None:
    entry = Input((4,))
    with pytest.raises(ValueError, match=r"expected .*m, k"):
        ops.matmul(entry, np.ones((3, 3)))
    model = Model(entry, layers.Dense(2)(entry))
    model.compile("sgd", lambda y, p: ops.matmul(p, ops.reshape(y, (5, 7))))
    with pytest.raises(ValueError, match="reshape"):
        model.fit(X, Y[:, :2], verbose=0)
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, Y[:, :2], verbose=0).history["loss"][0])


def test_jacobians_of_samples_are_refused() -> None:
    model = _model()
    model.compile("levenberg_marquardt", "mse")
    with pytest.raises(ValueError, match="each sample by itself"):
        model.fit(X, Y, epochs=2, verbose=0)


def test_outputs_without_a_row_for_each_sample_are_values_of_a_call_alone() -> None:
    entry = Input((4, 5))
    model = Model(entry, layers.Dense(2)(ops.reshape(entry, (-1, 10))))
    model.compile("sgd", "mse")
    x = np.ones((6, 4, 5))
    assert model(x).shape == (12, 2)
    with pytest.raises(ValueError, match="expected one row for each sample"):
        model.fit(x, np.ones((6, 2)), verbose=0)
    with pytest.raises(ValueError, match="expected one row for each sample"):
        model.predict(x, verbose=0)


def test_layers_of_rows_refuse_other_numbers_of_them() -> None:
    entry = Input((4, 5))
    model = Model(entry, layers.GRU(2)(ops.reshape(entry, (-1, 2, 5))))
    with pytest.raises(ValueError, match=r"'gru.*': expected a row for each sample"):
        model(np.ones((6, 4, 5)))


def test_dropout_takes_other_numbers_of_rows() -> None:
    entry = Input((4, 5))
    model = Model(entry, layers.Dropout(0.5)(ops.reshape(entry, (-1, 10))))
    assert set(np.unique(model(np.ones((6, 4, 5)), training=True))) == {0.0, 2.0}


def test_two_views_of_the_samples_meet_in_one_product() -> None:
    encode = layers.Dense(3)
    one, other = Input((4,)), Input((4,))
    both = ops.concatenate([encode(one), encode(other)], axis=0)
    model = Model([one, other], ops.matmul(both, ops.transpose(both)))
    codes = np.concatenate([X, 2 * X]).astype("float32") @ encode.kernel
    np.testing.assert_allclose(model([X, 2 * X]), codes @ codes.T, rtol=1e-4, atol=1e-4)


def _sums(y: Any, p: Any) -> Any:
    return ops.mean(ops.square(y - p), axis=-1) + 0 * ops.mean(ops.matmul(p, ops.transpose(p)))


def test_fewer_steps_an_epoch_go_on_behind_the_last_ones() -> None:
    x = np.arange(13.0)[:, None]
    logs = []
    for loss in ("mse", _sums):
        model = Sequential([Input((1,)), layers.Dense(1, kernel_initializer="ones")])
        model.compile(fastmlp.optimizers.SGD(0.0), loss)
        told = {"batch_size": 4, "steps_per_epoch": 2, "epochs": 5, "shuffle": False, "verbose": 0}
        logs.append(model.fit(x, 0 * x, **told).history["loss"])
    np.testing.assert_allclose(*logs, rtol=1e-6)


class _Stop(fastmlp.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        if self.steps == 6:
            raise KeyboardInterrupt


class _Batches(fastmlp.utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        rows = slice(4 * index, min(4 * index + 4, 13))
        return X[rows], Y[rows, :1]


@pytest.mark.parametrize("save_freq", ["epoch", 1, 2])
@pytest.mark.parametrize("batches", [False, True])
def test_a_fit_that_was_cut_goes_on_as_if_it_had_not_been(
    tmp_path: Any, save_freq: Any, batches: bool
) -> None:
    def fitted(*callbacks: Any) -> Model:
        fastmlp.utils.set_random_seed(5)
        model = Sequential([Input((4,)), layers.Dense(3), layers.Dropout(0.2), layers.Dense(1)])
        model.compile(fastmlp.optimizers.SGD(0.1), _sums)
        told = {"epochs": 4, "verbose": 0, "callbacks": list(callbacks)}
        if batches:
            model.fit(_Batches(), **told)
        else:
            model.fit(X[:13], Y[:13, :1], batch_size=4, **told)
        return model

    whole = fitted()
    with pytest.raises(KeyboardInterrupt):
        fitted(fastmlp.callbacks.BackupAndRestore(tmp_path, save_freq=save_freq), _Stop())
    resumed = fitted(fastmlp.callbacks.BackupAndRestore(tmp_path, save_freq=save_freq))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_masks_and_states_go_through_layers_across_samples() -> None:
    class Passing(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, x: Any) -> Any:
            return x + 0 * ops.cumsum(x, axis=0)

    codes = RNG.integers(0, 4, (11, 6))
    entry = Input((6,), dtype="int32")
    table = layers.Embedding(4, 3, mask_zero=True)(entry)
    lstm = layers.LSTM(2)
    model = Model(entry, lstm(Passing()(table)))
    plain = Model(entry, lstm(table))
    np.testing.assert_allclose(model(codes), plain(codes), rtol=1e-6)
    state = layers.Dense(2)(Passing()(entry))
    model = Model(entry, layers.GRU(2)(Passing()(table), initial_state=state))
    assert model.predict(codes, batch_size=4, verbose=0).shape == (11, 2)


def test_places_across_samples_are_integers_wherever_they_come_out() -> None:
    class Order(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.argsort(x, axis=0)

    entry = Input((4,))
    model = Model(entry, Order()(entry))
    found = (model(X), model.predict(X, verbose=0), model.predict(X, batch_size=3, verbose=0))
    assert [y.dtype.name for y in found] == ["int32"] * 3


def test_what_all_samples_together_refuse_is_in_the_notes() -> None:
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile("sgd", lambda y, p: ops.matmul(ops.matmul(p, ops.transpose(p)), np.ones((7, 2))))
    with pytest.raises(ValueError, match="transpose") as told:
        model.fit(X, Y, verbose=0)
    assert any("matmul" in note for note in told.value.__notes__)


def test_weights_of_samples_need_a_value_for_each() -> None:
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile("sgd", lambda y, p: ops.mean(ops.square(y - p), axis=0))
    with pytest.raises(ValueError, match="expected a value for each sample, since"):
        model.fit(X, Y, sample_weight=np.ones(20), verbose=0)
