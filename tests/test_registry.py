"""What a registry understands, and what it says about what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from fastmlp import activations, layers, losses, metrics, models, optimizers, utils
from fastmlp.registry import Configurable, Registry


class Shape(Configurable):
    pass


class RoundShape(Shape):
    config_names = ("radius",)

    def __init__(self, radius: float = 1.0) -> None:
        self.radius = radius


def flat(x: Any) -> Any:
    return x


@pytest.fixture
def registry() -> Registry:
    registry = Registry("shape", base=Shape)
    registry.register(RoundShape, "round", "ball")
    registry.register(flat)
    registry.register_old("disk", "ball")
    return registry


@pytest.mark.parametrize("name", ["RoundShape", "round_shape", "round", "ball"])
def test_every_spelling_makes_an_instance(registry: Registry, name: str) -> None:
    assert type(registry.get(name)) is RoundShape
    assert name in registry


def test_functions_instances_classes_configs_and_none(registry: Registry) -> None:
    instance = RoundShape(2.0)
    assert registry.get("flat") is flat
    assert registry.get(flat) is flat
    assert registry.get(instance) is instance
    assert type(registry.get(RoundShape)) is RoundShape
    assert registry.get(registry.serialize(instance)).radius == 2.0
    assert registry.get(None) is None


def test_an_old_spelling_warns_once_and_names_the_new_one(registry: Registry) -> None:
    with pytest.warns(FutureWarning, match=r"shape 'disk' .* write 'ball'") as caught:
        assert type(registry.get("disk")) is RoundShape
    assert len(caught) == 1
    assert "disk" not in registry.spellings()


def test_names_are_the_main_spellings(registry: Registry) -> None:
    assert registry.names() == ("flat", "round_shape")


@pytest.mark.parametrize("identifier", [3, 1.5, [], object(), int])
def test_what_cannot_be_understood_is_an_error(registry: Registry, identifier: object) -> None:
    with pytest.raises(ValueError, match="Could not interpret shape identifier"):
        registry.get(identifier)


def test_an_unknown_name_is_an_error_with_a_suggestion(registry: Registry) -> None:
    with pytest.raises(ValueError, match=r"Unknown shape 'bal'. Did you mean 'ball'"):
        registry.get("bal")


def test_callables_are_refused_where_the_family_has_none() -> None:
    registry = Registry("shape", base=Shape, callables=False)
    with pytest.raises(ValueError, match="Could not interpret shape identifier"):
        registry.get(flat)
    assert isinstance(registry.get(RoundShape()), RoundShape)


def test_case_may_be_ignored() -> None:
    registry = Registry("shape", ignore_case=True)
    registry.register(RoundShape)
    assert type(registry.get("ROUNDSHAPE")) is RoundShape
    assert registry.names() == ("roundshape",)


def test_case_counts_otherwise(registry: Registry) -> None:
    with pytest.raises(ValueError, match="Did you mean 'round'"):
        registry.get("Round")


def test_register_is_a_decorator_with_and_without_names() -> None:
    registry = Registry("thing")

    @registry.register
    class First:
        pass

    @registry.register("two", "zwei")
    class Second:
        pass

    assert registry.find("first") is First
    assert registry.find("zwei") is registry.find("Second") is Second


def test_a_name_belongs_to_one_object(registry: Registry) -> None:
    with pytest.raises(ValueError, match="Two objects want the name 'ball'"):
        registry.register(Shape, "ball")


def test_serialize_gives_names_of_functions_and_configs_of_objects(registry: Registry) -> None:
    assert registry.serialize(flat) == "flat"
    assert registry.serialize(RoundShape(3.0)) == {
        "class_name": "RoundShape",
        "config": {"radius": 3.0},
    }
    assert registry.serialize(None) is None


@pytest.mark.parametrize("obj", [lambda x: x, Shape, 3])
def test_serialize_refuses_what_it_could_not_read_back(registry: Registry, obj: object) -> None:
    with pytest.raises(ValueError, match="Cannot serialize the shape"):
        registry.serialize(obj)


def test_deserialize_reads_kerass_own_layout(registry: Registry) -> None:
    config = {
        "module": "keras.shapes",
        "class_name": "RoundShape",
        "config": {"radius": 4.0},
        "registered_name": None,
    }
    assert registry.deserialize(config).radius == 4.0
    function = {"module": "builtins", "class_name": "function", "config": "flat"}
    assert registry.deserialize(function) is flat
    assert registry.deserialize({"class_name": "RoundShape", "config": None}).radius == 1.0
    assert registry.deserialize("flat") is flat
    assert registry.deserialize(None) is None


@pytest.mark.parametrize("config", [{}, {"config": {}}, {"class_name": 3}, 3])
def test_deserialize_refuses_other_layouts(registry: Registry, config: object) -> None:
    with pytest.raises(ValueError, match="Config of a shape: expected a dict with 'class_name'"):
        registry.deserialize(config)


def test_custom_objects_go_first(registry: Registry) -> None:
    class Square(Shape):
        pass

    custom = {"Square": Square, "flat": len}
    assert type(registry.deserialize({"class_name": "Square", "config": {}}, custom)) is Square
    assert registry.deserialize("flat", custom) is len


def test_configurable_shows_its_arguments() -> None:
    assert repr(RoundShape(2.0)) == "RoundShape(radius=2.0)"
    assert RoundShape.from_config(RoundShape(2.0).get_config()).radius == 2.0


@pytest.mark.parametrize("family", [activations, losses, metrics, optimizers])
def test_what_a_registry_names_is_public(family: Any) -> None:
    known = getattr(family, "lookup" if family is activations else "base").registry
    assert {known.member(name).__name__ for name in known.names()} <= set(family.__all__)


def test_layers_that_a_registry_names_are_public() -> None:
    known = layers.lookup.registry
    public = {*layers.__all__, *models.__all__, *utils.__all__}  # a model is a layer, too
    assert {known.member(name).__name__ for name in known.names()} <= public
