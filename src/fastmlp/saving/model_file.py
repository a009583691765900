"""Models as files: their architecture, weights, compile settings and where their training is.

arrays    weights by their path, as "dense/kernel"; then "optimizer/0/iteration", …; then "state/0", …,
          what stateful layers keep between batches; then "own/0/name", …, of `own_variables.py`
texts     "format", "fastmlp_version"
          "model"     class and config; missing where only weights were saved
          "compile"   arguments of `compile`
          "state"     what each array is, and the seeds and the cursor of the training
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from fastmlp._model_paths import check_path, is_of_keras, may_write
from fastmlp._version import __version__
from fastmlp.custom_objects import own_objects
from fastmlp.errors import bad_argument, warn_user
from fastmlp.layers import lookup
from fastmlp.layers.holder import set_values
from fastmlp.layers.shapes import shapes
from fastmlp.saving import safetensors
from fastmlp.saving.making import ERRORS, from_file, make_model
from fastmlp.saving.objects import serialize_keras_object
from fastmlp.saving.own_variables import pack_own, restore_own
from fastmlp.training.cursor import Cursor, FitSeeds
from fastmlp.variables import Variable, only_shapes

_FORMAT = "fastmlp 1"
_SUMS, _STATE = "cursor/sums", "state/"

Texts = dict[str, Any]


def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
) -> None:
    """Saves a model with all that is needed to go on training it; see `Model.save`.

    Args:
        model: The model.
        filepath: Path that ends in `.fastmlp`, `.safetensors`, `.keras` or `.h5`.
        overwrite: Whether to replace a file that is there; `False`: ask on the terminal.
        zipped: `True` or `None`: it is one file, not a folder.
        include_optimizer: Whether a `.h5` file gets the compile settings and the state of the
            optimizer; the other files always do, as in Keras.

    Raises:
        ValueError: `zipped` is false.
    """
    if zipped is not None and not zipped:
        raise bad_argument("save", "one file", "zipped", zipped, "leave the argument out")
    _save(model, filepath, overwrite, True, include_optimizer)


def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
) -> None:
    """Saves weights and the state of the training; see `Model.save_weights`.

    Args:
        model: The model.
        filepath: Path that ends in `.fastmlp`, `.safetensors` or `.weights.h5`.
        overwrite: Whether to replace a file that is there; `False`: ask on the terminal.
        max_shard_size: Accepted; there is one file.
    """
    _save(model, filepath, overwrite, whole=False)


def _save(
    model: Any, filepath: Any, overwrite: bool, whole: bool, include_optimizer: bool = True
) -> None:
    path = check_path("save" if whole else "save_weights", filepath, whole, not whole)
    known = bool(model.inputs)
    if not known and (model.weights if whole else not model.built):
        what = "whose input is not known" if model.built else "which is not built"
        raise ValueError(
            f"save: expected a model with weights. Received: {type(model).__name__} "
            f"'{model.name}', {what}. Hint: begin with Input((features,)), or call it on data first"
        )
    if not may_write(path, overwrite):
        return
    if not model.built:
        warn_user(
            f"save: {type(model).__name__} '{model.name}' is not built, so that it has no weights. Hint: "
            "begin with Input((features,)), or call it on data first"
        )
    if is_of_keras(path):
        from fastmlp.saving import keras_file  # HDF5 and ZIP, which few programs need

        keras_file.write(model, path, whole, include_optimizer)
        return
    import json

    arrays, state = _pack_state(model)
    texts: Texts = {"state": state}
    if whole:
        with own_objects():  # of different names
            input_shape = shapes(model._input_structure) if known else None
            texts["model"] = lookup.serialize(model) | {"input_shape": input_shape}
        texts["compile"] = serialize_keras_object(model.get_compile_config())
    told = {"format": _FORMAT, "fastmlp_version": __version__}
    for name, content in texts.items():
        told[name] = json.dumps(content, default=plain)
    safetensors.write(path, arrays, told)


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays in configs, as JSON has them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    what = getattr(value, "__name__", repr(value))
    hint = "give it a get_config() of names and numbers"
    if callable(value):
        hint = "use a named function or a layer of your own, and pass it in custom_objects"
    raise ValueError(f"Expected a model of configs. Received: {what!r:.80}. Hint: {hint}.")


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Loads a model that `Model.save` has saved, here or in Keras 3.

    No code comes from the file: classes and functions are looked up by name among those of fastmlp
    and in `custom_objects`. Every size in it is checked before memory is asked for.

    Args:
        filepath: Of the file.
        custom_objects: Classes and functions of your own that the model uses, by name.
        compile: Whether to compile the model as the saved one was, and to go on with its optimizer.
        safe_mode: Whether Python code in a `.keras` file, that of a `lambda`, is refused; `False` trusts
            the file. No other file holds code.

    Returns:
        The model.

    Raises:
        ValueError: It is no such file, it is damaged, or a name in it is not known.
        OSError: It cannot be read.

    Example:

    >>> import os, tempfile
    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "small.fastmlp")
    ...     model.save(path)
    ...     twin = load_model(path)
    >>> bool((twin.layers[0].kernel == model.layers[0].kernel).all())
    True
    """
    path = check_path("load_model", filepath, whole=True)
    if is_of_keras(path):
        from fastmlp.saving import keras_file

        return keras_file.load_model(path, custom_objects, compile, safe_mode)
    arrays, texts = _read(path)
    if "model" not in texts:
        raise ValueError(
            f"load_model: '{path}' holds weights only. Hint: make the model, then call "
            "model.load_weights(path)"
        )
    with from_file(f"load_model: '{path}'", custom_objects):
        weights = _weights_of(arrays, texts["state"])
        with only_shapes([w.shape for w in (*weights, *_states_of(arrays))]):
            model = make_model(texts["model"])
        model.set_weights(weights)
        restore_own(model, arrays)
        if compile and texts.get("compile") is not None:
            model.compile_from_config(texts["compile"])
            if model.optimizer is not None:
                _restore_training(model, arrays, texts["state"])
    return model


