"""One batch at a time: the short way gives what the general one gives, bit for bit."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, callbacks, custom_gradient, layers, ops


def small_model(features: int = 5) -> Sequential:
    return Sequential(
        [
            Input((features,)),
            layers.Dense(7, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )


def wide_model() -> Sequential:
    """Heavy enough that a batch gives the GIL away and uses several threads."""
    return Sequential([Input((64,)), layers.Dense(256, activation="tanh"), layers.Dense(10)])


def expected(model: Sequential, x: np.ndarray) -> np.ndarray:
    """The model by hand, in float64."""
    y = np.asarray(x, np.float64)
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            kernel, bias = layer.get_weights()
            y = y @ kernel.astype(np.float64) + bias
            name = layer.activation.__name__
            if name == "relu":
                y = np.maximum(y, 0)
            elif name == "tanh":
                y = np.tanh(y)
            elif name == "softmax":
                y = np.exp(y - y.max(-1, keepdims=True))
                y /= y.sum(-1, keepdims=True)
    return y


LAYOUTS = {
    "C order": lambda x: x,
    "Fortran order": np.asfortranarray,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "one row for all": lambda x: np.broadcast_to(x[:1], x.shape),
    "a matrix": lambda x: x.view(np.matrix) if isinstance(x, np.ndarray) else x,
    "foreign byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
}


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint16", "int64", "float16", "float32", "float64"]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_array_gives_what_its_float32_copy_gives(dtype, layout):
    model = small_model()
    x = LAYOUTS[layout](np.random.default_rng(0).integers(-3, 4, (6, 5)).astype(dtype))
    copy = np.array(x, "float32", order="C")
    first = model.predict_on_batch(
        copy
    )  # compiles: from here on, calls are short where they can be
    np.testing.assert_allclose(first, expected(model, copy), rtol=1e-5, atol=1e-6)
    for y in (model.predict_on_batch(x), model(x), model.predict(x, verbose=0)):
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, first)


@pytest.mark.parametrize("model", [small_model(64), wide_model()])
@pytest.mark.usefixtures("native_products")
def test_every_number_of_rows_gives_the_rows_of_the_whole(model):
    x = np.random.default_rng(1).normal(size=(700, 64)).astype("float32")
    whole = model.predict(x, verbose=0)
    for n in (1, 2, 8, 9, 33, 700, 1):
        for y in (model.predict_on_batch(x[:n]), model(x[:n]), model.predict(x[:n], verbose=0)):
            np.testing.assert_array_equal(y, whole[:n])


@pytest.mark.parametrize("model", [small_model(64), wide_model()])
@pytest.mark.usefixtures("native_products")
def test_many_rows_give_the_bits_of_few_for_any_number_of_threads(model):
    x = np.random.default_rng(1).normal(size=(3000, 64)).astype("float32")
    few = np.concatenate([model.predict_on_batch(part) for part in np.array_split(x, 30)])
    before = fastmlp.config.num_threads()
    try:
        for threads in (1, 2, 3, 4):
            fastmlp.config.set_num_threads(threads)
            for n in (191, 192, 3000, 1, 2999):
                for y in (model.predict_on_batch(x[:n]), model(x[:n])):
                    np.testing.assert_array_equal(y, few[:n])
                for batch_size in (None, 7, 5000):
                    y = model.predict(x[:n], batch_size, verbose=0)
                    np.testing.assert_array_equal(y, few[:n])
    finally:
        fastmlp.config.set_num_threads(before)


def test_many_rows_are_gathered_from_any_layout_and_see_new_weights_and_nan():
    model = small_model()
    x = np.random.default_rng(2).normal(size=(5, 900)).T
    for _ in range(2):
        for y in (model.predict_on_batch(x), model(x), model.predict(x, verbose=0)):
            np.testing.assert_allclose(y, expected(model, x), rtol=1e-4, atol=1e-6)
        model.set_weights([2 * w for w in model.get_weights()])
    bad = x.copy()
    bad[777, 3] = np.nan
    for call in (model.predict_on_batch, lambda bad: model.predict(bad, verbose=0)):
        with pytest.warns(UserWarning, match="column 3 holds nan in row 777"):
            y = call(bad)
        assert np.isnan(y[777]).all() and np.isfinite(np.delete(y, 777, 0)).all()
        assert np.isfinite(call(x)).all()


def test_many_rows_have_their_plan_and_warnings_after_few():
    model = Sequential([Input((20,)), layers.Dense(128, activation="relu"), layers.Dense(3)])
    x = np.ones((300, 20), np.float32)
    model.predict_on_batch(x[:150])
    model.predict_on_batch(x)
    x[200, 3] = np.nan
    with pytest.warns(UserWarning, match="column 3 holds nan in row 200"):
        model.predict_on_batch(x)


@custom_gradient
def centred(x):
    return x - x.mean(axis=0), lambda dy: dy - dy.mean(axis=0)


@pytest.mark.parametrize(
    "mix", [lambda x: x - ops.mean(x, axis=0, keepdims=True), centred], ids=["ops", "numpy"]
)
def test_samples_that_depend_on_their_batch_are_predicted_batch_by_batch(mix):
    x = np.random.default_rng(0).normal(size=(1000, 3)).astype("float32") + np.arange(1000)[:, None]
    entry = Input((3,))
    model = Model(entry, mix(entry))
    model.compile(loss="mse")
    for size in (32, 300, 1000, 32):
        batches = [x[i : i + size] for i in range(0, 1000, size)]
        expected = np.concatenate([batch - batch.mean(axis=0) for batch in batches])
        for _ in range(2):
            y = model.predict(x, batch_size=size, verbose=0)
            np.testing.assert_allclose(y, expected, atol=1e-3)
        loss = model.evaluate(x, 0 * x, batch_size=size, verbose=0)
        np.testing.assert_allclose(loss, (expected**2).mean(), rtol=1e-4)


def test_an_index_that_is_no_row_is_told_by_its_place_among_many():
    model = Sequential([Input((2,)), layers.Embedding(10, 3), layers.Flatten(), layers.Dense(1)])
    x = np.ones((2000, 2))
    x[1234, 1] = 11
    for call in (model.predict_on_batch, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=r"11.*1234|1234.*11"):
            call(x)


def test_results_are_new_arrays():
    model, x = small_model(), np.ones((2, 5), "float32")
    first = model(x)
    kept = first.copy()
    assert not np.shares_memory(first, model(2 * x))
    np.testing.assert_array_equal(first, kept)


def test_images_and_flat_rows_of_any_rank():
    model = Sequential([Input((2, 3)), layers.Flatten(), layers.Dense(4)])
    x = np.random.default_rng(2).normal(size=(5, 2, 3))
    for form in (x, x.astype("float32"), np.asfortranarray(x), x[::-1][::-1]):
        np.testing.assert_allclose(
            model.predict_on_batch(form), expected(model, x.reshape(5, 6)), rtol=1e-5, atol=1e-6
        )


def test_refused_arrays_get_the_general_message_after_good_ones():
    model = small_model()
    model.predict_on_batch(np.ones((1, 5), "float32"))
    with pytest.raises(ValueError, match=r"shape=\(1, 4\)"):
        model.predict_on_batch(np.ones((1, 4), "float32"))
    with pytest.raises(ValueError, match="x\\[None\\] makes a batch"):
        model.predict_on_batch(np.ones(5, "float32"))
    with pytest.raises(TypeError, match="complex"):
        model.predict_on_batch(np.ones((1, 5), complex))
    assert model.predict_on_batch(np.ones((0, 5), "float32")).shape == (0, 3)
    assert model.predict_on_batch([[1, 2, 3, 4, 5]]).shape == (1, 3)


def test_weights_set_trained_or_moved_are_seen_at_once():
    layer = layers.Dense(2)
    x = np.ones((1, 3), "float32")
    model = Sequential([Input((3,)), layer])
    before = model(x)
    layer.set_weights([np.full((3, 2), 2.0), np.array([1.0, -1.0])])
    np.testing.assert_array_equal(model(x), [[7, 5]])
    layer.weights[0].value = np.full((3, 2), 3.0, "float32")  # elsewhere in memory
    np.testing.assert_array_equal(model(x), [[10, 8]])
    np.testing.assert_array_equal(model.predict_on_batch(x), [[10, 8]])
    assert before.shape == (1, 2)


def test_a_layer_added_later_is_seen_at_once():
    model = Sequential([Input((3,)), layers.Dense(2)])
    assert model(np.ones((1, 3), "float32")).shape == (1, 2)
    model.add(layers.Dense(4))
    assert model(np.ones((1, 3), "float32")).shape == (1, 4)
    assert model.predict_on_batch(np.ones((1, 3), "float32")).shape == (1, 4)


def test_nan_is_warned_about_and_passed_on():
    model = small_model()
    good, bad = np.ones((2, 5), "float32"), np.ones((2, 5), "float32")
    bad[1, 3] = np.nan
    for _ in range(2):
        assert np.isfinite(model.predict_on_batch(good)).all()
        with pytest.warns(UserWarning, match="column 3 holds nan in row 1"):
            y = model.predict_on_batch(bad)
        assert np.isfinite(y[0]).all()
        assert np.isnan(y[1]).all()


def test_a_call_with_training_drops_anew_each_time():
    model, x = small_model(), np.ones((4, 5), "float32")
    model.predict_on_batch(x)
    assert not np.array_equal(model(x, training=True), model(x, training=True))
    np.testing.assert_array_equal(model(x), model(x, training=False))


@pytest.mark.parametrize("model", [small_model(64), wide_model()])
@pytest.mark.usefixtures("native_products")
def test_threads_that_call_one_model_get_their_own_results(model):
    x = np.random.default_rng(3).normal(size=(64, 64)).astype("float32")
    right = model.predict(x, verbose=0)
    wrong = []

    def calls(first: int) -> None:
        for i in range(200):
            n = 1 + (first + 7 * i) % 63
            if not np.array_equal(model.predict_on_batch(x[:n]), right[:n]):
                wrong.append(n)

    threads = [threading.Thread(target=calls, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_calls_inside_callbacks_see_the_weights_of_the_moment():
    model = small_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(40, 5)).astype("float32"), rng.integers(0, 3, 40)
    seen = []

    def look(batch: int, logs: dict[str, float]) -> None:
        np.testing.assert_allclose(
            model.predict_on_batch(x[:4]), expected(model, x[:4]), rtol=1e-4, atol=1e-6
        )
        seen.append(model(x[:1]))

    model.fit(
        x, y, epochs=2, verbose=0, callbacks=[callbacks.LambdaCallback(on_train_batch_end=look)]
    )
    assert len(seen) == 4
    assert not np.array_equal(seen[0], seen[-1])
