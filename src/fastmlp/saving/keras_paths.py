"""Where Keras's files keep the weights of each part of a model.

Parts are visited by the names of attributes, in alphabetical order, those with an underscore last; in
a list or dict each has the name of its class, with a number from the second on. A part that stands in
several places has the path of the first. So `self.hidden = Dense(2)` is at `hidden`, and the third
`Dense` of a `Sequential` at `layers/dense_2`, whatever its name is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from fastmlp.layers.base import Layer
from fastmlp.layers.holder import WeightHolder
from fastmlp.models import Model, Sequential
from fastmlp.optimizers import Optimizer
from fastmlp.registry import snake_case

_CONTAINERS = (list, tuple, dict)
Part = tuple[str, Any]


def parts(model: Any, skipped: Iterable[Any] = ()) -> list[Part]:
    """The path of each part: the model itself is at `""`, then layers, cells and the optimizer.

    Args:
        model: The model.
        skipped: Parts to leave out, with what is in them.
    """
    found: list[Part] = []
    _visit(model, "", {id(one): one for one in skipped}, found)
    return found


def _visit(one: Any, path: str, seen: dict[int, Any], found: list[Part]) -> None:
    if id(one) in seen:
        return
    seen[id(one)] = one  # kept: a list that a property has made would leave its id to the next one
    if isinstance(one, _CONTAINERS):
        children: Iterator[Part] = _named(one)
    else:
        found.append((path, one))
        children = _attributes(one)
    for name, child in children:
        if isinstance(child, (WeightHolder, Optimizer, *_CONTAINERS)):
            _visit(child, f"{path}/{name}" if path else name, seen, found)


def _attributes(one: Any) -> Iterator[Part]:
    if isinstance(one, Optimizer):
        yield "inner_optimizer", getattr(one, "inner_optimizer", None)
        return
    is_model = isinstance(one, Model)
    names = set(dir(one)) - _common(is_model)
    if is_model:
        names |= {"layers", "optimizer"}
        if isinstance(one, Sequential) or one._is_functional():
            yield "layers", one.layers
    for name in sorted(names, key=lambda name: (name.startswith("_"), name)):
        try:
            yield name, getattr(one, name)
        except Exception:  # of a property of the user's that cannot be read now
            continue


@cache
def _common(is_model: bool) -> frozenset[str]:
    """What every layer or model has, and holds no parts but those it was given."""
    return frozenset(dir(Model(name="any") if is_model else Layer(name="any")))


def _named(container: Any) -> Iterator[Part]:
    """What a list or dict holds, by names that do not depend on those of layers."""
    numbers: Counter[str] = Counter()
    for part in container.values() if isinstance(container, dict) else container:
        if isinstance(part, _CONTAINERS):
            name = "container"
        elif isinstance(part, WeightHolder):
            name = snake_case(class_name(part))
        else:
            continue
        yield numbered(name, numbers), part


def class_name(layer: Any) -> str:
    """The name of a layer's class in Keras, where `Model(inputs, outputs)` is `Functional`."""
    return str(layer.shown_type) if isinstance(layer, Model) else type(layer).__name__


def numbered(name: str, numbers: Counter[str]) -> str:
    """`dense`, then `dense_1`, `dense_2`, …"""
    numbers[name] += 1
    return name if numbers[name] == 1 else f"{name}_{numbers[name] - 1}"


def config_paths(config: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The path of each layer in the config of a model that is a list or a graph of layers."""
    inner = config.get("config")
    if not isinstance(inner, dict):
        return
    yield path, inner
    numbers: Counter[str] = Counter()
    for layer in inner.get("layers", ()) if "layers" in inner else ():
        if str(layer.get("module", "")).startswith("keras.src.ops"):
            continue  # a function, which is no layer
        name = numbered(snake_case(layer["class_name"]), numbers)
        yield from config_paths(layer, f"{path}/layers/{name}" if path else f"layers/{name}")
