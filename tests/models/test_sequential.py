"""Sequential: building, adding, removing, deferred input, names, weights, summary."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers


@pytest.fixture(autouse=True)
def _names():
    fastmlp._names.reset()
    keras.utils.clear_session(free_memory=False)


def classifier(lib=fastmlp):
    return lib.Sequential(
        [
            lib.Input((8,)),
            lib.layers.Dense(12, activation="relu"),
            lib.layers.Dropout(0.2),
            lib.layers.Dense(3, activation="softmax"),
        ]
    )


def data(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 8)).astype("float32"), rng.integers(0, 3, n)


# Building.


def test_model_with_an_input_is_built_at_once():
    model = classifier()
    assert model.built
    assert model.input_shape == (None, 8) and model.output_shape == (None, 3)
    assert model.count_params() == 8 * 12 + 12 + 12 * 3 + 3
    assert [layer.name for layer in model.layers] == ["dense", "dropout", "dense_1"]
    assert [w.shape for w in model.get_weights()] == [(8, 12), (12,), (12, 3), (3,)]


def test_layers_may_be_added_one_by_one():
    model = Sequential()
    model.add(Input((8,)))
    model.add(layers.Dense(12, activation="relu"))
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3)
    assert model.predict(data()[0], verbose=0).shape == (30, 3)


def test_model_without_an_input_is_built_by_the_first_data():
    x, y = data()
    for use in (
        lambda model: model.fit(x, y, verbose=0),
        lambda model: model.predict(x, verbose=0),
        lambda model: model.evaluate(x, y, verbose=0),
        lambda model: model(x),
        lambda model: model.build((None, 8)),
    ):
        model = Sequential([layers.Dense(12, activation="relu"), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        assert not model.built and model.weights == []
        use(model)
        assert model.built and model.input_shape == (None, 8)
        assert len(model.get_weights()) == 4


def test_model_without_an_input_says_so():
    model = Sequential([layers.Dense(12)])
    for read in (
        lambda: model.input_shape,
        lambda: model.output_shape,
        lambda: model.count_params(),
    ):
        with pytest.raises((RuntimeError, AttributeError, ValueError), match=r"(?s)built.*Input"):
            read()


@pytest.mark.parametrize("by", ["Input", "input_shape", "batch_shape"])
def test_a_number_of_steps_may_be_left_open(by):
    x = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")
    recurrent = {"input_shape": (None, 2)} if by == "input_shape" else {"stateful": by[0] == "b"}
    given = [layers.GRU(3, **recurrent), layers.Dense(1)]
    if by == "Input":
        given.insert(0, Input((None, 2), name="entry"))
    elif by == "batch_shape":
        given.insert(0, Input(batch_shape=(8, None, 2)))
    model = Sequential(given)
    assert model.built and model.input_shape == (None, None, 2)
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"samples of shape \(None, 2\). Received: \(5, 1\)"):
        model.fit(x[..., :1], x[:, 0, :1], verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.fit(x, x[:, 0, :1], verbose=0)
    twin = Sequential.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    model.reset_states()
    np.testing.assert_array_equal(twin(x), model(x))
    twin.reset_states()
    model.reset_states()
    expected = twin(x[:, 1:])
    np.testing.assert_array_equal(model.predict(x[:, 1:], verbose=0), expected)


def test_same_seed_gives_the_same_weights_however_the_model_is_built():
    def weights(make):
        fastmlp.utils.set_random_seed(4)
        model = make()
        model.build((None, 8))
        return model.get_weights()

    def by_adding():
        model = Sequential()
        for layer in (Input((8,)), layers.Dense(5), layers.Dense(2)):
            model.add(layer)
        return model

    listed = weights(lambda: Sequential([Input((8,)), layers.Dense(5), layers.Dense(2)]))
    deferred = weights(lambda: Sequential([layers.Dense(5), layers.Dense(2)]))
    added = weights(by_adding)
    for a, b, c in zip(listed, deferred, added, strict=True):
        assert (a == b).all() and (a == c).all()


@pytest.mark.parametrize("first", [Sequential, fastmlp.Model])
def test_model_as_the_first_layer_tells_the_input(first):
    a = Input((4,), batch_size=6)
    inner = Sequential([a, layers.Dense(3)]) if first is Sequential else None
    inner = inner or fastmlp.Model(a, layers.Dense(3)(a))
    model = Sequential([inner, layers.Dense(2)])
    for one in (model, Sequential.from_config(model.get_config())):
        assert one.input_shape == (None, 4) and one.count_params() == 15 + 8
        assert fastmlp.graph.batch_size(one.inputs[0]) == 6


def test_model_of_an_unknown_input_as_the_first_layer_waits_for_data():
    assert not Sequential([Sequential([layers.Dense(3)]), layers.Dense(2)]).built
    a, b = Input((2,)), Input((2,))
    assert not Sequential([fastmlp.Model([a, b], layers.add([a, b])), layers.Dense(2)]).built


# Changing.


def test_pop_removes_the_last_layer_and_keeps_the_weights_of_the_others():
    model = classifier()
    x, _ = data()
    hidden = model.layers[0](x)
    last = model.pop()
    assert last.name == "dense_1"
    assert model.output_shape == (None, 12)
    assert (model.predict(x, verbose=0) == hidden).all()
    model.pop()
    model.pop()
    assert model.layers == [] and model.pop() is None


def test_add_after_fit_keeps_what_was_learned():
    x, y = data()
    model = Sequential([Input((8,)), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    before = model.get_weights()
    outputs = model.predict(x, verbose=0)
    model.add(layers.Rescaling(2.0))
    assert (model.predict(x, verbose=0) == 2 * outputs).all()
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    assert (model.get_weights()[0] != before[0]).any()


def test_layer_that_does_not_fit_is_not_added():
    model = Sequential([Input((4, 8)), layers.Dense(3)])
    shared = layers.Dense(2)
    shared(np.ones((1, 7)))
    with pytest.raises(ValueError, match="7 features"):
        model.add(shared)
    assert len(model.layers) == 1
    assert model.predict(np.ones((2, 4, 8)), verbose=0).shape == (2, 4, 3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Sequential([layers.Dense]), TypeError, r"Dense.*Dense\(4\)"),
        (lambda: Sequential([3]), TypeError, "3"),
        (lambda: Sequential(["relu"]), TypeError, "relu"),
        (lambda: Sequential([layers.Dense(1), Input((3,))]), ValueError, "first"),
        (lambda: Sequential([Input((3,)), Input((3,))]), ValueError, "first"),
        (
            lambda: Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]),
            ValueError,
            "two layers named 'a'",
        ),
        (
            lambda: Sequential([Input((3,)), layers.Dense(1), layers.Dense(1, dtype="float64")]),
            ValueError,
            "float32, float64",
        ),
        (lambda: Sequential(name=3), ValueError, "name"),
    ],
)
def test_what_is_no_layer_is_refused(make, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        make()


# Looking.


def test_layers_that_are_not_in_a_list_are_told():
    with pytest.raises(ValueError, match=r"^Sequential: expected trainable .* Hint: layers go in"):
        Sequential(layers.Dense(3), layers.Dense(1))
    with pytest.raises(ValueError, match=r"^Sequential: expected trainable to be True or False"):
        Sequential([layers.Dense(3)], "model")


@pytest.mark.parametrize("wrong", ["no", None, 2, 0.0])
def test_trainable_is_true_or_false(wrong):
    with pytest.raises(ValueError, match=r"^Dense: expected trainable to be True or False"):
        layers.Dense(1, trainable=wrong)
    model = Sequential([layers.Dense(1, name="d", trainable=np.bool_(False))])
    with pytest.raises(ValueError, match=r"^Dense 'd': expected trainable to be True or False"):
        model.layers[0].trainable = wrong
    assert model.layers[0].trainable is False
    model.trainable = 1
    assert model.layers[0].trainable is True


def test_layers_are_found_by_name_and_position():
    model = classifier()
    assert model.get_layer("dense_1") is model.layers[2]
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(index=-1) is model.layers[2]
    with pytest.raises(ValueError, match=r"dense1.*Did you mean 'dense_1'"):
        model.get_layer("dense1")
    with pytest.raises(ValueError, match="index"):
        model.get_layer(index=7)
    with pytest.raises(ValueError, match="name"):
        model.get_layer()


def test_misspelled_methods_come_with_the_right_name():
    with pytest.raises(AttributeError, match="Did you mean 'predict'"):
        classifier().predct(data()[0])


def test_names_are_numbered_or_given():
    assert [Sequential().name, Sequential().name] == ["sequential", "sequential_1"]
    assert Sequential(name="mine").name == "mine"


def test_weights_are_listed_each_once():
    shared = layers.Dense(8)
    model = Sequential([Input((8,)), shared, layers.Activation("relu")])
    assert len(model.weights) == 2
    assert model.weights[0].path.endswith("kernel")
    assert [v.shape for v in model.trainable_weights] == [(8, 8), (8,)]
    model.trainable = False
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == 2


def test_weights_of_all_layers_lie_in_one_block():
    model = classifier()
    starts = [w.value.ctypes.data for w in model.weights]
    assert all(start % 64 == 0 for start in starts)
    assert starts == sorted(starts)
    assert starts[-1] - starts[0] < sum(w.value.nbytes + 64 for w in model.weights)


def test_get_weights_of_one_model_set_those_of_another():
    x, _ = data()
    one, two = classifier(), classifier()
    assert (one.predict(x, verbose=0) != two.predict(x, verbose=0)).any()
    two.set_weights(one.get_weights())
    assert (one.predict(x, verbose=0) == two.predict(x, verbose=0)).all()


def test_call_with_training_drops_and_without_does_not():
    model = Sequential([Input((100,)), layers.Dropout(0.5)])
    x = np.ones((10, 100), "float32")
    assert (model(x) == x).all() and (model(x, training=False) == x).all()
    assert set(np.unique(model(x, training=True))) == {0.0, 2.0}
    assert model(x[:, :99]).shape == (10, 99)  # as in Keras: the layers decide


# Summary.


def table(model, lib=fastmlp, **options) -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda text, **_: lines.append(text), **options)
    return "\n".join(lines)


def test_summary_is_the_table_of_keras():
    text = table(classifier(), line_length=76)
    assert text.strip() == table(classifier(keras), line_length=76).strip()
    assert "│ dense (Dense)" in text and "Total params: 147 (588.00 B)" in text


def test_summary_of_a_model_that_is_not_built_says_so():
    text = table(Sequential([layers.Dense(3), layers.Activation("tanh")]))
    assert "?" in text and text.count("0 (unbuilt)") == 1  # the activation has nothing to build


def test_summary_counts_the_optimizer_and_what_is_frozen():
    x, y = data()
    model = classifier()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    text = table(model)
    assert "Trainable params: 39" in text
    assert "Non-trainable params: 108" in text
    assert "Optimizer params" in text


def test_summary_goes_to_the_output(capsys):
    classifier().summary()
    assert capsys.readouterr().out.startswith('Model: "sequential"')


@pytest.mark.parametrize("name", ["input_shape", "output_shape", "input", "output"])
def test_hasattr_tells_whether_a_model_knows_its_input(name):
    model = Sequential([layers.Dense(2)])
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match="is not built, since it does not know its input"):
        getattr(model, name)
    model.build((None, 3))
    assert hasattr(model, name)


def test_layers_without_weights_take_the_type_of_the_others():
    model = Sequential(
        [Input((4,)), layers.Dense(5, dtype="float64"), layers.Dropout(0.1), layers.Softmax()]
    )
    assert model.predict(np.ones((2, 4)), verbose=0).dtype == "float64"
    model = Sequential([layers.Flatten(), layers.Dense(5, dtype="float64")])
    assert model.predict(np.ones((2, 4)), verbose=0).dtype == "float64"


def test_output_is_its_own_until_it_is_a_part_of_another_model():
    model = Sequential([Input((3,)), layers.Dense(2), layers.Dense(4)])
    assert model.output is model.outputs[0] is model.layers[1].output
    entry = Input((3,))
    y = model(entry)
    assert (model.input, model.output) == (entry, y)
    assert model.outputs[0] is model.layers[1].output is not y
    assert Model(model.inputs, model.outputs).output_shape == (None, 4)
    assert Model(model.inputs, model.layers[0].output).output_shape == (None, 2)


@pytest.mark.parametrize("first", [[], [Input((4,))]], ids=["built", "with an Input"])
def test_build_with_another_shape_than_before_is_refused(first):
    model = Sequential([*first, layers.Dense(2)])
    model.build((None, 4))
    model.build((8, 4))
    with pytest.raises(
        ValueError, match=r"made for, \(None, 4\)\. Received: input_shape=\(None, 5\)"
    ):
        model.build((None, 5))
    assert model.weights[0].shape == (4, 2)
