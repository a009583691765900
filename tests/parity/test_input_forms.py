"""Lists, dicts, named tuples and vectors as inputs and outputs: what Keras makes of them."""

from __future__ import annotations

from collections import namedtuple

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(5)
V, W = (RNG.normal(size=4).astype("float32") for _ in range(2))
IDS = [np.array([0, 1, 2, 1]), np.array([2, 0, 1, 1])]
Y = RNG.normal(size=(4, 1)).astype("float32")
Pair = namedtuple("Pair", "a b")
BOTH = (keras, fastmlp)


def same(found):
    theirs, ours = found
    for a, b in zip(theirs, ours, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def embedding(k, rows):
    return k.layers.Embedding(rows, 3, embeddings_initializer=k.initializers.Constant(0.5))


def ratings(k, first, second):
    class Ratings(k.Model):
        def __init__(self):
            super().__init__()
            self.users, self.items = embedding(k, 3), embedding(k, 3)

        def call(self, x):
            product = self.users(x[first]) * self.items(x[second])
            return k.ops.sum(product, axis=-1, keepdims=True)

    model = Ratings()
    model.compile(k.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("given", [IDS, tuple(IDS), {"u": IDS[0], "i": IDS[1]}])
def test_vectors_in_a_list_or_dict_are_several_inputs_of_a_models_call(given):
    found = []
    for k in BOTH:
        model = ratings(k, *(("u", "i") if isinstance(given, dict) else (0, 1)))
        loss = model.fit(given, Y, epochs=2, batch_size=2, shuffle=False, verbose=0).history["loss"]
        told = [loss, model.evaluate(given, Y, verbose=0), model.predict(given, verbose=0)]
        found.append([*told, model(given), model.train_on_batch(given, Y)])
    same(found)


def test_vectors_in_a_list_are_several_inputs_of_layers_and_functional_models():
    found = []
    for k in BOTH:
        a, b = k.Input(()), k.Input(())
        model = k.Model([a, b], a - b)
        layers = [k.layers.Add(), k.layers.Lambda(lambda pair: pair[0] * pair[1]), model]
        found.append([layer([V, W]) for layer in layers] + [model.predict([V, W], verbose=0)])
    same(found)


def test_each_number_of_a_vector_is_a_sample_where_a_layer_takes_that():
    found = []
    for k in BOTH:

        class Twice(k.layers.Layer):
            def call(self, x):
                return x * 2

        ids = k.Input((), dtype="int32")
        model = k.Model(ids, embedding(k, 3)(ids))
        layers = [Twice(), k.layers.Lambda(lambda x: x + 1), k.layers.Flatten()]
        layers += [k.layers.ActivityRegularization(l1=0.1), k.layers.Reshape((1,))]
        calls = [model(IDS[0]), model(IDS[0]), model.predict(IDS[0], verbose=0)]
        found.append([layer(V) for layer in layers] + calls)
    same(found)
    with pytest.raises(ValueError, match=r"x\[None\] makes a batch"):
        fastmlp.layers.Dense(2)(V)
    with pytest.raises(ValueError, match=r"np\.stack makes one array of several"):
        fastmlp.Sequential([fastmlp.layers.Dense(2)]).predict([V, W], verbose=0)


def test_a_list_for_a_dict_of_several_inputs_is_refused_as_in_keras():
    x = [np.full((2, 1), 5.0), np.zeros((2, 1))]
    for k in BOTH:
        a, b = k.Input((1,), name="zz"), k.Input((1,), name="aa")
        model = k.Model({"zz": a, "aa": b}, k.layers.Subtract()([a, b]))
        model.compile("sgd", "mse")
        for run in (
            lambda model: model(x),
            lambda model: model.predict(x, verbose=0),
            lambda model: model.fit(x, Y[:2], verbose=0),
            lambda model: model.evaluate(x, Y[:2], verbose=0),
        ):
            with pytest.raises(ValueError, match=r"(?s)[Ee]xpected.*zz.*aa"):
                run(model)
        assert np.array_equal(model({"zz": x[0], "aa": x[1]}), x[0])
    one = fastmlp.Input((1,), name="only")
    assert len(fastmlp.Model({"only": one}, one * 2).predict([x[0]], verbose=0)) == 2


def test_named_tuples_stay_named_tuples():
    x, y = np.ones((4, 2), "float32"), Pair(Y, np.zeros((4, 2), "float32"))
    found = []
    for k in BOTH:

        class Sums(k.Model):
            def __init__(self, k):
                super().__init__()
                self.dense = k.layers.Dense(1, kernel_initializer="ones")

            def call(self, x):
                return Pair(self.dense(x.a) + self.dense(x.b), self.dense(x.a))

        entry = k.Input((2,))
        dense = [k.layers.Dense(n, kernel_initializer="ones")(entry) for n in (1, 2)]
        functional, sums = k.Model(entry, Pair(*dense)), Sums(k)
        functional.compile(k.optimizers.SGD(0.1), loss=Pair("mse", "mse"))
        loss = functional.fit(x, y, epochs=2, verbose=0).history["loss"]
        results = [functional(x), functional.predict(x, verbose=0), functional.predict_on_batch(x)]
        results += [sums(Pair(x, x)), sums.predict(Pair(x, x), verbose=0)]
        assert all(type(one) is Pair for one in results)
        found.append([loss, *(part for one in results for part in one)])
    same(found)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, on saving
def test_a_sequential_model_hands_a_list_to_its_first_layer(tmp_path):
    x = [np.ones((4, 2), "float32"), np.full((4, 3), 0.5, "float32")]
    found = []
    for k in BOTH:

        def made(k=k):
            dense = k.layers.Dense(1, kernel_initializer="ones")
            model = k.Sequential([k.layers.Concatenate(), dense])
            model.compile(k.optimizers.SGD(0.1), "mse")
            return model

        model = made()
        loss = model.fit(x, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
        told = [loss, model.predict(x, verbose=0), model(x), model.evaluate(x, Y, verbose=0)]
        path = tmp_path / f"model{'.keras' if k is keras else '.fastmlp'}"
        model.save(path)
        told.append(k.models.load_model(path).predict(x, verbose=0))
        found.append([*told, made()(tuple(x)), k.models.clone_model(model).built])
    same(found)


def test_a_sequential_model_hands_a_dict_to_its_first_layer():
    class Total(fastmlp.layers.Layer):
        def call(self, x):
            return x["a"] + x["b"]

    model = fastmlp.Sequential([Total(), fastmlp.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = {"b": np.ones((4, 2)), "a": np.ones((4, 2))}
    model.fit(x, Y, verbose=0)
    np.testing.assert_array_equal(model(x), model.predict(x, verbose=0))


def test_numbers_are_samples_of_a_sequential_model_whose_layers_take_them():
    found = []
    for k in BOTH:
        models = [k.Sequential([layer]) for layer in (embedding(k, 3), k.layers.Activation("relu"))]
        found.append([model.predict(IDS[0], verbose=0) for model in models])
    same(found)
    assert fastmlp.Sequential([fastmlp.layers.Dense(1)]).predict(V, verbose=0).shape == (4, 1)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, on saving
def test_a_model_called_on_several_tensors_is_built(tmp_path):
    x = np.ones((2, 3), "float32")
    for k, ending in zip(BOTH, (".weights.h5", ".fastmlp"), strict=True):

        class Sums(k.Model):
            def __init__(self, k):
                super().__init__()
                self.dense = k.layers.Dense(1)

            def call(self, a, b=0.0, scale=1.0):
                return (self.dense(a) + b) * scale

        models = [Sums(k) for _ in range(3)]
        assert not models[0].built
        models[0](x, x[:, :1])
        models[1](x, x[:, :1])
        models[2](x, scale=x[:, :1])
        assert all(model.built and model.count_params() == 4 for model in models)
        path = tmp_path / f"sums{ending}"
        models[0].save_weights(path)
        for model in models[1:]:
            model.load_weights(path)
            np.testing.assert_array_equal(model(x), models[0](x))
