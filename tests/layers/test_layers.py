"""What every layer does: configs, calls on arrays and tensors, names, weights; shared by all."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers
from fastmlp.layers.base import Layer

# One instance of each layer, with an argument of every kind, and the shape of one sample.
INSTANCES: dict[str, tuple[Callable[[], Layer], tuple[int, ...]]] = {
    "dense": (lambda: layers.Dense(3), (4,)),
    "dense with everything": (
        lambda: layers.Dense(
            3,
            activation="relu",
            use_bias=True,
            kernel_initializer=fastmlp.initializers.HeNormal(seed=1),
            bias_initializer="ones",
            kernel_regularizer=fastmlp.regularizers.L1L2(0.1, 0.2),
            bias_regularizer="l2",
            activity_regularizer="l1",
            kernel_constraint=fastmlp.constraints.MaxNorm(2.0),
            bias_constraint="non_neg",
            name="everything",
        ),
        (4,),
    ),
    "dense without a bias": (lambda: layers.Dense(3, use_bias=False, trainable=False), (4,)),
    "dense along the last axis": (lambda: layers.Dense(3, activation="softmax"), (5, 4)),
    "activation": (lambda: layers.Activation("tanh"), (4,)),
    "activation of images": (lambda: layers.Activation("softmax"), (2, 3)),
    "dropout": (lambda: layers.Dropout(0.3, seed=5), (4,)),
    "dropout of columns": (lambda: layers.Dropout(0.3, noise_shape=(None, 1, 4)), (3, 4)),
    "flatten": (lambda: layers.Flatten(), (2, 3, 4)),
    "rescaling": (lambda: layers.Rescaling(1 / 255, offset=-0.5), (2, 3)),
    "reshape": (lambda: layers.Reshape((-1, 3)), (2, 6)),
    "permute": (lambda: layers.Permute((3, 1, 2)), (2, 3, 4)),
    "repeat": (lambda: layers.RepeatVector(3), (4,)),
    "identity": (lambda: layers.Identity(), (2, 3)),
    "relu": (lambda: layers.ReLU(1.5, 0.1, 0.2), (2, 3)),
    "leaky relu": (lambda: layers.LeakyReLU(), (4,)),
    "elu": (lambda: layers.ELU(0.7), (4,)),
    "softmax": (lambda: layers.Softmax(), (4,)),
    "softmax of the first axis": (lambda: layers.Softmax(1), (2, 3)),
    "prelu": (lambda: layers.PReLU("ones", "l2", "non_neg", [1]), (2, 3)),
    "penalty": (lambda: layers.ActivityRegularization(0.1, 0.2), (4,)),
    "mean of a sequence": (lambda: layers.GlobalAveragePooling1D(), (5, 3)),
    "largest of a sequence": (lambda: layers.GlobalMaxPooling1D("channels_first", True), (5, 3)),
}

ids = pytest.mark.parametrize(("make", "shape"), INSTANCES.values(), ids=INSTANCES)


def samples(shape: tuple[int, ...], n: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, *shape)).astype("float32")


@ids
def test_config_makes_an_equal_layer(make, shape):
    layer = make()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.name == layer.name and again.trainable == layer.trainable
    x = samples(shape)
    layer(x), again(x)
    again.set_weights(layer.get_weights())
    assert (again(x) == layer(x)).all()


@ids
def test_config_has_the_keys_of_keras(make, shape):
    layer = make()
    theirs = getattr(keras.layers, type(layer).__name__)
    # fmt: off
    arguments = {"Dense": (3,), "Activation": ("relu",), "Dropout": (0.1,), "Rescaling": (1.0,),
                 "Reshape": ((2,),), "Permute": ((1,),), "RepeatVector": (2,)}
    # fmt: on
    config = theirs(*arguments.get(type(layer).__name__, ())).get_config()
    assert set(config) - {"quantization_config", "lora_rank"} <= set(layer.get_config())


@ids
def test_output_has_the_announced_shape_and_type(make, shape):
    layer = make()
    y = layer(samples(shape))
    assert isinstance(y, np.ndarray) and y.dtype == np.float32
    assert y.shape == (6, *make().compute_output_shape((None, *shape))[1:])
    tensor = layer(Input(shape))
    assert tensor.shape == (None, *y.shape[1:])


@ids
def test_layer_computes_the_same_alone_and_in_a_model(make, shape):
    layer = make()
    model = Sequential([Input(shape), layer])
    x = samples(shape)
    assert (model.predict(x, verbose=0) == layer(x)).all()
    assert (model(x) == layer(x)).all()


@ids
def test_layer_computes_what_keras_computes(make, shape):
    """Values agree within a few roundings of 6e-8 each."""
    layer = make()
    x = samples(shape)
    y = layer(x)
    config = {k: v for k, v in layer.get_config().items()
              if "initializer" not in k and "regularizer" not in k and "constraint" not in k}  # fmt: skip
    theirs = getattr(keras.layers, type(layer).__name__)(**config)
    theirs.build((None, *shape))
    theirs.set_weights(layer.get_weights())
    np.testing.assert_allclose(y, np.asarray(theirs(x)), rtol=2e-6, atol=1e-6)


@ids
def test_input_of_a_call_is_left_alone(make, shape):
    x = samples(shape)
    before = x.copy()
    layer = make()
    y = layer(x, training=True)
    y[...] = 7
    assert (x == before).all()
    layer(x)[...] = 7
    assert (x == before).all()


@ids
def test_empty_batch_gives_an_empty_output(make, shape):
    y = make()(samples(shape, 0))
    assert y.shape[0] == 0


@ids
def test_any_kind_of_numbers_may_be_called_on(make, shape):
    layer = make()
    x = np.random.default_rng(0).integers(0, 9, (6, *shape))
    expected = layer(x.astype("float32"))
    for given in (x, x.astype("uint8"), x.astype("float64"), x.tolist(), np.asfortranarray(x)):
        assert (layer(given) == expected).all()


@ids
def test_strings_and_complex_numbers_are_refused(make, shape):
    for dtype in (complex, str, object):
        with pytest.raises((TypeError, ValueError)):
            make()(samples(shape).astype(dtype))


@ids
def test_layer_in_float64_computes_in_float64(make, shape):
    config = {**make().get_config(), "dtype": "float64"}
    layer = type(make()).from_config(config)
    x = samples(shape).astype("float64") + 1e-12
    y = layer(x)
    assert y.dtype == np.float64
    if isinstance(layer, layers.Flatten):
        assert (y.ravel() == x.ravel()).all()


def test_unknown_arguments_are_refused_with_the_one_that_was_meant():
    with pytest.raises(ValueError, match=r"'kernel_regulariser'.*'kernel_regularizer'"):
        layers.Dense(3, kernel_regulariser="l2")
    with pytest.raises(ValueError, match=r"nam.*name"):
        layers.Dropout(0.1, nam="x")


def test_layers_are_numbered_by_class():
    fastmlp._names.reset()
    made = [layers.Dense(1), layers.Dense(1), layers.Dropout(0.1), layers.Dense(1)]
    assert [layer.name for layer in made] == ["dense", "dense_1", "dropout", "dense_2"]


def test_layers_count_their_parameters():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="no weights yet"):
        layer.count_params()
    layer(np.ones((1, 4)))
    assert layer.count_params() == 15
    assert layers.Dropout(0.1).count_params() == 0


def test_layer_shared_by_two_models_has_the_same_weights_in_both():
    shared = layers.Dense(2, use_bias=False, kernel_initializer="ones")
    one = Sequential([Input((3,)), shared])
    two = Sequential([Input((3,)), shared, layers.Activation("relu")])
    x = samples((3,))
    one.compile("sgd", "mse")
    one.fit(x, x[:, :2], epochs=2, verbose=0)
    assert (two.predict(x, verbose=0) == np.maximum(one.predict(x, verbose=0), 0)).all()
    two.compile("sgd", "mse")
    two.fit(x, x[:, :2], epochs=2, verbose=0)
    assert (np.maximum(one.predict(x, verbose=0), 0) == two.predict(x, verbose=0)).all()
    assert (shared(x) == one(x)).all()


@ids
def test_a_layer_is_built_again_from_its_build_config_and_own_variables(make, shape):
    first, second = make(), make()
    first(np.ones((2, *shape)))
    config = first.get_build_config()
    assert config is None or config == {"input_shape": (None, *shape)}
    second.build_from_config(config)
    store = {}
    first.save_own_variables(store)
    second.load_own_variables(store)
    assert all(
        (a == b).all() for a, b in zip(second.get_weights(), first.get_weights(), strict=True)
    )


def test_own_variables_of_another_number_or_shape_are_refused():
    layer = layers.Dense(2)
    layer.build((None, 3))
    before = layer.get_weights()
    for store in ({"0": before[0]}, {"0": np.ones((3, 3)), "1": before[1]}):
        with pytest.raises(ValueError, match=r"Dense 'dense.*expected"):
            layer.load_own_variables(store)
    assert all((a == b).all() for a, b in zip(layer.get_weights(), before, strict=True))


def test_losses_are_those_of_keras_and_left_out_where_frozen():
    found = []
    for k in (keras, fastmlp):
        dense = k.layers.Dense(3, kernel_regularizer="l2", bias_regularizer=k.regularizers.L1(0.5))
        cell = k.layers.SimpleRNN(2, recurrent_regularizer=k.regularizers.L1L2(0.1, 0.2))
        for layer, shape in ((dense, (None, 4)), (cell, (None, 5, 4))):
            layer.build(shape)
            layer.set_weights([np.full(np.shape(w), 0.5, "float32") for w in layer.get_weights()])
            found.append([float(loss) for loss in layer.losses])
        dense.trainable = False
        assert dense.losses == []
    np.testing.assert_allclose(found[2], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[3], found[1], rtol=1e-6)


def test_a_layer_knows_its_path_and_the_metrics_in_attributes():
    model = Sequential([Input((3, 2)), layers.LSTM(2, name="memory")])
    assert model.layers[0].cell.path == "memory/lstm_cell"
    assert layers.Dense(2, name="out").path == "out"
    model.tracker, model.others = fastmlp.metrics.Mean(), [fastmlp.metrics.AUC()]
    model.named = {"total": fastmlp.metrics.Sum(), "again": model.tracker}
    assert model.metrics == [model.tracker, *model.others, model.named["total"]]


@pytest.mark.parametrize("name", ["inputs", "x"])
def test_the_first_argument_may_be_named(name):
    class Double(Layer):
        def call(self, x):
            return 2 * x

    x = np.ones((2, 3), "float32")
    for layer in (Double(), Sequential([Double()])):
        assert (layer(**{name if isinstance(layer, Double) else "inputs": x}) == 2).all()
    assert layers.Dense(4)(inputs=Input((3,))).shape == (None, 4)
    with pytest.raises(TypeError, match="Dense 'alone': expected inputs"):
        layers.Dense(4, name="alone")()


@pytest.mark.parametrize("batch", [None, 5])
@ids
def test_output_shapes_have_the_batch_of_the_input_shape(make, shape, batch):
    found = make().compute_output_shape((batch, *shape))
    assert found == (batch, *make()(samples(shape)).shape[1:])
    assert make().compute_output_shape(input_shape=[batch, *shape]) == found


VECTORS = {
    "Activation": "softplus", "AlphaDropout": 0.1, "Dropout": 0.1, "ELU": 1.0, "GaussianDropout": 0.1,
    "GaussianNoise": 0.1, "Identity": None, "LeakyReLU": 0.1, "ReLU": 1.5, "Rescaling": 2.0, "Softmax": -1,
    "UnitNormalization": -1,
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_is_one_sample_where_rows_are_worked_on_alone(name):
    def make(k):
        return getattr(k.layers, name)(*[] if VECTORS[name] is None else [VECTORS[name]])

    x = np.array([-1.0, 0.5, 2.0], "float32")
    np.testing.assert_allclose(make(fastmlp)(x), np.asarray(make(keras)(x)), rtol=1e-5)
    np.testing.assert_array_equal(make(fastmlp)(x.tolist()), make(fastmlp)(x))
    with pytest.raises(ValueError, match="makes a batch of one sample"):
        layers.Dense(2)(x)


def test_an_embedding_and_a_normalization_take_a_vector():
    assert layers.Embedding(5, 2)([1, 2, 3]).shape == (3, 2)
    layer = layers.Normalization(axis=None)
    layer.adapt(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(layer([1.0, 3.0]), [-2 / 2**0.5, 0], rtol=1e-6)


def test_weights_without_initializer_and_by_the_other_name_are_those_of_keras():
    found = []
    for lib in (keras, fastmlp):
        layer = lib.layers.Layer()
        made = [layer.add_weight(shape=(2,), dtype=d, trainable=False) for d in ("int32", "bool")]
        made += [layer.add_variable((2,), "ones", "float32", False, True, None, None, "w")]
        assert made[-1].name == "w"
        prelu = lib.layers.PReLU("ones")
        with pytest.raises(AttributeError, match=r"alpha|no weights yet"):
            _ = prelu.alpha
        prelu.build((None, 3))
        arrays = [v.numpy() for v in made] + [np.asarray(prelu.alpha)]
        found.append([(str(a.dtype), a.tolist()) for a in arrays])
    assert found[1] == found[0]
    prelu.alpha[...] = 2.0
    np.testing.assert_array_equal(prelu(-np.ones((1, 3))), -2 * np.ones((1, 3)))


@pytest.mark.parametrize("lib", [keras, fastmlp])
def test_weights_begin_with_an_array_s_values(lib):
    layer, values = lib.layers.Layer(), np.arange(6.0).reshape(2, 3)
    made = layer.add_weight(shape=(2, 3), initializer=values, overwrite_with_gradient=False)
    np.testing.assert_array_equal(made.numpy(), values)
    assert layer.add_weight(shape=(), initializer=np.float32(0)).numpy() == 0
    with pytest.raises(ValueError, match="shape"):
        layer.add_weight(shape=(3,), initializer=values)


def test_a_weight_is_not_to_be_replaced_by_its_gradient():
    with pytest.raises(ValueError, match="expected overwrite_with_gradient=False"):
        layers.Layer().add_weight(overwrite_with_gradient=True)


@pytest.mark.parametrize("name", ["calls", "_shapes", "blocks"])
def test_layers_in_any_attribute_are_parts(name):
    class Holds(layers.Layer):
        def __init__(self):
            super().__init__()
            setattr(self, name, [layers.Dense(2)])

        def call(self, x):
            return getattr(self, name)[0](x)

    layer = Holds()
    layer(np.ones((1, 3), "float32"))
    assert len(layer.weights) == 2


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("BatchNormalization", lambda cls, i: cls(axis=i(1))),
        ("LayerNormalization", lambda cls, i: cls(axis=[i(1), i(2)])),
        ("GroupNormalization", lambda cls, i: cls(i(2), axis=i(2))),
        ("Softmax", lambda cls, i: cls(axis=i(1))),
        ("Reshape", lambda cls, i: cls((i(3), i(4)))),
        ("Permute", lambda cls, i: cls((i(2), i(1)))),
        ("ZeroPadding1D", lambda cls, i: cls((i(1), i(2)))),
        ("PReLU", lambda cls, i: cls(shared_axes=i(1))),
    ],
)
def test_axes_and_sizes_may_be_integers_of_numpy(kind, name, make):
    x = np.random.default_rng(0).normal(size=(3, 2, 6)).astype("float32")
    made = make(getattr(layers, name), kind)
    np.testing.assert_allclose(made(x), make(getattr(layers, name), int)(x), rtol=1e-6)
    np.testing.assert_allclose(made(x), make(getattr(keras.layers, name), int)(x), atol=1e-5)
    Sequential([Input((2, 6)), made]).to_json()