def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    objects_to_skip: Iterable[Any] | None = None,
) -> None:
    """Loads weights into a model; see `Model.load_weights`.

    Args:
        model: The model.
        filepath: Of a file that `save_weights` or `save_model` wrote.
        skip_mismatch: Whether weights of other shapes are left as they are, with a warning.
        objects_to_skip: Layers whose weights are left as they are.
    """
    path = check_path("load_weights", filepath, whole=True, weights=True)
    skipped = tuple(objects_to_skip or ())
    _check_built(model)
    if is_of_keras(path):
        from fastmlp.saving import keras_file

        keras_file.load_weights(model, path, skip_mismatch, skipped)
        return
    arrays, texts = _read(path)
    state = texts["state"]
    if not _load_weights(model, path, arrays, state, skip_mismatch, skipped) or skipped:
        return
    try:
        _restore_optimizer(model, arrays, state)
    except ERRORS as error:
        warn_user(f"load_weights: '{path}': the state of the optimizer is left alone: {error}")


def load_backup(model: Any, filepath: str | os.PathLike[str]) -> Cursor:
    """Loads weights and state of a training to go on with; all or nothing.

    Returns:
        Where that training was.

    Raises:
        ValueError: It is damaged, or of another training.
        OSError: It cannot be read.
    """
    path = check_path("load_backup", filepath)
    arrays, texts = _read(path)
    before = model.get_weights()
    _load_weights(model, path, arrays, texts["state"], skip_mismatch=False)
    try:
        if model.optimizer is None or texts["state"]["optimizer"] is None:
            raise ValueError("expected the state of an optimizer")
        _restore_optimizer(model, arrays, texts["state"])
        if model._cursor is None:
            raise ValueError("expected the place where the training was")
    except ERRORS as error:
        model.set_weights(before)
        raise ValueError(
            f"'{path}' is the backup of another training: {error}. Hint: delete it to begin anew, "
            "or compile the model as it was compiled then"
        ) from error
    cursor: Cursor = model._cursor
    return cursor


