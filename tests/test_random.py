"""Random numbers as functions: arrays, and tensors within `call`."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops, random

KINDS = {
    "normal": ((2.0, 0.5), 2.0, 0.5),
    "truncated_normal": ((2.0, 0.5), 2.0, 0.5 * 0.8796),
    "uniform": ((-1.0, 3.0), 1.0, 4 / 12**0.5),
    "randint": ((0, 4), 1.5, (15 / 12) ** 0.5),
}


class Draw(layers.Layer):
    """Numbers of the shape of the input."""

    def __init__(self, name, arguments, **options):
        super().__init__(dtype=options.get("dtype"))
        self.draw, self.arguments, self.options = getattr(random, name), arguments, options

    def call(self, x):
        return 0.0 * x + self.draw(ops.shape(x), *self.arguments, **self.options)


@pytest.mark.parametrize("name", KINDS)
def test_arrays_have_the_moments_and_types_of_keras(name):
    arguments, mean, deviation = KINDS[name]
    x = getattr(random, name)((200, 100), *arguments, seed=3)
    theirs = np.asarray(getattr(keras.random, name)((200, 100), *arguments, seed=3))
    assert x.dtype == theirs.dtype and x.shape == theirs.shape
    for y in (x, theirs):
        assert abs(y.mean() - mean) < 0.05 and abs(y.std() - deviation) < 0.05
    np.testing.assert_array_equal(x, getattr(random, name)((200, 100), *arguments, seed=3))
    assert (x != getattr(random, name)((200, 100), *arguments)).any()


@pytest.mark.parametrize("dtype", ["float32", "bool", float])
def test_randint_of_another_type_is_refused(dtype):
    for lib in (random, keras.random):
        with pytest.raises(ValueError, match="integer"):
            lib.randint((2,), 0, 9, dtype=dtype)
    assert random.randint((2,), 0, 9, dtype=None).dtype == "int32"


def drawn(threads, dtype, *call):
    fastmlp.config.set_num_threads(threads)
    fastmlp.utils.set_random_seed(5)
    options = {} if call[0] == "randint" else {"dtype": dtype}
    model = Sequential([Input((50,), dtype=dtype), Draw(*call, **options)])
    x = np.zeros((400, 50), dtype)
    return np.stack([model.predict(x, verbose=0) for _ in range(2)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KINDS)
def test_tensors_are_drawn_anew_at_each_step_whatever_the_threads(name, dtype):
    arguments, mean, deviation = KINDS[name]
    if name == "randint":
        dtype = "float32"
    y = drawn(2, dtype, name, arguments)
    np.testing.assert_array_equal(y, drawn(1, dtype, name, arguments))
    assert (y[0] != y[1]).any() and y.dtype == dtype
    assert abs(y.mean() - mean) < 0.05 and abs(y.std() - deviation) < 0.05
    assert y.min() >= {"uniform": -1, "randint": 0, "truncated_normal": 1}.get(name, -9)
    assert y.max() <= {"uniform": 3, "randint": 3, "truncated_normal": 3}.get(name, 9)


def test_a_variational_autoencoder_trains_and_is_interpreted_alike():
    class Sample(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = random.SeedGenerator(1)

        def call(self, inputs):
            mean, log_variance = inputs
            batch, dim = ops.shape(mean)[0], ops.shape(mean)[1]
            noise = random.normal(shape=(batch, dim), seed=self.seeds)
            self.add_loss(-0.5 * ops.mean(1 + log_variance - mean**2 - ops.exp(log_variance)))
            return mean + ops.exp(0.5 * log_variance) * noise

    def trained(eagerly):
        fastmlp.utils.set_random_seed(0)
        x = Input((6,))
        h = layers.Dense(16, "tanh")(x)
        z = Sample()([layers.Dense(2)(h), layers.Dense(2)(h)])
        model = Model(x, layers.Dense(6)(layers.Dense(16, "tanh")(z)))
        model.compile(fastmlp.optimizers.Adam(0.01), "mse", run_eagerly=eagerly)
        line = np.linspace(-1, 1, 128)[:, None] * np.arange(1, 7)
        return model.fit(line, line, epochs=20, verbose=0).history["loss"]

    losses = trained(False)
    assert losses[-1] < 0.6 * losses[0]
    np.testing.assert_allclose(trained(True), losses, rtol=1e-4)


def test_numbers_that_all_samples_share_and_those_of_an_initializer():
    class Shared(layers.Layer):
        def call(self, x):
            return 0.0 * x + random.normal((3,))

    y = Sequential([Input((3,)), Shared()]).predict(np.zeros((8, 3)), verbose=0)
    assert (y == y[0]).all() and len(set(y[0])) == 3

    def own(shape, dtype=None):
        return random.normal(shape, stddev=0.01, dtype=dtype, seed=1)

    layer = layers.Dense(4, kernel_initializer=own)
    Model(x := Input((5,)), layer(x))
    np.testing.assert_array_equal(layer.kernel, own((5, 4)))


def test_categories_follow_their_probabilities():
    logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]], "float32"))

    class Pick(layers.Layer):
        def call(self, x):
            return random.categorical(x, 4000)

    arrays = random.categorical(logits, 4000, seed=1)
    assert arrays.dtype == np.int32
    for found in (arrays, Pick()(logits)):
        shares = [(found == k).mean(axis=1) for k in range(3)]
        np.testing.assert_allclose(np.transpose(shares), np.exp(logits), atol=0.05)


def test_dropout_drops_outside_training():
    class Drop(layers.Layer):
        def call(self, x):
            return random.dropout(x, 0.25)

    ones = np.ones((50, 40), "float32")
    for y in (random.dropout(ones, 0.25, seed=1), Drop()(ones)):
        assert set(np.unique(y)) == {0, np.float32(1 / 0.75)} and 0.2 < (y == 0).mean() < 0.3
    rows = random.dropout(ones, 0.5, noise_shape=(50, 1), seed=2)
    assert ((rows == 0).all(1) | (rows == 2).all(1)).all()


def test_what_arrays_alone_have_and_what_is_no_shape_is_told():
    assert sorted(random.shuffle(np.arange(9), seed=1)) == list(range(9))
    assert abs(random.binomial((5000,), 10, 0.3, seed=1).mean() - 3) < 0.1
    assert abs(random.beta((5000,), 2.0, 6.0, seed=1).mean() - 0.25) < 0.02
    assert abs(random.gamma((5000,), 3.0, seed=1).mean() - 3) < 0.1
    with pytest.raises(ValueError, match="a shape of integers"):
        random.gamma((None, 3), 1.0)
    with pytest.raises(TypeError, match="expected an array"):
        random.gamma((3,), Input((3,)))
    with pytest.raises(ValueError, match="seed"):
        random.normal((3,), seed=-1)
    seeds = random.SeedGenerator.from_config(random.SeedGenerator(4).get_config())
    assert seeds.next() == random.SeedGenerator(4).next() != seeds.next()


def test_dropout_takes_sizes_that_are_none_as_keras_does():
    x = np.ones((2, 3, 50), "float32")
    for library in (keras, fastmlp):
        y = library.random.dropout(x, 0.3, noise_shape=[None, 1, None], seed=0)
        assert np.array_equal(y, np.broadcast_to(y[:, :1], x.shape))
        assert len(np.unique(np.asarray(y)[:, 0], axis=0)) == 2
