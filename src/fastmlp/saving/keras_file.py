"""Keras's `.keras` and `.weights.h5` files.

A `.keras` file is a ZIP, not compressed:

metadata.json       Keras's version, the date
config.json         the model's config, its input's shape, the arguments of `compile`
model.weights.h5    weights and the optimizer's variables: `keras_weights.py`
assets/…            vocabularies, in files that Keras wrote; here they are in the config
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastmlp._model_paths import OF_KERAS, needed_h5py
from fastmlp._version import __version__
from fastmlp.custom_objects import own_objects
from fastmlp.saving import keras_legacy, keras_optimizer, keras_weights
from fastmlp.saving.atomic import replacing
from fastmlp.saving.keras_code import with_functions
from fastmlp.saving.keras_config import model_config
from fastmlp.saving.keras_paths import config_paths
from fastmlp.saving.keras_weights import Stores
from fastmlp.saving.making import from_file, make_model
from fastmlp.variables import only_shapes

_LAYOUT = "3.15.1"  # the Keras whose layout this is
_METADATA, _CONFIG, _WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
_OTHERS = 1 << 24  # elements of states that the file does not hold
_LARGEST = 1 << 20  # bytes that a member of any size may take; above that, no more than it has


def write(model: Any, path: str, whole: bool, include_optimizer: bool) -> None:
    """Writes a model, or its weights alone; the file is the old or the new one, never half of each."""
    from fastmlp.saving.model_file import plain

    if _is_legacy(path):
        keras_legacy.write(model, path, whole, include_optimizer)
        return
    members = {_WEIGHTS: keras_weights.pack(model)}
    if whole:
        date = time.strftime("%Y-%m-%d@%H:%M:%S")
        told = {"keras_version": _LAYOUT, "date_saved": date, "fastmlp_version": __version__}
        with own_objects():  # of different names
            config = model_config(model)
        texts = {_METADATA: json.dumps(told), _CONFIG: json.dumps(config, default=plain)}
        members = {**{name: text.encode() for name, text in texts.items()}, **members}
    with replacing(path) as file:
        if not whole:
            file.write(members[_WEIGHTS])
            return
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)


def load_model(
    path: str,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    safe_mode: bool,
) -> Any:
    """Makes the model of a `.keras` file.

    Args:
        path: Of the file.
        custom_objects: The user's classes and functions by name.
        compile: Whether to compile it, and to go on with its optimizer.
        safe_mode: Whether Python code in it is refused.

    Raises:
        ValueError: The file is damaged, or another; or a name in it is not known.
    """
    if _is_legacy(path):
        return keras_legacy.load_model(path, custom_objects, compile, safe_mode)
    where = f"load_model: '{path}'"
    needed_h5py()
    members = _members(path)
    stores = keras_weights.unpack(where, members[_WEIGHTS])
    sizes = [
        a.shape
        for at, store in stores.items()
        if not at.startswith("optimizer")
        for a in store.values()
    ]
    with from_file(where, custom_objects):
        config = with_functions(json.loads(members[_CONFIG]), safe_mode)
        _give_vocabularies(config, members, stores)
        build = config.get("build_config") or {}
        with only_shapes(sizes, _OTHERS):
            model = make_model({**config, "input_shape": build.get("input_shape")})
        keras_weights.assign(where, model, stores)
        if compile and config.get("compile_config"):
            model.compile_from_config(config["compile_config"])
            keras_optimizer.restore(where, model, stores.get("optimizer"))
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool, skipped: Iterable[Any]) -> None:
    """Sets a model's weights, and the state of its optimizer, to those of a file."""
    if _is_legacy(path):
        keras_legacy.load_weights(model, path, skip_mismatch, skipped)
        return
    where, skipped = f"load_weights: '{path}'", tuple(skipped)
    needed_h5py()
    if path.endswith(".keras"):
        content = _members(path)[_WEIGHTS]
    else:
        with open(path, "rb") as file:
            content = file.read()
    stores = keras_weights.unpack(where, content)
    if keras_weights.assign(where, model, stores, skip_mismatch, skipped) and not skipped:
        keras_optimizer.restore(where, model, stores.get("optimizer"))


def _is_legacy(path: str) -> bool:
    return not path.endswith(OF_KERAS)


def _members(path: str) -> dict[str, bytes]:
    """The files in the ZIP."""
    found: dict[str, bytes] = {}
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(io.BytesIO(file.read())) as archive:
                for info in archive.infolist():
                    if info.file_size > max(size, _LARGEST):
                        raise ValueError(f"'{info.filename}' is larger than the file that holds it")
                    found[info.filename] = archive.read(info)
            missing = [name for name in (_CONFIG, _WEIGHTS) if name not in found]
            if missing:
                raise ValueError(f"it lacks '{missing[0]}'")
        except (
            zipfile.BadZipFile,
            ValueError,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise ValueError(
                f"'{path}': expected a .keras file of Keras 3. Received a file that is damaged, or "
                f"another: {str(error)[:120]}"
            ) from error
    return found


def _give_vocabularies(config: Any, members: Mapping[str, bytes], stores: Stores) -> None:
    """Puts the vocabularies that Keras has in files of their own into the configs of their layers."""
    for path, inner in config_paths(config):
        lines = members.get(f"assets/{path}/vocabulary.txt")
        if lines is not None and inner.get("vocabulary") is None:
            tokens: list[Any] = lines.decode().splitlines()
            while tokens and tokens[-1] == "":
                tokens.pop()
            if inner.get("vocabulary_dtype") in ("int64", "int32"):
                tokens = [int(token) for token in tokens]
            inner["vocabulary"] = tokens
            weights = stores.get(path, {}).get("idf_weights")
            inner["idf_weights"] = None if weights is None else np.asarray(weights).tolist()