def _load_weights(
    model: Any,
    path: str,
    arrays: Mapping[str, np.ndarray],
    state: Texts,
    skip_mismatch: bool,
    skipped: tuple[Any, ...] = (),
) -> bool:
    """Assigns the weights of a file; returns whether all of them fit."""
    _check_built(model)
    groups = groups_of(model)
    try:
        values = _weights_of(arrays, state)
        sizes = state["groups"]
        if sum(sizes) != len(values) or not all(type(n) is int and n >= 0 for n in sizes):
            raise ValueError("its groups of weights make no sense")
        starts = np.cumsum([0, *sizes]).tolist()
        theirs = [values[a:b] for a, b in pairwise(starts)]
    except ERRORS as error:
        raise ValueError(f"load_weights: '{path}': {error}") from error
    kept = {v for one in skipped for v in one.weights}
    ours = [[v.shape for v in variables] for _, variables in groups]
    fits = [
        kept.issuperset(variables) or a == [w.shape for w in b]
        for (_, variables), a, b in zip(groups, ours, theirs, strict=False)
    ]
    if len(ours) != len(theirs) and not skip_mismatch:
        raise ValueError(
            f"load_weights: '{path}': expected {len(ours)} layers with weights. "
            f"Received: {len(theirs)}"
        )
    if not all(fits) and not skip_mismatch:
        at = fits.index(False)
        raise ValueError(
            f"load_weights: '{path}': expected weights {ours[at]} for layer '{groups[at][0]}'. "
            f"Received: {[w.shape for w in theirs[at]]}. Hint: skip_mismatch=True loads the others"
        )
    for (name, variables), new, good in zip(groups, theirs, fits, strict=False):
        if not good:
            warn_user(f"load_weights: layer '{name}' is skipped, since its shapes differ.")
            continue
        for variable, value in zip(variables, new, strict=not kept):
            if variable not in kept:
                variable.assign(value)
    restore_own(model, arrays, skipped)
    return all(fits) and len(ours) == len(theirs)


def _check_built(model: Any) -> None:
    if not model.built:
        raise ValueError(
            f"load_weights: expected a model with weights. '{model.name}' is not built. Hint: "
            "begin with Input((features,)), or call it on data first"
        )


def _restore_optimizer(model: Any, arrays: Mapping[str, np.ndarray], state: Texts) -> None:
    if model.optimizer is not None and state.get("optimizer") is not None:
        _restore_training(model, arrays, state)


def _read(path: str) -> tuple[dict[str, np.ndarray], Texts]:
    arrays, told = safetensors.read(path)
    if told.get("format") != _FORMAT:
        raise ValueError(
            f"'{path}': expected a file of fastmlp {__version__} ('{_FORMAT}'). Received: format "
            f"{told.get('format', 'unknown')!r:.40}, written by fastmlp "
            f"{told.get('fastmlp_version', 'unknown'):.20}."
        )
    import json

    texts: Texts = {}
    for name in ("model", "compile", "state"):
        if name in told:
            try:
                texts[name] = json.loads(told[name])
            except (ValueError, RecursionError):
                raise ValueError(f"'{path}': its '{name}' is no JSON.") from None
    if not isinstance(texts.get("state"), dict):
        raise ValueError(f"'{path}': expected a 'state' in its metadata.")
    return arrays, texts


# The state: weights, optimizer, seeds.


def groups_of(model: Any) -> list[tuple[str, list[Variable]]]:
    """The weights of a model, in its order, in groups by the layer they belong to."""
    owner: dict[Variable, str] = {}
    for layer in model.layers:
        for variable in layer.weights:
            owner.setdefault(variable, layer.name)
    groups: dict[str, list[Variable]] = {}
    for variable in model.weights:
        groups.setdefault(owner.get(variable, model.name), []).append(variable)
    return list(groups.items())


