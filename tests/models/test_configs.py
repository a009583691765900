"""Models as configs, as JSON and as clones; layers of one's own in them; the summary's connections."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops
from fastmlp.models import clone_model, model_from_json
from fastmlp.saving import custom_object_scope, register_keras_serializable

X = np.random.default_rng(0).normal(size=(8, 3)).astype("f4")
Y = np.ones((8, 1), "f4")


@pytest.fixture(autouse=True)
def _names():
    fastmlp._names.reset()
    keras.utils.clear_session(free_memory=False)


def branching(lib):
    """Nested structures, a shared layer, a nested model, operators, constants."""
    a, b = lib.Input((3,), name="a"), lib.Input((3,), name="b")
    shared = lib.layers.Dense(4, "relu", name="shared")
    entry = lib.Input((4,), name="entry")
    inner = lib.Model(entry, lib.layers.Dense(4, name="within")(entry), name="inner")
    left, right = shared(a), inner(shared(b))
    both = lib.layers.Concatenate(name="both")([left, right])
    out = lib.layers.Dense(1, name="out")(both)
    return lib.Model({"a": a, "b": b}, [out, right], name="net")


def same(first, second, x):
    second.set_weights(first.get_weights())
    for p, q in zip(_list(first(x)), _list(second(x)), strict=True):
        np.testing.assert_array_equal(p, q)


def _list(found):
    return found if isinstance(found, list) else [found]


def test_functional_model_comes_back_from_json_and_as_clone():
    model = branching(fastmlp)
    for twin in (model_from_json(model.to_json()), Model.from_config(model.get_config()),
                 clone_model(model)):  # fmt: skip
        assert twin.get_config() == model.get_config() and twin.name == "net"
        assert twin.get_layer("shared") is not model.get_layer("shared")
        same(model, twin, {"a": X, "b": 2 * X})


@pytest.mark.parametrize("lib", [keras, fastmlp], ids=["keras", "fastmlp"])
def test_tuples_of_inputs_and_outputs_come_back_as_tuples(lib):
    entries = (lib.Input((3,)), lib.Input((3,)))
    first, second = (lib.layers.Dense(n)(x) for n, x in enumerate(entries, 1))
    model = lib.Model(entries, (first, [second, first]))
    twin = lib.Model.from_config(model.get_config())
    assert type(twin.input) is tuple
    for results in (twin(entries), twin((X, X)), twin.predict((X, X), verbose=0)):
        assert type(results) is tuple and type(results[1]) is list


def test_config_of_keras_is_understood():
    theirs = branching(keras)
    ours = model_from_json(theirs.to_json())
    ours.set_weights(theirs.get_weights())
    for p, q in zip(ours({"a": X, "b": X}), theirs({"a": X, "b": X}), strict=True):
        np.testing.assert_allclose(p, np.asarray(q), rtol=1e-5, atol=1e-6)


def test_functions_between_layers_of_keras_are_understood():
    def network(lib):
        o, x = lib.ops, lib.Input((3,))
        h = lib.layers.Dense(4, name="d")(x)
        y = o.concatenate(
            [-(h * 2 + 1) / (3 - x[:, :1]), o.mean(h, axis=-1, keepdims=True)], axis=1
        )
        y = o.clip(o.softmax(o.relu(y) ** 2) @ np.full((5, 4), 0.3, "float32"), 0.1, 0.3)
        y = o.average(y, axis=1, weights=np.float32([1, 2, 3, 4])) + o.einsum("bi->b", y)
        y = o.where(o.top_k(h, 2)[0] > 0.1, o.expand_dims(y, 1), 0.0)
        z = o.layer_normalization(o.one_hot(o.argmax(h, axis=1), 4) + h[..., ::-1])
        return lib.Model(x, [y, o.split(z, 2, axis=1)[1]])

    theirs = network(keras)
    ours = model_from_json(theirs.to_json())
    ours.set_weights(theirs.get_weights())
    for model in (ours, model_from_json(ours.to_json())):
        model.set_weights(theirs.get_weights())
        for p, q in zip(model(X), theirs(X), strict=True):
            np.testing.assert_allclose(p, np.asarray(q), rtol=1e-5, atol=1e-6)
    x = keras.Input((8, 3))
    pooled = keras.Model(x, keras.ops.max_pool(x, 2))
    with pytest.raises(ValueError, match=r"Unknown function .* 'max_pool' 'MaxPool'"):
        model_from_json(pooled.to_json())


def test_operators_slices_and_constants_are_kept():
    a = Input((3,))
    y = ops.concatenate([2 * a[:, 1:] + np.array([1.0, 2.0], "f4"), a[..., :1] ** 2], axis=1)
    model = Model(a, y)
    same(model, model_from_json(model.to_json()), X)
    expected = np.concatenate([2 * X[:, 1:] + [1, 2], X[:, :1] ** 2], axis=1)
    np.testing.assert_allclose(model(X), expected, rtol=1e-6)


def test_sequential_clone_has_layers_of_its_own():
    model = Sequential([Input((3,)), layers.Dense(2, name="d"), layers.Dropout(0.1)])
    twin = clone_model(model)
    assert twin.get_layer("d") is not model.get_layer("d")
    same(model, twin, X)
    wide = clone_model(model, clone_function=lambda layer: layers.Dense(5, name=layer.name))
    assert wide.output_shape == (None, 5)


def test_clone_takes_other_inputs_and_another_way_to_call():
    entry = Input((3,))
    model = Model(entry, layers.Dense(2, name="d")(entry))
    other = Input((3,), name="other")
    seen = []

    def call(layer, *args, **kwargs):
        seen.append(layer.name)
        return layer(*args, **kwargs)

    twin = clone_model(model, input_tensors=other, call_function=call)
    assert twin.input_names == ["other"] and seen == ["d"]
    with pytest.raises(ValueError, match="expected a model"):
        clone_model(layers.Dense(2))


@register_keras_serializable("tests")
class Scale(layers.Layer):
    """With arguments, and no get_config of its own."""

    def __init__(self, factor, start="ones", **kwargs):
        super().__init__(**kwargs)
        self.factor, self.start = factor, start

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), self.start, name="scale")

    def call(self, x):
        return self.factor * x * self.scale


@register_keras_serializable("tests")
def doubled(x):
    return 2 * x


def test_layer_of_ones_own_is_kept_with_its_arguments():
    model = Sequential([Input((3,)), Scale(3.0, name="s"), layers.Lambda(doubled), layers.Dense(1)])
    twin = model_from_json(model.to_json())
    assert twin.get_layer("s").factor == 3.0
    same(model, twin, X)
    np.testing.assert_allclose(Scale(3.0)(X), 3 * X)
    model.compile("sgd", "mse")
    before = model.get_layer("s").get_weights()[0]
    model.fit(X, Y, verbose=0)
    assert (model.get_layer("s").get_weights()[0] != before).all()


def test_layer_that_nobody_registered_is_named():
    class Own(layers.Layer):
        def call(self, x):
            return x

    text = Sequential([Input((3,)), Own()]).to_json()
    with pytest.raises(ValueError, match="Unknown layer 'Own'"):
        model_from_json(text)
    assert isinstance(model_from_json(text, {"Own": Own}).layers[0], Own)
    with custom_object_scope({"Own": Own}):
        assert isinstance(model_from_json(text).layers[0], Own)


def test_function_without_a_name_has_no_config():
    model = Sequential([Input((3,)), layers.Lambda(lambda x: x + 1)])
    with pytest.raises(ValueError, match="a name of its own"):
        model.to_json()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"class_name": "Dense", "config": {"units": 2}}']
)
def test_what_is_no_model_is_refused(text):
    with pytest.raises(ValueError, match=r"model_from_json|class_name|Expecting"):
        model_from_json(text)


def test_config_that_leads_nowhere_is_refused():
    config = branching(fastmlp).get_config()
    config["layers"] = [layer for layer in config["layers"] if layer["name"] != "a"]
    with pytest.raises(ValueError, match="inputs of these layers are missing"):
        Model.from_config(config)


def test_summary_is_that_of_keras(monkeypatch):
    monkeypatch.setenv("COLUMNS", "124")
    texts = []
    for lib in (fastmlp, keras):
        branching(lib).summary(print_fn=texts.append, expand_nested=True)
    assert texts[0].rstrip("\n") == texts[1].rstrip("\n")


def test_freezing_counts_from_the_next_fit_on():
    entry = Input((3,))
    inner = Model(entry, layers.Dense(4, name="frozen")(entry))
    model = Model(entry, layers.Dense(1)(inner(entry)))
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    inner.trainable = False
    assert len(model.trainable_weights) == 2 and not inner.get_layer("frozen").trainable
    before = inner.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    assert all((a == b).all() for a, b in zip(before, inner.get_weights(), strict=True))
    inner.trainable = True
    model.fit(X, Y, verbose=0)
    assert not (before[0] == inner.get_weights()[0]).all()


def test_model_of_no_trainable_weights_is_refused_before_anything_changes():
    model = Sequential([Input((3,)), layers.Dense(1)], trainable=False)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no trainable weights"):
        model.fit(X, Y, verbose=0)


def test_every_layer_is_known_by_its_name():
    for name in layers.__all__:
        kind = getattr(layers, name)
        is_layer = isinstance(kind, type) and issubclass(kind, layers.Layer)
        if is_layer and kind is not layers.Layer and kind.__name__ == name:  # no alias
            assert layers.lookup.registry.find(name) is kind


@pytest.mark.parametrize("name", ["relu", "tanh", "softmax", "silu", "gelu", "sin"])
def test_functions_of_ops_are_activations_in_configs_and_files(name, tmp_path):
    """Keras writes `gelu`, too, and reads another function; `sin` it cannot read."""
    function = getattr(fastmlp.ops, name)
    dense = layers.Dense(3, activation=function)
    model = Sequential([Input((4,)), dense, layers.Activation(function)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.fastmlp")
    made = [
        fastmlp.models.load_model(tmp_path / "model.fastmlp"),
        fastmlp.models.clone_model(model),
        fastmlp.models.model_from_json(model.to_json()),
    ]
    x = np.linspace(-2, 2, 12).reshape(3, 4)
    for other in made:
        other.set_weights(model.get_weights())
        np.testing.assert_array_equal(other(x), model(x))
    if name not in ("gelu", "sin"):
        assert dense.get_config()["activation"] == name
    with pytest.raises(ValueError, match="Did you mean 'gelu'"):
        fastmlp.activations.get(
            {**fastmlp.activations.serialize(fastmlp.ops.gelu), "config": "gel"}
        )


@pytest.mark.parametrize("lib", [fastmlp, keras])
def test_json_tells_how_a_model_is_compiled(lib):
    model = lib.Sequential([lib.Input((3,)), lib.layers.Dense(1, "sigmoid")])
    model.compile(
        lib.optimizers.SGD(0.3, momentum=0.5),
        "binary_crossentropy",
        metrics=["accuracy", lib.metrics.AUC(name="area")],
        weighted_metrics=["mse"],
    )
    twin = model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    x, y = X[:8, :3], (X[:8, :1] > 0).astype("float32")
    expected = model.train_on_batch(x, y, return_dict=True)
    found = twin.train_on_batch(x, y, return_dict=True)
    for key, value in expected.items():
        assert found[key] == pytest.approx(float(value), rel=1e-5, abs=1e-6)
    for a, b in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_json_leaves_out_a_loss_without_a_name():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", lambda y, p: fastmlp.ops.mean(y - p))
    assert not model_from_json(model.to_json()).compiled


def test_json_of_an_unknown_loss_is_a_model_that_is_not_compiled():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    text = model.to_json().replace('"mse"', '"mses"')
    with pytest.warns(UserWarning, match="not compiled: .*mse"):
        twin = model_from_json(text)
    assert twin.built and not twin.compiled
