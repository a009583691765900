"""Models of any graph come back from files and copies: shared layers, models in models, subclasses."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, models, ops
from fastmlp.saving.safetensors import read, write

RNG = np.random.default_rng(0)
X = {"a": RNG.normal(size=(24, 3)), "b": RNG.normal(size=(24, 3))}
Y = {"u": RNG.normal(size=(24, 1)), "v": RNG.normal(size=(24, 2))}


class Sub(Model):
    """A model of one's own."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units)
        self.rest = [layers.Dropout(0.1), layers.Dense(1, name="last")]

    def call(self, inputs: Any) -> Any:
        x = self.first(inputs["a"] - inputs["b"])
        for layer in self.rest:
            x = layer(x)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def graph() -> Model:
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = layers.Dense(4, "tanh", name="shared")
    within = Sequential([Input((4,)), layers.Dense(4, "relu", name="deep")], name="within")
    x, y = within(shared(a)), shared(b)
    z = layers.Concatenate(name="cat")([x * 2.0 + 1.0, layers.Dropout(0.2)(y)])
    return Model(
        {"a": a, "b": b},
        {"u": layers.Dense(1, name="u")(z), "v": layers.Dense(2, name="v")(ops.exp(-z))},
        name="graph",
    )


def subclass() -> Model:
    return Sub(5, name="own")


def make(build: Any) -> Any:
    fastmlp.utils.set_random_seed(2)
    model = build()
    if build is graph:
        model.compile("adam", {"u": "mse", "v": "mae"}, metrics={"u": ["mae"]})
    else:
        model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(model: Any, **arguments: Any) -> dict[str, list[float]]:
    y = Y if model.name == "graph" else Y["u"]
    return model.fit(X, y, batch_size=8, verbose=0, epochs=2, **arguments).history


def bits(model: Any) -> list[bytes]:
    return [v.value.tobytes() for v in [*model.weights, *model.optimizer.variables]]


def from_file(model: Any, folder: Any) -> Any:
    model.save(folder / "m.fastmlp")
    return models.load_model(folder / "m.fastmlp", custom_objects={"Sub": Sub})


TWINS = {
    "file": from_file,
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
}


@pytest.mark.parametrize("way", TWINS)
@pytest.mark.parametrize("build", [graph, subclass])
def test_a_twin_goes_on_to_the_same_bits(build, way, tmp_path):
    model = make(build)
    fit(model)
    twin = TWINS[way](model, tmp_path)
    assert type(twin) is type(model) and bits(twin) == bits(model)
    assert twin.output_names == model.output_names
    assert fit(twin) == fit(model)
    assert bits(twin) == bits(model)


def test_a_shared_layer_is_one_layer_again(tmp_path):
    twin = from_file(make(graph), tmp_path)
    assert [layer.name for layer in twin.layers].count("shared") == 1
    assert len(twin.get_layer("shared").calls) == 2
    assert twin.count_params() == make(graph).count_params()


def test_weights_of_a_graph_go_into_another_of_its_kind(tmp_path):
    model = make(graph)
    model.save_weights(tmp_path / "w.fastmlp")
    other = make(graph)
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights(tmp_path / "w.fastmlp")
    assert bits(other) == bits(model)


def test_a_class_of_ones_own_must_be_named(tmp_path):
    model = make(subclass)
    fit(model)
    model.save(tmp_path / "m.fastmlp")
    with pytest.raises(ValueError, match=r"Unknown layer 'Sub'.*custom_objects"):
        models.load_model(tmp_path / "m.fastmlp")


def test_a_deep_graph_can_be_pickled_though_its_layer_is_shared():
    x = y = Input((3,))
    layer = layers.Dense(3, "tanh")
    for _ in range(60):
        y = layer(y)
    model = Model(x, y)
    twin = pickle.loads(pickle.dumps(model))
    assert (twin(X["a"]) == model(X["a"])).all()


def _layers(texts: Any) -> Any:
    return texts["model"]["config"]["layers"]


LIES: dict[str, Any] = {
    "a call of a layer that is not there": lambda texts: texts["model"]["config"].update(
        output_layers=["nowhere", 0, 0]
    ),
    "an unknown operation": lambda texts: [
        layer["config"].update(function="system")
        for layer in _layers(texts)
        if layer["class_name"] == "Operation"
    ],
    "inputs that are missing": lambda texts: _layers(texts).pop(0),
    "no calls": lambda texts: [layer.update(inbound_nodes=[]) for layer in _layers(texts)],
    "calls that are no calls": lambda texts: [
        layer.update(inbound_nodes=[3]) for layer in _layers(texts)
    ],
    "more units": lambda texts: [
        layer["config"].update(units=10**9)
        for layer in _layers(texts)
        if layer["class_name"] == "Dense"
    ],
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_lies_about_its_graph_is_refused(name, tmp_path):
    path = tmp_path / "m.fastmlp"
    make(graph).save(path)
    arrays, texts = read(path)
    found = {"model": json.loads(texts["model"])}
    LIES[name](found)
    write(path, arrays, {**texts, "model": json.dumps(found["model"])})
    with pytest.raises(ValueError, match=r"m\.fastmlp"):
        models.load_model(path)
