"""serialize_keras_object and its inverse: every family, Keras's configs, names that are not known."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    saving,
    utils,
)
from fastmlp.saving import deserialize_keras_object, serialize_keras_object

OBJECTS = [
    layers.Dense(3, activation="relu", kernel_regularizer="l2", name="d"),
    layers.StringLookup(vocabulary=["a", "b"], name="s"),
    losses.MeanSquaredError(),
    metrics.MeanSquaredError(),
    optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 10)),
    optimizers.schedules.CosineDecay(0.1, 10),
    initializers.GlorotNormal(seed=3),
    regularizers.L1L2(0.1, 0.2),
    constraints.MaxNorm(3),
    fastmlp.Sequential([fastmlp.Input((2,)), layers.Dense(1, name="out")], name="m"),
]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: type(obj).__name__)
def test_objects_come_back(obj):
    config = serialize_keras_object(obj)
    again = deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(again) is type(obj)
    assert json.dumps(serialize_keras_object(again)) == json.dumps(config)
    assert set(config) >= {"module", "class_name", "config", "registered_name"}


@pytest.mark.parametrize(
    "obj",
    [
        keras.layers.Dense(3, activation="relu", kernel_regularizer="l2"),
        keras.losses.MeanSquaredError(),
        keras.metrics.MeanSquaredError(),
        keras.optimizers.SGD(0.5),
        keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5),
        keras.initializers.HeNormal(),
        keras.regularizers.L1(0.1),
        keras.constraints.UnitNorm(),
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
    ],
    ids=lambda obj: type(obj).__name__,
)
def test_configs_of_keras_are_understood(obj):
    again = deserialize_keras_object(keras.saving.serialize_keras_object(obj))
    assert type(again).__name__ == type(obj).__name__
    assert type(again).__module__.startswith("fastmlp.")


def test_values_and_structures():
    values = {"a": [1, 2.5, None, "x", True], "b": np.arange(3, dtype="int16"), "c": b"y"}
    values["d"], values["e"] = slice(1, None, 2), np.float32(0.5)
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(values))))
    assert again["b"].dtype == "int16"
    np.testing.assert_array_equal(again.pop("b"), values.pop("b"))
    assert again == {**values, "e": 0.5}
    index = (..., slice(None, np.array([1, 2]), np.int64(2)))
    config = serialize_keras_object(index)
    assert config == keras.saving.serialize_keras_object(index)
    dots, cut = deserialize_keras_object(json.loads(json.dumps(config)))
    assert dots is ... and cut.stop.tolist() == [1, 2] and cut.step == 2
    mixed = deserialize_keras_object(serialize_keras_object([layers.Dense(2), (losses.Huber(), 3)]))
    assert type(mixed[0]) is layers.Dense and type(mixed[1]) is tuple


def test_functions_by_name():
    config = serialize_keras_object(activations.relu)
    assert config["class_name"] == "function" and config["config"] == "relu"
    assert deserialize_keras_object(config) is activations.relu

    def own(x):
        return x

    config = serialize_keras_object(own)
    assert config == keras.saving.serialize_keras_object(own)
    assert deserialize_keras_object(config, custom_objects={"own": own}) is own
    with pytest.raises(ValueError, match="Unknown class 'own'"):
        deserialize_keras_object(config)
    with pytest.raises(ValueError, match=r"registered one.*<lambda>"):
        serialize_keras_object(lambda x: x)


def test_objects_of_the_users_own():
    class Thing:
        def __init__(self, size):
            self.size = size

        def get_config(self):
            return {"size": self.size}

    class Wide(layers.Dense):
        pass

    with utils.CustomObjectScope({"Thing": Thing}):
        assert deserialize_keras_object(serialize_keras_object(Thing(3))).size == 3
    found = deserialize_keras_object(serialize_keras_object(Wide(3)), custom_objects={"Wide": Wide})
    assert type(found) is Wide
    with pytest.raises(ValueError, match=r"Unknown.*'Thing'.*custom_objects"):
        deserialize_keras_object(serialize_keras_object(Thing(3)))
    known = dict(saving.get_custom_objects())
    try:
        saving.register_keras_serializable("mine")(Thing)
        config = serialize_keras_object(Thing(4))
        assert config["registered_name"] == "mine>Thing"
        assert deserialize_keras_object(config).size == 4
    finally:
        saving.get_custom_objects().clear()
        saving.get_custom_objects().update(known)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"module": "os", "class_name": "system", "config": {}}, "Unknown class 'system'"),
        ({"module": "keras.layers", "class_name": "Dnese", "config": {}}, "Did you mean 'Dense'"),
        ({"class_name": "__lambda__", "config": {"value": "x"}}, "'__lambda__'"),
        (3j, "a config"),
    ],
)
def test_bad_configs_are_told(config, message):
    with pytest.raises(ValueError, match=message):
        deserialize_keras_object(config)


def test_no_object_without_a_config():
    with pytest.raises(ValueError, match="get_config"):
        serialize_keras_object(object())


def test_seed_generators_and_what_has_one_come_back_also_from_keras():
    for library in (keras, fastmlp):
        seeds = library.random.SeedGenerator(3)
        config = json.loads(json.dumps(library.saving.serialize_keras_object(seeds)))
        assert config["class_name"] == "SeedGenerator"
        assert deserialize_keras_object(config).next() == fastmlp.random.SeedGenerator(3).next()
        normal = library.initializers.RandomNormal(seed=seeds)
        assert (
            deserialize_keras_object(library.saving.serialize_keras_object(normal)).seed.seed == 3
        )
