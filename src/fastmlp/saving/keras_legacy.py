"""Keras's `.h5` files, which Keras 2 wrote and Keras 3 calls legacy.

attributes           "model_config" and "training_config", JSON
model_weights        a group for each layer, by its name; its attribute "weight_names" is their order
optimizer_weights    the optimizer's variables, likewise

A file of weights alone has the groups of the layers only, at its root.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastmlp import losses
from fastmlp._model_paths import needed_h5py
from fastmlp.custom_objects import own_objects
from fastmlp.errors import warn_old_spelling, warn_user
from fastmlp.layers.holder import set_values
from fastmlp.losses.base import registry
from fastmlp.registry import snake_case
from fastmlp.saving import keras_optimizer
from fastmlp.saving.atomic import replacing
from fastmlp.saving.keras_code import with_functions
from fastmlp.saving.keras_config import model_config
from fastmlp.saving.keras_weights import contents
from fastmlp.saving.making import from_file, make_model
from fastmlp.variables import Variable, only_shapes

_LAYOUT = "3.15.1"  # the Keras whose layout this is
_LONGEST = 64_512  # bytes of an attribute
_OTHERS = 1 << 24  # elements of states that the file does not hold
_TOP = "top_level_model_weights"


def write(model: Any, path: str, whole: bool, include_optimizer: bool) -> None:
    """Writes a model, with Keras's warning that the format is legacy, or its weights alone."""
    h5py = needed_h5py()
    if whole:
        warn_user(
            f"save: '{path}': Keras calls HDF5 files of models legacy. Hint: '.keras' or '.fastmlp'"
        )
    else:
        stem = os.path.splitext(path)[0]
        warn_old_spelling(f"save_weights('{path}')", f"save_weights('{stem}.weights.h5')")
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        if whole:
            _put_settings(file, model, include_optimizer)
        group = file.create_group("model_weights") if whole else file
        _name(group, "layer_names", [layer.name for layer in model.layers])
        for layer in model.layers:
            _put(group.create_group(layer.name), _paths(_weights(layer)))
        _put(group.create_group(_TOP), _paths(model._own_weights()))
        file.attrs["keras_version"], file.attrs["backend"] = _LAYOUT, "fastmlp"
    with replacing(path) as out:
        out.write(memory.getvalue())


def _put_settings(file: Any, model: Any, include_optimizer: bool) -> None:
    from fastmlp.saving.model_file import plain

    with own_objects():
        config = model_config(model)
    settings = config.pop("compile_config", None)
    file.attrs["model_config"] = json.dumps(config, default=plain).encode()
    if settings is not None and include_optimizer:
        settings["optimizer_config"] = settings.pop("optimizer")
        settings["loss"] = _long_names(settings["loss"])
        file.attrs["training_config"] = json.dumps(settings, default=plain).encode()
        state = keras_optimizer.state(model.optimizer)
        _put(file.create_group("optimizer_weights"), list(state.items()))


def load_model(
    path: str,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    safe_mode: bool,
) -> Any:
    """Makes the model of a file; see `keras_file.load_model`."""
    where = f"load_model: '{path}'"
    file = _File(where, path)
    with from_file(where, custom_objects):
        config = _of_today(with_functions(file.config("model_config"), safe_mode))
        build = config.get("build_config") or {}
        sizes = [a.shape for group in file.layers() for a in group]
        with only_shapes(sizes, _OTHERS), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # old spellings, in an old file
            model = make_model({**config, "input_shape": build.get("input_shape")})
        _assign(where, model, file)
        settings = with_functions(file.config("training_config"), safe_mode)
        if compile and settings:
            _compile(where, model, dict(settings), file)
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool, skipped: Iterable[Any]) -> None:
    """Sets a model's weights to those of a file, layer by layer in their order."""
    where = f"load_weights: '{path}'"
    _assign(where, model, _File(where, path), skip_mismatch, tuple(skipped))


