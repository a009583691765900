"""Classes and functions of the user's own are found by their names where the user says so."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Input, Sequential, activations, layers, losses, ops
from fastmlp.custom_objects import (
    _registered,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)


@pytest.fixture(autouse=True)
def _registry_as_before():
    before = dict(_registered)
    yield
    _registered.clear()
    _registered.update(before)


def square(x):
    return x * x


class Wide(layers.Dense):
    """A layer of one's own."""


def test_a_scope_ends_and_lies_within_others():
    with custom_object_scope({"square": square, "relu": square}):
        assert activations.get("square") is square and activations.get("relu") is square
        with custom_object_scope({"square": abs}):
            assert activations.get("square") is abs and activations.get("relu") is square
        assert activations.get("square") is square
    assert activations.get("relu") is not square
    with pytest.raises(ValueError, match="Unknown activation function 'square'"):
        activations.get("square")


def test_a_scope_ends_when_its_block_raises():
    with pytest.raises(RuntimeError), custom_object_scope({"square": square}):
        raise RuntimeError
    assert get_registered_object("square") is None


def test_a_registered_class_comes_back_by_its_package_and_name():
    register_keras_serializable("mine", "Broad")(Wide)
    assert get_registered_name(Wide) == "mine>Broad" and get_registered_name(square) == "square"
    config = layers.serialize(Wide(3))
    assert config["registered_name"] == "mine>Broad"
    assert type(layers.deserialize(config)) is Wide
    assert get_custom_objects()["mine>Broad"] is Wide


def test_a_registered_function_comes_back_as_activation_and_as_loss():
    register_keras_serializable()(square)
    assert activations.serialize(square) == "Custom>square"
    assert layers.deserialize(layers.serialize(layers.Dense(2, square))).activation is square
    assert losses.get("Custom>square").fn is square


@pytest.mark.parametrize("name", ["fourth", "mine>fourth", "huber"])
def test_functions_train_and_measure_by_their_names(name):
    def fourth(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred) ** 2, axis=-1)

    x = np.linspace(0, 1, 12, dtype="float32").reshape(6, 2)
    y = x.sum(axis=1, keepdims=True)
    found = []
    for objects, loss in [({}, fourth), ({name: fourth}, name)]:
        model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        with custom_object_scope(objects):
            model.compile("sgd", loss=[loss], metrics=[loss])
            found.append(model.fit(x, y + 1, epochs=2, shuffle=False, verbose=0).history)
    assert found[0]["fourth"] == pytest.approx(found[0]["loss"])
    assert found[1] == {"loss": found[0]["loss"], name: found[0]["fourth"]}


def test_what_is_put_into_the_dict_is_registered():
    get_custom_objects()["square"] = square
    assert activations.get("square") is square


def test_custom_objects_reach_what_lies_within():
    config = layers.serialize(layers.Dense(2, kernel_initializer="ones"))
    config["config"]["activation"] = "square"
    found = layers.deserialize(config, custom_objects={"square": square})
    assert found.activation is square


def test_what_cannot_be_registered_is_refused():
    with pytest.raises(ValueError, match="a class with get_config"):
        register_keras_serializable()(int)
    with pytest.raises(ValueError, match="expected a dict"), custom_object_scope([square]):  # type: ignore[arg-type]
        pass
