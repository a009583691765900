"""Embedding: against Keras, with masks, out of range, in configs and files."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers

ROWS, STEPS = 12, 6
rng = np.random.default_rng(1)
X = rng.integers(1, ROWS, size=(20, STEPS))
X[np.arange(STEPS) >= rng.integers(0, STEPS + 1, size=(20, 1))] = 0  # one or two are empty
Y = rng.normal(size=(20, 1)).astype("float32")


def lstm_after_mask(k):
    return [k.layers.Embedding(ROWS, 4, mask_zero=True), k.layers.LSTM(3), k.layers.Dense(1)]


def every_step(k):
    embedding = k.layers.Embedding(
        ROWS, 4, "glorot_normal", embeddings_regularizer="l2", mask_zero=True,
        embeddings_constraint=k.constraints.MaxNorm(0.5, axis=1),
    )  # fmt: skip
    lstm = k.layers.LSTM(3, return_sequences=True)
    return [embedding, lstm, k.layers.LayerNormalization(), k.layers.Dense(1)]


def flat(k):
    return [k.layers.Embedding(ROWS, 4), k.layers.Flatten(), k.layers.Dense(1)]


def pooled(k):
    pool = k.layers.GlobalAveragePooling1D()
    return [k.layers.Embedding(ROWS, 4), pool, k.layers.Dense(1, activation="tanh")]


@pytest.mark.parametrize("stack", [lstm_after_mask, every_step, flat, pooled])
def test_ten_steps_are_those_of_keras(stack):
    y = Y if stack is not every_step else np.repeat(Y[:, None], STEPS, axis=1)
    models = []
    keras.utils.set_random_seed(3)
    for k in (keras, fastmlp):
        model = k.Sequential([k.Input((STEPS,), dtype="int32"), *stack(k)])
        model.compile(k.optimizers.Adam(0.05), "mse")
        models.append(model)
    theirs, ours = models
    ours.set_weights(theirs.get_weights())
    losses = [
        model.fit(X, y, batch_size=10, epochs=5, shuffle=False, verbose=0).history["loss"]
        for model in models
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def small(**kwargs):
    model = Sequential([Input((STEPS,)), layers.Embedding(ROWS, 4, **kwargs), layers.LSTM(3)])
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    return model


USES = {
    "fit": lambda m, x: m.fit(x, Y, verbose=0),
    "fit, eager": lambda m, x: (m.compile(run_eagerly=True, loss="mse"), m.fit(x, Y, verbose=0)),
    "evaluate": lambda m, x: m.evaluate(x, Y, verbose=0),
    "predict": lambda m, x: m.predict(x, verbose=0),
    "call": lambda m, x: m(x),
    "predict_on_batch": lambda m, x: m.predict_on_batch(x),
    "train_on_batch": lambda m, x: m.train_on_batch(x, Y),
    "batches": lambda m, x: m.fit(iter([(x, Y)]), verbose=0),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("bad", [ROWS, -1, np.nan, 1e30])
@pytest.mark.filterwarnings("ignore:.*NaN:UserWarning")
def test_an_index_that_is_no_row_is_an_error_and_changes_nothing(use, bad):
    model = small()
    model(X)
    before = model.get_weights()
    x = X.astype("float64")
    x[13, 2] = bad
    with pytest.raises(ValueError, match=r"Embedding 'embed.*from 0 to 11.*in sample \d+.*Hint"):
        use(model, x)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, verbose=0)  # it goes on as if nothing had been
    assert np.isfinite(model.predict(X, verbose=0)).all()


def test_the_sample_in_an_error_is_that_of_the_data_not_of_the_batch():
    x = X.copy()
    x[17, 0] = 99
    with pytest.raises(ValueError, match="Received: 99 in sample 17"):
        small().fit(x, Y, batch_size=3, verbose=0)


def test_of_many_bad_samples_the_error_names_the_first_whichever_thread_comes_first(monkeypatch):
    monkeypatch.setattr("fastmlp.runtime.PARALLEL_STEP", 0)
    monkeypatch.setattr("fastmlp.config.num_threads", lambda: 4)
    model = small()
    x = 100 + np.repeat(np.arange(400)[:, None], STEPS, axis=1)
    for _ in range(20):
        with pytest.raises(ValueError, match="Received: 100 in sample 0"):
            model.fit(x, np.zeros((400, 1)), batch_size=400, verbose=0)


def test_weights_may_be_given_and_configs_and_files_keep_all(tmp_path):
    table = rng.normal(size=(ROWS, 4)).astype("float32")
    layer = layers.Embedding(ROWS, 4, weights=table, mask_zero=True)
    np.testing.assert_array_equal(layer.embeddings, table)
    np.testing.assert_array_equal(layer(X), table[X])
    np.testing.assert_array_equal(layer.compute_mask(X), X != 0)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config() and again.supports_masking
    model = small(embeddings_regularizer="l1", mask_zero=True)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.fastmlp")
    loaded = fastmlp.models.load_model(tmp_path / "model.fastmlp")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_spellings_of_earlier_keras_are_understood():
    with pytest.warns(FutureWarning, match="input_length"):
        model = Sequential([layers.Embedding(ROWS, 4, input_length=STEPS), layers.Flatten()])
    assert model.output_shape == (None, STEPS * 4)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"Embedding 'e': expected .*input_dim"):
        layers.Embedding(0, 4, name="e")
    with pytest.raises(ValueError, match="output_dim"):
        layers.Embedding(4, 2.5)
    with pytest.raises(ValueError, match="shapes"):
        layers.Embedding(4, 2, weights=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"at most 16,777,216 rows in float32.*float64"):
        fastmlp.ops.take(
            fastmlp.variables.Variable(np.zeros((2**24 + 1, 1), "float32"), name="t"),
            Input((2,)),
            0,
        )
    with pytest.raises(ValueError, match=r"expected a weight \(rows, features\) and axis=0"):
        fastmlp.ops.take(np.zeros((4, 2)), Input((2,)), 1)


def test_rows_of_an_array_are_taken_at_indices_of_samples():
    indices = Input((2,), dtype="int32")
    x = np.array([[0, 2], [1, 1]])
    for table in (np.arange(12.0).reshape(3, 2, 2), np.arange(3.0)):
        model = fastmlp.Model(indices, fastmlp.ops.take(table, indices, axis=0))
        np.testing.assert_array_equal(model.predict(x, verbose=0), table[x])


def test_float64_gradients_are_those_of_differences():
    model = Sequential(
        [
            Input((STEPS,), dtype="float64"),
            layers.Embedding(ROWS, 4, mask_zero=True, dtype="float64"),
            layers.LSTM(3, return_sequences=True, dtype="float64"),
            layers.Dense(1, dtype="float64"),
        ]
    )
    model.compile("sgd", "mse")
    y = np.repeat(Y[:, None], STEPS, axis=1)
    errors = fastmlp.check_gradients(model, X, y, elements=48)
    assert max(errors.values()) < 1e-5  # the differences are good to about 1e-6


def test_positions_looked_up_within_a_layer_are_trained():
    class Positions(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table = layers.Embedding(STEPS, 3, dtype=self.dtype)

        def call(self, x):
            return x + self.table(np.arange(STEPS)[None])

    model = Sequential([Input((STEPS, 3), dtype="float64"), Positions(dtype="float64")])
    model.compile("sgd", "mse")
    x = rng.normal(size=(8, STEPS, 3))
    errors = fastmlp.check_gradients(model, x, np.zeros_like(x))
    assert len(errors) == 1 and max(errors.values()) < 1e-6
    before = model.get_weights()[0]
    model.fit(x, np.zeros_like(x), verbose=0)
    assert (model.get_weights()[0] != before).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 5, 8, 16, 32, 33])
def test_rows_of_any_width_are_looked_up_and_their_gradients_added(width, dtype):
    rng = np.random.default_rng(4)
    x, target = rng.integers(0, 7, (9, 6)), rng.normal(size=(9, 6, width))
    table = layers.Embedding(7, width, dtype=dtype)
    model = Sequential([Input((6,), dtype=dtype), table])
    model.compile("sgd", "mse")
    rows = np.asarray(table.embeddings)
    np.testing.assert_array_equal(model.predict(x, verbose=0), rows[x])
    (gradient,) = fastmlp.gradients(model, x, target)[1]
    expected = np.zeros_like(rows)
    np.add.at(expected, x, 2 * (rows[x] - target) / target.size)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_places_in_a_flat_table():
    """`take` without an axis is of all numbers in a row, as in NumPy."""

    class Table(layers.Layer):
        def build(self, _):
            self.table = self.add_weight(shape=(4, 3), initializer="uniform")

        def call(self, x):
            return fastmlp.ops.take(self.table, fastmlp.ops.cast(x, "int32"))

    layer, places = Table(), np.array([[1, 2, 7], [11, 0, 4]])
    np.testing.assert_array_equal(layer(places), np.take(layer.table, places))


def test_strings_as_a_tensor():
    assert fastmlp.ops.convert_to_tensor(["fixed", "normal"]).tolist() == ["fixed", "normal"]
    lookup = layers.StringLookup(vocabulary=["fixed", "normal"])
    assert lookup(fastmlp.ops.convert_to_tensor(["normal"])).tolist() == [2]