class _File:
    """What a file holds."""

    def __init__(self, where: str, path: str) -> None:
        with open(path, "rb") as file:
            self.arrays, self._attributes = contents(where, file.read())
        self._root = "" if "layer_names" in self._names_of("") else "model_weights"

    def _names_of(self, group: str) -> set[str]:
        return {name.rstrip("0123456789") for name in self._attributes.get(group, {})}

    def config(self, name: str) -> Any:
        text = self._attributes[""].get(name)
        if text is None and name == "model_config":
            raise ValueError("it holds weights only. Hint: make the model, then call load_weights")
        return None if text is None else json.loads(text)

    def names(self, group: str, name: str) -> list[str]:
        """A list of names, which may be in several attributes."""
        found = self._attributes.get(group, {})
        keys = [name] if name in found else [f"{name}{i}" for i in range(len(found))]
        parts = [one for key in keys for one in found.get(key, ())]
        return [one.decode() if isinstance(one, bytes) else str(one) for one in parts]

    def group(self, group: str) -> list[np.ndarray]:
        """The arrays of a group, in their order."""
        names = [f"{group}/{name}".lstrip("/") for name in self.names(group, "weight_names")]
        if any(name not in self.arrays for name in names):
            raise ValueError(f"it lacks some of the weights of '{group}'")
        return [self.arrays[name] for name in names]

    def layers(self) -> list[list[np.ndarray]]:
        """The arrays of each layer that has some, those of the model itself last."""
        names = [*self.names(self._root, "layer_names"), _TOP]
        found = [self.group(f"{self._root}/{name}".lstrip("/")) for name in names]
        return [arrays for arrays in found if arrays]


def _of_today(config: Any) -> Any:
    """A config without what Keras 2 alone had."""
    if isinstance(config, list):
        return [_of_today(part) for part in config]
    if not isinstance(config, Mapping):
        return config
    found = {key: _of_today(part) for key, part in config.items() if key != "time_major"}
    if found.get("class_name") == "InputLayer":
        inner = found["config"]
        if "batch_input_shape" in inner:
            inner["batch_shape"] = inner.pop("batch_input_shape")
    return found


def _assign(
    where: str,
    model: Any,
    file: _File,
    skip_mismatch: bool = False,
    skipped: tuple[Any, ...] = (),
) -> None:
    """Sets all weights or none."""
    owners = [(one.name, _weights(one), one) for one in model.layers]
    owners.append((model.name, model._own_weights(), model))
    owners = [owner for owner in owners if owner[1]]
    given = file.layers()
    if len(given) != len(owners):
        raise ValueError(
            f"{where}: expected {len(owners)} layers with weights. Received: {len(given)}"
        )
    variables: list[Variable] = []
    values: list[np.ndarray] = []
    for (name, ours, one), arrays in zip(owners, given, strict=True):
        expected, received = [v.shape for v in ours], [a.shape for a in arrays]
        if any(one is other for other in skipped):
            continue
        if expected == received:
            variables, values = [*variables, *ours], [*values, *arrays]
            continue
        told = f"{where}: expected {expected} for layer '{name}'. Received: {received}"
        if not skip_mismatch:
            raise ValueError(f"{told}. Hint: skip_mismatch=True loads the others")
        warn_user(f"{told}. It is left alone.")
    set_values(where, variables, values)


def _compile(where: str, model: Any, settings: dict[str, Any], file: _File) -> None:
    settings["optimizer"] = settings.pop("optimizer_config", None)
    try:
        model.compile_from_config(settings)
    except (TypeError, ValueError) as error:
        warn_user(f"{where}: the model is not compiled: {error}")
        return
    arrays = file.group("optimizer_weights")
    keras_optimizer.restore(where, model, {str(i): array for i, array in enumerate(arrays)})


def _long_names(loss: Any) -> Any:
    """Names of losses as `mean_squared_error`; Keras 3 fails to load `mse` from such a file."""
    if isinstance(loss, str) and loss in registry:
        return snake_case(type(losses.get(loss)).__name__)
    if isinstance(loss, list):
        return [_long_names(one) for one in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _long_names(one) for key, one in loss.items()}
    return loss


def _weights(layer: Any) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _paths(variables: Iterable[Variable]) -> list[tuple[str, np.ndarray]]:
    """Weights by different names."""
    found: dict[str, np.ndarray] = {}
    for variable in variables:
        name, n = variable.path, 1
        while name in found:
            name, n = f"{variable.path}_{n}", n + 1
        found[name] = variable.value
    return list(found.items())


def _put(group: Any, arrays: list[tuple[str, np.ndarray]]) -> None:
    _name(group, "weight_names", [name for name, _ in arrays])
    for name, array in arrays:
        group[name] = array


def _name(group: Any, attribute: str, names: list[str]) -> None:
    """Writes a list of names, in several attributes if one cannot hold it."""
    texts = np.array([name.encode() for name in names], "S")
    pieces = np.array_split(texts, 1 + texts.nbytes // (_LONGEST // 2))
    if len(pieces) == 1:
        group.attrs[attribute] = texts
        return
    for i, piece in enumerate(pieces):
        group.attrs[f"{attribute}{i}"] = piece