def _pack_state(model: Any) -> tuple[dict[str, np.ndarray], Texts]:
    arrays: dict[str, np.ndarray] = {}
    names = []
    groups = groups_of(model)
    variables = [v for _, group in groups for v in group]
    for variable in variables:
        name, n = variable.path, 1
        while name in arrays:
            name, n = f"{variable.path}_{n}", n + 1
        arrays[name] = variable.value
        names.append(name)
    state: Texts = {
        "weights": names,
        "groups": [len(group) for _, group in groups],
        "seeds": {"first": model._seeds.first, "count": model._seeds.count},
        "cursor": None,
        "optimizer": None,
    }
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        trained = [variables.index(v) for v in optimizer.state if v in variables]
        state["optimizer"] = {"class_name": type(optimizer).__name__, "trained": trained}
        for i, variable in enumerate(optimizer.variables):
            arrays[f"optimizer/{i}/{variable.name}"] = variable.value
    arrays |= pack_own(model)
    for i, kept in enumerate(model._states()):
        arrays[f"{_STATE}{i}"] = kept.value
    cursor = model._cursor if model._fit is None else model._fit.cursor()
    if cursor is not None:
        position = {"seed": cursor.seed, "epoch": cursor.epoch, "position": cursor.position}
        state["cursor"] = position
        if cursor.sums is not None:
            arrays[_SUMS] = cursor.sums
    return arrays, state


def _weights_of(arrays: Mapping[str, np.ndarray], state: Texts) -> list[np.ndarray]:
    names = state["weights"]
    if not isinstance(names, list) or not all(name in arrays for name in names):
        raise ValueError("it lacks some of its weights")
    return [arrays[name] for name in names]


def _states_of(arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The states of stateful layers."""
    found = [name for name in arrays if name.startswith(_STATE)]
    return [arrays[name] for name in sorted(found, key=lambda name: int(name[len(_STATE) :]))]


def _restore_training(model: Any, arrays: Mapping[str, np.ndarray], state: Texts) -> None:
    """Optimizer, seeds and cursor as they were saved; all or nothing."""
    seeds = FitSeeds(_seed(state["seeds"]["first"]), _count(state["seeds"]["count"]))
    cursor, position = None, state["cursor"]
    if position is not None:
        seed, sums = _seed(position["seed"]), arrays.get(_SUMS)
        if seed is None or (sums is not None and (sums.dtype != np.float64 or sums.ndim != 1)):
            raise ValueError("its cursor makes no sense")
        cursor = Cursor(seed, _count(position["epoch"]), _count(position["position"]), sums)
    saved, optimizer = state["optimizer"], model.optimizer
    kept, states = model._states(), _states_of(arrays)
    if states and [v.shape for v in kept] != [a.shape for a in states]:
        raise ValueError("its states of layers make no sense")
    if saved is not None:
        if saved["class_name"] != type(optimizer).__name__:
            raise ValueError(
                f"expected the state of {type(optimizer).__name__}. "
                f"Received: {saved['class_name']!r}"
            )
        found = [name for name in arrays if name.startswith("optimizer/")]
        found.sort(key=lambda name: int(name.split("/")[1]))
        variables = [v for _, group in groups_of(model) for v in group]
        if not optimizer.built:
            optimizer.build([variables[_count(i)] for i in saved["trained"]])
        optimizer.set_weights([arrays[name] for name in found])
    set_values("states", kept if states else [], states)
    model._seeds, model._cursor = seeds, cursor


def _seed(value: Any) -> int | None:
    if value is not None and not (type(value) is int and 0 <= value < 2**63):
        raise ValueError("its seeds make no sense")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("its counts make no sense")
    return value
