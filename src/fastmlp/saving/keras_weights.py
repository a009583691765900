"""Weights as Keras keeps them in HDF5: `<path>/vars/0`, `<path>/vars/1`, … of each part of a model.

`keras_paths.py` has the paths. The optimizer's variables are at `optimizer`; metrics have none.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastmlp._model_paths import needed_h5py
from fastmlp.errors import warn_user
from fastmlp.layers.holder import WeightHolder
from fastmlp.optimizers import Optimizer
from fastmlp.saving import keras_optimizer
from fastmlp.saving.keras_paths import parts

Store = dict[str, np.ndarray]
Stores = dict[str, Store]  # of each path


# To bytes and back.


def pack(model: Any) -> bytes:
    """The weights and the state of the optimizer, as a file of HDF5."""
    memory = io.BytesIO()
    with needed_h5py().File(memory, "w") as file:
        for path, part in parts(model):
            group = file.create_group(f"{path}/vars")
            group.attrs["name"] = part.name
            for key, value in _stored(part).items():
                group[key] = value
    return memory.getvalue()


def unpack(where: str, content: bytes) -> Stores:
    """The arrays of a file of HDF5, by the path of their part; for errors see `contents`."""
    found: Stores = {}
    for name, array in contents(where, content)[0].items():
        path, _, key = name.rpartition("/")
        if path == "vars" or path.endswith("/vars"):
            found.setdefault(path.removesuffix("vars").rstrip("/"), {})[key] = array
    return found


def contents(where: str, content: bytes) -> tuple[Store, dict[str, dict[str, Any]]]:
    """All arrays of a file of HDF5 by name, and the attributes of all groups.

    Links to other files, and arrays that are larger than what is stored of them, are not read.

    Args:
        where: For errors.
        content: The file.

    Raises:
        ValueError: It is no such file, or it is damaged.
    """
    h5py = needed_h5py()
    arrays: Store = {}
    attributes: dict[str, dict[str, Any]] = {}

    def read(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            attributes[name] = dict(item.attrs)
            return
        whole = item.id.get_storage_size() == item.nbytes and not item.external
        if not whole or item.dtype.kind not in "fiub":
            raise ValueError(f"'{name}' is no array of numbers that the file holds as it is")
        arrays[name] = item[()]

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            attributes[""] = dict(file.attrs)
            file.visititems(read)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        what = str(error).strip("'\"")[:120]
        raise ValueError(
            f"{where}: expected weights as Keras stores them in HDF5. Received a file that is "
            f"damaged, or another: {what}"
        ) from error
    return arrays, attributes


def _stored(part: Any) -> Mapping[str, Any]:
    if isinstance(part, Optimizer):
        return keras_optimizer.state(part)
    store: dict[str, Any] = {}
    part.save_own_variables(store)
    return store


# From arrays to weights.


def assign(
    where: str, model: Any, stores: Stores, skip_mismatch: bool = False, skipped: Iterable[Any] = ()
) -> bool:
    """Sets the weights of a model, all or none.

    Args:
        where: For errors.
        model: The model, built.
        stores: What `unpack` returned.
        skip_mismatch: Whether parts that do not fit are left alone, with a warning.
        skipped: Parts to leave alone.

    Returns:
        Whether all fit.

    Raises:
        ValueError: A part has other weights than the file, and `skip_mismatch` is not set.
    """
    layers = [(p, part) for p, part in parts(model, skipped) if isinstance(part, WeightHolder)]
    wrong = {path: told for path, part in layers if (told := _misfit(path, part, stores))}
    if wrong and not skip_mismatch:
        hint = "make the model as that of the file, or pass skip_mismatch=True"
        raise ValueError(f"{where}: {next(iter(wrong.values()))}. Hint: {hint}")
    before = model.get_weights()
    try:
        for path, part in layers:
            if path in wrong:
                warn_user(f"{where}: it is left alone: {wrong[path]}.")
            else:
                _set(part, stores.get(path, {}))
    except Exception:
        model.set_weights(before)
        raise
    return not wrong


def _has_own_loading(part: Any) -> bool:
    return type(part).load_own_variables is not WeightHolder.load_own_variables


def _misfit(path: str, part: Any, stores: Stores) -> str | None:
    """What is wrong with the arrays for a part."""
    store = stores.get(path, {})
    if _has_own_loading(part):
        return None
    wanted = [v.shape for v in part._own_weights()]
    given = [store[key].shape for key in sorted(store, key=lambda key: (len(key), key))]
    if wanted == given[: len(wanted)] and (wanted == given or not wanted):
        return None
    kind = type(part).__name__
    return f"expected {wanted or 'no weights'} for {kind} '{part.name}' at '{path}'. Received: {given or 'none'}"


def _set(part: Any, store: Store) -> None:
    if _has_own_loading(part):
        part.load_own_variables(store)
        return
    for i, variable in enumerate(part._own_weights()):
        variable.assign(store[str(i)])
