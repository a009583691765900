"""Flatten, Rescaling and Input: shapes and values."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers


@pytest.mark.parametrize(
    ("shape", "width"), [((28, 28), 784), ((3,), 3), ((2, 3, 4), 24), ((1, 1), 1)]
)
def test_flatten_keeps_the_order_of_c(shape, width):
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype("float32")
    y = layers.Flatten()(x)
    assert y.shape == (5, width)
    assert (y == x.reshape(5, -1)).all()
    assert (layers.Flatten()(np.asfortranarray(x)) == y).all()


def test_flatten_of_one_number_for_each_sample_has_one_column():
    assert layers.Flatten(input_shape=(1,))(np.ones((4, 1))).shape == (4, 1)


def test_rescaling_scales_and_shifts_bytes():
    x = np.arange(256, dtype="uint8").reshape(2, 128)
    y = layers.Rescaling(1 / 127.5, offset=-1)(x)
    np.testing.assert_allclose(y, x / 127.5 - 1, atol=1e-6)  # a rounding of 6e-8 each
    assert y.min() == -1 and abs(y.max() - 1) < 1e-6


def test_rescaling_in_the_middle_passes_the_gradient():
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones"),
                        layers.Rescaling(3.0, offset=1.0)])  # fmt: skip
    model.compile(fastmlp.optimizers.SGD(0.25), "mse")
    model.fit(np.array([[2.0]]), np.array([6.0]), verbose=0)  # 3 · 2 + 1 = 7: error 1
    assert model.get_weights()[0].tolist() == [[1 - 0.25 * 2 * 1 * 3 * 2]]


def test_input_makes_a_symbolic_tensor():
    tensor = Input((4, 2), name="table")
    assert tensor.shape == (None, 4, 2)
    assert tensor.name == "table"
    assert Input(shape=(4,), batch_size=32).shape[1:] == (4,)
    assert Input(batch_shape=(None, 4)).shape == (None, 4)
    assert Input(4).shape == (None, 4)
    with pytest.raises(ValueError, match=r"one of batch_size and batch_shape=\(8, 4\)"):
        Input(batch_size=2, batch_shape=(8, 4))
    with pytest.raises(TypeError, match="symbolic"):
        np.asarray(tensor)


def test_input_layer_may_stand_in_the_list_of_a_model():
    model = Sequential([layers.InputLayer(shape=(4,)), layers.Dense(2)])
    assert model.input_shape == (None, 4)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense"]


def test_types_of_python_and_numpy_are_those_of_keras():
    kinds = (float, int, bool, str, np.float64, np.int32, np.uint8, np.bool_, np.dtype("int64"))
    for kind in kinds:
        ours, theirs = (k.layers.InputLayer((2,), dtype=kind) for k in (fastmlp, keras))
        assert ours.get_config()["dtype"] == theirs.get_config()["dtype"]
    for kind in (float, np.float32, np.float64):
        assert layers.Dense(2, dtype=kind).dtype == keras.layers.Dense(2, dtype=kind).dtype
    for kind in (complex, object):
        with pytest.raises(ValueError, match="dtype"):
            Input((2,), dtype=kind)


def test_types_of_input_are_understood():
    for dtype in ("uint8", "int32", "bool", "float64"):
        model = Sequential([Input((2,), dtype=dtype), layers.Dense(1, kernel_initializer="ones")])
        assert model.predict(np.array([[1, 1]]).astype(dtype), verbose=0).tolist() == [[2.0]]
