"""Stateful layers: states go from batch to batch, and are those of whole steps whatever happens."""

import pickle

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers, models

BATCH, STEPS, FEATURES, UNITS = 4, 3, 2, 5


def data(batches=3, dtype="float32"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batches * BATCH, STEPS, FEATURES)).astype(dtype)
    return x, rng.normal(size=(batches * BATCH, 1)).astype(dtype)


def stateful(name="LSTM", dtype="float32", eagerly=False, **arguments):
    x = fastmlp.Input((STEPS, FEATURES), batch_size=BATCH, dtype=dtype)
    layer = getattr(layers, name)(UNITS, stateful=True, dtype=dtype, **arguments)
    model = fastmlp.Sequential([x, layer, layers.Dense(1, dtype=dtype)])
    model.compile(fastmlp.optimizers.SGD(0.1), "mse", run_eagerly=eagerly)
    return model


def states_of(model):
    return [state.numpy() for state in model.layers[0].states]


LAYERS = {
    "stack": lambda lib: lib.layers.RNN(
        [lib.layers.GRUCell(2), lib.layers.SimpleRNNCell(3)], stateful=True, go_backwards=True
    ),
    "both ways": lambda lib: lib.layers.Bidirectional(lib.layers.LSTM(2, stateful=True)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_batch_after_batch_gives_what_keras_gives(name):
    x, _ = data()
    theirs, ours = LAYERS[name](keras), LAYERS[name](fastmlp)
    for layer in (theirs, ours):
        layer.build((BATCH, STEPS, FEATURES))
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    for start in (0, BATCH):
        batch = x[start : start + BATCH]
        np.testing.assert_allclose(ours(batch), np.asarray(theirs(batch)), atol=1e-5)
    flat = fastmlp._tree.flatten
    for a, b in zip(flat(ours.states), keras.tree.flatten(theirs.states), strict=True):
        np.testing.assert_allclose(a.value, np.asarray(b), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("LSTM", {}), ("GRU", {"reset_after": False}), ("SimpleRNN", {"go_backwards": True})],
)
def test_training_is_that_with_the_states_given_by_hand(name, arguments, dtype):
    x, y = data(dtype=dtype)
    model = stateful(name, dtype, **arguments)
    n = 2 if name == "LSTM" else 1
    entry = fastmlp.Input((STEPS, FEATURES), dtype=dtype)
    first = [fastmlp.Input((UNITS,), dtype=dtype) for _ in range(n)]
    layer = getattr(layers, name)(UNITS, return_state=True, dtype=dtype, **arguments)
    output, *last = layer(entry, initial_state=first)
    by_hand = fastmlp.Model([entry, *first], layers.Dense(1, dtype=dtype)(output))
    states_only = fastmlp.Model([entry, *first], list(last))
    by_hand.compile(fastmlp.optimizers.SGD(0.1), "mse")
    by_hand.set_weights(model.get_weights())

    history = model.fit(x, y, epochs=3, shuffle=False, verbose=0)  # of batches of 4: all it takes
    states, losses = [np.zeros((BATCH, UNITS), dtype)] * n, []
    for _ in range(3):
        for start in (0, BATCH, 2 * BATCH):
            rows = slice(start, start + BATCH)
            after = fastmlp._tree.flatten(states_only([x[rows], *states]))
            losses.append(by_hand.train_on_batch([x[rows], *states], y[rows]))
            states = list(after)
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(
        history.history["loss"], np.mean(np.reshape(losses, (3, 3)), 1), rtol=tolerance
    )
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
    for a, b in zip(states_of(model), states, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


def test_all_that_runs_a_model_goes_on_with_its_states():
    x, y = data()
    model = stateful()
    expected = np.concatenate([model(x[i : i + BATCH]) for i in range(0, len(x), BATCH)])
    assert np.abs(expected[:BATCH] - model(x[:BATCH])).max() > 1e-3
    for run in (
        lambda: model.predict(x, verbose=0),
        lambda: model.predict((x[i : i + BATCH] for i in range(0, len(x), BATCH)), verbose=0),
        lambda: [model.predict_on_batch(x[:BATCH]), model.predict(x[BATCH:], verbose=0)],
    ):
        model.reset_states()
        np.testing.assert_allclose(np.concatenate([*run()]).reshape(-1, 1), expected, atol=1e-6)
    twin = stateful()
    twin.set_weights(model.get_weights())
    twin.fit(x, y, shuffle=False, verbose=0)
    model.reset_states()
    for start in (0, BATCH, 2 * BATCH):
        model.train_on_batch(x[start : start + BATCH], y[start : start + BATCH])
    np.testing.assert_array_equal(states_of(model), states_of(twin))
    twin.reset_states()
    expected = twin.predict(x, verbose=0)
    model.reset_states()
    loss = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(loss, np.mean((expected - y) ** 2), rtol=1e-5)
    after = states_of(model)
    fastmlp.gradients(model, x[:BATCH], y[:BATCH])
    errors = fastmlp.check_gradients(model, x[:BATCH], y[:BATCH], elements=2)
    assert max(errors.values()) < 1e-2
    np.testing.assert_array_equal(states_of(model), after)
    model.layers[0].reset_state([np.ones((BATCH, UNITS)), np.zeros((BATCH, UNITS))])
    np.testing.assert_array_equal(states_of(model)[0], 1)


def test_the_interpreter_and_several_threads_leave_the_same_states():
    x, y = data()
    fastmlp.utils.set_random_seed(1)
    native, eager = stateful(), stateful(eagerly=True)
    eager.set_weights(native.get_weights())
    for model in (native, eager):
        model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
    # The native tanh and NumPy's differ by a rounding or two; 36 steps of time add them up.
    np.testing.assert_allclose(states_of(native), states_of(eager), atol=1e-5)

    def wide(threads):
        fastmlp.utils.set_random_seed(0)
        fastmlp.config.set_num_threads(threads)
        entry = fastmlp.Input((8, 16), batch_size=96)
        model = fastmlp.Sequential([entry, layers.GRU(64, stateful=True), layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(192, 8, 16))
        model.fit(x, x[:, 0, 0], epochs=2, verbose=0)
        return states_of(model)

    before = fastmlp.config.num_threads()
    try:
        np.testing.assert_array_equal(wide(1), wide(2))
    finally:
        fastmlp.config.set_num_threads(before)


def test_what_ends_a_fit_leaves_the_states_of_whole_steps():
    x, y = data()
    whole = stateful()
    weights = whole.get_weights()
    whole.fit(x[: 2 * BATCH], y[: 2 * BATCH], shuffle=False, verbose=0)

    class Interrupts(fastmlp.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = stateful()
    model.set_weights(weights)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, shuffle=False, verbose=0, callbacks=[Interrupts()])
    np.testing.assert_array_equal(states_of(model), states_of(whole))

    seen = []

    @fastmlp.custom_gradient
    def fails_at_third(values):
        seen.append(len(values))
        if len(seen) == 3:
            raise OSError("no more")
        return values.copy(), lambda dy: dy

    entry = fastmlp.Input((STEPS, FEATURES), batch_size=BATCH)
    hidden = layers.LSTM(UNITS, stateful=True, name="lstm")(entry)
    model = fastmlp.Model(entry, layers.Dense(1)(fails_at_third(hidden)))
    model.compile(fastmlp.optimizers.SGD(0.1), "mse")
    model.set_weights(weights)
    seen.clear()
    with pytest.raises(OSError, match="no more"):
        model.fit(x, y, shuffle=False, verbose=0)
    found = [state.value for state in model.get_layer("lstm").states]
    np.testing.assert_allclose(found, states_of(whole), atol=1e-6)


def test_files_and_copies_keep_states_and_clones_begin_anew(tmp_path):
    x, y = data()
    model = stateful()
    model.fit(x, y, shuffle=False, verbose=0)
    model.save(tmp_path / "model.fastmlp")
    loaded = models.load_model(tmp_path / "model.fastmlp")
    copied = pickle.loads(pickle.dumps(model))
    clone = models.clone_model(model)
    np.testing.assert_array_equal(states_of(clone), 0)
    for other in (loaded, copied):
        np.testing.assert_array_equal(states_of(other), states_of(model))
    expected = model.fit(x, y, shuffle=False, verbose=0).history
    assert loaded.fit(x, y, shuffle=False, verbose=0).history == expected


def test_states_are_no_weights_and_a_batch_shape_tells_their_number():
    model = stateful()
    assert len(model.weights) == 5
    with pytest.warns(FutureWarning):
        first = layers.GRU(3, stateful=True, batch_input_shape=(BATCH, STEPS, FEATURES))
    model = fastmlp.Sequential([first, layers.Dense(1)])
    assert [s.shape for s in model.layers[0].states] == [(BATCH, 3)]
    assert model.predict(data()[0], verbose=0).shape == (3 * BATCH, 1)


def test_batches_of_another_size_are_refused_and_change_nothing():
    x, y = data()
    model = stateful()
    model.fit(x, y, shuffle=False, verbose=0)
    weights, states = model.get_weights(), states_of(model)
    for wrong in (
        lambda: model(x),
        lambda: model.predict(x[:5], verbose=0),
        lambda: model.evaluate(x, y, batch_size=6, verbose=0),
        lambda: model.fit(x[:-1], y[:-1], verbose=0),
        lambda: model.fit(x, y, validation_split=0.5, verbose=0),
        lambda: model.fit(x, y, validation_data=(x[:3], y[:3]), verbose=0),
        lambda: model.fit(((x[:3], y[:3]) for _ in range(2)), verbose=0),
        lambda: model.train_on_batch(x, y),
    ):
        with pytest.raises(ValueError, match="expected batches of 4 samples, since a stateful"):
            wrong()
    for a, b in zip([*weights, *states], [*model.get_weights(), *states_of(model)], strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"Input\(\(steps, features\), batch_size=32\)"):
        layers.LSTM(3, stateful=True)(fastmlp.Input((STEPS, FEATURES)))
    with pytest.raises(ValueError, match="expected states of shapes"):
        model.layers[0].reset_state(np.zeros((3, UNITS)))
    with pytest.raises(AttributeError, match="stateful=True"):
        layers.Bidirectional(layers.GRU(3)).reset_state()


def test_a_cell_may_return_another_value_than_its_state():
    """Relu behind a product takes its place only if nobody else reads the product."""

    class Positive(layers.Layer):
        state_size = UNITS

        def build(self, shape):
            self.w = self.add_weight((shape[-1] + UNITS, UNITS), name="w")

        def call(self, x, states):
            z = fastmlp.ops.concatenate([x, states[0]], axis=-1) @ self.w
            return fastmlp.ops.relu(z), [z]

    x, _ = data(1)
    layer = layers.RNN(Positive(), stateful=True)
    found = layer(x), layer(x)
    w, h = layer.get_weights()[0].astype(float), np.zeros((BATCH, UNITS))
    for y in found:
        for t in range(STEPS):
            h = np.concatenate([x[:, t], h], axis=1) @ w
        np.testing.assert_allclose(y, np.maximum(h, 0), atol=1e-5)
    np.testing.assert_allclose(layer.states[0].numpy(), h, atol=1e-5)
