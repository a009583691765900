"""Variables of one's own: alone, and as weights of the layer or model that has them in an attribute."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Variable, initializers


def scaled(library, **kwargs):
    """A layer of four variables, one of them in a list, which trains three of them."""

    class Scaled(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.scale = library.Variable(2.0, name="scale")
            self._shift = library.Variable(np.ones(3), name="shift")
            self.count = library.Variable(0, trainable=False, name="count")
            self.more = [library.Variable([0.5, 1.0, 2.0], name="more")]

        def call(self, x):
            return x * self.scale * self.more[0] + self._shift

    return Scaled(**kwargs)


def test_they_train_with_the_layer_that_has_them_as_in_keras():
    x = np.linspace(-1, 1, 36, dtype="float32").reshape(12, 3)
    found = []
    for library in (keras, fastmlp):
        head = library.layers.Dense(1, kernel_initializer="ones", name="head")
        model = library.Sequential([library.Input((3,)), scaled(library, name="scaled"), head])
        model.compile(library.optimizers.SGD(0.1), "mse")
        losses = model.fit(x, x[:, :1], batch_size=4, epochs=3, shuffle=False, verbose=0).history[
            "loss"
        ]
        found.append((losses, [w.name for w in model.weights], model.get_weights()))
    (losses, names, weights), (own_losses, own_names, own_weights) = found
    assert own_names == names
    np.testing.assert_allclose(own_losses, losses, rtol=1e-5)
    for own, theirs in zip(own_weights, weights, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-6)


def test_they_freeze_with_their_layer_and_are_saved(tmp_path):
    layer = scaled(fastmlp, name="scaled")
    assert [w.path for w in layer.trainable_weights] == [
        "scaled/scale",
        "scaled/shift",
        "scaled/more",
    ]
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 4
    model = fastmlp.Sequential([fastmlp.Input((3,)), layer])
    layer.scale.assign(5.0)
    model.save_weights(tmp_path / "w.fastmlp")
    twin = fastmlp.Sequential([fastmlp.Input((3,)), scaled(fastmlp, name="scaled")])
    twin.load_weights(tmp_path / "w.fastmlp")
    np.testing.assert_array_equal(twin.predict(np.ones((2, 3))), model.predict(np.ones((2, 3))))


def test_a_slash_in_a_name_makes_no_difference():
    layer = fastmlp.layers.Layer(name="l")
    layer.scale = Variable(1.0, name="encoder/scale")
    assert [w.path for w in layer.weights] == ["l/encoder/scale"]


def test_a_model_has_its_own_and_a_layer_does_not_take_those_of_another():
    class Agent(fastmlp.Model):
        def __init__(self):
            super().__init__()
            self.log_alpha = Variable(0.0, name="log_alpha")
            self.dense = fastmlp.layers.Dense(2, name="d")
            self.dense.build((None, 3))
            self.shared = self.dense.weights[0]

        def call(self, x):
            return self.dense(x) * fastmlp.ops.exp(self.log_alpha)

    model = Agent()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert [w.name for w in model.weights] == ["log_alpha", "kernel", "bias"]
    assert model.shared.path == "d/kernel" and float(model.log_alpha) != 0.0


@pytest.mark.parametrize(
    "value",
    [1, True, 1.5, [1, 2], np.ones(2), np.ones(2, "uint8"), np.ones((2, 3), "float32")],
    ids=repr,
)
def test_first_values_have_the_type_that_they_have_in_keras(value):
    own, theirs = Variable(value), keras.Variable(value)
    assert (own.dtype, own.shape, own.trainable) == (theirs.dtype, tuple(theirs.shape), True)
    np.testing.assert_array_equal(own.numpy(), np.asarray(theirs))
    assert Variable(value, dtype="float64").dtype == "float64"


@pytest.mark.parametrize(
    "dtype", [float, int, bool, np.float32, np.dtype("int32"), "float32", None]
)
def test_types_of_python_and_numpy_mean_what_they_mean_in_keras(dtype):
    found = [
        (
            k.layers.Layer().add_weight(shape=(2,), dtype=dtype, initializer="zeros").dtype,
            k.Variable(np.zeros(2), dtype=dtype).dtype,
        )
        for k in (fastmlp, keras)
    ]
    assert found[0] == found[1]


def test_initializers_give_first_values():
    assert Variable(initializers.Ones(), shape=(2,)).numpy().tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="Variable 'v': expected a shape for the initializer"):
        Variable(initializers.Ones(), name="v")
    with pytest.raises(ValueError, match=r"Hint: fastmlp.initializers.get\('ones'\)"):
        Variable("ones", shape=(2,))


def test_alone_it_is_an_array_that_changes_in_place():
    v = Variable([1.0, 2.0], name="v")
    v.assign_add([1.0, 1.0])
    v.assign_sub(np.ones(2))
    v.assign(v * 3)
    assert (v + 1).tolist() == [4.0, 7.0] and float(fastmlp.ops.sum(v)) == 9.0
    fastmlp.optimizers.SGD(1.0).apply_gradients([(np.ones(2), v)])
    assert v.numpy().tolist() == [2.0, 5.0]
    with pytest.raises(ValueError, match=r"'v': expected a value of shape \(2,\)"):
        v.assign([1.0])


def test_symbolic_tensors_have_a_type_that_can_be_asked_for_and_made():
    x = fastmlp.KerasTensor((None, 3), name="x")
    y = fastmlp.layers.Dense(2)(x)
    assert isinstance(y, fastmlp.KerasTensor) and fastmlp.utils.is_keras_tensor(y)
    assert not isinstance(np.ones(2), fastmlp.KerasTensor)
    assert fastmlp.Model(x, y).predict(np.ones((4, 3)), verbose=0).shape == (4, 2)
